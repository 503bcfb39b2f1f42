"""Sockets and deadlines in one set: who is told, when, and what one thing's bug costs the others."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from time import monotonic

import pytest
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, globalLogPublisher

from mcpgate.tls.readiness import (
    EVENTS_PER_TURN,
    GONE,
    NEVER,
    NEW,
    OVERDUE_PER_TURN,
    READ,
    TICK,
    WRITE,
    Readiness,
)

Then = Callable[[str], object]


def nothing(what: str) -> None:
    """What most things do."""


class Thing:
    """Writes down what it is told, and then does what the test wants."""

    def __init__(self, name: str, heard: list[str], then: Then = nothing) -> None:
        self.deadline = NEVER
        self._name = name
        self._heard = heard
        self._then = then

    def readable(self) -> None:
        self._hear("readable")

    def writable(self) -> None:
        self._hear("writable")

    def overdue(self) -> None:
        self._hear("overdue")

    def failed(self) -> None:
        self._hear("failed")

    def _hear(self, what: str) -> None:
        self._heard.append(f"{self._name} {what}")
        self._then(what)


class Bench:
    """A set on a reactor whose turns and ticks are the test's, and sockets to watch."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.set = Readiness(self.reactor)
        self.set.rounds = 1
        self.heard: list[str] = []
        self._sockets: list[socket.socket] = []

    def thing(self, name: str, then: Then = nothing) -> Thing:
        """Something to watch sockets for."""
        return Thing(name, self.heard, then)

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Our end and the peer's."""
        ours, theirs = socket.socketpair()
        self._sockets += ours, theirs
        ours.setblocking(False)
        return ours, theirs

    def watched(self, thing: Thing, events: int = READ) -> tuple[socket.socket, socket.socket]:
        """A new pair, our end of it in the set."""
        ours, theirs = self.pair()
        self.set.watch(ours.fileno(), thing, events)
        return ours, theirs

    def turn(self) -> list[str]:
        """One turn of the reactor, and what was heard in it."""
        self.heard.clear()
        self.set.doRead()
        return list(self.heard)

    def tick(self) -> list[str]:
        """One tick of the clock, and what was heard in it."""
        self.heard.clear()
        self.reactor.advance(TICK)
        return list(self.heard)

    def close(self) -> None:
        """Close all sockets."""
        for sock in self._sockets:
            sock.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.set.start()
    yield bench
    if bench.reactor.getReaders():
        bench.set.stop()
    bench.close()


def test_what_arrives_meanwhile_is_told_in_the_same_turn(bench: Bench) -> None:
    """So a busy set pays for a turn of the reactor once, and not for each event; an idle one asks once."""
    bench.set.rounds = 3
    first, their_first = bench.pair()
    second, their_second = bench.pair()
    third, their_third = bench.pair()

    def answer(_: str) -> None:
        first.recv(1)
        their_second.send(b"x")

    bench.set.watch(first.fileno(), bench.thing("first", answer), READ)
    bench.set.watch(second.fileno(), bench.thing("second", lambda _: second.recv(1)), READ)
    bench.set.watch(third.fileno(), bench.thing("third", lambda _: third.recv(1)), READ)
    their_first.send(b"x")
    assert bench.turn() == ["first readable"]
    assert bench.turn() == ["second readable"]
    their_first.send(b"x")
    their_third.send(b"x")
    heard = bench.turn()
    assert (sorted(heard[:2]), heard[2:]) == (["first readable", "third readable"], ["second readable"])


def test_what_nobody_reads_is_told_a_bounded_number_of_times(bench: Bench) -> None:
    """The reactor has its own timers and sockets to see to."""
    bench.set.rounds = 3
    for _ in range(2):
        _, theirs = bench.watched(bench.thing("lazy"))
        theirs.send(b"x")
    assert bench.turn() == ["lazy readable"] * 6


def test_what_is_to_be_done_soon_is_done_after_the_events_of_a_turn(bench: Bench) -> None:
    """In order, also what one of these calls asks for; outside of a turn there is nothing to wait for."""
    heard = bench.heard

    def later() -> None:
        heard.append("later")
        bench.set.soon(lambda: heard.append("last"))

    for name in ("first", "second"):
        _, theirs = bench.watched(bench.thing(name, lambda _: bench.set.soon(later)))
        theirs.send(b"x")
    assert sorted(bench.turn()[:2]) == ["first readable", "second readable"]
    assert heard[2:] == ["later", "later", "last", "last"]
    heard.clear()
    bench.set.soon(later)
    assert heard == ["later", "last"]


