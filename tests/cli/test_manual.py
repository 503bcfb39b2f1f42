"""The manual: it says all that the verbs take and the schema knows, and is the one that is committed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mcpgate.cli import cli
from mcpgate.cli.manual import CODES, main, pages
from mcpgate.cli.roff import bold
from mcpgate.cli.tree import Verb, tree
from mcpgate.config.reference import tables

ROOT = Path(__file__).resolve().parents[2]
MANUAL = ROOT / "docs/man"
TREE = tree(cli)
PAGES = pages(TREE)


def test_the_pages_are_those_that_are_committed() -> None:
    """What is installed says what this version does."""
    found = {path.name: path.read_text(encoding="utf-8") for path in MANUAL.iterdir()}
    assert found == PAGES, "python -m mcpgate.cli.manual docs/man"


def test_a_page_that_is_none_any_more_is_taken_away(tmp_path: Path) -> None:
    """Nothing else is."""
    (tmp_path / "mcpgate-gone.8").write_text("old")
    (tmp_path / "README").write_text("kept")
    main(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {*PAGES, "README"}


@pytest.mark.parametrize("verb", list(TREE.all()), ids=lambda verb: " ".join(verb.path))
def test_every_option_of_a_verb_is_in_its_page(verb: Verb) -> None:
    """What is below a group of verbs is in the page of the group."""
    page = PAGES["-".join(verb.path[:2]) + ".8"]
    assert len(verb.path) < 3 or " ".join(verb.path[1:]) in page.replace("\\-", "-")
    for option in verb.options if verb is not TREE else ():
        assert all(bold(name) in page for name in option.names)


def test_every_key_is_in_the_page_of_the_file() -> None:
    """With its table."""
    page = PAGES["mcpgate.toml.5"]
    for heading, _, keys in tables():
        _, found, rest = page.partition(f'.SS "{heading or "Before the first table"}"\n')
        assert found
        part = rest.partition(".SS")[0]
        assert all(bold(key.name) in part for key in keys)


def test_every_exit_code_of_the_documentation_is_in_the_manual() -> None:
    """That of twist alone is not of our command."""
    table = (ROOT / "docs/operate/run.md").read_text().partition("| code | means |")[2].partition("\n\n")[0]
    codes = {int(line.split("|")[1]) for line in table.splitlines()[2:]}
    assert codes - {74} == set(CODES)


@pytest.mark.parametrize("name", PAGES)
def test_mandoc_has_nothing_to_say_of_a_page(name: str) -> None:
    """Not even of its style."""
    ran = subprocess.run(["mandoc", "-T", "lint", MANUAL / name], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "", 0)


def test_groff_has_no_warning_of_any_page() -> None:
    """Most systems have that one."""
    names = [str(MANUAL / name) for name in PAGES]
    ran = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-K", "utf8", "-T", "utf8", *names], capture_output=True, text=True
    )
    assert (ran.stderr, ran.returncode) == ("", 0)
