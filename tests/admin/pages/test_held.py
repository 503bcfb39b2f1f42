"""Calls that wait for a person."""

from __future__ import annotations

from typing import Any

import pytest

from mcpgate.admin.page import GateFacts, NotFound
from tests.admin.pages.staged import (
    ALICE,
    VICTOR,
    MadeIndex,
    asked,
    drawn,
    held,
    parsed,
    show,
    sources,
    status,
    text_of,
)

PARTS = {"id": "k-1"}


def question(word: str, **more: Any) -> Any:
    facts = GateFacts(status(), (held(**more),), held(**more))
    request = asked(f"/held/k-1/decide?word={word}", PARTS)
    return parsed(drawn(show("/held/<id>/decide", request, sources(MadeIndex(), gate=facts))))


@pytest.mark.parametrize(("word", "says"), [("approve", "Approve it"), ("deny", "Deny it")])
def test_a_decision_is_asked_for_once_more(word: str, says: str) -> None:
    """With all that it is about, and the very word that will be sent."""
    document = question(word)
    (form,) = document.xpath("//main//form")
    assert (form.get("method"), form.get("action")) == ("post", "/held/k-1/decide")
    assert form.xpath(".//input[@name='word']")[0].get("value") == word
    assert form.xpath(".//button")[0].text == says
    assert "get_weather" in document.xpath("//pre")[0].text
    assert "alice (link)" in form.text_content()


def test_who_decides_is_told_that_they_do_not_see_all() -> None:
    """Also by whoever comes straight to the question: more may be in it than is shown."""
    assert "You do not see all" in question("approve", params='{"a":["x', cut=True).text_content()
    document = question("approve")
    assert "You do not see all" not in document.text_content()
    assert held()["rule"] in document.text_content() and held()["route"] in document.text_content()


def test_another_word_asks_nothing() -> None:
    """There are two."""
    with pytest.raises(NotFound):
        question("perhaps")


def test_params_are_laid_out_to_be_read_and_never_changed() -> None:
    """In lines where they are whole; as they came where they were cut, or where that would lose a digit."""
    params = '{"n":12345678901234567890.10,"a":["x"]}'
    (whole,) = question("approve", params=params).xpath("//pre")
    assert whole.text == '{\n  "n": 12345678901234567890.10,\n  "a": [\n    "x"\n  ]\n}'
    (cut,) = question("approve", params='{"a":["x', cut=True).xpath("//pre")
    assert cut.text == '{"a":["x'


def test_only_who_decides_sees_what_a_call_would_do() -> None:
    """Arguments are in no record; who may only look has no need of them."""
    call = held(params='{"password":"hunter2"}')
    given = sources(MadeIndex(), gate=GateFacts(status(), (call,), call))
    for person, seen in ((ALICE, True), (VICTOR, False)):
        assert ("hunter2" in drawn(show("/held/<id>", asked("/held/k-1", PARTS, person), given))) is seen
        assert "hunter2" not in drawn(show("/held", asked("/held", person=person), given))


def test_a_call_that_does_not_wait_any_more_is_said_not_to() -> None:
    """Somebody was faster, or its time is over."""
    facts = GateFacts(status(), ())
    with pytest.raises(NotFound, match="may be over"):
        show("/held/<id>", asked("/held/k-1", PARTS), sources(MadeIndex(), gate=facts))


def test_what_was_decided_is_told_with_who_and_why() -> None:
    """Also a moment ago, by this very form."""
    text = text_of(show("/held", asked("/held?done=approved"), sources(MadeIndex("carol"))))
    assert "Approved. The call is made now" in text
    assert "approvedcarolcarolk-0" in text.replace(" ", "")


def test_one_that_is_decided_offers_no_decision() -> None:
    """It waits only for its caller to come back."""
    call = held(decided="denied", by="bob (uid 1000)")
    facts = GateFacts(status(), (call,), call)
    shown = show("/held/<id>", asked("/held/k-1", PARTS), sources(MadeIndex(), gate=facts))
    assert "denied by bob (uid 1000)" in text_of(shown) and "word=" not in drawn(shown)
