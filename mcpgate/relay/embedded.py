"""A listener that is bound to nothing: an application has the connections, and hands over requests.

What it hands over goes the way of all requests (C{relay.inbound}), over a stream without a socket
(C{relay.passage}). The handshake was the application's, so it is looked at once for each connection, judged
by the terms in force as one of ours would be, recorded, and judged again when these change.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from attrs import define
from OpenSSL import SSL

from mcpgate.evidence.record import where
from mcpgate.generation import ListenerTerms
from mcpgate.identity.accepts import Pending
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.admission import Admission, Denial, Preflight
from mcpgate.relay.crowd import source_of
from mcpgate.relay.entry import Entry
from mcpgate.relay.force import InForce
from mcpgate.relay.heads import HEADS_OF_ONE, Heads
from mcpgate.relay.inbound import Inbound
from mcpgate.relay.own import Own
from mcpgate.relay.passage import Outside, Passage
from mcpgate.tls.foreign import handshake_of, judge_foreign, judge_purpose
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.observe import verified_chain
from mcpgate.wire.exposed import exposes
from mcpgate.wire.http import RequestHead


@define(eq=False)
class Shaken:
    """A connection of the application's whose handshake was found good."""

    handshake: Handshake
    #: The handshake's record, which all requests of the connection name.
    record: str
    #: By what it was judged.
    terms: ListenerTerms


class Embedded(Entry):
    """An embedded listener, with the requests that are under way."""

    def __init__(self, name: str, force: InForce) -> None:
        super().__init__(name, force)
        self._shaken: WeakKeyDictionary[SSL.Connection, Shaken] = WeakKeyDictionary()

    def secured(
        self, connection: SSL.Connection | Refusal, *, peer: object, local: object, seen: Callable[[], bytes]
    ) -> Shaken | Refusal:
        """
        The handshake of a connection, if requests may come by it.

        @param connection: or why there is none that could be asked.
        @param peer: the address of whoever is at its other end. C{local}: that of ours.
        @param seen: the head of the request, for what may have been exposed by it.
        """
        terms = self.terms
        known = self._shaken.get(connection) if isinstance(connection, SSL.Connection) else None
        if known is not None and known.terms is terms:
            return known
        handshake: Handshake | None = None
        if isinstance(connection, Refusal):
            refusal: Refusal | None = connection
        else:
            handshake = known.handshake if known is not None else handshake_of(connection, terms.generation)
            refusal = judge_foreign(connection, terms.profile, handshake)
            if refusal is None:
                refusal = _judge_client(terms, connection)
        if refusal is not None or isinstance(connection, Refusal) or handshake is None:
            assert refusal is not None
            extra: dict[str, Any] | None = None
            if known is not None:
                # It ends once: what still comes is refused as what was never let in.
                extra = {"ended": known.record}
                del self._shaken[connection]  # type: ignore[arg-type]
            elif refusal.reason is Reason.TLS_PLAINTEXT:
                extra = {"credential_exposed": exposes(seen())}
            self.refuse(refusal, peer=where(peer), local=where(local), handshake=handshake, extra=extra)
            return refusal
        if known is not None:
            known.terms = terms
            return known
        record = self.force.witness.handshake(
            leg="inbound", where=self.name, peer=where(peer), local=where(local), handshake=handshake
        )
        shaken = self._shaken[connection] = Shaken(handshake, record, terms)
        return shaken

    def room(self, source: str) -> Refusal | None:
        """Whether there is no room for one more request: each counts as a connection while it lasts."""
        if self.force.draining or self.retired:
            return Refusal(Reason.GATE_DRAINING, "the request came during the drain")
        crowd, config = self.force.crowd, self.force.generation.config
        return crowd.full(config) or crowd.crowded(source, config, monotonic())

    def pass_on(
        self,
        connection: SSL.Connection,
        shaken: Shaken,
        outside: Outside,
        *,
        peer: object,
        local: object,
        route: str | None,
    ) -> Passage | Refusal:
        """
        A way in for one request.

        @param route: the only one that may be reached by it.
        """
        source = source_of(peer[0]) if isinstance(peer, tuple) else ""
        refusal = self.room(source)
        if refusal is not None:
            self.refuse(refusal, peer=where(peer), local=where(local), handshake=shaken.handshake)
            return refusal
        crowd, limits = self.force.crowd, self.limits
        crowd.enter(source)
        passage = Passage(
            self.force.readiness,
            connection,
            outside,
            peer=peer,
            send_timeout=limits.send_timeout,
            buffer=limits.buffer,
            released=partial(crowd.leave, source),
        )
        names = {"peer": where(peer), "local": where(local), "source": source}
        guest = Guest(self, passage, sni=shaken.handshake.sni, **names)
        guest.only = route
        self.connections.add(guest)
        guest.begin(shaken.handshake, shaken.record)
        return passage


def _judge_client(terms: ListenerTerms, connection: SSL.Connection) -> Refusal | None:
    if terms.clients is None:
        return None
    chain = verified_chain(connection)
    return judge_purpose(chain) or terms.judge_client(chain)


class AnsweredElsewhere(Exception):
    """The application has answered the request itself, in the middle of it."""


class Guest(Inbound):
    """A request that an application hands over."""

    __slots__ = ("only",)

    def __init__(
        self,
        entry: Embedded,
        passage: Passage,
        *,
        peer: str,
        local: str,
        source: str,
        sni: str | None,
    ) -> None:
        super().__init__(entry, passage, peer=peer, local=local, sni=sni, source=source)  # type: ignore[arg-type]
        #: The name of the only route that it may reach; C{None}: any.
        self.only: str | None = None
        # What one was let in by is not for another, who may be let in elsewhere.
        self._heads = Heads(HEADS_OF_ONE)

    def lost(self, error: Exception | None) -> None:
        """Its caller is gone, or waits for nothing any more (L{AnsweredElsewhere})."""
        if isinstance(error, AnsweredElsewhere) and self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            exchange.abandon(Refusal(Reason.CLIENT_GONE, "the application answered the request itself"))
        super().lost(error)

    def admit(self, head: RequestHead) -> Admission | Denial | Preflight | Own | Pending:
        """Judge a head, and whether it leads where it may."""
        found = super().admit(head)
        if self.only is None or isinstance(found, Denial | Pending):
            return found
        route = found.place.route if isinstance(found, Own) else found.route
        if route is not None and route.name == self.only and not isinstance(found, Own):
            return found
        detail = f"it came by the resource of the route {self.only}, and does not lead there"
        return Denial(Refusal(Reason.ROUTE_UNKNOWN, detail))
