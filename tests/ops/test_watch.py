"""Looking again and again."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mcpgate.ops.watch import Watch


def test_it_looks_again_and_again_until_it_is_stopped() -> None:
    """The interval is asked for each time, so that it can change."""
    clock, looks, interval = Clock(), [], [2.0]
    watch = Watch(clock, lambda: interval[0], lambda: looks.append(clock.seconds()))
    watch.start()
    clock.pump([1.0] * 4)
    interval[0] = 5.0
    clock.pump([1.0] * 8)
    assert looks == [2.0, 4.0, 6.0, 11.0]
    watch.stop()
    clock.advance(100)
    assert len(looks) == 4 and not clock.getDelayedCalls()


def test_a_look_that_fails_is_not_the_last() -> None:
    """A timer that raised would be gone for good."""
    clock, looks = Clock(), []

    def look() -> None:
        looks.append(clock.seconds())
        raise ValueError("a bug")

    Watch(clock, lambda: 1.0, look).start()
    clock.pump([1.0] * 3)
    assert looks == [1.0, 2.0, 3.0]


def test_a_look_that_takes_its_time_is_waited_for() -> None:
    """There are never two of them."""
    clock = Clock()
    slow: list[Deferred[None]] = []

    def look() -> Deferred[None]:
        slow.append(Deferred())
        return slow[-1]

    watch = Watch(clock, lambda: 1.0, look)
    watch.start()
    clock.pump([1.0] * 5)
    assert len(slow) == 1
    slow[0].callback(None)
    clock.advance(1.0)
    assert len(slow) == 2
    watch.stop()
    slow[1].callback(None)
    assert not clock.getDelayedCalls()
