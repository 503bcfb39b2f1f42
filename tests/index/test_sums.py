"""Times as steps of sums."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mcpgate.index.schema import HOUR, MINUTE
from mcpgate.index.sums import counts_of, leg_of, minutes, spans

TIMES = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))


@given(TIMES, TIMES)
def test_a_time_is_in_its_minutes(since: datetime, until: datetime) -> None:
    """Whole ones, and no more than it needs."""
    start, end = minutes(since, until)
    assert start % MINUTE == end % MINUTE == 0 and start <= since.timestamp() < start + MINUTE
    if until >= since:
        assert end >= until.timestamp() > end - 2 * MINUTE
    else:
        assert end - start <= MINUTE


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_spans_are_the_whole_time_in_few_steps(first: int, length: int) -> None:
    """Each minute of it in just one of them, and hours wherever there are whole ones."""
    start, end = first * MINUTE, (first + length) * MINUTE
    found = list(spans(start, end))
    covered = [at for step, begin, stop in found for at in range(begin, stop, step)]
    assert sum(step * ((stop - begin) // step) for step, begin, stop in found) == end - start
    assert covered == sorted(set(covered))
    assert len(found) <= 3 and all(begin < stop for _, begin, stop in found)
    assert sum(stop - begin for step, begin, stop in found if step == MINUTE) < 2 * HOUR


def test_counts_are_in_the_order_of_their_size() -> None:
    """With their shares; what is unknown has no name, and what is not there is not shown."""
    assert [(one.name, one.count, one.share) for one in counts_of({"b": 1, "": 2, "a": 1, "c": 0})] == [
        (None, 2, 0.5),
        ("a", 1, 0.25),
        ("b", 1, 0.25),
    ]
    assert counts_of({}) == ()


def test_a_leg_without_exchanges_has_nothing() -> None:
    """And no share of it is anything."""
    leg = leg_of(())
    assert (leg.exchanges, leg.post_quantum.share, leg.versions) == (0, 0.0, ())
