"""The reference as files, and the page about verbs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcpgate.cli import cli
from mcpgate.cli.manual import CODES
from mcpgate.cli.reference import main, pages, verbs_page
from mcpgate.cli.tree import tree

ROOT = Path(__file__).resolve().parents[2]
PAGES = pages(tree(cli))


@pytest.mark.parametrize("name", PAGES)
def test_the_page_in_the_documentation_is_current(name: str) -> None:
    """All of them are made by C{make reference}, when what they are about has changed."""
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == PAGES[name], "make reference"


def test_pages_are_written_where_they_belong(tmp_path: Path) -> None:
    """Each, whole."""
    main(str(tmp_path))
    assert {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()} == PAGES


def test_every_verb_is_there_with_every_option() -> None:
    """As click knows them."""
    page = verbs_page(tree(cli))
    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")}
    for verb in tree(cli).all():
        if len(verb.path) == 1:
            continue
        part = parts[" ".join(verb.path)]
        for option in verb.options:
            assert all(f"`{name}`" in part for name in option.names)
        for argument in verb.arguments:
            assert argument.value in part


def test_every_link_leads_to_a_heading() -> None:
    """Within the page."""
    page = verbs_page(tree(cli))
    heads = {head.lower().replace(" ", "-") for head in re.findall(r"(?m)^## (.+)$", page)}
    assert set(re.findall(r"\(#([^)]+)\)", page)) <= heads


def test_every_exit_code_is_there() -> None:
    """With what it means."""
    page = verbs_page(tree(cli))
    for code, words in CODES.items():
        assert f"| {code} | {words} |" in page
