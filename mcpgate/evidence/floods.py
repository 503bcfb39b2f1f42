"""Which of many refused handshakes get a line of their own, and what is told of the others (pure).

What a flood makes us refuse must not fill the disk that the evidence is on. For each listener and reason
the first are recorded whole, with what the client offered, and then one now and again; the others are
counted, and one line every few seconds tells how many there were and from where.
"""

from __future__ import annotations

from attrs import frozen

from mcpgate.reasons import Reason

#: So many are recorded whole before any is only counted: some clients that all fail in their own way,
#: each of which an operator wants to see.
WHOLE_MOST = 10
#: Seconds after which one more may be. A line is a kilobyte or less with all that was offered: a flood
#: of every reason there is leaves some kilobytes a second, of one reason half of one.
WHOLE_APART = 2.0
#: Seconds between two lines about the same reason: an operator sees how it develops, and a flood of a
#: day leaves 17,280 of them, some 5 MB.
TOLD_APART = 5.0
#: So many addresses are kept for each; beyond them it is told that there were at least so many.
ADDRESSES_MOST = 1000


@frozen
class Counted:
    """Handshakes that were refused alike, and have no lines of their own."""

    where: str
    reason: Reason
    count: int
    addresses: int
    seconds: float
    example: str


class _Flood:
    """What is known of one listener and reason."""

    __slots__ = ("addresses", "count", "example", "since", "told", "whole")

    def __init__(self, now: float) -> None:
        # When the next may be recorded whole; it lags behind by as much as may be at once.
        self.whole = now - WHOLE_MOST * WHOLE_APART
        self.told = now - TOLD_APART
        self.since = now
        self.count = 0
        self.addresses: set[str] = set()
        self.example = ""


class Floods:
    """The refused handshakes of one worker."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Reason, bool], _Flood] = {}

    def whole(self, where: str, reason: Reason, peer: str, now: float, exposed: bool = False) -> bool:
        """
        Whether one gets a line of its own; else it is counted.

        @param where: The listener's name.
        @param peer: C{address:port}, or C{unix}.
        @param now: Monotonic seconds.
        @param exposed: Whether a credential came in clear with it. Somebody is told of that: it must not
            drown in what comes without.
        """
        flood = self._known.get((where, reason, exposed))
        if flood is None:
            flood = self._known[where, reason, exposed] = _Flood(now)
        due = max(flood.whole, now - WHOLE_MOST * WHOLE_APART)
        if due + WHOLE_APART <= now:
            flood.whole = due + WHOLE_APART
            return True
        if not flood.count:
            flood.since = now
            flood.example = peer
        flood.count += 1
        if len(flood.addresses) < ADDRESSES_MOST:
            flood.addresses.add(peer.rpartition(":")[0] or peer)
        return False

    def due(self, now: float, *, all: bool = False) -> list[Counted]:
        """What is to be told by now; it is forgotten here.

        @param all: Whether it is too early or not.
        """
        told = []
        for (where, reason, _), flood in self._known.items():
            if flood.count and (all or now - flood.told >= TOLD_APART):
                told.append(
                    Counted(
                        where, reason, flood.count, len(flood.addresses), now - flood.since, flood.example
                    )
                )
                flood.told = now
                flood.count = 0
                flood.addresses = set()
        return told
