"""Links within the clone lead somewhere, to the very heading; every page is in a section of the site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from tests.docs.pages import ROOT, pages

_LINK = re.compile(r"!?\[(?:[^\]\\`]|`[^`]*`|\\.)*\]\((?P<target>[^()\s]*)\)")
_HEADING = re.compile(r"^#{1,6} +(?P<text>.*?)(?: +#+)?$", re.MULTILINE)
_FENCE = re.compile(r"^( *)(`{3,}|~{3,}).*?^ *\2", re.MULTILINE | re.DOTALL)
PAGES = pages()


@cache
def prose(page: str) -> str:
    """A page without its fences."""
    return _FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))


@cache
def anchors(page: str) -> frozenset[str]:
    """The anchors that a forge, and Sphinx, give the headings of a page."""
    found: list[str] = []
    for match in _HEADING.finditer(prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match["text"]).lower()
        found.append(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    again = (f"{slug}-{found[:at].count(slug)}" for at, slug in enumerate(found) if slug in found[:at])
    return frozenset([*found, *again])


def dead(page: str, text: str) -> Iterator[str]:
    """Links in a page's text that lead nowhere within the clone."""
    for match in _LINK.finditer(text):
        place, _, anchor = match["target"].partition("#")
        if re.match(r"[a-z]+:", place):
            continue
        path = (ROOT / page).parent.joinpath(place).resolve() if place else ROOT / page
        if not path.exists() or not path.is_relative_to(ROOT):
            yield match["target"]
        elif anchor and anchor not in anchors(path.relative_to(ROOT).as_posix()):
            yield match["target"]


def sections() -> dict[str, list[str]]:
    """What the site's first page leads to."""
    conf: dict[str, Any] = run_path(str(ROOT / "docs/conf.py"))
    found: dict[str, list[str]] = conf["pages_of_sections"]()
    return found


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """To a file that is in the clone, and to a heading that it has."""
    assert list(dead(page, prose(page))) == []


@pytest.mark.parametrize(
    "link", ["[a](nowhere.md)", "[a](#nowhere)", "[a](docs/index.md#nowhere)", "[`]`](nowhere)"]
)
def test_a_dead_link_is_found(link: str) -> None:
    """The test above sees what it is for."""
    assert list(dead("README.md", link)) != []


def test_every_page_is_in_one_section_of_the_site() -> None:
    """None is lost, whatever directory it is in, and none is there twice."""
    of_sections = [f"docs/{page}.md" for listed in sections().values() for page in listed]
    of_decisions = [page for page in PAGES if re.match(r"docs/decisions/\d", page)]
    found = [*of_sections, *of_decisions, "docs/index.md"]
    assert sorted(found) == [page for page in PAGES if page.startswith("docs/")]


def test_decisions_are_in_their_list() -> None:
    """Each by its title."""
    listed = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    for path in sorted(Path(ROOT, "docs/decisions").glob("[0-9]*.md")):
        title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert f"| {path.name[:3]} | [{title}]({path.name}) |" in listed
