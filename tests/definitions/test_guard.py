"""What a guard lets pass of lists and calls, by what was seen before, by anybody."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mcpgate.definitions import known
from mcpgate.definitions.guard import MODES, SEEN_MOST, Guard, Seen
from mcpgate.definitions.guards import accept_in
from mcpgate.definitions.known import News
from mcpgate.definitions.store import DIRECTORY, Store, StoreError
from mcpgate.reasons import Reason

KEY = "sha256/one"
SAFE = {"name": "get_x", "description": "Gets.", "outputSchema": {"type": "object"}}
EVIL = {"name": "get_x", "description": "Gets, and tells.", "outputSchema": {"type": "array"}}
OTHER = {"name": "put_x"}

Make = Callable[..., Guard]


@pytest.fixture
def told() -> list[tuple[str, Sequence[News]]]:
    return []


@pytest.fixture
def guard(tmp_path: Path, told: list[tuple[str, Sequence[News]]]) -> Make:
    """Each is one of another worker."""

    def make(mode: str = "alert", place: str = "host/mcp", begun: bool = True) -> Guard:
        store = Store(tmp_path)
        if begun:
            store.begin()
        return Guard(
            store, "up", place, mode, lambda upstream, news: told.append((upstream, news)), lambda: 1.0
        )

    return make


def see(guard: Guard, *tools: object, key: str | None = KEY) -> Seen:
    return guard.see(list(tools), json.dumps(tools).encode(), key)


def what(seen: Seen) -> list[str]:
    return [one.what for one in seen.news]


def reason(guard: Guard, name: str = "get_x") -> Reason | None:
    refusal = guard.judge("tools/call", name)
    return refusal.reason if refusal is not None else None


@pytest.mark.parametrize("mode", MODES)
def test_what_is_seen_first_passes_and_is_recorded_once(guard: Make, mode: str) -> None:
    """Whoever sees it again, and in whichever order."""
    one, another = guard(mode), guard(mode)
    assert what(see(one, SAFE, OTHER)) == ["first", "first"]
    for each in (one, another, guard(mode)):
        assert see(each, OTHER, SAFE) == Seen(frozenset())
        assert see(each, SAFE) == Seen(frozenset())
        assert reason(each) is None


@pytest.mark.parametrize(
    ("mode", "hidden", "refused"),
    [
        ("record", set(), set()),
        ("alert", set(), set()),
        ("quarantine", {"get_x"}, {"get_x"}),
        ("block", {"get_x", "put_x"}, {"get_x", "put_x", "never_seen"}),
    ],
)
def test_what_becomes_of_a_change_is_for_the_configuration_to_say(
    guard: Make, mode: str, hidden: set[str], refused: set[str]
) -> None:
    """In every worker, as soon as one of them has seen it."""
    one, another = guard(mode), guard(mode)
    see(one, SAFE, OTHER)
    assert reason(another) is None
    seen = see(one, EVIL, OTHER)
    assert (what(seen), seen.going) == (["changed"], hidden)
    for each in (one, another, guard(mode)):
        calls = {name for name in ("get_x", "put_x", "never_seen") if reason(each, name)}
        assert calls == refused
        assert see(each, EVIL, OTHER).going == hidden
        # What it was before is not shown either: it is the tool that is not trusted.
        assert see(each, SAFE, OTHER).going == hidden
        assert each.judge("prompts/get", "get_x") is None
        assert each.judge("initialize", None) is None
    if refused:
        assert reason(one) is Reason.POLICY_DEFINITION


def test_what_was_accepted_passes_at_once_and_is_recorded_once(
    guard: Make, tmp_path: Path, told: list[tuple[str, Sequence[News]]]
) -> None:
    """By all workers, whoever accepted it."""
    one, another = guard("quarantine"), guard("quarantine")
    see(one, SAFE)
    see(one, EVIL)
    assert reason(another)
    news = accept_in(Store(tmp_path), "up", ["get_x"], "anna")
    assert reason(one) is None
    assert reason(another) is None
    for each in (one, another, guard("quarantine")):
        assert see(each, EVIL) == Seen(frozenset())
        assert see(each, SAFE) == Seen(frozenset())
    assert [(upstream, list(each)) for upstream, each in told] == [("up", news)]


def test_what_was_accepted_while_no_gate_ran_is_recorded_by_the_next(
    guard: Make, tmp_path: Path, told: list[tuple[str, Sequence[News]]]
) -> None:
    """When it first looks."""
    see(guard(), SAFE)
    see(guard(), EVIL)
    accept_in(Store(tmp_path), "up", None, "anna", withdrawn=True)
    assert not told
    later = guard()
    later.look()
    later.look()
    assert [one.what for _, news in told for one in news] == ["withdrawn"]
    assert what(see(later, EVIL)) == ["changed"]


def test_another_mode_is_in_force_at_once(guard: Make) -> None:
    """What had changed before is guarded then."""
    one = guard("alert")
    see(one, SAFE)
    see(one, EVIL)
    assert reason(one) is None
    one.adopt("host/mcp", "quarantine")
    assert reason(one) is Reason.POLICY_DEFINITION
    assert see(one, EVIL).going == {"get_x"}
    one.adopt("host/mcp", "record")
    assert reason(one) is None
    assert see(one, EVIL).going == set()


def test_another_place_is_another_upstream(guard: Make) -> None:
    """Of which nothing is known, whatever its name is."""
    see(guard("block"), SAFE)
    see(guard("block"), EVIL)
    moved = guard("block", "other/mcp")
    assert reason(moved) is None
    assert what(see(moved, EVIL)) == ["first"]
    assert what(see(guard("block"), SAFE)) == ["first"]


def test_a_key_that_is_new_is_told_and_no_more(guard: Make) -> None:
    """Also where a list says what it said before."""
    one = guard("block")
    see(one, SAFE)
    assert what(see(one, SAFE, key="sha256/two")) == ["key"]
    assert what(see(one, SAFE, key="sha256/two")) == []
    assert reason(one) is None
    assert what(see(one, SAFE, key=None)) == []


@pytest.mark.parametrize("mode", MODES)
def test_what_is_unfit_is_never_shown(guard: Make, mode: str) -> None:
    """Whatever becomes of changes; a call of it refers to nothing."""
    unfit = {"name": "bad", "inputSchema": {"$ref": "http://169.254.169.254/"}}
    one = guard(mode)
    seen = see(one, SAFE, unfit)
    assert (what(seen), seen.going) == (["first", "first", "unfit"], {"bad"})
    assert see(one, SAFE, unfit) == Seen(frozenset({"bad"}))
    assert see(guard(mode), unfit) == Seen(frozenset({"bad"}))


def test_what_is_no_tool_is_nobodys_matter(guard: Make) -> None:
    """C{policy.lists} takes it out."""
    assert see(guard(), None, [], "get_x", {}, {"name": 1}) == Seen(frozenset())


def test_tools_that_are_too_many_to_be_known_are_not_shown_where_they_must_be(
    guard: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they pass: they are recorded as little as they are shown by clients."""
    monkeypatch.setattr(known, "TOOLS_MOST", 1)
    assert see(guard("alert"), SAFE, OTHER).going == set()
    assert see(guard("quarantine"), SAFE, OTHER).going == {"put_x"}


