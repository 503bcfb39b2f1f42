"""Who is here: the counts are right whoever comes and goes, and room is made where it does least harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.schema import Config
from mcpgate.config.tables.gate import GateTable, LimitsTable
from mcpgate.config.tables.upstream import UpstreamTable
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.crowd import RESERVED, UNFINISHED_MOST, Crowd, room, source_of

UPSTREAM = UpstreamTable(name="server", url="https://server.test/", connections=100)


def config(*upstreams: UpstreamTable, **limits: int) -> Config:
    """A configuration with these limits."""
    return Config(
        gate=GateTable(state=Path("/state")),
        limits=evolve(LimitsTable(), **limits),
        listeners=(),
        upstreams=upstreams,
        routes=(),
        rules=(),
    )


class Someone:
    """An arrival that writes down why it was asked to go."""

    def __init__(self, crowd: Crowd, source: str = "192.0.2.1") -> None:
        self.source = source
        self.refusal: Refusal | None = None
        #: Whether its hello is here, and was not looked at yet.
        self.hello = False
        self._crowd = crowd
        crowd.enter(source)
        crowd.arrived(self)

    def readable(self) -> None:
        if self.hello:
            self._crowd.spoke(self)

    def give_up(self, refusal: Refusal) -> None:
        self.refusal = refusal
        self._crowd.settled(self)
        self._crowd.leave(self.source)


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_one_caller_is_an_address_or_the_network_that_an_ipv6_host_chooses_from(
    host: str, source: str
) -> None:
    assert source_of(host) == source


def test_there_is_room_for_what_is_configured_where_descriptors_abound() -> None:
    assert room(config(UPSTREAM, connections=500), 65536) == 500
    assert room(config(UPSTREAM, connections=500), 0) == 500


def test_upstreams_have_their_part_of_the_descriptors_but_never_more_than_half() -> None:
    assert room(config(UPSTREAM), RESERVED + 1000) == 900
    assert room(config(UPSTREAM), RESERVED + 60) == 30
    assert room(config(UPSTREAM), 64) == (64 - RESERVED) // 2


def test_however_few_descriptors_there_are_one_caller_is_served() -> None:
    assert room(config(UPSTREAM), 10) == 1


def test_a_reload_changes_how_much_room_there_is() -> None:
    crowd = Crowd()
    assert crowd.room(config(connections=5)) == 5
    assert crowd.room(config(connections=7)) == 7


def test_a_full_house_takes_nobody_until_somebody_leaves() -> None:
    crowd, two = Crowd(), config(connections=2)
    for _ in range(2):
        assert crowd.full(two) is None
        crowd.enter("192.0.2.1")
    refusal = crowd.full(two)
    assert refusal is not None and refusal.reason is Reason.LIMIT_CONNECTIONS
    crowd.leave("192.0.2.1")
    assert crowd.full(two) is None


def test_an_address_that_has_its_share_gets_no_more_and_others_do() -> None:
    crowd, two = Crowd(), config(connections_per_address=2)
    for _ in range(2):
        assert crowd.crowded("192.0.2.1", two, 0.0) is None
        crowd.enter("192.0.2.1")
    refusal = crowd.crowded("192.0.2.1", two, 0.0)
    assert refusal is not None and refusal.reason is Reason.LIMIT_ADDRESS
    assert crowd.crowded("192.0.2.2", two, 0.0) is None
    assert (crowd.addresses, crowd.busiest) == (1, 2)
    crowd.leave("192.0.2.1")
    assert crowd.crowded("192.0.2.1", two, 0.0) is None


def test_who_has_no_address_is_not_held_to_one() -> None:
    """On a unix socket, and behind a balancer before its header came."""
    crowd, one = Crowd(), config(connections_per_address=1)
    for _ in range(3):
        crowd.enter("")
    assert crowd.crowded("", one, 0.0) is None
    assert (crowd.total, crowd.addresses) == (3, 0)


def test_the_oldest_that_has_shown_nothing_makes_room() -> None:
    crowd = Crowd()
    talking, silent, later = Someone(crowd), Someone(crowd), Someone(crowd)
    crowd.spoke(talking)
    assert crowd.make_room(3)
    assert silent.refusal is not None and silent.refusal.reason is Reason.LIMIT_HANDSHAKES
    assert talking.refusal is None and later.refusal is None
    assert (crowd.unfinished, crowd.total) == (2, 2)


def test_a_hello_that_nobody_has_looked_at_yet_saves_its_connection() -> None:
    """They all came in one turn: the oldest of them is not the one who has nothing to say."""
    crowd = Crowd()
    honest, silent = Someone(crowd), Someone(crowd)
    honest.hello = True
    assert crowd.make_room(2)
    assert honest.refusal is None and silent.refusal is not None


def test_when_all_have_shown_a_hello_there_is_no_room() -> None:
    """Nobody is asked to go, and how long nothing has moved is known."""
    crowd = Crowd()
    some = [Someone(crowd), Someone(crowd)]
    for one in some:
        one.hello = True
    assert not crowd.make_room(2)
    assert [one.refusal for one in some] == [None, None]
    assert [crowd.jammed(now) for now in (5.0, 5.5, 6.5)] == [0.0, 0.5, 1.5]
    crowd.settled(some[0])
    assert crowd.make_room(2)
    assert crowd.jammed(7.0) == 0.0


def test_a_smaller_number_after_a_reload_is_reached_at_the_next_arrival() -> None:
    crowd = Crowd()
    for _ in range(10):
        Someone(crowd)
    assert crowd.make_room(3)
    assert crowd.unfinished == 2


def test_an_address_that_failed_too_often_may_have_few_unfinished_handshakes() -> None:
    """Finished ones are not held against it, nor others for it."""
    crowd, limits = Crowd(), config(failures=1)
    some = [Someone(crowd) for _ in range(UNFINISHED_MOST)]
    for one in some:
        crowd.spoke(one)
    assert crowd.crowded("192.0.2.1", limits, 0.0) is None
    crowd.throttle.fail("192.0.2.1", 0.0, 1, limits.limits.failures_period)
    refusal = crowd.crowded("192.0.2.1", limits, 0.0)
    assert refusal is not None and refusal.reason is Reason.LIMIT_FAILURES
    assert crowd.crowded("192.0.2.2", limits, 0.0) is None
    crowd.settled(some[0])
    assert crowd.crowded("192.0.2.1", limits, 0.0) is None


def test_silent_connections_of_an_address_that_failed_too_often_keep_no_neighbour_out() -> None:
    """The oldest of them goes, and none of another address."""
    crowd, limits = Crowd(), config(failures=1)
    other = Someone(crowd, source="192.0.2.2")
    honest, *silent = [Someone(crowd) for _ in range(UNFINISHED_MOST)]
    honest.hello = True
    crowd.throttle.fail("192.0.2.1", 0.0, 1, limits.limits.failures_period)
    assert crowd.crowded("192.0.2.1", limits, 0.0) is None
    assert [one.refusal is None for one in (other, honest, *silent)] == [True, True, False, True, True]
    assert silent[0].refusal is not None and silent[0].refusal.reason is Reason.LIMIT_FAILURES


def test_who_is_introduced_later_counts_from_then_on() -> None:
    crowd, limits = Crowd(), config(connections_per_address=1)
    someone = Someone(crowd, source="")
    crowd.identify(someone, "192.0.2.9")
    assert someone.source == "192.0.2.9"
    assert crowd.crowded("192.0.2.9", limits, 0.0) is not None
    crowd.settled(someone)
    crowd.leave("192.0.2.9")
    assert (crowd.total, crowd.addresses, crowd.unfinished) == (0, 0, 0)


STEPS = st.tuples(st.sampled_from(["come", "speak", "settle", "leave"]), st.integers(0, 9))


@given(st.lists(STEPS, max_size=80))
def test_when_all_have_left_nothing_is_counted_any_more(steps: list[tuple[str, int]]) -> None:
    """Whatever happened in which order, and however often it was said."""
    crowd = Crowd()
    here: list[Someone] = []
    for step, which in steps:
        if step == "come":
            here.append(Someone(crowd, f"192.0.2.{which % 3}"))
        elif here:
            one = here[which % len(here)]
            if step == "speak":
                crowd.spoke(one)
            elif step == "settle":
                crowd.settled(one)
            else:
                here.remove(one)
                one.give_up(Refusal(Reason.TLS_CLOSED))
        assert crowd.total == len(here)
        assert crowd.busiest == max((sum(a.source == b.source for b in here) for a in here), default=0)
    for one in here:
        one.give_up(Refusal(Reason.TLS_CLOSED))
    assert (crowd.total, crowd.addresses, crowd.busiest, crowd.unfinished) == (0, 0, 0, 0)
