"""The connections to one upstream: leased to one exchange at a time, kept while fresh, bounded."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from mcpgate.evidence.witness import Witness
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.readiness import Readiness
from mcpgate.tls.stream import TLSStream
from mcpgate.upstream.connect import Dial, late_refusal
from mcpgate.upstream.connection import Heads, UpstreamConnection
from mcpgate.upstream.terms import UpstreamTerms


class Leaser(Protocol):
    """Who wants a connection."""

    def leased(self, connection: UpstreamConnection) -> None:
        """Here is one, verified, with nothing in flight."""

    def unleased(self, refusal: Refusal, record: str | None = None) -> None:
        """There will be none. C{record}: the id of the handshake that was refused, if there was one."""


class Pool:
    """All connections made under one L{UpstreamTerms.fingerprint}."""

    def __init__(self, reactor: Any, readiness: Readiness, terms: UpstreamTerms, witness: Witness) -> None:
        self.terms = terms
        self.heads: Heads = {}
        self.last_handshake: Handshake | None = None
        self.last_refusal: Refusal | None = None
        self._reactor = reactor
        self._readiness = readiness
        self._witness = witness
        self._idle: list[UpstreamConnection] = []
        self._leased: set[UpstreamConnection] = set()
        self._dials: set[Dialing] = set()
        self._waiting: deque[Leaser] = deque()
        self._arriving: UpstreamConnection | None = None
        self._closed = False

    @property
    def now(self) -> float:
        """Monotonic seconds of this turn."""
        return self._readiness.now

    def counts(self) -> dict[str, int]:
        """How many connections are in which state, for C{status}."""
        return {
            "idle": len(self._idle),
            "leased": len(self._leased),
            "dialing": len(self._dials),
            "waiting": len(self._waiting),
        }

    def lease(self, leaser: Leaser) -> None:
        """Give C{leaser} a connection: at once if one is idle."""
        if self._idle:
            # The one used last: the others can grow old and go.
            connection = self._idle.pop()
            self._leased.add(connection)
            return leaser.leased(connection)
        most = self.terms.table.queue
        if len(self._waiting) >= most:
            return leaser.unleased(Refusal(Reason.UPSTREAM_QUEUE, f"{most} callers are waiting"))
        self._waiting.append(leaser)
        self._dial()

    def withdraw(self, leaser: Leaser) -> None:
        """C{leaser} does not want one any more."""
        try:
            self._waiting.remove(leaser)
        except ValueError:
            pass

    def close(self) -> None:
        """Lease no more from here on: idle connections end now, leased ones with their exchange."""
        self._closed = True
        for connection in self._idle:
            connection.stream.close()
        self._idle.clear()

    def abort(self) -> None:
        """End everything now."""
        self.close()
        for dial in list(self._dials):
            dial.cancel()
        self._dials.clear()
        while self._waiting:
            self._waiting.popleft().unleased(Refusal(Reason.GATE_DRAINING))
        for connection in list(self._leased):
            connection.abandon()

    # What connections call.

    def give_back(self, connection: UpstreamConnection) -> None:
        """An exchange is done and its connection is clean."""
        if self._waiting:
            return self._waiting.popleft().leased(connection)
        self._leased.discard(connection)
        if self._closed:
            connection.stream.close()
        else:
            connection.stream.deadline = self.now + self.terms.table.keepalive
            self._idle.append(connection)

    def gone(self, connection: UpstreamConnection) -> None:
        """A connection ended."""
        self._leased.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiting and connection is not self._arriving:
            self._dial()

    def late_refusal(self, error: Exception | None) -> Refusal:
        """Why a verified connection ended before any answer; C{status} shows it if it is about us."""
        refusal = late_refusal(error)
        if refusal.reason is Reason.TLS_CLIENT_CERTIFICATE:
            self.last_refusal = refusal
        return refusal

    # Dialing.

    def _dial(self) -> None:
        total = len(self._leased) + len(self._idle) + len(self._dials)
        if len(self._dials) < len(self._waiting) and total < self.terms.table.connections:
            dialing = Dialing(self)
            self._dials.add(dialing)
            dialing.start(self._reactor, self._readiness)

    def dialed(
        self, dialing: Dialing, stream: TLSStream, handshake: Handshake, peer: str, local: str
    ) -> None:
        """A connection was made and holds all that is demanded."""
        self._dials.discard(dialing)
        self.last_handshake = handshake
        self.last_refusal = None
        record = self._witness.handshake(
            leg="outbound", where=self.terms.name, peer=peer, local=local, handshake=handshake
        )
        connection = self._arriving = UpstreamConnection(self, stream, record, handshake)
        ready = connection.ready()
        self._arriving = None
        if ready:
            self._leased.add(connection)
            self.give_back(connection)
        else:
            self._tell(connection.ended or Refusal(Reason.UPSTREAM_CLOSED, "it ended at once"), record)

    def undialed(self, dialing: Dialing, refusal: Refusal, handshake: Handshake | None, peer: str) -> None:
        """A connection was refused; whoever has waited longest is told."""
        self._dials.discard(dialing)
        self.last_refusal = refusal
        record = self._witness.handshake(
            leg="outbound", where=self.terms.name, peer=peer, local="", handshake=handshake, refusal=refusal
        )
        self._tell(refusal, record)

    def _tell(self, refusal: Refusal, record: str) -> None:
        """
        A dial came to nothing: whoever has waited longest is told, and all if they wait for nothing
        more, neither for another dial nor for a connection that is in use.
        """
        count = 1 if self._dials or self._leased else len(self._waiting)
        told = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        for leaser in told:
            leaser.unleased(refusal, record)
        if self._waiting:
            self._dial()


class Dialing:
    """One dial on behalf of a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._dial: Dial | None = None

    def start(self, reactor: Any, readiness: Readiness) -> None:
        """Begin."""
        self._dial = Dial(reactor, readiness, self._pool.terms, self)
        self._dial.start()

    def cancel(self) -> None:
        """Stop without a word."""
        if self._dial is not None:
            self._dial.cancel()

    def connected(self, stream: TLSStream, handshake: Handshake, peer: str, local: str) -> None:
        self._pool.dialed(self, stream, handshake, peer, local)

    def refused(self, refusal: Refusal, handshake: Handshake | None, peer: str) -> None:
        self._pool.undialed(self, refusal, handshake, peer)
