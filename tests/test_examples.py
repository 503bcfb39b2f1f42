"""The examples of the documentation are the programs that its page shows, and the page runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.fences import read_page

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "docs" / "examples"
PAGE = ROOT / "docs" / "howto" / "embed.md"
PATHS = sorted(path.relative_to(EXAMPLES) for path in EXAMPLES.rglob("*.py"))


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_the_page_shows_each_as_it_is(path: Path) -> None:
    """Under its own name, to the letter: what readers copy is what was tested."""
    shown = {fence.path: fence.content for fence in read_page(PAGE.read_text(encoding="utf-8")).fences}
    assert str(path) in shown, f"{PAGE.name} does not show {path}"
    first, _, rest = shown[str(path)].partition("\n")
    content = rest if first == f"# {path}" else shown[str(path)]
    assert content.rstrip("\n") == (EXAMPLES / path).read_text(encoding="utf-8").rstrip("\n")
