"""An accepted socket until its handshake is judged: nothing is served before.

An arrival is looked at before OpenSSL sees a byte (C{MSG_PEEK}; nothing is consumed): until its
ClientHello is complete the kernel is told to wait for as many bytes as the hello says it has
(C{SO_RCVLOWAT}), so a dribbling client costs nothing; and to tell of new bytes only, since those that
were looked at are still there. So the record of a failed handshake says
what was offered, the certificate is chosen before the handshake begins, and HTTP in clear is
recognised and told so.

Behind a balancer a PROXY header comes first (C{wire.proxy}). It is looked at in the same way, and
only then taken out, to the byte.
"""

from __future__ import annotations

import select
import socket
from sys import intern
from time import monotonic
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL

from mcpgate.evidence.record import where
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.crowd import source_of
from mcpgate.tls import contexts
from mcpgate.tls.binding import forget_arguments
from mcpgate.tls.failure import failure
from mcpgate.tls.handshake import Handshake, Offer
from mcpgate.tls.hello import HANDSHAKE, MAX_HELLO, HelloError, missing, plaintext_request, read_offer
from mcpgate.tls.observe import after_handshake, observe, verified_chain
from mcpgate.tls.readiness import NEW, READ
from mcpgate.tls.stream import LINGER, Bug, TLSStream, discard
from mcpgate.tls.verify import Note
from mcpgate.wire.exposed import exposes
from mcpgate.wire.proxy import ProxyHeader, claims_proxy, read_proxy_header

if TYPE_CHECKING:
    from mcpgate.relay.listener import Listening

# Looked for at first: even a post-quantum hello is smaller, and room for the largest one is dear.
USUAL_HELLO = 4 * 1024

# A plaintext request is read this far, to see whether it carries a credential.
PLAIN_MOST = 16 * 1024


