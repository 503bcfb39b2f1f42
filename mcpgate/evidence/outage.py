"""A time in which the journal cannot be written, and what it will have to say of it (pure)."""

from __future__ import annotations


class Outage:
    """
    What is missing since the journal failed.

    @ivar since: When it failed, as lines have it; C{None} while it does not.
    @ivar why: Why at first.
    @ivar exchanges: How many were forwarded off the record. C{lines}: how many will never be written.
    """

    def __init__(self) -> None:
        self.since: str | None = None
        self.why: str | None = None
        self.exchanges = self.lines = 0

    def begin(self, since: str, why: str) -> bool:
        """It cannot be written; whether that is new."""
        if self.since is not None:
            return False
        self.since, self.why = since, why
        return True

    def end(self) -> tuple[int, int]:
        """It can be written again: how many exchanges and lines are to be told of."""
        missing = self.exchanges, self.lines
        self.since = self.why = None
        self.exchanges = self.lines = 0
        return missing
