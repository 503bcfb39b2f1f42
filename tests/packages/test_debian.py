"""What stands in C{debian/} because a tool would not find it, and has to agree with the rest."""

from __future__ import annotations

import re
from configparser import ConfigParser

import pytest

from mcpgate._version import __version__
from tests.packages.chroot import ROOT

DEBIAN = ROOT / "debian"

#: Debian's name of what has another at PyPI; and the version that is meant, where it counts otherwise.
NAMES = {"attrs": "attr", "pyopenssl": "openssl", "google-re2": "re2"}
VERSIONS = {"google-re2 >= 1.1": "20230901"}


def floors() -> list[str]:
    """What mcpgate runs on, as Debian says it: C{python3-click (>= 8.1)}."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    found = []
    for line in parser["options"]["install_requires"].strip().splitlines():
        name, floor = line.split(" >= ")
        found.append(f"python3-{NAMES.get(name, name)} (>= {VERSIONS.get(line, floor)})")
    return sorted(found)


def listed(field: str) -> list[str]:
    """The entries of a list in C{debian/control}."""
    text = (DEBIAN / "control").read_text(encoding="utf-8")
    found = re.search(rf"^{field}:\n((?:[ #].*\n)+)", text, re.MULTILINE)
    assert found is not None, field
    return [line.strip().rstrip(",") for line in found[1].splitlines() if not line.startswith("#")]


def test_the_package_is_of_this_version() -> None:
    """The changelog begins with a package of the version that the code says it is."""
    first = (DEBIAN / "changelog").read_text(encoding="utf-8").splitlines()[0]
    assert re.fullmatch(rf"mcpgate \({re.escape(__version__)}-\d+\) \w+; urgency=\w+", first)


def test_it_depends_on_what_setup_cfg_says() -> None:
    """Each dependency with its floor, and none that the code does not have: dh_python3 knows names alone."""
    ours = [one for one in listed("Depends") if one.startswith("python3-")]
    assert sorted(ours) == floors()
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    oldest = parser["options"]["python_requires"].removeprefix(">=")
    assert f"python3 (>= {oldest})" in listed("Depends")


def test_it_is_built_with_what_it_runs_on() -> None:
    """The tests of the build run on no older versions than the package would."""
    assert {f"{one} <!nocheck>" for one in floors()} <= set(listed("Build-Depends"))


def test_the_chart_library_is_of_the_version_that_debian_has() -> None:
    """The package takes Debian's copy in its place."""
    readme = (ROOT / "mcpgate/admin/static/uplot/README.md").read_text(encoding="utf-8")
    version = re.match(r"uPlot ([0-9.]+),", readme)
    assert version is not None
    assert f"node-uplot (>= {version[1]})" in listed("Depends")


def left_out() -> list[str]:
    """The tests that the build does not run."""
    rules = (DEBIAN / "rules").read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.search(r"^LEFT_OUT = (.*)$", rules, re.MULTILINE)
    assert found is not None
    return found[1].split()


@pytest.mark.parametrize("name", left_out())
def test_what_the_build_leaves_out_exists(name: str) -> None:
    """A test that was renamed does not slip out of the list, and into a build that cannot run it."""
    assert (ROOT / "tests" / name).exists()