def test_outside_of_a_turn_it_is_done_at_once_and_never_inside_itself(
    bench: Bench, logged: list[LogEvent]
) -> None:
    """What asks for itself again two thousand times does not fill the stack; what raises is told as ever."""
    left = [2000]

    def again() -> None:
        if left[0]:
            left[0] -= 1
            bench.set.soon(again)
            return
        bench.heard.append("done")
        raise ZeroDivisionError

    bench.set.soon(again)
    bench.set.soon(lambda: bench.heard.append("after"))
    assert bench.heard == ["done", "after"]
    assert len([event for event in logged if "log_failure" in event]) == 1


def test_a_bug_in_what_is_done_soon_costs_the_thing_it_was_done_for(
    bench: Bench, logged: list[LogEvent]
) -> None:
    """And nobody else: the calls behind it are made."""

    def bug() -> None:
        raise ZeroDivisionError

    def ask(_: str) -> None:
        bench.set.soon(bug, thing)
        bench.set.soon(bug)
        bench.set.soon(lambda: bench.heard.append("done"))

    thing = bench.thing("unlucky", lambda what: ask(what) if what == "readable" else None)
    _, theirs = bench.watched(thing)
    theirs.send(b"x")
    assert bench.turn() == ["unlucky readable", "unlucky failed", "done"]
    assert len([event for event in logged if "log_failure" in event]) == 2


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """What was logged meanwhile."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


# Events.


def test_a_thing_is_told_of_bytes_until_they_are_read(bench: Bench) -> None:
    """Of its own socket's, not of another's."""
    ours, theirs = bench.watched(bench.thing("a"))
    bench.watched(bench.thing("b"))
    assert bench.turn() == []
    theirs.send(b"x")
    assert bench.turn() == bench.turn() == ["a readable"]
    ours.recv(1)
    assert bench.turn() == []


def test_what_arrived_comes_before_what_can_be_written(bench: Bench) -> None:
    """A peer's last words are read before a write to it can fail."""
    _, theirs = bench.watched(bench.thing("a"), READ | WRITE)
    assert bench.turn() == ["a writable"]
    theirs.send(b"x")
    assert bench.turn() == ["a readable", "a writable"]


def test_a_thing_that_lets_go_while_it_reads_is_not_told_to_write(bench: Bench) -> None:
    """Its socket may be closed by then, and the number somebody else's."""
    ours, theirs = bench.watched(bench.thing("a", lambda what: bench.set.forget(ours.fileno())), READ | WRITE)
    theirs.send(b"x")
    assert bench.turn() == ["a readable"]


def test_only_the_events_that_were_asked_for_are_told(bench: Bench) -> None:
    ours, theirs = bench.watched(bench.thing("a"), READ)
    theirs.send(b"x")
    bench.set.change(ours.fileno(), 0)
    assert bench.turn() == []
    bench.set.change(ours.fileno(), WRITE)
    assert bench.turn() == ["a writable"]
    bench.set.change(ours.fileno(), READ)
    assert bench.turn() == ["a readable"]


def test_a_peers_end_is_told_to_those_who_do_not_read(bench: Bench) -> None:
    """If they asked for it; bytes before it are not waited for."""
    ours, theirs = bench.watched(bench.thing("a"), GONE)
    theirs.send(b"unread")
    assert bench.turn() == []
    theirs.shutdown(socket.SHUT_WR)
    assert bench.turn() == ["a readable"]
    bench.set.change(ours.fileno(), 0)
    assert bench.turn() == []


def test_one_who_only_looks_is_told_of_new_bytes_once(bench: Bench) -> None:
    _, theirs = bench.watched(bench.thing("a"), READ | NEW)
    theirs.send(b"x")
    assert bench.turn() == ["a readable"]
    assert bench.turn() == []
    theirs.send(b"y")
    assert bench.turn() == ["a readable"]


def test_one_turn_is_bounded_and_the_next_one_goes_on(bench: Bench) -> None:
    """However many sockets are ready, the reactor gets its turn, and none is forgotten."""
    count = EVENTS_PER_TURN + 10
    for number in range(count):
        bench.watched(bench.thing(str(number)), WRITE)
    first = bench.turn()
    assert len(first) == EVENTS_PER_TURN
    assert len(set(first) | set(bench.turn())) == count


