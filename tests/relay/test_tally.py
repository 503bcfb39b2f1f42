"""Refusals are counted one by one, and a flood of them leaves few records."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcpgate.reasons import Reason
from mcpgate.relay.tally import APART, Tally

CROWD, ADDRESS = Reason.LIMIT_CONNECTIONS, Reason.LIMIT_ADDRESS


def test_every_refusal_is_counted_by_its_reason() -> None:
    tally = Tally()
    for reason in (CROWD, ADDRESS, Reason.CLIENT_GONE, CROWD):
        tally.count(reason)
    assert tally.counts == {CROWD: 2, ADDRESS: 1}


def test_the_first_is_recorded_and_the_next_a_second_later_with_what_came_between() -> None:
    tally = Tally()
    assert tally.due(CROWD, 5.0) == 0
    assert [tally.due(CROWD, 5.0 + part) for part in (0.0, 0.4, 0.9)] == [None] * 3
    assert tally.due(CROWD, 5.0 + APART) == 3
    assert tally.due(CROWD, 5.5 + APART) is None
    assert tally.due(CROWD, 99.0) == 1
    assert tally.due(CROWD, 199.0) == 0


def test_reasons_do_not_wait_for_each_other() -> None:
    tally = Tally()
    assert tally.due(CROWD, 0.0) == 0
    assert tally.due(ADDRESS, 0.0) == 0
    assert tally.due(CROWD, 0.1) is None


@given(st.lists(st.floats(0, 0.5), max_size=60))
def test_what_is_recorded_accounts_for_all_that_happened_before_it(pauses: list[float]) -> None:
    """At most one a second; the counts add up."""
    tally = Tally()
    now = 0.0
    recorded, accounted, happened = [], 0, 0
    for pause in pauses:
        now += pause
        happened += 1
        between = tally.due(CROWD, now)
        if between is not None:
            recorded.append(now)
            accounted += between + 1
            assert accounted == happened
    # But for what adding up floats rounds away.
    assert all(later - sooner > APART - 1e-9 for sooner, later in zip(recorded, recorded[1:], strict=False))
