"""Our own TLS stream as the transport that Twisted's HTTP client expects.

Twisted's TLS is never used (it fails open on certificates without a name), so its HTTP client gets what
has been verified already: whoever holds this transport may write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IConsumer, IProducer, IProtocol, IPushProducer, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from mcpgate.tls.readiness import NEVER
from mcpgate.tls.stream import CLOSED, OPEN, TLSStream


@implementer(IAddress)
class Peer:
    """An address, as text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


@implementer(ITransport, IConsumer, IPushProducer)
class ProviderTransport:
    """
    One connection to a provider, for one protocol of Twisted's; the stream's owner.

    C{ended}: whether it is over; C{left}: whether it was the peer or the network that ended it, and
    C{error} how (C{None}: by a close_notify).
    """

    #: What L{twisted.protocols.basic} looks at between two lines.
    disconnecting = False

    def __init__(
        self,
        stream: TLSStream,
        peer: str,
        local: str,
        later: Callable[[Callable[[], object]], object],
        most: int,
    ) -> None:
        """
        @param later: calls what it is given in another turn of the reactor.
        @param most: bytes that are read of the peer; more ends the connection.
        """
        self.ended = False
        self.left = False
        self.error: Exception | None = None
        #: Whether the peer sent more than is read.
        self.flooded = False
        self._stream = stream
        self._peer = Peer(peer)
        self._local = Peer(local)
        self._later = later
        self._rest = most
        self._protocol: Any = None
        self._producer: IPushProducer | None = None

    def begin(self, protocol: IProtocol) -> None:
        """Give the stream to a protocol."""
        self._protocol = protocol
        self._stream.owner = self
        self._stream.deadline = NEVER
        # Answers are documents: read on while there is more.
        self._stream.joins = True
        protocol.makeConnection(self)
        # The peer's refusal of our client certificate (TLS 1.3) may be here already, and is lost once a
        # write to it has failed.
        self._stream.look()

    # ITransport, as the protocol calls it.

    def write(self, data: bytes) -> None:
        self._stream.write(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self._stream.write(b"".join(data))

    def loseConnection(self) -> None:
        """Flush and close; the protocol hears of it in another turn, as from any transport."""
        if not self.ended:
            self.disconnecting = True
            self._stream.close()
            self._over(ConnectionDone())

    def abortConnection(self) -> None:
        """Drop the connection now."""
        if self._stream.state is not CLOSED:
            self._stream.abort()
        if not self.ended:
            self._over(ConnectionAborted())

    def getPeer(self) -> Peer:
        return self._peer

    def getHost(self) -> Peer:
        return self._local

    # IConsumer: whoever writes a body is told to stop while the peer reads slowly.

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        if not streaming or not IPushProducer.providedBy(producer):
            raise ValueError("bodies are pushed here")
        source: IPushProducer = producer
        if self.ended:
            return source.stopProducing()
        self._producer = source
        if self._stream.congested:
            source.pauseProducing()

    def unregisterProducer(self) -> None:
        self._producer = None

    # IPushProducer: the protocol does not want to read now.

    def pauseProducing(self) -> None:
        self._stream.pause()

    def resumeProducing(self) -> None:
        if self._stream.state is OPEN:
            self._stream.resume()

    def stopProducing(self) -> None:
        self.loseConnection()

    # What the stream calls.

    def received(self, data: bytes) -> None:
        if len(data) > self._rest:
            self.flooded = True
            return self.abortConnection()
        self._rest -= len(data)
        self._protocol.dataReceived(data)

    def paused(self) -> None:
        if self._producer is not None:
            self._producer.pauseProducing()

    def resumed(self) -> None:
        if self._producer is not None:
            self._producer.resumeProducing()

    def lost(self, error: Exception | None) -> None:
        if not self.ended:
            self.left = True
            self.error = error
            self._over(ConnectionDone() if error is None else ConnectionLost(), now=True)

    def secured(self) -> None:
        """The handshake was over before this stream was ours."""

    def overdue(self) -> None:
        """Whoever asked has the clock."""

    def _over(self, reason: Exception, *, now: bool = False) -> None:
        self.ended = True
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        failure = Failure(reason)
        if now:
            self._tell(failure)
        else:
            self._later(lambda: self._tell(failure))

    def _tell(self, reason: Failure) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connectionLost(reason)