def test_the_time_of_the_turn_is_there_for_everybody(bench: Bench) -> None:
    _, theirs = bench.watched(bench.thing("one"))
    theirs.send(b"x")
    before = monotonic()
    bench.turn()
    assert before <= bench.set.now <= monotonic()


# Who is in the set.


def test_a_forgotten_descriptor_is_not_watched_any_more(bench: Bench) -> None:
    """Forgetting twice does nothing; the number can be watched anew."""
    ours, theirs = bench.watched(bench.thing("a"))
    theirs.send(b"x")
    assert len(bench.set) == 1
    bench.set.forget(ours.fileno())
    bench.set.forget(ours.fileno())
    assert len(bench.set) == 0
    assert bench.turn() == []
    bench.set.watch(ours.fileno(), bench.thing("b"), READ)
    assert bench.turn() == ["b readable"]


def test_a_descriptor_that_was_forgotten_in_the_same_turn_is_passed_over(bench: Bench) -> None:
    """Two were ready; whoever came first ended the other."""
    ends: list[int] = []

    def ending(other: int) -> Then:
        return lambda what: bench.set.forget(ends[other])

    for other in (1, 0):
        mine, theirs = bench.watched(bench.thing("it", ending(other)))
        ends.append(mine.fileno())
        theirs.send(b"x")
    assert bench.turn() == ["it readable"]
    assert len(bench.set) == 1


def test_a_descriptor_can_be_handed_over(bench: Bench) -> None:
    """The next one is told, for events of its own, and the first one no more, of its deadline neither."""
    first, second = bench.thing("first"), bench.thing("second")
    ours, theirs = bench.watched(first)
    first.deadline = 0.0
    bench.set.hand_over(ours.fileno(), second, READ | WRITE)
    theirs.send(b"x")
    assert len(bench.set) == 1
    assert bench.turn() == ["second readable", "second writable"]
    assert bench.tick() == []


def test_after_a_hand_over_in_the_middle_the_events_of_the_turn_are_not_the_next_ones(bench: Bench) -> None:
    """What was due belonged to the one before it."""
    second = bench.thing("second")
    ours, theirs = bench.watched(
        bench.thing("first", lambda what: bench.set.hand_over(ours.fileno(), second, READ)), READ | WRITE
    )
    theirs.send(b"x")
    assert bench.turn() == ["first readable"]
    assert bench.turn() == ["second readable"]


# Deadlines.


def test_a_deadline_that_passed_is_told_every_tick_until_it_is_moved(bench: Bench) -> None:
    thing, other = bench.thing("a"), bench.thing("b")
    bench.watched(thing)
    bench.watched(other)
    assert bench.tick() == []
    thing.deadline = bench.set.now
    other.deadline = bench.set.now + 3600
    assert bench.tick() == bench.tick() == ["a overdue"]
    thing.deadline = NEVER
    assert bench.tick() == []


def test_a_deadline_that_another_one_moved_in_the_same_tick_is_not_told(bench: Bench) -> None:
    """An exchange that ends by its upstream's deadline begins its caller's next one."""

    def move_the_other(_: str) -> None:
        first.deadline = NEVER
        second.deadline = NEVER

    first, second = bench.thing("a", move_the_other), bench.thing("b")
    for thing in (first, second):
        thing.deadline = bench.set.now
        bench.watched(thing)
    assert bench.tick() == ["a overdue"]


def test_many_deadlines_of_one_tick_leave_turns_to_others(bench: Bench) -> None:
    """A thousand slow callers at once must not hold up one who is served."""
    names = [str(number) for number in range(2 * OVERDUE_PER_TURN + 1)]

    def somebody_is_served(_: str) -> None:
        bench.reactor.callLater(0, bench.heard.append, "served")

    for name in names:
        thing = bench.thing(name, somebody_is_served if name == "0" else nothing)
        thing.deadline = bench.set.now
        bench.watched(thing)
    everybody = [f"{name} overdue" for name in names]
    assert bench.tick() == [*everybody[:OVERDUE_PER_TURN], "served", *everybody[OVERDUE_PER_TURN:]]


def test_one_that_lets_go_at_its_deadline_spoils_nobody_elses(bench: Bench) -> None:
    """The set is changed while it is gone through."""
    ours = []
    for name in "abc":
        thing = bench.thing(name, nothing if ours else lambda what: bench.set.forget(ours[0].fileno()))
        ours.append(bench.watched(thing)[0])
        thing.deadline = 0.0
    assert bench.tick() == ["a overdue", "b overdue", "c overdue"]
    assert bench.tick() == ["b overdue", "c overdue"]


