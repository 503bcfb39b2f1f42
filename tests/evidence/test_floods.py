"""Which of many refused handshakes get a line of their own, and that none is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.floods import ADDRESSES_MOST, TOLD_APART, WHOLE_APART, WHOLE_MOST, Counted, Floods
from mcpgate.reasons import Reason

WHERE = ("public", Reason.TLS_VERSION)


def test_the_first_are_recorded_whole_then_one_now_and_again() -> None:
    floods = Floods()
    whole = [floods.whole(*WHERE, "192.0.2.1:5", 100.0 + 0.001 * each) for each in range(500)]
    assert whole == [True] * WHOLE_MOST + [False] * (500 - WHOLE_MOST)
    assert floods.whole(*WHERE, "192.0.2.1:5", 100.0 + WHOLE_APART)
    assert not floods.whole(*WHERE, "192.0.2.1:5", 100.0 + WHOLE_APART)


def test_after_a_quiet_time_the_first_are_recorded_whole_again() -> None:
    floods = Floods()
    for _ in range(2):
        assert [floods.whole(*WHERE, "a:1", 100.0) for _ in range(WHOLE_MOST + 1)][-2:] == [True, False]
        floods = Floods()
    later = 100.0 + WHOLE_MOST * WHOLE_APART
    assert all(floods.whole(*WHERE, "a:1", later) for _ in range(WHOLE_MOST))


def test_listeners_and_reasons_do_not_take_each_others_place() -> None:
    floods = Floods()
    for _ in range(WHOLE_MOST + 1):
        floods.whole(*WHERE, "a:1", 100.0)
    assert floods.whole("other", Reason.TLS_VERSION, "a:1", 100.0)
    assert floods.whole("public", Reason.TLS_HELLO, "a:1", 100.0)


def test_a_credential_in_clear_does_not_drown_in_what_comes_without() -> None:
    """Somebody is told of each that has a line."""
    floods = Floods()
    for _ in range(100):
        floods.whole("public", Reason.TLS_PLAINTEXT, "a:1", 100.0)
    exposed = [floods.whole("public", Reason.TLS_PLAINTEXT, "b:1", 100.0, True) for _ in range(20)]
    assert exposed == [True] * WHOLE_MOST + [False] * (20 - WHOLE_MOST)
    assert sum(one.count for one in floods.due(100.0)) == 110 - 2 * WHOLE_MOST + 10


def test_the_others_are_told_together_now_and_again() -> None:
    floods = Floods()
    for each in range(WHOLE_MOST + 30):
        floods.whole(*WHERE, f"192.0.2.{each % 2}:{each}", 100.0)
    assert floods.due(101.0) == [Counted(*WHERE, 30, 2, 1.0, f"192.0.2.{WHOLE_MOST % 2}:{WHOLE_MOST}")]
    floods.whole(*WHERE, "[2001:db8::1]:7", 101.5)
    assert floods.due(101.0 + TOLD_APART - 0.1) == []
    assert floods.due(103.0, all=True) == [Counted(*WHERE, 1, 1, 1.5, "[2001:db8::1]:7")]
    assert floods.due(200.0) == []


def test_what_a_flood_makes_us_keep_is_bounded() -> None:
    floods = Floods()
    for each in range(ADDRESSES_MOST + WHOLE_MOST + 100):
        floods.whole(*WHERE, f"10.0.{each // 250}.{each % 250}:1", 100.0)
    (told,) = floods.due(100.0)
    assert (told.count, told.addresses) == (ADDRESSES_MOST + 100, ADDRESSES_MOST)


@given(
    st.lists(
        st.tuples(st.sampled_from(["one", "two"]), st.floats(0, 5), st.booleans()), max_size=200
    )
)
def test_each_is_recorded_or_counted_and_told_exactly_once(events: list[tuple[str, float, bool]]) -> None:
    floods, now, whole, told = Floods(), 50.0, 0, 0
    for where, passed, look in events:
        now += passed
        whole += floods.whole(where, Reason.TLS_HELLO, "a:1", now)
        if look:
            told += sum(one.count for one in floods.due(now))
    assert whole + told + sum(one.count for one in floods.due(now, all=True)) == len(events)
    assert whole <= 2 * (WHOLE_MOST + (now - 50.0) / WHOLE_APART)
