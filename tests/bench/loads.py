"""What is measured: the loads, and the order in which peers take their turns (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen
class Load:
    """
    One kind of use. C{kind} is what C{load.c} calls it; C{figure} is what is compared.

    @ivar group: Who takes turns: C{peers}, which are compared with nginx; or C{gates} by their policies, or
        C{callers}, gates by how they know these, or C{trees}, of today and of before; of these each is
        compared with the first one.
    @ivar answer: Which answer the calls want: the usual small one, or one of L{ANSWERS}.
    """

    name: str
    kind: str
    connections: int
    seconds: float
    figure: str
    #: Requests a second, where they come by the clock.
    rate: float = 0.0
    #: A turn is cut into so many slices, between which the other peers have theirs.
    slices: int = 1
    #: It takes a turn in every so many rounds: 1 is every round.
    every: int = 1
    #: How many rounds a figure needs that is to be believed: nine where differences of microseconds are told.
    rounds: int = 7
    #: A process that has served nobody else yet, for memory that it keeps would hide what comes next.
    fresh: bool = False
    group: str = "peers"
    answer: str = ""

    def is_due(self, number: int) -> bool:
        """Whether it takes a turn in the round of that number, counted from 0."""
        return number < self.rounds and number % self.every == 0


#: What callers may ask the upstream for, in the order in which it has them.
ANSWERS = ("clean", "hits")

# Two seconds are tens of thousands of requests of a fast peer; at 200 requests a second three seconds
# are 600 of them, and the p99 of a turn is its sixth worst. A shared machine is fast in one second and
# slow in the next: in slices of a quarter or less, all peers of a round see the same weather.
LOADS = (
    Load("post-1", "closed", 1, 2.0, "rps", slices=16),
    Load("post-32", "closed", 32, 2.0, "rps", slices=8),
    Load("post-256", "closed", 256, 2.0, "rps", slices=8),
    Load("latency", "open", 4, 3.0, "p50_us", rate=200.0, slices=8),
    Load("handshake", "handshake", 8, 2.0, "cpu_us", slices=8),
    # These two take long to set up and vary little: every second round, and in one piece.
    Load("idle", "idle", 1000, 0.5, "mb_per_1000", every=2, fresh=True),
    Load("sse-1000", "sse", 1000, 4.0, "cpu_us", every=2),
    # The gate beside itself: what rules, budgets and detectors cost, on the usual small call; on an answer
    # of 2 KB in which nothing is found; and on one of 200 KB in which twenty values are.
    Load("policy", "closed", 32, 2.0, "cpu_us", slices=8, rounds=9, group="gates"),
    Load("clean-2k", "closed", 32, 2.0, "cpu_us", slices=8, rounds=9, group="gates", answer="clean"),
    Load("hits-200k", "closed", 4, 1.5, "cpu_us", slices=8, rounds=9, group="gates", answer="hits"),
    # And by what its callers prove who they are with.
    Load("identity", "closed", 32, 1.0, "cpu_us", slices=8, rounds=9, group="callers"),
    # And as it was before a change, which only those take part in who ask for it.
    Load("change", "closed", 32, 2.0, "cpu_us", slices=8, rounds=9, group="trees"),
)


def in_turn(peers: Sequence[T], number: int) -> Iterator[T]:
    """The peers in the order of that round: each round another begins, so that no place favours one."""
    first = number % len(peers) if peers else 0
    yield from peers[first:]
    yield from peers[:first]
