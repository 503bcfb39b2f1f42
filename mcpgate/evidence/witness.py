"""What the relay tells when something happened: makes the records and writes them in order.

The lines of one turn of the readiness set are written in one piece, at its end: a system call for a
line would cost as much as the line. What must be in the journal before it happens (an exchange's
C{open} line, before its request is forwarded) waits for L{Witness.settle}.

A line that could not be written is owed, not lost: it is kept and written before the next one, and
until then no exchange is opened, so nothing is forwarded off the record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from mcpgate.evidence.handshakes import Leg, handshake_line
from mcpgate.evidence.journal import Journal, JournalError, new_id
from mcpgate.evidence.record import timestamp
from mcpgate.reasons import Refusal
from mcpgate.tls.handshake import Handshake, Offer

# Owed lines kept in memory while the journal fails: no exchange is forwarded meanwhile, so only
# refusals and handshakes can add to them. Beyond this they are counted.
OWED_MOST = 10_000

# Lines written at once: a busy turn has this many, and on a nearly full disk some of what is owed
# should fit.
BATCH = 128


def _now(call: Callable[[], object]) -> None:
    call()


class Witness:
    """Writes the records of one worker. C{failure} is why the journal cannot be written, if so."""

    def __init__(
        self,
        journal: Journal,
        wall: Callable[[], float] = time.time,
        *,
        soon: Callable[[Callable[[], object]], None] = _now,
    ) -> None:
        """
        @param soon: calls what it is given at the end of the turn in which something happened.
        """
        self.failure: str | None = None
        self.dropped = 0
        self._journal = journal
        self._wall = wall
        self._soon = soon
        self._owed: list[bytes] = []
        self._stamp: str | None = None
        self._due = False

    def handshake(
        self,
        *,
        leg: Leg,
        where: str,
        peer: str,
        local: str,
        handshake: Handshake | None = None,
        offer: Offer | None = None,
        refusal: Refusal | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> str:
        """Record a leg's handshake, finished or refused; returns the record's id."""
        id = new_id("h")
        self.tell(
            handshake_line(
                id,
                time=self.stamp(),
                leg=leg,
                outcome="ok" if refusal is None else "refused",
                where=where,
                peer=peer,
                local=local,
                handshake=handshake,
                offer=offer,
                refusal=refusal,
                extra=extra,
            )
        )
        return id

    def stamp(self) -> str:
        """The time for a line of this turn."""
        stamp = self._stamp
        if stamp is None:
            stamp = self._stamp = timestamp(self._wall())
            if not self._due:
                self._make_due()
        return stamp

    def tell(self, line: bytes) -> bool:
        """
        Have a line written by the end of this turn, after all that is owed.

        @return: C{False} when too much is owed: it will never be written.
        """
        owed = self._owed
        if len(owed) >= OWED_MOST and not self.settle():
            self.dropped += 1
            return False
        owed.append(line)
        if not self._due:
            self._make_due()
        return True

    def settle(self) -> bool:
        """Write now what is owed. C{False}: some of it still is, so do not forward."""
        owed = self._owed
        if not owed:
            return True
        try:
            while owed:
                some = owed[:BATCH]
                self._journal.append(b"".join(some))
                del owed[: len(some)]
        except JournalError as error:
            self.failure = str(error)
            return False
        self.failure = None
        return True

    def reopen(self) -> None:
        """Go on in a new file, after the old one was moved away.

        @raise JournalError: it cannot be opened; the old one is kept.
        """
        self._journal.reopen()

    def look(self) -> None:
        """See whether the journal is still where it was, and begin a new one if it was deleted."""
        try:
            self._journal.look()
        except JournalError as error:
            self.failure = str(error)
        else:
            if not self._owed:
                self.failure = None

    def close(self) -> None:
        """Write what is owed, if that is possible now, and close the journal."""
        self.settle()
        self._journal.close()

    def _make_due(self) -> None:
        self._due = True
        self._soon(self._end_turn)

    def _end_turn(self) -> None:
        self._due = False
        self._stamp = None
        self.settle()
