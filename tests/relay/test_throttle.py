"""A budget of failures for each address: what fits in it, when it is back, and what is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcpgate.relay.throttle import Throttle


def test_so_many_failures_are_within_the_budget_and_the_next_is_not() -> None:
    throttle = Throttle()
    for _ in range(3):
        assert not throttle.spent("a", 0.0, 3, 60.0)
        assert throttle.fail("a", 0.0, 3, 60.0) == 0
    assert throttle.spent("a", 0.0, 3, 60.0)
    assert throttle.fail("a", 0.0, 3, 60.0) == 20


def test_whoever_waits_as_long_as_told_is_heard_again() -> None:
    """However often it tried in between: each of 20 a minute comes back after three seconds."""
    throttle = Throttle()
    for _ in range(20):
        assert throttle.fail("a", 7.0, 20, 60.0) == 0
    assert [throttle.fail("a", 7.0 + part, 20, 60.0) for part in (0.0, 1.0, 2.5)] == [3, 2, 1]
    assert throttle.fail("a", 10.0, 20, 60.0) == 0
    assert throttle.fail("a", 10.0, 20, 60.0) == 3


def test_a_whole_period_gives_the_whole_budget_back_and_no_more() -> None:
    throttle = Throttle()
    for start in (0.0, 60.0, 6000.0):
        assert [throttle.fail("a", start, 3, 60.0) > 0 for _ in range(4)] == [False] * 3 + [True]


def test_one_address_does_not_spend_anothers_budget() -> None:
    throttle = Throttle()
    assert throttle.fail("a", 0.0, 1, 60.0) == 0
    assert throttle.fail("b", 0.0, 1, 60.0) == 0
    assert throttle.fail("a", 0.0, 1, 60.0) == 60


def test_the_address_that_failed_least_recently_is_forgotten_first() -> None:
    throttle = Throttle(most=2)
    for source in ("a", "b", "a", "c"):
        throttle.fail(source, 0.0, 1, 60.0)
    assert [throttle.spent(source, 0.0, 1, 60.0) for source in ("a", "b", "c")] == [True, False, True]


def test_those_over_their_budget_are_counted_until_they_have_one_again() -> None:
    throttle = Throttle()
    for source in ("a", "a", "b"):
        throttle.fail(source, 0.0, 2, 60.0)
    assert throttle.count(0.0, 2, 60.0) == 1
    assert throttle.count(29.0, 2, 60.0) == 1
    assert throttle.count(30.0, 2, 60.0) == 0
    assert throttle.count(61.0, 2, 60.0) == 0


def test_a_budget_that_is_made_smaller_counts_at_once() -> None:
    """By a reload: what was within the old one may be over the new."""
    throttle = Throttle()
    for _ in range(10):
        throttle.fail("a", 0.0, 20, 60.0)
    assert not throttle.spent("a", 0.0, 20, 60.0)
    assert throttle.spent("a", 0.0, 20, 10.0)


def test_a_period_that_is_made_shorter_counts_at_once() -> None:
    """By a reload: nobody waits for what is left of the old one."""
    throttle = Throttle()
    for _ in range(20):
        throttle.fail("a", 0.0, 20, 86400.0)
    assert throttle.fail("a", 1.0, 20, 60.0) == 3
    assert throttle.fail("a", 4.0, 20, 60.0) == 0


@given(st.integers(1, 50), st.floats(1, 3600), st.lists(st.floats(0, 5), max_size=120))
def test_no_period_holds_more_than_twice_the_budget(
    failures: int, period: float, pauses: list[float]
) -> None:
    """A bucket: what it holds at once, and what drips in meanwhile."""
    throttle = Throttle()
    now, heard = 1000.0, []
    for pause in pauses:
        now += pause
        wait = throttle.fail("a", now, failures, period)
        if not wait:
            heard.append(now)
        else:
            assert 1 <= wait <= period / failures + 1
            assert throttle.spent("a", now, failures, period)
    for begin in heard:
        assert sum(begin <= time < begin + period for time in heard) <= 2 * failures + 1