def _hung_up(sock: socket.socket) -> bool:
    """Whether the peer has sent FIN or a reset; bytes that are only peeked at hide both."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))


class Arrival:
    """An accepted socket until its handshake is judged: watched itself first, then as stream owner."""

    def __init__(
        self, listening: Listening, sock: socket.socket, address: Any, source: str, *, relayed: bool
    ) -> None:
        """
        @param source: who it counts for (C{relay.crowd}).
        @param relayed: whether a PROXY header comes first, and says who it counts for.
        """
        self.source = source
        self._header_due = relayed
        self._via: str | None = None
        self._listening = listening
        self._crowd = listening.force.crowd
        self._readiness = listening.force.readiness
        self._socket = sock
        self._descriptor = sock.fileno()
        self._began = monotonic()
        self._seconds = listening.limits.handshake_timeout
        self.deadline: float = self._began + self._seconds
        self._host = str(address[0]) if isinstance(address, tuple) else ""
        self._peer = where(address)
        # The same for most, so kept once for all that last.
        self._local = intern(where(sock.getsockname()))
        self._offer: Offer | None = None
        self._peeked = 0
        self._waited = 1
        self._plain = False
        self._answered = False
        # The generation is chosen once: a reload in the middle of a handshake does not mix two.
        self._terms = listening.terms
        self._note = Note()
        self._stream: TLSStream | None = None
        self._pair = self._terms.pair_for(None)

    def start(self) -> None:
        """Watch the socket."""
        self._listening.arrivals.add(self)
        self._crowd.enter(self.source)
        self._crowd.arrived(self)
        self._readiness.watch(self._descriptor, self, READ | NEW)

    def look(self) -> None:
        """See what has arrived, if nobody has seen it yet."""
        if self._stream is None and self._socket.fileno() >= 0:
            self.readable()

    def give_up(self, refusal: Refusal) -> None:
        """The gate ends this before its time."""
        if self._answered:
            self.drop()
        else:
            self._refuse(refusal)

    def drop(self) -> None:
        """Close without a word or a record."""
        self._settle()
        if self._stream is not None:
            self._stream.abort()
        elif self._socket.fileno() >= 0:
            self._readiness.forget(self._socket.fileno())
            self._socket.close()
            self._crowd.leave(self.source)

    def _settle(self) -> None:
        self._listening.arrivals.discard(self)
        self._crowd.settled(self)

    # Before TLS: a balancer's header is taken, the ClientHello is peeked at.

    def readable(self) -> None:
        if self._answered:
            if discard(self._socket):
                self.drop()
            return
        peeked = self._peek()
        if peeked is not None and self._header_due:
            if not self._take_header(peeked):
                return
            # What came behind it is no news to the kernel, so nobody would tell us of it.
            peeked = self._peek()
        if peeked is None:
            return
        if not peeked:
            if self._plain:
                return self._answer_plaintext(peeked)
            return self._refuse(Refusal(Reason.TLS_CLOSED, "closed after 0 bytes of a ClientHello"))
        self._peeked = len(peeked)
        if self._plain or (peeked[0] != HANDSHAKE and plaintext_request(peeked)):
            return self._plaintext(peeked)
        try:
            self._offer = read_offer(peeked)
            wanted = 0 if self._offer is not None else missing(peeked)
        except HelloError as error:
            return self._refuse_noise(error.refusal, peeked)
        if wanted:
            if _hung_up(self._socket):
                detail = f"closed after {len(peeked)} bytes of a ClientHello"
                return self._refuse(Refusal(Reason.TLS_CLOSED, detail))
            return self._wait_for(wanted)
        self._wait_for(1)
        self._crowd.spoke(self)
        self._shake()

    def _peek(self) -> bytes | None:
        """What is there; empty when the peer is gone, C{None} when nothing is there yet."""
        try:
            peeked = self._socket.recv(USUAL_HELLO, socket.MSG_PEEK)
            if len(peeked) == USUAL_HELLO:
                peeked = self._socket.recv(MAX_HELLO, socket.MSG_PEEK)
            return peeked
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _wait_for(self, count: int) -> None:
        # The kernel wakes us when there is that much, or when the peer hangs up.
        if count != self._waited:
            self._waited = count
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)

    def _take_header(self, peeked: bytes) -> bool:
        """Take the balancer's header off the connection; C{False} when there is nothing more to do now."""
        header = read_proxy_header(peeked) if peeked else 1
        if isinstance(header, int):
            if not peeked or _hung_up(self._socket):
                detail = f"closed after {len(peeked)} bytes of a PROXY header"
                self._refuse(Refusal(Reason.PROXY_HEADER, detail))
            else:
                self._wait_for(header)
            return False
        if isinstance(header, Refusal):
            self._refuse(header, extra={"first_bytes": peeked[:8].hex()})
            return False
        self._socket.recv(header.length)
        self._wait_for(1)
        self._header_due = False
        return self._introduce(header)

    def _introduce(self, header: ProxyHeader) -> bool:
        """Count the connection for its caller; C{False} when there is no room for more of its address."""
        host = self._host
        if header.source is not None:
            self._via, self._peer = self._peer, where(header.source)
            host = header.source[0]
        source = source_of(host)
        config = self._listening.force.generation.config
        refusal = self._crowd.crowded(source, config, monotonic())
        self._crowd.identify(self, source)
        if refusal is not None:
            self._refuse(refusal)
        return refusal is None

    def _refuse_noise(self, refusal: Refusal, peeked: bytes) -> None:
        """Neither TLS nor HTTP."""
        if claims_proxy(peeked):
            refusal = Refusal(Reason.PROXY_UNTRUSTED, "a PROXY header from nobody of proxy_from")
        elif refusal.reason is Reason.TLS_NOT_TLS and self._listening.failing(self.source):
            return self._refuse(Refusal(Reason.LIMIT_FAILURES, str(refusal)))
        self._refuse(refusal, extra={"first_bytes": peeked[:8].hex()})

    def overdue(self) -> None:
        if self._answered:
            return self.drop()
        if self._plain:
            return self._answer_plaintext(self._socket.recv(PLAIN_MOST, socket.MSG_PEEK))
        if self._header_due:
            return self._refuse(Refusal(Reason.PROXY_HEADER, f"no PROXY header within {self._seconds:g} s"))
        detail = (
            f"no finished handshake within {self._seconds:g} s ({self._peeked} bytes of a ClientHello seen)"
        )
        self._refuse(Refusal(Reason.TLS_TIMEOUT, detail))

    def writable(self) -> None:
        """Never asked for."""

    def failed(self) -> None:
        self.give_up(Refusal(Reason.GATE_ERROR, "a bug in the gate"))

    def _plaintext(self, peeked: bytes) -> None:
        """HTTP in clear. Wait for its head (bounded), say what is wrong, and process nothing."""
        if not self._plain:
            self._plain = True
            if self._listening.failing(self.source):
                return self._refuse(Refusal(Reason.LIMIT_FAILURES, "HTTP in clear text on the TLS port"))
        whole = b"\r\n\r\n" in peeked or b"\n\n" in peeked or len(peeked) >= PLAIN_MOST
        if not whole and not _hung_up(self._socket):
            return self._wait_for(len(peeked) + 1)
        self._answer_plaintext(peeked)

    def _answer_plaintext(self, peeked: bytes) -> None:
        self._listening.refuse(
            Refusal(Reason.TLS_PLAINTEXT, "HTTP in clear text on the TLS port"),
            peer=self._peer,
            local=self._local,
            extra=self._with_via({"credential_exposed": exposes(peeked)}),
        )
        self._answered = True
        self.deadline = monotonic() + LINGER
        try:
            self._wait_for(1)
            self._socket.send(answer.plaintext_bytes())
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return self.drop()
        # What still comes is read and thrown away, so that our answer is not lost to a reset.
        self._readiness.change(self._socket.fileno(), READ)

    # TLS.

    def _shake(self) -> None:
        sni = self._offer.sni if self._offer is not None else None
        terms = self._terms
        self._pair = terms.pair_for(sni)
        connection = contexts.server_connection(terms.contexts[self._pair], self._socket, note=self._note)
        limits = self._listening.limits
        stream = self._stream = TLSStream(
            self._readiness,
            self._socket,
            connection,
            self,
            watched=True,
            descriptor=self._descriptor,
            send_timeout=limits.send_timeout,
            buffer=limits.buffer,
        )
        # It may outlive us, and the connection counts until its socket is closed.
        stream.source, stream.released = self.source, self._crowd.left
        stream.deadline = self.deadline
        stream.shake()

    def secured(self) -> None:
        stream, terms = self._stream, self._terms
        assert stream is not None
        forget_arguments(stream.connection)
        handshake = observe(
            stream.connection,
            note=self._note,
            own=self._pair.facts,
            milliseconds=(monotonic() - self._began) * 1000,
            generation=terms.generation,
        )
        listening = self._listening
        refusal = after_handshake(stream.connection, terms.profile, None, None, handshake)
        current = listening.terms
        if refusal is None and current is not terms:
            # A reload came in the middle: what it demands of those who are inside counts here too.
            refusal = current.judge_client(verified_chain(stream.connection))
        if refusal is not None:
            return self._refuse(refusal, handshake=handshake)
        self._settle()
        record = listening.force.witness.handshake(
            leg="inbound",
            where=listening.name,
            peer=self._peer,
            local=self._local,
            handshake=handshake,
            offer=self._offer,
            extra=self._with_via(None),
        )
        self.hand_over(stream, handshake, record)

    def hand_over(self, stream: TLSStream, handshake: Handshake, record: str) -> None:
        """The stream may be served. C{record}: the id of its handshake's."""
        # Here and not above: the admin process has arrivals, and none of what serves calls.
        from mcpgate.relay.inbound import Inbound

        listening = self._listening
        inbound = Inbound(
            listening,
            stream,
            # Without a balancer it is the socket's, and need not be kept.
            peer=self._peer if self._via is not None else None,
            local=self._local,
            sni=handshake.sni,
            source=self.source,
        )
        listening.connections.add(inbound)
        inbound.begin(handshake, record)

    def lost(self, error: Exception | None) -> None:
        if isinstance(error, Bug):
            return self._refuse(Refusal(Reason.GATE_ERROR, str(error)))
        problem = error if isinstance(error, SSL.Error | OSError) else SSL.ZeroReturnError()
        self._refuse(failure(problem, self._note, leg="inbound"))

    def received(self, data: bytes) -> None:
        """Nothing can arrive: the handshake's end hands the stream over."""

    def paused(self) -> None:
        """Nothing is written during the handshake."""

    def resumed(self) -> None:
        """Nothing is written during the handshake."""

    def _refuse(
        self, refusal: Refusal, *, handshake: Handshake | None = None, extra: dict[str, Any] | None = None
    ) -> None:
        self._listening.refuse(
            refusal,
            peer=self._peer,
            local=self._local,
            offer=self._offer,
            handshake=handshake,
            extra=self._with_via(extra),
        )
        self.drop()

    def _with_via(self, extra: dict[str, Any] | None) -> dict[str, Any] | None:
        """Further facts for the record: the balancer, where there is one between us and the peer."""
        return {**(extra or {}), "via": self._via} if self._via is not None else extra
