"""Spans of time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.report.span import Span, read_span

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("since", "until", "span"),
    [
        ("2026-11-01", None, Span("2026-11-01T00:00:00.000000Z", "2026-11-26T09:30:00.000000Z")),
        ("2026-11-01", "2026-11-01", Span("2026-11-01T00:00:00.000000Z", "2026-11-02T00:00:00.000000Z")),
        ("7d", "1d", Span("2026-11-19T09:30:00.000000Z", "2026-11-25T09:30:00.000000Z")),
        (
            "2026-11-01T10:00:00+02:00",
            "2026-11-01T08:00:00.5Z",
            Span("2026-11-01T08:00:00.000000Z", "2026-11-01T08:00:00.500000Z"),
        ),
    ],
)
def test_spans_are_read(since: str, until: str | None, span: Span) -> None:
    """Dates are days of UTC, the last of which is whole; times have zones; durations are before now."""
    assert read_span(since, until, NOW) == span


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("yesterday", None, "is no time"),
        ("2026-11-01T10:00:00", None, "has no zone"),
        ("2026-11-02", "2026-11-01", "ends before it begins"),
        ("2027-01-01", None, "ends before it begins"),
        ("2026-02-30", None, "is no time"),
    ],
)
def test_what_is_no_span_says_why(since: str, until: str | None, said: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=said):
        read_span(since, until, NOW)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but C{ValueError} comes of what somebody types."""
    try:
        span = read_span(text, None, NOW)
    except ValueError:
        return
    assert span.since < span.until


def test_a_span_has_its_beginning_and_not_its_end() -> None:
    """So that no line is in two spans that follow each other."""
    span = read_span("2026-11-01", "2026-11-01", NOW)
    assert span.holds("2026-11-01T00:00:00.000000Z")
    assert span.holds("2026-11-01T23:59:59.999999Z")
    assert not span.holds("2026-11-02T00:00:00.000000Z")