# Bugs.


def broken(word: str) -> Then:
    """Raises when it is told that, and only then."""

    def then(what: str) -> None:
        if what == word:
            raise LookupError("a bug of the test")

    return then


@pytest.mark.parametrize("word", ["readable", "writable"])
def test_one_that_raises_is_dropped_and_the_others_are_served(
    bench: Bench, logged: list[LogEvent], word: str
) -> None:
    """In the same turn, whichever came first; and the log has the traceback."""
    for name in "abc":
        _, theirs = bench.watched(bench.thing(name, broken(word) if name == "b" else nothing), READ | WRITE)
        theirs.send(b"x")
    heard = bench.turn()
    assert {f"{name} {what}" for name in "ac" for what in ("readable", "writable")} <= set(heard)
    assert [line for line in heard if line.startswith("b")][-2:] == [f"b {word}", "b failed"]
    (event,) = [event for event in logged if "log_failure" in event]
    assert event["log_failure"].check(LookupError)


def test_one_that_raises_at_its_deadline_is_dropped_and_the_clock_goes_on(bench: Bench) -> None:
    for name in "ab":
        thing = bench.thing(name, broken("overdue") if name == "a" else nothing)
        bench.watched(thing)
        thing.deadline = 0.0
    assert bench.tick() == ["a overdue", "a failed", "b overdue"]
    assert "b overdue" in bench.tick()


def test_one_that_cannot_even_be_dropped_costs_nobody_else(bench: Bench, logged: list[LogEvent]) -> None:
    def then(what: str) -> None:
        raise LookupError(what)

    for name in "ab":
        _, theirs = bench.watched(bench.thing(name, then if name == "a" else nothing))
        theirs.send(b"x")
    assert set(bench.turn()) == {"a readable", "a failed", "b readable"}
    assert len([event for event in logged if "log_failure" in event]) == 2


# The end.


def test_the_reactor_has_one_reader_and_one_timer_from_start_to_stop(bench: Bench) -> None:
    """However many sockets there are."""
    for name in "abc":
        bench.watched(bench.thing(name))
    assert bench.reactor.getReaders() == [bench.set]
    assert len(bench.reactor.getDelayedCalls()) == 1
    bench.tick()
    assert len(bench.reactor.getDelayedCalls()) == 1
    bench.set.stop()
    assert bench.reactor.getReaders() == []
    assert bench.reactor.getDelayedCalls() == []


def test_a_stop_lets_go_of_everything_that_is_left(bench: Bench) -> None:
    """Each of them is told, and may leave the set by itself; one that raises keeps nobody else."""
    ours, _ = bench.watched(bench.thing("a", lambda what: bench.set.forget(ours.fileno())))
    bench.watched(bench.thing("b", broken("failed")))
    bench.watched(bench.thing("c"))
    bench.set.stop()
    assert bench.heard == ["a failed", "b failed", "c failed"]
    assert bench.reactor.getReaders() == []


def test_a_thing_without_a_socket_has_deadlines_like_others(bench: Bench) -> None:
    """It is told when they pass, until it is forgotten; and at the end, that there will be nothing more."""
    thing, other = bench.thing("enlisted"), bench.thing("other")
    number, another = bench.set.enlist(thing), bench.set.enlist(other)
    assert number != another and number < 0 and another < 0 and len(bench.set) == 2
    thing.deadline = monotonic() - 1
    assert bench.tick() == ["enlisted overdue"]
    bench.set.forget(number)
    bench.set.forget(number)
    assert bench.tick() == []
    bench.set.stop()
    assert bench.heard == ["other failed"]


def test_what_comes_from_outside_has_a_turn_of_its_own(bench: Bench) -> None:
    """With the time that it is then; inside of another turn it waits for that one's end."""
    thing = bench.thing("outside")
    bench.set.now = 0.0
    heard: list[str] = []

    def inner() -> None:
        heard.append("inner")

    def outer() -> None:
        assert bench.set.now > 0.0
        bench.set.turn(inner, thing)
        heard.append("outer")

    bench.set.turn(outer, thing)
    assert heard == ["outer", "inner"]


def test_a_bug_in_what_comes_from_outside_is_its_own(bench: Bench) -> None:
    """Nobody else hears of it."""

    def bug() -> None:
        raise RuntimeError("a bug")

    bench.set.turn(bug, bench.thing("outside"))
    assert bench.heard == ["outside failed"]
