"""The office: what people are told, what they decide, and that nothing counts before it is written."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mcpgate.holds.held import Decision, Held, Taken, Word
from mcpgate.holds.office import Office
from mcpgate.ops.control import ControlError
from tests.holds.test_docket import held


class Owner:
    """A worker that writes and wakes, or does not."""

    def __init__(self) -> None:
        self.kept = self.there = True
        self.told: list[object] = []
        #: What is waited for before it says that it has written.
        self.writing: Deferred[None] | None = None

    async def record(self, hold: str, exchange: str, decision: Decision) -> bool:
        self.told.append((hold, exchange, decision))
        if self.writing is not None:
            await self.writing
        return self.kept

    async def wake(self, hold: str) -> bool:
        self.told.append(hold)
        return self.there


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def done(doing: Coroutine[Any, Any, Any]) -> Any:
    """The result of what need not wait; raises what it raised."""
    results: list[Any] = []
    Deferred.fromCoroutine(doing).addBoth(results.append)
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return result


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(clock: Clock) -> Office:
    return Office(clock)


def placed(office: Office, owner: Owner, **facts: Any) -> Held:
    one = held(**facts)
    assert done(office.place(one, owner)) is None
    return one


def test_a_decision_is_written_before_it_counts(office: Office) -> None:
    """Until then nobody can take it, and nobody else decide."""
    owner = Owner()
    owner.writing = Deferred()
    placed(office, owner)
    results: list[Any] = []
    Deferred.fromCoroutine(office.approve("w-1", "alice", "ok")).addBoth(results.append)
    decision = Decision(Word.APPROVED, "alice", "ok")
    assert owner.told == [("w-1", "x-1", decision)] and results == []
    assert done(office.take("w-1", "p", owner)) == Taken(True)
    with pytest.raises(ControlError, match="somebody else decides"):
        done(office.deny("w-1", "bob"))
    owner.writing.callback(None)
    assert results == [{"hold": "w-1", "decided": "approved", "by": "alice"}]
    assert owner.told[1:] == ["w-1"]
    assert done(office.take("w-1", "p", owner)) == Taken(True, decision)


def test_what_could_not_be_written_is_not_decided(office: Office) -> None:
    """It can be tried again."""
    owner = Owner()
    owner.kept = False
    placed(office, owner)
    with pytest.raises(ControlError, match="could not be written"):
        done(office.approve("w-1", "alice"))
    assert done(office.take("w-1", "p", owner)) == Taken(True)
    owner.kept = True
    assert done(office.deny("w-1", "alice"))["decided"] == "denied"


@pytest.mark.parametrize("end", ["withdrawn", "late", "cancelled"])
def test_what_is_over_while_it_is_decided_is_not_approved(office: Office, clock: Clock, end: str) -> None:
    """And whoever decides hears that."""
    owner = Owner()
    owner.writing = writing = Deferred()
    placed(office, owner)
    results: list[Any] = []
    Deferred.fromCoroutine(office.approve("w-1", "alice")).addBoth(results.append)
    if end == "withdrawn":
        office.withdraw("w-1")
    elif end == "late":
        clock.now = 10.0
    else:
        owner.writing = None
        done(office.cancelled("token", "ci", "r", None, "1"))
    writing.callback(None)
    assert "over meanwhile" in results[0].getErrorMessage()
    decision = done(office.take("w-1", "p", owner)).decision
    assert decision is None or decision.word is Word.WITHDRAWN


def test_a_caller_that_is_gone_cannot_be_let_pass(office: Office) -> None:
    """But one that comes back need not be there."""
    owner = Owner()
    owner.there = False
    placed(office, owner)
    placed(office, owner, id="w-2", returns=True)
    with pytest.raises(ControlError, match="caller is gone"):
        done(office.approve("w-1", "alice"))
    assert office.held() == {"held": [*_rows(office)]} and [row["id"] for row in _rows(office)] == ["w-2"]
    assert done(office.approve("w-2", "alice"))["decided"] == "approved"


def _rows(office: Office) -> list[Any]:
    rows: Any = office.held()["held"]
    return list(rows)


def test_another_worker_writes_for_one_that_is_gone(clock: Clock) -> None:
    """What comes back outlives the worker to which it came; without any worker, nothing is decided."""
    first, second = Owner(), Owner()
    there: list[Owner] = []
    office = Office(clock, anybody=lambda: there[0] if there else None)
    placed(office, first, returns=True)
    office.left(first)
    with pytest.raises(ControlError, match="could not be written"):
        done(office.approve("w-1", "alice"))
    there.append(second)
    assert done(office.approve("w-1", "alice"))["decided"] == "approved"
    assert first.told == [] and len(second.told) == 2


def test_what_a_client_cancels_is_withdrawn_also_when_it_was_approved(office: Office) -> None:
    """As long as nobody has taken it; what comes back is cancelled by not coming."""
    owner = Owner()
    placed(office, owner)
    placed(office, owner, id="w-2", returns=True)
    done(office.approve("w-1", "alice"))
    done(office.cancelled("token", "ci", "r", None, "1"))
    withdrawn = Decision(Word.WITHDRAWN, "the caller")
    assert owner.told[-2:] == [("w-1", "x-1", withdrawn), "w-1"]
    assert done(office.take("w-1", "p", owner)) == Taken(True, withdrawn)
    assert [row["id"] for row in _rows(office)] == ["w-2"]


def test_people_see_when_it_is_decided_and_for_how_long(office: Office, clock: Clock) -> None:
    """Times of the wall clock for them, seconds that count."""
    placed(office, Owner(), since=1.0, wait=300.0, said="Four eyes", returns=True, shown="x" * 2000)
    clock.now = 100.5
    (row,) = _rows(office)
    assert (row["since"], row["deadline"]) == ("1970-01-01T00:00:01.000000Z", "1970-01-01T00:05:01.000000Z")
    assert (row["left"], row["said"], len(row["params"]), row["cut"]) == (199, "Four eyes", 1024, True)
    (whole,) = office.held("w-1")["held"]  # type: ignore[misc]
    assert (len(whole["params"]), whole["cut"]) == (2000, False)
    done(office.deny("w-1", "alice"))
    (row,) = _rows(office)
    assert (row["decided"], row["by"]) == ("denied", "alice")
