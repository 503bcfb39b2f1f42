"""The locked sets are what C{setup.cfg} asks for; where they are not, C{make lock} writes them anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from runpy import run_path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packages.chroot import ROOT

LOCKED = ROOT / "etc" / "constraints"
LOCK = run_path(str(LOCKED / "lock.py"))
#: As the packages' Pythons see themselves.
PYTHONS = [
    {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "sys_platform": "linux",
    }
    for python in LOCK["PYTHONS"]
]


def pinned(name: str) -> Iterator[tuple[Requirement, int]]:
    """Each line of a set, and how many digests it has."""
    text = (LOCKED / f"{name}.txt").read_text(encoding="utf-8")
    lines = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    for line in lines:
        said, *digests = re.split(r" +--hash=", line.strip())
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in digests)
        yield Requirement(said), len(digests)


@pytest.mark.parametrize("name", ["selfcontained", "build"])
def test_every_line_is_one_version_by_its_digests(name: str) -> None:
    """Nothing is left to whoever answers for the index on that day."""
    found = list(pinned(name))
    assert found
    for requirement, digests in found:
        assert re.fullmatch(r"==[^*]+", str(requirement.specifier)) and digests, str(requirement)


@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: python["python_version"])
def test_what_setup_asks_for_is_locked(python: dict[str, str]) -> None:
    """With versions that fit, for each Python, and with the extras that nobody can add to a package."""
    there = {
        canonicalize_name(one.name): one
        for one, _ in pinned("selfcontained")
        if one.marker is None or Marker(str(one.marker)).evaluate(python)
    }
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [setup["options"]["install_requires"]]
    texts += [setup["options.extras_require"][extra] for extra in LOCK["EXTRAS"]]
    lines = [line for text in texts for line in text.splitlines()]
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert len(wanted) > 10
    for one in wanted:
        (version,) = there[canonicalize_name(one.name)].specifier
        assert one.specifier.contains(version.version), f"make lock: {one} is not met by {version.version}"


def test_what_makes_it_is_locked_as_well() -> None:
    """The tools that build and list are in no package, and decide what is in it."""
    there = {canonicalize_name(one.name) for one, _ in pinned("build")}
    assert {canonicalize_name(Requirement(one).name) for one in LOCK["TOOLS"]} <= there


def test_the_spec_is_of_this_version() -> None:
    """An RPM calls itself what its command calls itself."""
    version = run_path(str(ROOT / "mcpgate/_version.py"))["__version__"]
    spec = Path(ROOT / "etc/rpm/mcpgate.spec").read_text(encoding="utf-8")
    assert re.search(r"^Version: +(\S+)$", spec, re.MULTILINE)[1] == version
