"""The documentation as a site: C{make docs}.

Its pages are plain Markdown that reads as well where a forge shows it. So nothing in them is for Sphinx:
which page is in which section, and what becomes of links that lead out of C{docs/}, is said here.
"""

from __future__ import annotations

import re
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Who only asks which pages there are need not have it.
    from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
project = "mcpgate"
author = "The mcpgate authors"
copyright = author
version = release = run_path(str(HERE.parent / "mcpgate/_version.py"))["__version__"]

extensions = ["myst_parser"]
exclude_patterns = ["newsfragments", "man", "examples"]
myst_heading_anchors = 4
nitpicky = True

html_theme = "furo"
html_title = f"mcpgate {release}"
html_copy_source = False
html_show_sphinx = False
# At the root of the site, so that editors find it by a short URL.
html_extra_path = ["reference/mcpgate.schema.json"]
# Nothing is fetched from elsewhere when a page is looked at.
html_theme_options = {"top_of_page_buttons": []}

#: The sections and their pages, in order; C{*} is all the others there, by name.
SECTIONS = {
    "Get started": ["start/first-call", "start/*"],
    "Concepts": ["concepts/legs", "concepts/profiles", "concepts/pins", "concepts/evidence", "concepts/*"],
    "How-to": ["howto/install", "howto/clients", "howto/policy", "howto/identity", "howto/*"],
    "Reference": ["reference/configuration", "reference/verbs", "reference/*", "deprecation"],
    "Operations": ["operate/run", "operate/*", "runbooks/index", "runbooks/*"],
    "Security": ["security", "verify/*"],
    "Architecture": ["architecture", "decisions/README", "*"],
}


def pages_of_sections() -> dict[str, list[str]]:
    """Every page, in its section."""
    left = [path.relative_to(HERE).with_suffix("").as_posix() for path in sorted(HERE.rglob("*.md"))]
    left = [page for page in left if page != "index" and not page.startswith(("newsfragments/", "man/"))]
    found: dict[str, list[str]] = {}
    for section, patterns in SECTIONS.items():
        found[section] = []
        for pattern in patterns:
            looks = re.compile(pattern.replace("*", "[^/]+"))
            found[section] += [page for page in left if looks.fullmatch(page)]
            left = [page for page in left if page not in found[section]]
    return found


def leave_out_ways_out(_: Sphinx, page: str, source: list[str]) -> None:
    """Links to files of the clone that are no pages of the site are, there, their words alone."""

    def replaced(match: re.Match[str]) -> str:
        words, target = match.groups()
        away = re.match(r"[a-z]+:|#", target) is None
        place = (HERE / page).parent.joinpath(target.partition("#")[0]).resolve()
        return words if away and not place.is_relative_to(HERE) else match[0]

    source[0] = re.sub(r"(?<!!)\[([^\]\n]+)\]\(([^()\s]+)\)", replaced, source[0])


def add_contents(_: Sphinx, page: str, source: list[str]) -> None:
    """Give the first page, and that of the decisions, the tables of contents that they need not show."""
    if page == "index":
        for section, pages in pages_of_sections().items():
            source[0] += _contents(pages, f":caption: {section}\n")
    elif page == "decisions/README":
        source[0] += _contents([path.stem for path in sorted(HERE.glob("decisions/[0-9]*.md"))])


def _contents(pages: list[str], options: str = "") -> str:
    return "\n```{toctree}\n:hidden:\n" + options + "\n" + "\n".join(pages) + "\n```\n" if pages else ""


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    from pygments.lexers import TextLexer

    # Pygments does not know it; a forge does.
    app.add_lexer("haproxy", TextLexer)
    app.connect("source-read", leave_out_ways_out)
    app.connect("source-read", add_contents)
