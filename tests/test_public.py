"""The public names: what an embedding application may rely on, and can read about."""

import inspect
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

import mcpgate
from mcpgate.reference.api import public_attributes, public_members

#: Every public name with its module.
NAMES = [(module, name) for module in mcpgate.PUBLIC_MODULES for name in import_module(module).__all__]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_each_public_name_is_there(module: str, name: str) -> None:
    """Every name in C{__all__} can be had from its module."""
    assert getattr(import_module(module), name).__name__ == name


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_each_public_name_is_documented(module: str, name: str) -> None:
    """It says what it is for, and so does everything of it that may be used: there is no other documentation
    of it than what is made of this."""
    found: Any = getattr(import_module(module), name)
    assert says_something(found)
    if inspect.isclass(found):
        silent = [
            member
            for member, what in public_members(found)
            if not member.startswith("_") and not says_something(getattr(what, "__func__", what))
        ]
        assert silent == [], f"{module}.{name} has members without a docstring"
        silent = [one.name for one in public_attributes(found) if not one.words]
        assert silent == [], f"{module}.{name} has attributes without a comment (#:) above them"


def says_something(found: Any) -> bool:
    """Whether it has a docstring of its own: that of a base class is about something else."""
    return bool((getattr(found, "__doc__", None) or "").strip())


def test_every_public_module_says_what_it_is_for() -> None:
    """And has its names in order, which is how they are read."""
    for module in map(import_module, mcpgate.PUBLIC_MODULES):
        assert says_something(module)
        assert list(module.__all__) == sorted(module.__all__)


def test_there_are_no_others() -> None:
    """A name that is not public is an ordinary AttributeError, as for any module."""
    with pytest.raises(AttributeError, match="no attribute 'gateway'"):
        _ = mcpgate.gateway  # type: ignore[attr-defined]


def test_what_is_public_is_not_hidden_by_a_room() -> None:
    """A module of the same name would take a function's place as soon as somebody imports it."""
    for name in mcpgate.__all__:
        with pytest.raises(ModuleNotFoundError):
            import_module(f"mcpgate.{name}")


def test_importing_the_package_loads_neither_twisted_nor_openssl() -> None:
    """Names are imported on first use, so that an import installs no reactor and costs nothing."""
    program = "import sys, mcpgate; print(sorted({'twisted', 'OpenSSL'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
