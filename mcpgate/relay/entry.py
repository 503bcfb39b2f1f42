"""Where callers come in: the terms in force there, and every connection that came through it.

By which way they come is another matter: a bound listener accepts them (C{relay.listener}), or an application
of somebody else hands over their requests (C{relay.embedded}).
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from attrs import evolve

from mcpgate.config.tables.gate import LimitsTable
from mcpgate.generation import ListenerTerms
from mcpgate.reasons import Refusal
from mcpgate.relay.crowd import QUESTIONS_APART
from mcpgate.relay.force import InForce
from mcpgate.relay.heads import HEADS_OF_ALL, Heads
from mcpgate.tls.handshake import Handshake, Offer
from mcpgate.tls.stream import TLSStream

if TYPE_CHECKING:
    from mcpgate.relay.arrival import Arrival
    from mcpgate.relay.inbound import Inbound

# What connections have negotiated is a few ways of doing the same; but callers may name any server.
LEGS_MOST = 64


class Entry:
    """A listener of the configuration, whatever it is bound to."""

    def __init__(self, name: str, force: InForce) -> None:
        self.name = name
        self.force = force
        self.connections: set[Inbound] = set()
        self.arrivals: set[Arrival] = set()
        self.retired = False
        #: What was judged for callers without a certificate.
        self.heads = Heads(HEADS_OF_ALL)
        self._legs: dict[Handshake, Handshake] = {}
        self._leaving: set[TLSStream] = set()
        self._terms: ListenerTerms | None = None
        self._judged: ListenerTerms | None = None
        self._refused = 0

    def start(self) -> None:
        """Begin to accept."""
        self._judged = self.terms

    def stop(self) -> None:
        """Accept no more; connections live on."""

    @property
    def address(self) -> str:
        """Where it is bound; empty where it is not, or not any more."""
        return ""

    def alike(self, handshake: Handshake) -> Handshake:
        """
        What rules may ask of a leg, as one object for all connections that have it in common: there may be
        ten thousand idle ones. What is of this one alone (C{exporter_sha256}, C{milliseconds}) is on record.
        """
        leg = evolve(handshake, exporter_sha256="", milliseconds=0.0)
        if leg.peer is not None:
            return leg
        if len(self._legs) >= LEGS_MOST:
            self._legs.clear()
        return self._legs.setdefault(leg, leg)

    @property
    def terms(self) -> ListenerTerms:
        """What is demanded of callers now; of a listener that is no longer configured, what was last."""
        terms = self.force.generation.listeners.get(self.name, self._terms)
        assert terms is not None, "a listener is used before the generation that knows it"
        self._terms = terms
        return terms

    @property
    def limits(self) -> LimitsTable:
        """The limits in force."""
        return self.force.generation.config.limits

    @property
    def refused_handshakes(self) -> int:
        """How many handshakes were refused since the start."""
        return self._refused

    def judge_again(self) -> None:
        """A changed client CA, CRL or demand counts for those who are already inside."""
        self.heads.clear()
        old, new = self._judged, self.terms
        self._judged = new
        if old is None or old.client_demand == new.client_demand:
            return
        for connection in list(self.connections):
            refusal = new.judge_client(connection.chain)
            if refusal is not None:
                self.refuse(
                    refusal,
                    peer=connection.peer,
                    local=connection.local,
                    extra={"ended": connection.record},
                )
                connection.end(refusal)

    def judge_streams(self) -> None:
        """Open streams end where their callers may not open them any more."""
        for connection in list(self.connections):
            connection.judge_again()

    def note_uses(self) -> None:
        """Have it known who uses connections."""
        for connection in self.connections:
            connection.note_use()

    def retire(self) -> None:
        """This listener is no longer configured: its connections end with what is in flight."""
        self.retired = True
        self.stop()
        for connection in list(self.connections):
            connection.drain()

    def gone(self, connection: Inbound) -> None:
        """A connection is over, but for what its caller has not read yet."""
        connection.note_use()
        self.connections.discard(connection)
        if connection.stream.unsent:
            self._leaving = {connection.stream, *(stream for stream in self._leaving if stream.unsent)}

    @property
    def flushing(self) -> bool:
        """Whether the end of an answer is still on its way to a caller that reads slowly."""
        return any(stream.unsent for stream in self._leaving)

    def failing(self, source: str) -> int:
        """A caller failed to prove itself, or to speak TLS: 0, or how many seconds it is too much for."""
        if not source:
            return 0
        limits = self.limits
        throttle = self.force.crowd.throttle
        return throttle.fail(source, monotonic(), limits.failures, limits.failures_period)

    def spent(self, source: str) -> bool:
        """Whether the next failure of a caller would be too much."""
        limits = self.limits
        throttle = self.force.crowd.throttle
        return throttle.spent(source, monotonic(), limits.failures, limits.failures_period)

    def asking(self, source: str) -> int:
        """
        An issuer would be asked about a caller's unknown proof: 0, or in how many seconds it will be.

        Whoever has failures left may have as much asked as he likes.
        """
        if not self.spent(source):
            return 0
        return self.force.crowd.questions.fail(source, monotonic(), 1, QUESTIONS_APART)

    def refuse(
        self,
        refusal: Refusal,
        *,
        peer: str,
        local: str,
        offer: Offer | None = None,
        handshake: Handshake | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        """Count a handshake that came to nothing, and record it; in a flood of them, some."""
        self._refused += 1
        self.force.crowd.tally.count(refusal.reason)
        witness = self.force.witness
        # What ends a connection that is on record is on record, too.
        ends = extra is not None and "ended" in extra
        exposed = extra is not None and extra.get("credential_exposed") is True
        if not ends and not witness.floods.whole(self.name, refusal.reason, peer, monotonic(), exposed):
            return
        witness.handshake(
            leg="inbound",
            where=self.name,
            peer=peer,
            local=local,
            offer=offer,
            handshake=handshake,
            refusal=refusal,
            extra=extra,
        )
