"""What approvers decide, and that nobody else does."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from mcpgate.definitions.known import Known, Shown, learn
from mcpgate.definitions.store import Store
from tests.admin.house import House


def asked(house: House) -> list[tuple[str, str, dict[str, object]]]:
    """What the gate was asked to decide."""
    return [(verb, by, dict(given)) for verb, by, given in house.asked if verb not in ("status", "held")]


@pytest.mark.parametrize(("word", "done"), [("approve", "approved"), ("deny", "denied")])
def test_an_approver_decides_about_a_call(house: House, word: str, done: str) -> None:
    """The gate is told who it was, as they have logged in."""
    browser = house.start().logged_in()
    house.answers[word] = {"hold": "h1", "decided": done}
    csrf = browser.ask("/held").csrf
    answer = browser.send("/held/h1/decide", csrf=csrf, word=word, reason="it is well")
    assert (answer.status, answer.headers["location"]) == (303, f"/held?done={done}")
    assert asked(house) == [(word, "root (uid 0) (link)", {"id": "h1", "reason": "it is well"})]


def test_a_viewer_decides_nothing(house: House) -> None:
    """Whatever form they send."""
    browser = house.start().logged_in("viewer")
    csrf = browser.ask("/held").csrf
    for path in ("/held/h1/decide", "/definition/accept?upstream=git&tool=x&word=accept&fingerprint=f"):
        answer = browser.send(path, csrf=csrf, word="approve")
        assert answer.status == 403 and "Only approvers" in answer.body
    assert asked(house) == []


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({}, {}),
        ({}, {"csrf": "made up"}),
        ({"Sec_Fetch_Site": "cross-site"}, {"csrf": "good"}),
        ({"Origin": "https://evil.test"}, {"csrf": "good"}),
        ({"Sec_Fetch_Site": "same-site", "Origin": "https://evil.localhost"}, {"csrf": "good"}),
    ],
)
def test_a_form_that_is_not_surely_ours_decides_nothing(
    house: House, headers: dict[str, str], fields: dict[str, str]
) -> None:
    """A mark that only our page has shown, from our own origin, by the browser's word: both."""
    browser = house.start().logged_in()
    good = {"csrf": browser.ask("/held").csrf}
    given = {**fields, **(good if fields.get("csrf") == "good" else {})}
    assert browser.send("/held/h1/decide", headers, word="approve", **given).status == 403
    assert asked(house) == []


def test_somebody_elses_mark_decides_nothing(house: House) -> None:
    """Each login has its own."""
    one, two = house.start().logged_in(), house.logged_in()
    assert two.send("/held/h1/decide", word="approve", csrf=one.ask("/held").csrf).status == 403
    assert house.browser().send("/held/h1/decide", word="approve", csrf=one.ask("/held").csrf).status == 403
    assert asked(house) == []


def test_what_the_gate_refuses_is_said(house: House) -> None:
    """In its words; and a word that is none never gets so far."""
    browser = house.start().logged_in()
    csrf = browser.ask("/held").csrf
    house.answers["approve"] = "it was denied already, by alice (oidc)"
    answer = browser.send("/held/h1/decide", csrf=csrf, word="approve")
    assert answer.status == 409 and "it was denied already, by alice (oidc)" in answer.body
    assert browser.send("/held/h1/decide", csrf=csrf, word="status").status == 400
    assert [verb for verb, _, _ in asked(house)] == ["approve"]


def changed(house: House) -> tuple[Store, str]:
    """A tool that has changed, and the fingerprint of what to."""
    store = Store(house.directory / "state")
    store.begin()
    before, after = ({"name": "get_x", "description": text} for text in ("Gets.", "Gets, and tells."))

    def by(known: Known | None) -> tuple[Known, None]:
        known = known or Known("git", "git.example/mcp")
        for tool in (before, after):
            learn(known, [Shown.of(tool)], "sha256/one", 1.0)
        return known, None

    store.change("git", by)
    known = store.read("git")
    assert known is not None
    return store, known.tools["get_x"].changed[0].fingerprint


def accept(fingerprint: str, word: str = "accept", tool: str = "get_x") -> str:
    """Where the form is sent."""
    said = {"upstream": "git", "tool": tool, "word": word, "fingerprint": fingerprint}
    return f"/definition/accept?{urlencode(said)}"


def test_an_approver_accepts_a_definition_and_is_on_record(house: House) -> None:
    """The very one that was shown; the gate takes it up at once."""
    store, fingerprint = changed(house)
    house.answers["files"] = {}
    browser = house.start().logged_in()
    csrf = browser.ask("/held").csrf
    assert browser.send(accept("0" * 64), csrf=csrf).status == 409
    answer = browser.send(accept(fingerprint), csrf=csrf)
    assert (answer.status, answer.headers["location"]) == (303, "/definitions?done=accepted")
    known = store.read("git")
    assert known is not None and known.tools["get_x"].known(fingerprint)
    assert [(news.what, news.by) for news in known.untold if news.by] == [
        ("accepted", "root (uid 0) (link)")
    ]
    assert asked(house) == [("files", "the dashboard", {})]


def test_a_change_that_was_taken_back_is_forgotten(house: House) -> None:
    """And the gate need not answer for that."""
    store, fingerprint = changed(house)
    house.answers["files"] = "is gone"
    browser = house.start().logged_in()
    csrf = browser.ask("/held").csrf
    answer = browser.send(accept(fingerprint, "withdrawn"), csrf=csrf)
    assert answer.headers["location"] == "/definitions?done=withdrawn"
    known = store.read("git")
    assert known is not None and not known.tools["get_x"].changed
    for path in (accept(fingerprint), accept(fingerprint, tool="none"), accept("", "accept")):
        assert browser.send(path, csrf=csrf).status in (400, 409)
