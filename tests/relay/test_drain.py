"""Drain: what may finish, for how long, and what is told of it."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import drain
from mcpgate.relay.drain import Drain
from mcpgate.relay.listener import Listening


class Connection:
    """A caller's connection, as far as a drain knows it."""

    def __init__(self, place: set[Connection], *, busy: bool) -> None:
        self.busy = busy
        self.asked = 0
        self.ended: Refusal | str | None = None
        self._place = place
        place.add(self)

    def drain(self) -> None:
        self.asked += 1
        if not self.busy:
            self.ended = "closed"
            self._place.discard(self)

    def end(self, refusal: Refusal) -> None:
        self.ended = refusal
        self._place.discard(self)


class Place:
    """A listening."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.flushing = False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(drain, "monotonic", clock.seconds)
    return clock


def begun(clock: Clock, *places: Place) -> Drain:
    return Drain(clock, cast("list[Listening]", places))


def fired(deferred: Deferred[bool]) -> list[Any]:
    results: list[Any] = []
    deferred.addCallback(results.append)
    return results


def test_idle_connections_are_closed_and_busy_ones_waited_for(clock: Clock) -> None:
    """It is finished when the last of them is, and what was told to them was told once."""
    place = Place()
    idle, busy = Connection(place.connections, busy=False), Connection(place.connections, busy=True)
    done = fired(begun(clock, place).within(10))
    assert (idle.ended, busy.ended, done) == ("closed", None, [])
    clock.pump([0.1] * 5)
    assert (busy.asked, done) == (1, [])
    busy.busy = False
    clock.advance(0.1)
    assert (busy.ended, done) == ("closed", [True])
    assert not clock.getDelayedCalls()


def test_the_end_of_an_answer_on_its_way_is_waited_for(clock: Clock) -> None:
    """Its connection is no longer among those that live."""
    place = Place()
    place.flushing = True
    done = fired(begun(clock, place).within(10))
    clock.advance(0.1)
    assert done == []
    place.flushing = False
    clock.advance(0.1)
    assert done == [True]


def test_the_deadline_ends_the_rest(clock: Clock) -> None:
    """And that is told."""
    place = Place()
    busy = Connection(place.connections, busy=True)
    done = fired(begun(clock, place).within(1))
    clock.pump([0.1] * 12)
    assert isinstance(busy.ended, Refusal) and busy.ended.reason is Reason.GATE_DRAINING
    assert done == [False]


def test_a_nearer_deadline_counts_for_all_who_wait(clock: Clock) -> None:
    """A second signal cuts what the first would have waited for; neither may call that finished."""
    place = Place()
    Connection(place.connections, busy=True)
    drained = begun(clock, place)
    first = fired(drained.within(3600))
    second = fired(drained.within(0))
    assert (first, second) == ([False], [False])
    assert fired(drained.within(3600)) == [False]
    assert not clock.getDelayedCalls()


def test_a_later_deadline_changes_nothing(clock: Clock) -> None:
    """Whoever said one minute does not get an hour."""
    place = Place()
    Connection(place.connections, busy=True)
    drained = begun(clock, place)
    first, second = fired(drained.within(1)), fired(drained.within(3600))
    clock.pump([0.1] * 12)
    assert (first, second) == ([False], [False])


def test_nothing_to_do_is_done_at_once(clock: Clock) -> None:
    """A gate without callers stops without waiting."""
    assert fired(begun(clock, Place(), Place()).within(30)) == [True]


class Broken(Connection):
    """One with a bug."""

    def drain(self) -> None:
        self.asked += 1
        raise RuntimeError("a bug")

    def end(self, refusal: Refusal) -> None:
        raise RuntimeError("a bug")


def test_a_bug_of_one_connection_keeps_nobody_waiting(clock: Clock) -> None:
    """Neither while it lasts nor at the deadline; the others are ended, and it is told in the log."""
    place = Place()
    broken, idle = Broken(place.connections, busy=True), Broken(place.connections, busy=False)
    others = [Connection(place.connections, busy=True) for _ in range(3)]
    with capturedLogs() as logged:
        done = fired(begun(clock, place).within(1))
        clock.pump([0.1] * 12)
    assert done == [False] and not clock.getDelayedCalls()
    assert all(isinstance(each.ended, Refusal) for each in others)
    assert broken.asked == 1 and idle.asked > 1
    told = [one["log_format"] for one in logged if "log_failure" in one]
    assert "a connection was not ended because of a bug in the gate" in told
