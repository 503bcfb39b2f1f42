"""What the relay tells when something happened: makes the records and writes them in order.

A line that could not be written is owed, not lost: it is kept and written before the next one, and
until then no exchange is opened, so nothing is forwarded off the record.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

from mcpgate.evidence.journal import Journal, JournalError, new_id
from mcpgate.evidence.record import Leg, handshake_line
from mcpgate.reasons import Refusal
from mcpgate.tls.handshake import Handshake, Offer

# Owed lines kept in memory while the journal fails: no exchange is forwarded meanwhile, so only
# refusals and handshakes can add to them. Beyond this they are counted.
OWED_MOST = 10_000


class Witness:
    """Writes the records of one worker. C{failure} is why the journal cannot be written, if so."""

    def __init__(self, journal: Journal, wall: Callable[[], float] = time.time) -> None:
        self.failure: str | None = None
        self.dropped = 0
        self._journal = journal
        self._wall = wall
        self._owed: deque[bytes] = deque()

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
        self.write(
            handshake_line(
                id,
                time=self._wall(),
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

    def now(self) -> float:
        """Unix seconds, for the time of a line."""
        return self._wall()

    def write(self, line: bytes) -> bool:
        """Write a line after all that is owed. C{False}: it is owed itself now, so do not forward."""
        if self._owed and not self._settle():
            self._owe(line)
            return False
        try:
            self._journal.append(line)
        except JournalError as error:
            self.failure = str(error)
            self._owe(line)
            return False
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
        self._settle()
        self._journal.close()

    def _owe(self, line: bytes) -> None:
        if len(self._owed) < OWED_MOST:
            self._owed.append(line)
        else:
            self.dropped += 1

    def _settle(self) -> bool:
        try:
            while self._owed:
                self._journal.append(self._owed[0])
                self._owed.popleft()
        except JournalError as error:
            self.failure = str(error)
            return False
        self.failure = None
        return True
