"""Templates and static files."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from jinja2 import UndefinedError

from mcpgate.admin import render as module
from mcpgate.admin.render import TYPES, read_static, render, static

WORDS = {"title": "<b>", "person": None, "csrf": "", "menu": (), "path": "/", "problem": None}


def test_values_are_text_and_never_markup() -> None:
    """Whoever has chosen them."""
    page = render("message.html", {**WORDS, "words": "<script>alert(1)</script>\"'&"}).decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page


def test_a_value_that_is_missing_is_a_mistake() -> None:
    """And not an empty place on a page."""
    with pytest.raises(UndefinedError):
        render("message.html", WORDS)


def test_a_static_file_has_another_path_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a browser may keep it for ever."""
    path = static("style.css")
    assert re.fullmatch(r"/static/style\.css\?[0-9a-f]{12}", path)
    assert static("style.css") == path
    found = read_static("style.css")
    assert found is not None and found[1] == "text/css; charset=utf-8"


@pytest.mark.parametrize(
    "name", ["", "none.css", "../render.py", "/etc/passwd", "..", "uplot", "style.css/", "style.css/x", "\0"]
)
def test_what_is_no_static_file_is_none(name: str) -> None:
    """Names lead nowhere but into what is there."""
    assert read_static(name) is None


def test_only_files_of_known_types_are_served() -> None:
    """A browser is never left to guess."""
    assert len(module._static()) > 3
    assert all(any(name.endswith(ending) for ending in TYPES) for name in module._static())


def test_no_template_has_script_style_or_addresses_of_others() -> None:
    """The policy of the pages would not let them; so it is seen before a browser says so."""
    for place in files("mcpgate.admin").joinpath("templates").iterdir():
        text = place.read_text(encoding="utf-8")
        for tag in re.findall(r"<(?:script|style)[^>]*>", text):
            assert tag.startswith("<script src=\"{{ static("), (place.name, tag)
        assert not re.search(r"\son[a-z]+\s*=|\sstyle\s*=|javascript:", text), place.name
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text), place.name
