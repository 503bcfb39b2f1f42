"""What waits, how much of it, until when, and that an approval is taken once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mcpgate.holds.docket import BYTES_MOST, HELD_MOST, OF_ONE_MOST, Docket, Entry
from mcpgate.holds.held import UNKNOWN, Decision, Held, Taken, Word
from mcpgate.reasons import Reason

OWNER, OTHER = object(), object()
YES = Decision(Word.APPROVED, "alice (uid 1)")


def held(id: str = "w-1", **facts: Any) -> Held:
    usual: dict[str, Any] = {
        "exchange": "x-1",
        "how": "token",
        "principal": "ci",
        "route": "r",
        "session": None,
        "request": "1",
        "method": "tools/call",
        "name": "delete",
        "rule": "four-eyes",
        "said": "",
        "proof": "p",
        "wait": 10.0,
    }
    return Held(id=id, **{**usual, **facts})


def ids(docket: Docket, now: float = 0.0) -> list[str]:
    return [entry.held.id for entry in docket.waiting(now)]


def test_what_is_approved_is_taken_once() -> None:
    """Whoever asks first has it; before that it is merely known."""
    docket = Docket()
    assert docket.place(held(), OWNER, 0.0) is None
    assert docket.take("w-1", "p", OWNER, 1.0) == Taken(True)
    entry = docket.find("w-1", 1.0)
    assert entry is not None
    entry.decision = YES
    assert docket.take("w-1", "p", OTHER, 1.0) == Taken(True, YES)
    assert docket.take("w-1", "p", OTHER, 1.0) == UNKNOWN


def test_an_approval_is_for_that_very_call() -> None:
    """Another one hears nothing, and takes nothing away."""
    docket = Docket()
    docket.place(held(), OWNER, 0.0)
    assert docket.take("w-1", "q", OTHER, 1.0) == UNKNOWN
    assert docket.take("w-2", "p", OTHER, 1.0) == UNKNOWN
    entry = docket.find("w-1", 1.0)
    assert entry is not None and entry.owner is OWNER


def test_what_is_past_its_deadline_is_gone() -> None:
    """Approved or not, whichever way one looks."""
    for look in (ids, lambda docket, now: docket.find("w-1", now)):
        docket = Docket()
        docket.place(held(), OWNER, 5.0)
        entry = docket.find("w-1", 14.9)
        assert entry is not None
        entry.decision = YES
        assert look(docket, 14.9)
        assert not look(docket, 15.0)
        assert docket.take("w-1", "p", OWNER, 14.0) == UNKNOWN


def test_whoever_asks_last_is_told() -> None:
    """A caller may come back by another worker."""
    docket = Docket()
    docket.place(held(returns=True), OWNER, 0.0)
    docket.take("w-1", "p", OTHER, 1.0)
    entry = docket.find("w-1", 1.0)
    assert entry is not None and entry.owner is OTHER and entry.rounds == 1


def test_there_are_bounds() -> None:
    """In number, for one principal, and in bytes; what is over makes room."""
    docket = Docket()
    for number in range(OF_ONE_MOST):
        assert docket.place(held(f"w-{number}"), OWNER, 0.0) is None
    refusal = docket.place(held("w-more"), OWNER, 0.0)
    assert refusal is not None and refusal.reason is Reason.POLICY_UNDECIDED and refusal.retry_after
    # The same name by another proof is somebody else.
    assert docket.place(held("w-cert", how="certificate"), OWNER, 0.0) is None
    for number in range(HELD_MOST - OF_ONE_MOST - 1):
        assert docket.place(held(f"w-x{number}", principal=f"p{number}"), OWNER, 0.0) is None
    assert docket.place(held("w-last", principal="last"), OWNER, 9.9) is not None
    assert docket.place(held("w-last", principal="last"), OWNER, 10.0) is None
    assert docket.place(held("w-big", principal="big", size=BYTES_MOST + 1), OWNER, 10.0) is not None
    assert docket.place(held("w-big", principal="big", size=BYTES_MOST), OWNER, 10.0) is None
    assert docket.place(held("w-small", principal="small", size=1), OWNER, 10.0) is not None


def test_the_end_of_a_worker_ends_what_waited_on_its_connections() -> None:
    """What comes back may do so elsewhere."""
    docket = Docket()
    docket.place(held("w-1"), OWNER, 0.0)
    docket.place(held("w-2", returns=True), OWNER, 0.0)
    docket.place(held("w-3"), OTHER, 0.0)
    docket.disown(OWNER)
    assert ids(docket) == ["w-2", "w-3"]
    docket.drop("w-3")
    docket.drop("w-none")
    assert ids(docket) == ["w-2"]


def test_a_client_cancels_its_own_request_and_no_other() -> None:
    """By caller, route, session and id, which are as their sender wrote them."""
    docket = Docket()
    docket.place(held(session="s"), OWNER, 0.0)
    mine = ("token", "ci", "r", "s", "1")
    for at, other in enumerate(("certificate", "cd", "q", None, '"1"')):
        told: Any = [*mine]
        told[at] = other
        assert docket.cancelled(*told, 0.0) == []
    assert [entry.held.id for entry in docket.cancelled(*mine, 0.0)] == ["w-1"]


def test_what_is_to_be_approved_is_not_in_its_repr() -> None:
    """It may stand in a traceback."""
    assert "hunter2" not in repr(held(shown="hunter2"))


@given(st.lists(st.tuples(st.sampled_from("pdt"), st.integers(0, 3), st.integers(0, 4)), max_size=60))
def test_nothing_is_ever_taken_twice_or_late(steps: list[tuple[str, int, int]]) -> None:
    """Whatever is placed, decided and taken, in whichever order, at whichever pace."""
    docket, now = Docket(), 0.0
    decided: list[Entry] = []
    for step, which, passed in steps:
        now += passed
        if step == "p":
            assert docket.place(held(f"w-{which}"), OWNER, now) is None
        elif step == "d":
            entry = docket.find(f"w-{which}", now)
            if entry is not None and entry.decision is None:
                entry.decision = YES
                decided.append(entry)
        else:
            entry = docket.find(f"w-{which}", now)
            found = docket.take(f"w-{which}", "p", OWNER, now)
            if found.decision is not None:
                assert entry is not None and entry.deadline > now
                # By identity: it was decided, and is taken for the first time.
                decided.remove(entry)
