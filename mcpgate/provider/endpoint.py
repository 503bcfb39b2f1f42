"""How Twisted's HTTP client gets its connections: dialled and verified as those to upstreams are.

Each handshake is in the journal, finished or refused, under the name of the table by which the provider
is configured.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from mcpgate.evidence.handshakes import Leg
from mcpgate.provider.reply import NotVerified
from mcpgate.provider.transport import Peer, ProviderTransport
from mcpgate.reasons import Refusal
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.readiness import Readiness
from mcpgate.tls.stream import TLSStream
from mcpgate.upstream.connect import Dial
from mcpgate.upstream.terms import PeerTerms


class Notes(Protocol):
    """Where handshakes are noted: the journal's witness, or nobody, where nothing is to be recorded."""

    def handshake(
        self,
        *,
        leg: Leg,
        where: str,
        peer: str,
        local: str,
        handshake: Handshake | None = None,
        refusal: Refusal | None = None,
    ) -> object:
        """A leg was secured, or refused."""


@implementer(IAgentEndpointFactory)
class Endpoints:
    """
    Makes the endpoint of one request, and knows the transport that came of it.

    One for each request: connections are not kept, as a provider is asked every few minutes at most.
    """

    def __init__(
        self, reactor: Any, readiness: Readiness, notes: Notes, terms: PeerTerms, most: int
    ) -> None:
        """
        @param most: bytes that are read of a connection.
        """
        self.transport: ProviderTransport | None = None
        self.most = most
        self.reactor = reactor
        self.readiness = readiness
        self.notes = notes
        self._terms = terms

    def endpointForURI(self, uri: URI) -> VerifiedEndpoint:
        if uri.scheme != b"https":
            raise SchemeNotSupported("https only")
        return VerifiedEndpoint(self, self._terms.at(uri.host.decode("ascii"), uri.port))

    def abort(self) -> None:
        """Drop the connection, if there is one."""
        if self.transport is not None:
            self.transport.abortConnection()


@implementer(IStreamClientEndpoint)
class VerifiedEndpoint:
    """One server under one generation's terms."""

    def __init__(self, endpoints: Endpoints, terms: PeerTerms) -> None:
        self._endpoints = endpoints
        self._terms = terms

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Dial, verify, and give the stream to a protocol; fails with L{NotVerified}."""
        return _Dialing(self._endpoints, self._terms, protocolFactory).done


class _Dialing:
    """The dialer of one connection."""

    def __init__(self, endpoints: Endpoints, terms: PeerTerms, factory: IProtocolFactory) -> None:
        self._endpoints = endpoints
        self._terms = terms
        self._factory = factory
        self._dial = Dial(endpoints.reactor, endpoints.readiness, terms, self)
        self.done: Deferred[IProtocol] = Deferred(self._cancel)
        self._dial.start()

    def connected(self, stream: TLSStream, handshake: Handshake, peer: str, local: str) -> None:
        endpoints = self._endpoints
        endpoints.notes.handshake(
            leg="provider", where=self._terms.name, peer=peer, local=local, handshake=handshake
        )
        protocol = self._factory.buildProtocol(Peer(peer))
        assert protocol is not None
        transport = endpoints.transport = ProviderTransport(
            stream, peer, local, lambda call: endpoints.reactor.callLater(0, call), endpoints.most
        )
        transport.begin(protocol)
        self.done.callback(protocol)

    def refused(self, refusal: Refusal, handshake: Handshake | None, peer: str) -> None:
        self._endpoints.notes.handshake(
            leg="provider",
            where=self._terms.name,
            peer=peer,
            local="",
            handshake=handshake,
            refusal=refusal,
        )
        self.done.errback(Failure(NotVerified(refusal)))

    def _cancel(self, done: Deferred[IProtocol]) -> None:
        self._dial.cancel()
        done.errback(Failure(CancelledError()))
