"""Every page, whatever it has to show: whole, readable by a screen reader, and broken by nobody's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from mcpgate.admin.page import GateFacts, NotFound
from mcpgate.admin.pages import PAGES
from tests.admin.pages.kept import keep
from tests.admin.pages.staged import (
    ALICE,
    HOSTILE,
    NOW,
    VICTOR,
    MadeIndex,
    asked,
    drawn,
    held,
    parsed,
    show,
    sources,
    status,
)

PATHS = [page.path for page in PAGES]
#: What stands in a path for a page to show something.
PARTS = {"sessions": "s-1", "exchanges": "x-1", "held": "k-1"}


def opened(pattern: str, state: Path, text: str, rows: int = 1, person: Any = ALICE, gate: Any = None) -> str:
    """A page, with that text in the place of all that others have chosen."""
    query = {"/held/<id>/decide": {"word": "approve"}, "/search": {"q": text}}.get(pattern, {})
    if pattern.startswith("/definition"):
        prints = keep(state, text, "Weather.", f"Weather {text}")
        query = {"upstream": "weather", "tool": text, "fingerprint": prints[1], "word": "accept"}
    place = pattern.split("/")[1]
    parts = {"id": PARTS[place]} if "<id>" in pattern else {}
    path = pattern.replace("<id>", parts.get("id", "")) + (f"?{urlencode(query)}" if query else "")
    given = sources(MadeIndex(text, rows), str(state), text=text, gate=gate)
    return drawn(show(pattern, asked(path, parts, person), given))


@pytest.mark.parametrize("pattern", PATHS)
def test_nobodys_name_breaks_a_page(pattern: str, tmp_path: Path) -> None:
    """Tools, subjects, server names and principals are text, whatever is in them, and all of it is seen."""
    page = opened(pattern, tmp_path, HOSTILE)
    document = parsed(page)
    assert [one for one in document.iter("script") if not (one.get("src") or "").startswith("/static/")] == []
    assert list(document.iter("img")) == []
    for element in document.iter():
        names = [name for name in element.keys() if name.startswith("on") or name == "style"]
        assert names == [], f"{element.tag} has {names}"
        assert not (element.get("href") or "/").lower().startswith(("javascript:", "data:")), element.tag
    assert "49" not in document.text_content().replace(str(NOW), ""), "a name was taken for a template"
    body = page.partition("<body>")[2]
    fields = [field.get("value") or "" for field in document.iter("input")]
    for hidden in ("\u202e", "\u200b", "\x1b"):
        within = sum(value.count(hidden) for value in fields)
        assert body.count(hidden) == within, f"{hidden!a} stands on the page, and is not seen"


@pytest.mark.parametrize("pattern", PATHS)
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_every_table_says_what_it_is(pattern: str, rows: int, tmp_path: Path) -> None:
    """A caption, heads with a scope, and as many cells in each row; also where there is nothing to show."""
    document = parsed(opened(pattern, tmp_path, "get_weather", rows))
    for table in document.iter("table"):
        assert table.find("caption").text_content().strip()
        heads = table.find("thead").find("tr")
        for head in table.iter("th"):
            assert head.get("scope") in ("col", "row")
        for row in table.find("tbody").iter("tr"):
            cells = sum(int(cell.get("colspan", "1")) for cell in row)
            assert cells == len(heads), f"{table.find('caption').text}: a row of {cells} cells"


@pytest.mark.parametrize("pattern", PATHS)
def test_every_page_can_be_found_one_s_way_on(pattern: str, tmp_path: Path) -> None:
    """One heading of the first rank, ids that are there once, labels for fields, and a way past the menu."""
    document = parsed(opened(pattern, tmp_path, "get_weather", 2))
    assert len(document.findall(".//h1")) == 1
    ids = [element.get("id") for element in document.iter() if element.get("id")]
    repeated = {id for id in ids if ids.count(id) > 1 and not id.startswith(("c-", "offer-", "shake-"))}
    assert repeated == set()
    for element in document.iter():
        for id in (element.get("aria-labelledby") or "").split():
            assert id in ids, f"{element.tag} is labelled by {id}, which is not there"
    assert document.xpath("//a[@class='skip']")[0].get("href") == "#main"
    current = document.xpath("//nav//a[@aria-current='page']")
    assert len(current) == 1
    for field in document.xpath("//input[not(@type='hidden')] | //select | //textarea"):
        assert field.getparent().tag == "label" and field.getparent().text.strip()
    for form in document.xpath("//form[@method='post']"):
        assert form.xpath(".//input[@name='csrf']")[0].get("value") == "mark"


@pytest.mark.parametrize("pattern", [path for path in PATHS if not path.startswith("/held/")])
def test_a_gate_that_does_not_answer_takes_no_page_down(pattern: str, tmp_path: Path) -> None:
    """What is on record can be looked at all the same, and each page says that it is only that."""
    page = opened(pattern, tmp_path, "get_weather", gate=GateFacts(problem="the gate is gone"))
    assert "The gate does not answer: the gate is gone" in page


@pytest.mark.parametrize("pattern", PATHS)
def test_a_viewer_is_offered_no_decision(pattern: str, tmp_path: Path) -> None:
    """Who may only look is shown no form that decides, and no way to one."""
    if pattern.endswith(("/decide", "/accept")):
        with pytest.raises(NotFound, match="Only approvers"):
            opened(pattern, tmp_path, "get_weather", person=VICTOR)
        return
    document = parsed(opened(pattern, tmp_path, "get_weather", person=VICTOR))
    assert document.xpath("//a[contains(@href, 'word=')]") == []
    assert document.xpath("//form[@method='post']") == [], "a certificate shows itself again: no logging out"


@pytest.mark.parametrize("pattern", PATHS)
def test_a_page_without_an_index_says_so(pattern: str, tmp_path: Path) -> None:
    """What does not need it is shown all the same: a call can be decided about while a database is down."""
    fingerprint = keep(tmp_path, "get_weather", "Weather.", "Other weather.")[1]
    query = {"upstream": "weather", "tool": "get_weather", "fingerprint": fingerprint, "q": "x"}
    request = asked(
        f"{pattern}?{urlencode({**query, 'word': 'approve' if 'held' in pattern else 'accept'})}",
        {"id": "k-1"},
    )
    shown = show(pattern, request, sources(None, str(tmp_path)))
    apart = pattern.startswith(("/held", "/definition", "/configuration"))
    assert shown.status == (200 if apart else 503)
    assert ("cannot be asked" in drawn(shown)) == (not apart or pattern in ("/held", "/configuration"))


def test_what_needs_somebody_is_on_every_page(tmp_path: Path) -> None:
    """A reload that was refused, a journal that cannot be written, a credential that was shown."""
    facts = status()
    facts["problem"] = "listener public: the certificate has expired\nrule x: unknown"
    facts["journal"] = {
        "failure": "No space left on device",
        "unrecorded": 1,
        "seals": {"failure": "read-only"},
    }
    facts["upstreams"][0]["echoed"] = 3
    page = opened("/search", tmp_path, "x", gate=GateFacts(facts, (held(), held(id="k-2", decided="denied"))))
    notice = parsed(page).get_element_by_id("problems").text_content()
    for words in (
        "certificate has expired",
        "rule x: unknown",
        "No space left",
        "credential 3 times",
        "sealed: read-only",
        "1 exchange went off",
    ):
        assert words in notice
    assert parsed(page).get_element_by_id("told").text_content() == "1 call waits, 6 problems"
