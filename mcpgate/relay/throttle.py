"""Who fails too often: a budget of failures for each address (pure).

A failure is a bad token or plaintext on the TLS port. Each address has a bucket of C{failures}
tokens that fills up again in C{period}; an address that has used its own up is told to wait. What
succeeds costs nothing and is never asked about here: one agent with a stale token behind a NAT must
not lock out its neighbours.

A bucket is one number, the time at which it will be full: a failure moves it on by one token's
worth, and a bucket that is full need not be kept. The set is bounded too; the address that has
failed least recently is forgotten first.
"""

from __future__ import annotations

from math import ceil

#: Addresses remembered at once, some 200 bytes each. Whoever commands more than these is not held
#: up by their addresses.
ADDRESSES_MOST = 16384


class Throttle:
    """The buckets of one worker. Times are monotonic seconds."""

    def __init__(self, most: int = ADDRESSES_MOST) -> None:
        self._most = most
        # When each bucket is full again; those that failed last come last.
        self._full: dict[str, float] = {}

    def fail(self, source: str, now: float, failures: int, period: float) -> int:
        """
        Take one token out of an address's bucket.

        @return: 0 if there was one; else the seconds until there will be, rounded up. Nothing is
            taken then, so that whoever waits as long is heard again, however often it tried before.
        """
        each = period / failures
        # Never emptier than empty: the period may have been shortened meanwhile.
        full = min(max(self._full.pop(source, now), now), now + period) + each
        # A token's worth of floating point error must not count for one.
        over = full - now - period
        if over > each / 1000:
            self._full[source] = full - each
            return ceil(over)
        self._full[source] = full
        if len(self._full) > self._most:
            del self._full[next(iter(self._full))]
        return 0

    def spent(self, source: str, now: float, failures: int, period: float) -> bool:
        """Whether the next failure of an address would be one too many."""
        full = self._full.get(source)
        return full is not None and full - now - period + period / failures > period / failures / 1000

    def count(self, now: float, failures: int, period: float) -> int:
        """How many addresses have used their failures up. Forgets those that have all of them again."""
        self._full = {source: full for source, full in self._full.items() if full > now}
        return sum(self.spent(source, now, failures, period) for source in self._full)
