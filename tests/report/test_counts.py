"""Counting what peers may choose, in bounded memory."""

from __future__ import annotations

from mcpgate.report.counts import Bounded, Counted, Listed, Listing, Row


def test_values_beyond_the_bound_are_counted_together() -> None:
    """Nothing is lost of the total, whatever peers make up."""
    counter = Bounded[str](2)
    for name in ("a", "b", "c", "b", "d"):
        counter.add(name)
    counted = counter.counted()
    assert counted == Counted((Row("b", 2), Row("a", 1)), 2)
    assert counted.total == 5
    assert (counted.of("b"), counted.of("c")) == (2, 0)
    assert len(counter.counts) == 2


def test_a_list_says_how_many_it_leaves_out() -> None:
    """As with counters."""
    listing = Listing[int](2)
    for number in range(5):
        listing.add(number)
    assert listing.listed() == Listed((0, 1), 3)
    assert listing.listed().total == 5