def test_what_lists_said_is_remembered_within_bounds(guard: Make) -> None:
    """They are looked through again then."""
    one = guard()
    for number in range(2 * SEEN_MOST + 1):
        see(one, SAFE, number)
    assert len(one._seen) <= SEEN_MOST


# Where nothing can be read or kept.


@pytest.mark.parametrize("mode", MODES)
def test_who_must_know_and_cannot_lets_no_tool_pass(guard: Make, tmp_path: Path, mode: str) -> None:
    """And who only tells goes on, and says why it cannot."""
    see(guard(mode), SAFE)
    path = tmp_path / DIRECTORY / "up.json"
    good = path.read_bytes()
    path.write_bytes(b"{")
    one = guard(mode)
    guarded = mode in ("quarantine", "block")
    assert reason(one) is (Reason.POLICY_DEFINITION if guarded else None)
    assert see(one, SAFE) == Seen(frozenset({"get_x"} if guarded else ()))
    assert "up.json" in str(one.counts()["failure"])
    # Nobody tells that it was put back.
    path.write_bytes(good)
    assert reason(one) is None
    assert see(one, SAFE) == Seen(frozenset())
    assert one.counts()["failure"] is None


def test_a_change_that_cannot_be_kept_is_guarded_until_it_can(
    guard: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a full disk would let it pass."""
    one = guard("quarantine")
    see(one, SAFE, OTHER)
    with monkeypatch.context() as broken:

        def full(*_: object) -> None:
            raise StoreError("No space left on device")

        broken.setattr(Store, "change", full)
        assert see(one, EVIL, OTHER).going == {"get_x", "put_x"}
        assert reason(one) is Reason.POLICY_DEFINITION
        assert reason(one, "put_x") is Reason.POLICY_DEFINITION
        assert one.counts()["failure"] == "No space left on device"
    seen = see(one, EVIL, OTHER)
    assert (what(seen), seen.going) == (["changed"], {"get_x"})
    assert reason(one, "put_x") is None
    assert one.counts()["failure"] is None


def test_without_a_directory_it_says_so(guard: Make, tmp_path: Path) -> None:
    """A file in the way, as after a mistake."""
    (tmp_path / DIRECTORY).write_text("in the way")
    one = guard("quarantine", begun=False)
    assert see(one, SAFE).going == {"get_x"}
    assert reason(one) is Reason.POLICY_DEFINITION
    assert see(guard("alert", begun=False), SAFE).going == set()


# What others ask.


def test_the_output_schema_is_the_one_that_was_shown_last(guard: Make, tmp_path: Path) -> None:
    """Here; or else to anybody."""
    one, another = guard(), guard()
    assert one.schema_of("get_x") is None
    see(one, SAFE, OTHER)
    assert one.schema_of("get_x") == another.schema_of("get_x") == {"type": "object"}
    assert one.schema_of("put_x") is None
    see(one, EVIL)
    assert one.schema_of("get_x") == another.schema_of("get_x") == {"type": "array"}
    see(one, SAFE)
    assert one.schema_of("get_x") == {"type": "object"}
    accept_in(Store(tmp_path), "up", None, "anna")
    assert one.schema_of("get_x") == {"type": "object"}
    see(one, EVIL)
    assert one.schema_of("get_x") == {"type": "array"}


def test_counts_say_what_operators_look_for(guard: Make) -> None:
    """How many are known, have changed, and hide something."""
    one = guard()
    see(one, SAFE, OTHER)
    see(one, {**EVIL, "title": "\u200b"})
    expected: dict[str, Any] = {"mode": "alert", "known": 2, "changed": 1, "suspicious": 1, "failure": None}
    assert guard().counts() == expected


def test_a_look_costs_no_system_call(guard: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is done for each call."""
    one = guard("quarantine")
    see(one, SAFE)
    reason(one)

    def never(*_: object) -> None:
        raise AssertionError("a file was looked at")

    monkeypatch.setattr(Path, "open", never)
    monkeypatch.setattr(os, "open", never)
    assert reason(one) is None
