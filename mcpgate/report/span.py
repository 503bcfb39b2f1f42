"""A span of time, as people name it and as records can be compared with it (pure).

The times of records all have one form (L{mcpgate.evidence.record.timestamp}), so that one is earlier than
another if its text is.
"""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import frozen

from mcpgate.config.units import read_duration
from mcpgate.evidence.record import timestamp


@frozen
class Span:
    """From C{since} on, and before C{until}: both as records have them."""

    since: str
    until: str

    def holds(self, time: str) -> bool:
        """Whether something that was recorded then was in it."""
        return self.since <= time < self.until


def read_span(since: str, until: str | None, now: float) -> Span:
    """
    A span as it is written on a command line.

    @param since: A date (it begins with that day), a time of RFC 3339, or a duration such as C{7d}: so long
        before now. All days are those of UTC.
    @param until: The same, but of a date the whole day is in the span. C{None}: now.
    @raise ValueError: It is none; the sentence begins at the value.
    """
    begin = _moment(since, now, last=False)
    end = now if until is None else _moment(until, now, last=True)
    if end <= begin:
        raise ValueError("ends before it begins")
    return Span(timestamp(begin), timestamp(end))


def _moment(text: str, now: float, *, last: bool) -> float:
    try:
        return now - read_duration(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "is no time; want a date (2026-11-01), a time (2026-11-01T09:30:00Z) or a duration (7d)"
        ) from None
    if "T" not in text.upper() and " " not in text:
        return moment.replace(tzinfo=UTC).timestamp() + (86400 if last else 0)
    if moment.tzinfo is None:
        raise ValueError("has no zone; write 2026-11-01T09:30:00Z for UTC")
    return moment.timestamp()
