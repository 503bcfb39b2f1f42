"""The table of loads is what the bench promises to measure, and turns are fair."""

from __future__ import annotations

from collections import Counter

from tests.bench.loads import LOADS, in_turn
from tests.bench.peers import PEERS
from tests.bench.rows import FIGURES


def test_the_loads_are_those_that_the_documentation_names() -> None:
    """Whoever reads build/bench.json looks them up by name."""
    names = ["post-1", "post-32", "post-256", "latency", "handshake", "idle", "sse-1000"]
    names += ["policy", "clean-2k", "hits-200k", "identity", "change"]
    assert [load.name for load in LOADS] == names
    assert {load.figure for load in LOADS} <= set(FIGURES)


def test_what_is_compared_by_speed_takes_a_turn_in_every_round() -> None:
    """Seven rounds are seven turns, nine are nine, for everybody but the one that says otherwise."""
    for load in (*LOADS[:5], *LOADS[7:]):
        most = 7 if load.group == "peers" else 9
        assert [number for number in range(20) if load.is_due(number)] == list(range(most))
    assert [number for number in range(20) if LOADS[5].is_due(number)] == [0, 2, 4, 6]


def test_no_place_in_a_round_belongs_to_one_peer() -> None:
    """Over as many rounds as there are peers, each has been everywhere once."""
    peers = list(PEERS)
    rounds = [list(in_turn(peers, number)) for number in range(len(peers))]
    assert all(sorted(order) == sorted(peers) for order in rounds)
    for place in range(len(peers)):
        assert Counter(order[place] for order in rounds) == dict.fromkeys(peers, 1)
    assert list(in_turn([], 3)) == []


def test_the_whole_fits_into_its_time() -> None:
    """All rounds, with a second a turn to get ready, in less than the twenty minutes that are promised; who
    wants another tree measured, too, has time."""
    total = 0.0
    for peer in PEERS.values():
        for load in LOADS:
            own = peer.load(load)
            if peer.takes(load) and load.group != "trees":
                total += sum(own.seconds + 1.0 for number in range(own.rounds) if own.is_due(number))
    assert total < 20 * 60
