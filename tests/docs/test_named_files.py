"""What the documentation says of the tree is so: files, and tests that show what is promised."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT

SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

_ATTACKS = SECURITY.partition("## From attack to control to test")[2].partition("\n## ")[0]
_WAY = ARCHITECTURE.partition("## How one request flows")[2].partition("\n## ")[0]


def test_every_attack_has_a_test_that_is_there() -> None:
    """A row of the table names its tests by their paths."""
    rows = [line for line in _ATTACKS.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert named, f"no test: {row}"
        for path in named:
            assert (ROOT / path).is_file(), f"{path} is gone: {row}"


def test_every_step_of_a_request_names_files_that_are_there() -> None:
    """The way of one request is numbered, from the first file to the last."""
    steps = re.findall(r"^(\d+)\. (.*(?:\n +.*)*)", _WAY, re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    assert len(steps) > 10
    for number, words in steps:
        named = re.findall(r"`([a-z_]+/[a-z_]+\.py)`", words)
        assert named, f"step {number} names no file"
        for path in named:
            assert (ROOT / "mcpgate" / path).is_file(), f"step {number}: {path} is gone"


def test_every_file_that_the_architecture_names_is_there() -> None:
    """With its room, or without it where the room stands beside."""
    sources = {path.name for tree in ("mcpgate", "tests") for path in (ROOT / tree).rglob("*.py")}
    for path in re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", ARCHITECTURE):
        if "/" in path:
            assert (ROOT / path).is_file() or (ROOT / "mcpgate" / path).is_file(), f"{path} is gone"
        else:
            assert path in sources, f"{path} is gone"


def test_every_room_is_in_the_architecture() -> None:
    """The table says of each directory of the package what it knows."""
    table = ARCHITECTURE.partition("| room |")[2].partition("\n\n")[0]
    rooms = {path.parent.name for path in (ROOT / "mcpgate").glob("*/__init__.py")}
    missing = sorted(room for room in rooms if f"| `{room}/` |" not in table)
    assert not missing
