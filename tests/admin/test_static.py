"""What browsers are given: the chart library as its authors published it, and nothing from elsewhere."""

from __future__ import annotations

import re
from hashlib import sha256
from importlib.resources import files

import pytest

STATIC = files("mcpgate.admin").joinpath("static")
TEMPLATES = files("mcpgate.admin").joinpath("templates")

#: Of uPlot 1.6.32 on npm (sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3t
#: OkyTxpiQIw==). Whoever replaces it looks at what has changed, and notes the new ones here.
LIBRARY = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
PAGES = sorted(one.name for one in TEMPLATES.iterdir() if one.name.endswith(".html"))
OURS = ["style.css", "theme.js", "live.js", "charts.js", "icon.svg"]


@pytest.mark.parametrize("name", LIBRARY)
def test_the_chart_library_is_as_it_was_published(name: str) -> None:
    """Nobody has changed a byte of it, and its licence is beside it."""
    assert sha256(STATIC.joinpath("uplot", name).read_bytes()).hexdigest() == LIBRARY[name]


@pytest.mark.parametrize("name", OURS)
def test_nothing_is_fetched_from_elsewhere(name: str) -> None:
    """The dashboard works without a network, and tells nobody that it is looked at."""
    text = STATIC.joinpath(name).read_text(encoding="utf-8").replace("http://www.w3.org/", "")
    assert not re.search(r"https?:|//[a-z]+\.[a-z]|@import|url\(", text)


@pytest.mark.parametrize("name", PAGES)
def test_templates_have_no_code_and_no_style_in_them(name: str) -> None:
    """The policy of the site (CSP) allows neither, and would leave the page without it."""
    text = TEMPLATES.joinpath(name).read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    for script in re.findall(r"<script[^>]*>.*?</script>", text, re.S):
        assert re.fullmatch(r"<script src=\"\{\{ static\('[\w./]+'\) \}\}\"( defer)?></script>", script)
    assert "| safe" not in text and "autoescape" not in text
