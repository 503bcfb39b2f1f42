"""Configurations as the record says they came into force."""

from __future__ import annotations

from mcpgate.report.generations import TOLD_MOST
from mcpgate.report.span import Span
from mcpgate.report.summary import Summing
from tests.report.written import SPAN, at, generation, summed


def test_the_one_before_the_span_is_told_and_older_ones_are_not() -> None:
    """It was in force when the span began."""
    span = Span(at(10), at(20))
    found = summed(generation(1, 1), generation(5, 2), generation(12, 3), generation(30, 4), span=span)
    assert [(one.number, one.time) for one in found.generations.rows] == [(2, at(5)), (3, at(12))]


def test_workers_that_adopt_the_same_are_told_once() -> None:
    """With all of their numbers."""
    summing = Summing(SPAN)
    for worker in (0, 1):
        summing.take_all([generation(worker, 1)], worker)
    found = summing.summary().generations.rows
    assert [(one.number, one.workers, one.time) for one in found] == [(1, (0, 1), at(0))]


def test_what_is_in_force_is_told_with_its_hashes() -> None:
    """Of configuration and rules, and never their texts."""
    found = summed(generation(1, 7, fips=True)).generations.rows[0]
    assert (found.configuration, found.policy) == ("aa" * 32, "bb" * 32)
    assert (found.openssl, found.fips) == ("OpenSSL 3.5.0", True)
    assert [demand.where for demand in found.demands] == ["public", "files"]


def test_a_gate_that_reloads_all_day_fills_no_memory() -> None:
    """The first ones are told, the others counted."""
    found = summed(*(generation(1, number) for number in range(TOLD_MOST + 5))).generations
    assert (len(found.rows), found.left_out) == (TOLD_MOST, 5)


def test_members_that_are_none_are_passed_over() -> None:
    """A line of a later version may say more, or other things."""
    found = summed(generation(1, 1, listeners="none", upstreams=[1, {"name": 2}], configuration=None))
    assert found.generations.rows[0].demands == ()
    assert found.generations.rows[0].configuration is None
