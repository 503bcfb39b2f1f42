"""The public names: what an embedding application may rely on."""

import subprocess
import sys

import pytest

import mcpgate


@pytest.mark.parametrize("name", mcpgate.__all__)
def test_each_public_name_is_there(name: str) -> None:
    """Every name in C{__all__} can be had from the package itself."""
    assert getattr(mcpgate, name).__name__ == name


def test_there_are_no_others() -> None:
    """A name that is not public is an ordinary AttributeError, as for any module."""
    with pytest.raises(AttributeError, match="no attribute 'gateway'"):
        _ = mcpgate.gateway  # type: ignore[attr-defined]


def test_importing_the_package_loads_neither_twisted_nor_openssl() -> None:
    """Names are imported on first use, so that an import installs no reactor and costs nothing."""
    program = "import sys, mcpgate; print(sorted({'twisted', 'OpenSSL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
