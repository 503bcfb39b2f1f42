"""An accepted socket until its handshake is judged: nothing is served before.

An arrival is looked at before OpenSSL sees a byte (C{MSG_PEEK}; nothing is consumed): until its
ClientHello is complete the kernel is told to wait for as many bytes as the hello says it has
(C{SO_RCVLOWAT}), so a dribbling client costs nothing; and to tell of new bytes only, since those that
were looked at are still there. So the record of a failed handshake says
what was offered, the certificate is chosen before the handshake begins, and HTTP in clear is
recognised and told so.
"""

from __future__ import annotations

import select
import socket
from time import monotonic
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL

from mcpgate.evidence.record import where
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.inbound import Inbound
from mcpgate.tls import contexts
from mcpgate.tls.failure import failure
from mcpgate.tls.handshake import Handshake, Offer
from mcpgate.tls.hello import MAX_HELLO, HelloError, missing, plaintext_request, read_offer
from mcpgate.tls.observe import after_handshake, observe, verified_chain
from mcpgate.tls.readiness import NEW, READ
from mcpgate.tls.stream import LINGER, Bug, TLSStream, discard
from mcpgate.tls.verify import Note

if TYPE_CHECKING:
    from mcpgate.relay.listener import Listening

# A plaintext request is read this far, to see whether it carries a credential.
PLAIN_MOST = 16 * 1024

# The names of headers (and of the one query parameter, RFC 6750 2.3) that carry credentials.
_CREDENTIALS = (
    b"\nauthorization:",
    b"\nproxy-authorization:",
    b"\ncookie:",
    b"\nx-api-key:",
    b"access_token=",
    b"mcpgate_",
)


def _hung_up(sock: socket.socket) -> bool:
    """Whether the peer has sent FIN or a reset; bytes that are only peeked at hide both."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))


class Arrival:
    """An accepted socket until its handshake is judged: watched itself first, then as stream owner."""

    def __init__(self, listening: Listening, sock: socket.socket, address: Any) -> None:
        self._listening = listening
        self._readiness = listening.force.readiness
        self._socket = sock
        self._began = monotonic()
        self._seconds = listening.limits.handshake_timeout
        self.deadline: float = self._began + self._seconds
        self._peer = where(address)
        self._local = where(sock.getsockname())
        self._offer: Offer | None = None
        self._peeked = 0
        self._plain = False
        self._answered = False
        # The generation is chosen once: a reload in the middle of a handshake does not mix two.
        self._terms = listening.terms
        self._note = Note()
        self._stream: TLSStream | None = None
        self._pair = self._terms.default

    def start(self) -> None:
        """Watch the socket."""
        self._listening.arrivals.add(self)
        self._readiness.watch(self._socket.fileno(), self, READ | NEW)

    def give_up(self, refusal: Refusal) -> None:
        """The gate ends this before its time."""
        if self._answered:
            self.drop()
        else:
            self._refuse(refusal)

    def drop(self) -> None:
        """Close without a word or a record."""
        self._listening.arrivals.discard(self)
        if self._stream is not None:
            self._stream.abort()
        elif self._socket.fileno() >= 0:
            self._readiness.forget(self._socket.fileno())
            self._socket.close()

    # Before TLS: the ClientHello is peeked at.

    def readable(self) -> None:
        if self._answered:
            if discard(self._socket):
                self.drop()
            return
        try:
            peeked = self._socket.recv(MAX_HELLO, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            peeked = b""
        if not peeked:
            if self._plain:
                return self._answer_plaintext(peeked)
            detail = f"closed after {len(peeked)} bytes of a ClientHello"
            return self._refuse(Refusal(Reason.TLS_CLOSED, detail))
        self._peeked = len(peeked)
        if self._plain or plaintext_request(peeked):
            return self._plaintext(peeked)
        try:
            wanted = missing(peeked)
            if not wanted:
                self._offer = read_offer(peeked)
        except HelloError as error:
            return self._refuse(error.refusal, extra={"first_bytes": peeked[:8].hex()})
        if wanted:
            if _hung_up(self._socket):
                detail = f"closed after {len(peeked)} bytes of a ClientHello"
                return self._refuse(Refusal(Reason.TLS_CLOSED, detail))
            # Wake us when there is that much, or when the peer hangs up.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wanted)
            return
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        self._shake()

    def overdue(self) -> None:
        if self._answered:
            return self.drop()
        if self._plain:
            return self._answer_plaintext(self._socket.recv(PLAIN_MOST, socket.MSG_PEEK))
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
        self._plain = True
        whole = b"\r\n\r\n" in peeked or b"\n\n" in peeked or len(peeked) >= PLAIN_MOST
        if not whole and not _hung_up(self._socket):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(peeked) + 1)
            return
        self._answer_plaintext(peeked)

    def _answer_plaintext(self, peeked: bytes) -> None:
        seen = peeked.lower()
        exposed = any(name in seen for name in _CREDENTIALS)
        self._listening.refuse(
            Refusal(Reason.TLS_PLAINTEXT, "HTTP in clear text on the TLS port"),
            peer=self._peer,
            local=self._local,
            extra={"credential_exposed": exposed},
        )
        self._answered = True
        self.deadline = monotonic() + LINGER
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
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
        stream = self._stream = TLSStream(self._readiness, self._socket, connection, self, watched=True)
        stream.deadline = self.deadline
        stream.shake()

    def secured(self) -> None:
        stream, terms = self._stream, self._terms
        assert stream is not None
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
        listening.arrivals.discard(self)
        record = listening.force.witness.handshake(
            leg="inbound",
            where=listening.name,
            peer=self._peer,
            local=self._local,
            handshake=handshake,
            offer=self._offer,
        )
        inbound = Inbound(listening, stream, peer=self._peer, local=self._local, sni=handshake.sni)
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
            extra=extra,
        )
        self.drop()
