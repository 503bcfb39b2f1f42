"""A stream without a socket is to its owner what one on a socket is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from OpenSSL import SSL
from twisted.internet.epollreactor import EPollReactor

from mcpgate.relay.passage import Passage
from mcpgate.tls.readiness import NEVER, Readiness
from mcpgate.tls.stream import CLOSED, OPEN, Bug


class Heard:
    """An owner, and whoever is outside: what each was told, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.told.append((name, *arguments))


class World:
    """A passage with both of its sides."""

    def __init__(self) -> None:
        reactor: Any = EPollReactor()
        self.readiness = Readiness(reactor)
        self.inside, self.outside = Heard(), Heard()
        self.released = 0
        self.passage = Passage(
            self.readiness,
            cast(SSL.Connection, None),
            self.outside,
            peer=("192.0.2.1", 5),
            send_timeout=10.0,
            buffer=100,
            released=self.release,
        )
        self.passage.owner = self.inside  # type: ignore[assignment]

    def release(self) -> None:
        self.released += 1


@pytest.fixture
def world() -> Iterator[World]:
    yield World()


def test_both_ways_are_open_until_it_is_closed(world: World) -> None:
    """Then nothing passes any more, and what it took is given back once."""
    world.passage.received(b"request")
    world.passage.write(b"answer")
    assert world.passage.state is OPEN and len(world.readiness) == 1
    world.passage.close()
    world.passage.close()
    world.passage.abort()
    world.passage.write(b"more")
    world.passage.received(b"more")
    assert world.inside.told == [("received", b"request")]
    assert world.outside.told == [("take", b"answer"), ("over",)]
    assert (world.released, len(world.readiness), world.passage.state) == (1, 0, CLOSED)
    assert world.passage.peer() == ("192.0.2.1", 5)


def test_an_abort_is_seen_outside(world: World) -> None:
    """And only there: its owner has done it."""
    world.passage.abort()
    assert (world.inside.told, world.outside.told, world.released) == ([], [("cut",)], 1)


def test_a_caller_that_is_gone_is_told_of_inside(world: World) -> None:
    """Nothing is written to it any more."""
    world.passage.lost(None)
    world.passage.lost(None)
    assert (world.inside.told, world.outside.told) == ([("lost", None)], [])


def test_a_slow_caller_has_time_for_what_it_was_given(world: World) -> None:
    """For each full buffer as long as for one; what it has taken is not counted again."""
    world.passage.write(b"x" * 250)
    world.passage.paused()
    world.passage.paused()
    assert world.passage.congested
    assert world.passage.deadline == pytest.approx(world.readiness.now + 30.0)
    world.passage.resumed()
    assert not world.passage.congested and world.passage.deadline == NEVER
    world.passage.paused()
    assert world.passage.deadline == pytest.approx(world.readiness.now + 10.0)
    assert [each[0] for each in world.inside.told] == ["paused", "resumed", "paused"]


def test_a_caller_that_takes_nothing_is_dropped(world: World) -> None:
    """After its time; both sides are told."""
    world.passage.paused()
    world.passage.overdue()
    (paused, (lost, error)) = world.inside.told
    assert lost == "lost" and isinstance(error, TimeoutError)
    assert world.outside.told == [("cut",)]


def test_other_deadlines_are_the_owners(world: World) -> None:
    """A call that waits for a person, say."""
    world.passage.overdue()
    assert world.inside.told == [("overdue",)] and world.passage.state is OPEN


def test_a_bug_ends_this_one_alone(world: World) -> None:
    """As on a socket."""
    world.passage.failed()
    ((lost, error),) = world.inside.told
    assert lost == "lost" and isinstance(error, Bug)
    assert world.outside.told == [("cut",)] and world.released == 1
