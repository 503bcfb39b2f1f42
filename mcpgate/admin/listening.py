"""The admin listener's TLS: that of the listeners, with Twisted's HTTP behind it.

What is demanded of a handshake, how much of a stranger is waited for and what is told of it are those of
C{relay.listener}; Twisted's own TLS is never used. Only where a listener would read MCP, Twisted's HTTP
channel gets the stream as its transport.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, cast

from attrs import frozen
from cryptography import x509
from twisted.logger import Logger
from twisted.web.server import Site

from mcpgate.admin.roles import Names
from mcpgate.config.schema import Config
from mcpgate.evidence.floods import Floods
from mcpgate.evidence.handshakes import Leg
from mcpgate.generation import ListenerTerms
from mcpgate.provider.transport import Peer, ProviderTransport
from mcpgate.reasons import Refusal
from mcpgate.relay.arrival import Arrival
from mcpgate.relay.crowd import Crowd
from mcpgate.relay.force import InForce
from mcpgate.relay.listener import Listening
from mcpgate.tls.certificate import describe, emails
from mcpgate.tls.handshake import Handshake, Offer
from mcpgate.tls.observe import verified_chain
from mcpgate.tls.readiness import Readiness
from mcpgate.tls.stream import TLSStream


class Told:
    """Where handshakes of the admin process are noted: its log. The journal is the data path's."""

    log = Logger()

    def __init__(self) -> None:
        #: Refused ones of a flood are counted, so that they fill no disk.
        self.floods = Floods()

    def tell_floods(self, now: float) -> None:
        """Say how many were refused that have no lines of their own. C{now}: monotonic seconds."""
        for one in self.floods.due(now):
            self.log.warn(
                "{count} more handshakes refused ({where}): {reason}, from {addresses} addresses",
                count=one.count, where=one.where, reason=one.reason, addresses=one.addresses,
            )  # fmt: skip

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
        """A leg was secured, or refused."""
        if refusal is not None:
            self.log.warn(
                "{leg} handshake with {peer} refused ({where}): {refusal}",
                leg=leg, peer=peer, where=where, refusal=str(refusal),
            )  # fmt: skip
        elif handshake is not None:
            who = handshake.peer.subject if handshake.peer is not None else "no certificate"
            self.log.info(
                "{leg} handshake with {peer} ({where}): {version}, {cipher}, {group}; {who}",
                leg=leg, peer=peer, where=where, version=handshake.version, cipher=handshake.cipher,
                group=handshake.group, who=who,
            )  # fmt: skip
        return ""


@frozen(eq=False)
class _Terms:
    """What a L{Listening} asks of a generation."""

    config: Config
    listeners: Mapping[str, ListenerTerms]


class Force:
    """What a L{Listening} asks of what is in force, for a listener that serves no MCP."""

    def __init__(self, readiness: Readiness, config: Config, terms: ListenerTerms) -> None:
        self.readiness = readiness
        self.crowd = Crowd()
        self.witness = Told()
        self.generation = _Terms(config, {terms.name: terms})

    def adopt(self, config: Config, terms: ListenerTerms) -> None:
        """These are in force from now on."""
        self.generation = _Terms(config, {terms.name: terms})


class AdminListening(Listening):
    """The bound admin listener; every verified stream is given to the site."""

    def __init__(
        self, name: str, sock: socket.socket, force: Force, report: Callable[[str], None], site: Site
    ) -> None:
        super().__init__(name, sock, cast(InForce, force), report)
        self.site = site

    def arrive(self, sock: socket.socket, address: Any, source: str, *, relayed: bool) -> Arrival:
        return _Arrival(self, sock, address, source, relayed=relayed)

    def gone(self, connection: Any) -> None:
        self.connections.discard(connection)


class _Arrival(Arrival):
    """Ends in a transport for Twisted's HTTP channel."""

    def hand_over(self, stream: TLSStream, handshake: Handshake, record: str) -> None:
        listening = cast(AdminListening, self._listening)
        transport = AdminTransport(listening, stream, self._peer, self._local, self.source, handshake)
        protocol = listening.site.buildProtocol(Peer(self._peer))
        assert protocol is not None
        listening.connections.add(cast(Any, transport))
        transport.begin(protocol)


@frozen
class Proof:
    """
    A client certificate.

    @ivar sha256: What it is known by.
    @ivar expires: Unix seconds: a connection may outlive the certificate that it began with.
    """

    names: Names
    sha256: str
    expires: float


class AdminTransport(ProviderTransport):
    """
    A verified connection of somebody's to the dashboard.

    @ivar chain: The certificates that they proved themselves with, if they did, verified by C{client_ca}.
    @ivar sni: The server name that they asked for, in lower case.
    @ivar source: Who their failures count for.
    """

    def __init__(
        self,
        listening: AdminListening,
        stream: TLSStream,
        peer: str,
        local: str,
        source: str,
        handshake: Handshake,
    ) -> None:
        reactor = listening.site.reactor
        # Requests are bounded one by one (C{site.Bounded}); how many there are on a connection is no matter.
        super().__init__(stream, peer, local, lambda call: reactor.callLater(0, call), sys.maxsize)
        self.sni = handshake.sni
        self.source = source
        #: For whoever ends connections whose certificates are trusted no more.
        self.peer, self.local, self.record = peer, local, ""
        self.chain: tuple[x509.Certificate, ...] = ()
        if handshake.peer is not None:
            self.chain = tuple(verified_chain(stream.connection))
        self._listening = listening

    @cached_property
    def proof(self) -> Proof | None:
        """What their certificate says; how long that counts is seen with each request."""
        if not self.chain:
            return None
        leaf = self.chain[0]
        facts = describe(leaf)
        # A common name is free text, and none. Names are logged, and recorded with what their holders decide.
        exact = (name for name in facts.uris if name.isprintable())
        folded = (name.lower() for name in (*facts.dns_names, *emails(leaf)) if name.isprintable())
        return Proof(Names(tuple(exact), tuple(folded)), facts.sha256, facts.not_after.timestamp())

    def _over(self, reason: Exception, *, now: bool = False) -> None:
        self._listening.gone(self)
        super()._over(reason, now=now)

    # What the listener calls, of what it calls on connections.

    def end(self, refusal: Refusal) -> None:
        """The certificate that it came with is not good any more."""
        self.abortConnection()

    def judge_again(self) -> None:
        """Whoever is logged in is judged with each request."""

    def drain(self) -> None:
        """The listener has moved: the browser asks again at its next address."""
        self.loseConnection()

    def note_use(self) -> None:
        """Uses of tokens are noted where tokens are."""
