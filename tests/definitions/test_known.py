"""What is known of an upstream's tools, and how it comes to be known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mcpgate.definitions import known as module
from mcpgate.definitions.known import (
    ACCEPTED_MOST,
    CHANGED_MOST,
    KEYS_MOST,
    Known,
    News,
    NotKnown,
    Shown,
    accept,
    is_new,
    learn,
)

KEY = "sha256/one"


def tool(name: str = "get_x", description: str = "Gets.", **more: object) -> Shown:
    return Shown.of({"name": name, "description": description, **more})


def known(*shown: Shown, key: str | None = KEY) -> Known:
    upstream = Known("up", "host/mcp")
    learn(upstream, list(shown), key, 1.0)
    return upstream


def test_what_is_seen_first_is_accepted() -> None:
    """Nobody was there before; rules say whether it may be called."""
    upstream = Known("up", "host/mcp")
    one, other = tool(), tool("put_x")
    assert is_new(upstream, [one], KEY)
    assert learn(upstream, [one, other], KEY, 1.0) == [
        News("first", "get_x", None, one.fingerprint, KEY),
        News("first", "put_x", None, other.fingerprint, KEY),
    ]
    assert upstream.tools["get_x"].known(one.fingerprint)
    assert not is_new(upstream, [other, one], KEY)
    assert learn(upstream, [one], KEY, 2.0) == []


def test_another_definition_is_a_change_once() -> None:
    """Until somebody accepts it, however often it is seen."""
    one, other = tool(), tool(description="Gets, and tells.")
    upstream = known(one)
    assert is_new(upstream, [other], KEY)
    assert learn(upstream, [other], KEY, 2.0) == [
        News("changed", "get_x", one.fingerprint, other.fingerprint, KEY)
    ]
    for shown in (one, other):
        assert not is_new(upstream, [shown], KEY)
        assert learn(upstream, [shown], KEY, 3.0) == []
    assert upstream.tools["get_x"].changed[0].seen == 2.0
    assert upstream.tools["get_x"].changed[0].object() == {"name": "get_x", "description": "Gets, and tells."}


def test_a_tool_that_changes_all_the_time_is_told_a_few_times() -> None:
    """A description with the time of day in it must not fill the disk."""
    upstream = known(tool())
    news = [learn(upstream, [tool(description=str(n))], KEY, 2.0) for n in range(3 * CHANGED_MOST)]
    assert [len(each) for each in news] == [1] * CHANGED_MOST + [0] * 2 * CHANGED_MOST
    assert not is_new(upstream, [tool(description="yet another")], KEY)


def test_a_new_key_is_told_and_changes_nothing() -> None:
    """A certificate was renewed; chain, name and pins have judged it."""
    upstream = known(tool())
    assert is_new(upstream, [tool()], "sha256/two")
    assert learn(upstream, [tool()], "sha256/two", 2.0) == [
        News("key", None, KEY, "sha256/two", "sha256/two", True)
    ]
    assert upstream.keys == [KEY, "sha256/two"]
    assert not upstream.tools["get_x"].changed
    # A replica with the key of before.
    assert not is_new(upstream, [tool()], KEY)
    for number in range(2 * KEYS_MOST):
        learn(upstream, [], str(number), 3.0)
    assert len(upstream.keys) == KEYS_MOST


def test_a_change_under_a_new_key_is_told_as_both() -> None:
    """It is the one that looks most like another server."""
    upstream = known(tool())
    news = learn(upstream, [tool(description="x")], "sha256/two", 2.0)
    assert [(each.what, each.renewed) for each in news] == [("key", True), ("changed", True)]
    assert upstream.tools["get_x"].changed[0].key == "sha256/two"


def test_what_hides_and_what_is_unfit_is_told_with_its_first_and_each_change() -> None:
    """Never with what it says."""
    upstream = known()
    hides = tool(description="ok\u200b")
    refers = tool("put_x", inputSchema={"$ref": "http://169.254.169.254/"})
    news = learn(upstream, [hides, refers], KEY, 1.0)
    assert [(each.what, each.tool, each.detail) for each in news] == [
        ("first", "get_x", None),
        ("suspicious", "get_x", "description: 1 zero-width (U+200B)"),
        ("first", "put_x", None),
        ("unfit", "put_x", "its inputSchema refers to a schema elsewhere"),
    ]


# What a person accepts.


def changed() -> tuple[Known, Shown, Shown]:
    one, other = tool(), tool(description="Gets, and tells.")
    upstream = known(one, tool("put_x"))
    learn(upstream, [other], KEY, 2.0)
    return upstream, one, other


@pytest.mark.parametrize("names", [None, ["get_x"], ["get_x", "get_x"]])
def test_what_was_accepted_is_right_from_then_on(names: list[str] | None) -> None:
    """So is what was before, for replicas that still have it."""
    upstream, one, other = changed()
    news = [News("accepted", "get_x", one.fingerprint, other.fingerprint, by="anna")]
    assert accept(upstream, names, "anna") == news
    assert upstream.untold == news
    found = upstream.tools["get_x"]
    assert found.known(one.fingerprint) and found.known(other.fingerprint) and not found.changed
    assert found.accepted[-1].fingerprint == other.fingerprint
    assert accept(upstream, None, "anna") == []


def test_what_was_withdrawn_is_forgotten() -> None:
    """It would be a change again."""
    upstream, one, other = changed()
    assert accept(upstream, ["get_x"], "anna", withdrawn=True) == [
        News("withdrawn", "get_x", one.fingerprint, other.fingerprint, by="anna")
    ]
    assert not upstream.tools["get_x"].changed
    assert not upstream.tools["get_x"].known(other.fingerprint)
    assert is_new(upstream, [other], KEY)


def test_one_of_several_changes_is_accepted_by_its_fingerprint() -> None:
    """What somebody has looked at may not be the newest any more."""
    upstream, _, other = changed()
    learn(upstream, [tool(description="third")], KEY, 3.0)
    with pytest.raises(NotKnown, match="has not changed to 00000000"):
        accept(upstream, ["get_x"], "anna", "00000000")
    (news,) = accept(upstream, ["get_x"], "anna", other.fingerprint.partition(":")[2][:12])
    assert news.new == other.fingerprint
    assert not upstream.tools["get_x"].known(tool(description="third").fingerprint)


def test_what_did_not_change_cannot_be_accepted() -> None:
    """Nor what was never shown; and then nothing of it is."""
    upstream, _, other = changed()
    for names in (["put_x"], ["get_x", "put_x"], ["get_x", "rm"]):
        with pytest.raises(NotKnown):
            accept(upstream, names, "anna")
    assert upstream.tools["get_x"].waits(other.fingerprint)
    assert not upstream.untold


def test_some_accepted_definitions_are_kept() -> None:
    """The newest."""
    upstream = known(tool())
    for number in range(3 * ACCEPTED_MOST):
        learn(upstream, [tool(description=str(number))], KEY, 2.0)
        accept(upstream, ["get_x"], "anna")
    found = upstream.tools["get_x"].accepted
    assert len(found) == ACCEPTED_MOST
    assert found[-1].fingerprint == tool(description=str(3 * ACCEPTED_MOST - 1)).fingerprint


# Bounds.


def test_tools_beyond_what_is_kept_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are nobody's news."""
    monkeypatch.setattr(module, "TOOLS_MOST", 2)
    upstream = known(tool("a"), tool("b"))
    assert not is_new(upstream, [tool("c")], KEY)
    assert learn(upstream, [tool("c")], KEY, 1.0) == []
    assert is_new(upstream, [tool("c"), tool("b", "x")], KEY)


def test_texts_beyond_what_is_kept_are_known_by_their_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is too large, and the one with which all are."""
    monkeypatch.setattr(module, "TEXT_MOST", 100)
    monkeypatch.setattr(module, "TEXTS_MOST", 160)
    upstream = known(tool("a", "x" * 100), tool("b", "x" * 50), tool("c", "x" * 50), tool("d", "x" * 10))
    kept = {name: each.accepted[0].object() is not None for name, each in upstream.tools.items()}
    assert kept == {"a": False, "b": True, "c": False, "d": True}
    assert upstream.tools["a"].accepted[0].object() is None
    assert [each.what for each in learn(upstream, [tool("a", "y" * 100)], KEY, 2.0)] == ["changed"]


def test_it_is_the_same_after_it_was_written_and_read() -> None:
    """With all that it has."""
    upstream, *_ = changed()
    learn(upstream, [tool("e", "ok\u200b", n=10**40)], None, 2.0)
    accept(upstream, None, "anna")
    again: Any = msgspec.json.decode(msgspec.json.encode(upstream), type=Known)
    assert msgspec.json.encode(again) == msgspec.json.encode(upstream)
    assert again.tools["e"].accepted[0].object()["n"] == 10**40
