"""What the relay tells when something happened: makes the records and writes them in order.

A line that could not be written is owed, not lost: it is kept and written before the next one, and
until then no exchange is opened, so nothing is forwarded off the record.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

from mcpgate.evidence.journal import Journal, JournalError, new_id
from mcpgate.evidence.record import Leg, Outcome, close_line, handshake_line, open_line
from mcpgate.identity.principal import Principal
from mcpgate.policy.rules import Verdict
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
        self._write(
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

    def opened(
        self,
        id: str,
        *,
        inbound: str,
        outbound: str | None,
        principal: Principal | None,
        listener: str,
        route: str | None,
        upstream: str | None,
        http: str,
        method: str | None,
        name: str | None,
        verdict: Verdict | None,
    ) -> bool:
        """Record that an exchange begins. C{False}: it is not in the journal, so do not forward."""
        return self._write(
            open_line(
                id,
                time=self._wall(),
                inbound=inbound,
                outbound=outbound,
                principal=principal,
                listener=listener,
                route=route,
                upstream=upstream,
                http=http,
                method=method,
                name=name,
                verdict=verdict,
            )
        )

    def closed(
        self,
        id: str,
        *,
        inbound: str,
        outbound: str | None,
        outcome: Outcome,
        status: int | None,
        refusal: Refusal | None,
        bytes_in: int,
        bytes_out: int,
        seconds: float,
    ) -> None:
        """Record that an exchange is over."""
        self._write(
            close_line(
                id,
                time=self._wall(),
                inbound=inbound,
                outbound=outbound,
                outcome=outcome,
                status=status,
                refusal=refusal,
                bytes_in=bytes_in,
                bytes_out=bytes_out,
                seconds=seconds,
            )
        )

    def reopen(self) -> None:
        """Go on in a new file, after the old one was moved away.

        @raise JournalError: it cannot be opened; the old one is kept.
        """
        self._journal.reopen()

    def close(self) -> None:
        """Write what is owed, if that is possible now, and close the journal."""
        self._settle()
        self._journal.close()

    def _write(self, line: bytes) -> bool:
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
