"""The verified connect: nothing is written to an upstream before all that we demand holds.

The order is fixed: TCP, then OpenSSL's chain check, then the name by service-identity and the pins
(inside the verification callback, before our Finished is sent), then once more on the finished
handshake together with the profile. Only then does anybody get a stream to write to. Whatever
fails is a typed L{Refusal}, and the upstream has seen no application byte.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from errno import EINPROGRESS, EMFILE, ENFILE
from os import strerror
from time import monotonic
from typing import Any, Protocol

from OpenSSL import SSL
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from mcpgate.evidence.record import where
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls import contexts
from mcpgate.tls.failure import failure
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.observe import after_handshake, observe
from mcpgate.tls.readiness import NEVER, WRITE, Readiness
from mcpgate.tls.stream import TLSStream, tune
from mcpgate.tls.verify import Note
from mcpgate.upstream.terms import PeerTerms

Address = tuple[int, Any]

# What a new socket fails with when the process, or the machine, has no descriptor left.
_NO_DESCRIPTORS = frozenset({EMFILE, ENFILE})


class Dialer(Protocol):
    """Who asked for a connection."""

    def connected(self, stream: TLSStream, handshake: Handshake, peer: str, local: str) -> None:
        """Everything demanded holds; the stream is the dialer's, C{stream.owner} is to be set."""

    def refused(self, refusal: Refusal, handshake: Handshake | None, peer: str) -> None:
        """It does not; nothing was written and the connection is closed."""


def late_refusal(error: Exception | None) -> Refusal:
    """
    Why a verified connection ended before any answer.

    With TLS 1.3 an upstream judges our client certificate after our handshake is done, so its
    refusal arrives only now, as an alert (RFC 8446 4.4.2.4).

    @param error: what the stream was lost to; C{None} for a close_notify.
    """
    if isinstance(error, SSL.Error):
        refusal = failure(error, Note(), leg="outbound")
        if refusal.reason is Reason.TLS_CLIENT_CERTIFICATE:
            return refusal
    return Refusal(Reason.UPSTREAM_CLOSED, "the connection ended before an answer")


class Dial:
    """One attempt. It is its own L{Watched} while TCP connects, and the stream's owner after."""

    def __init__(self, reactor: Any, readiness: Readiness, terms: PeerTerms, dialer: Dialer) -> None:
        self.deadline: float = NEVER
        self._reactor = reactor
        self._readiness = readiness
        self._terms = terms
        self._dialer = dialer
        self._left: list[Address] = []
        self._socket: socket.socket | None = None
        self._stream: TLSStream | None = None
        self._note = Note()
        self._peer = f"{terms.dial_host}:{terms.dial_port}"
        self._began = 0.0
        self._over = False
        self._patience: Any = None

    def start(self) -> None:
        """Resolve the name, then dial its addresses one after the other."""
        host, port = self._terms.dial_host, self._terms.dial_port
        try:
            numeric = socket.AI_NUMERICHOST
            self._resolved(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=numeric))
        except socket.gaierror:
            seconds = self._terms.table.connect_timeout
            self._patience = timeout = self._reactor.callLater(seconds, self._unresolved, None)
            done = deferToThreadPool(
                self._reactor,
                self._reactor.getThreadPool(),
                socket.getaddrinfo,
                host,
                port,
                0,
                socket.SOCK_STREAM,
            )

            def stop_waiting(result: Any) -> Any:
                if timeout.active():
                    timeout.cancel()
                return result

            done.addBoth(stop_waiting)
            done.addCallbacks(self._resolved, self._unresolved)

    def cancel(self) -> None:
        """Give up without telling anybody."""
        self._over = True
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        self._drop()

    # Name and TCP.

    def _resolved(self, found: Sequence[tuple[Any, ...]]) -> None:
        if not self._over:
            self._left = [(family, address) for family, _, _, _, address in found]
            self._next("the name has no address")

    def _unresolved(self, failure: Failure | None) -> None:
        why = "the name could not be resolved in time"
        if failure is not None:
            if getattr(failure.value, "errno", None) in _NO_DESCRIPTORS:
                return self._refuse(Refusal(Reason.LIMIT_DESCRIPTORS, "for the look-up of a name"))
            why = f"the name {self._terms.dial_host} cannot be resolved: {failure.value}"
        self._refuse(Refusal(Reason.UPSTREAM_UNREACHABLE, why))

    def _next(self, why: str) -> None:
        if not self._left:
            return self._refuse(Refusal(Reason.UPSTREAM_UNREACHABLE, f"{self._peer}: {why}"))
        share = max(1.0, self._terms.table.connect_timeout / len(self._left))
        family, address = self._left.pop(0)
        self._peer = where(address)
        try:
            self._socket = sock = socket.socket(family, socket.SOCK_STREAM)
            tune(sock)
            error = sock.connect_ex(address)
        except OSError as problem:
            self._drop()
            if problem.errno in _NO_DESCRIPTORS:
                # Later, not now: whoever is told may ask again at once, a thousand times over.
                refusal = Refusal(Reason.LIMIT_DESCRIPTORS, problem.strerror or "")
                self._patience = self._reactor.callLater(0, self._refuse, refusal)
                return
            return self._next(problem.strerror or "cannot connect")
        if error not in (0, EINPROGRESS):
            self._drop()
            return self._next(strerror(error))
        self.deadline = monotonic() + share
        self._readiness.watch(sock.fileno(), self, WRITE)

    def readable(self) -> None:
        self.writable()

    def writable(self) -> None:
        assert self._socket is not None
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._drop()
            return self._next(strerror(error))
        try:
            self._socket.getpeername()
        except OSError:
            # An event of a closed socket whose number this one has got; its own is still to come.
            return
        self._shake(self._socket)

    def failed(self) -> None:
        self._refuse(Refusal(Reason.GATE_ERROR, "a bug in the gate while connecting"))

    # TLS. From here on the stream's deadline counts, and the stream tells us.

    def _shake(self, sock: socket.socket) -> None:
        self._began = monotonic()
        terms = self._terms
        connection = contexts.client_connection(
            terms.context, sock, host=terms.host, pins=terms.pins, note=self._note
        )
        limits = terms.limits
        stream = self._stream = TLSStream(
            self._readiness,
            sock,
            connection,
            self,
            watched=True,
            send_timeout=limits.send_timeout,
            buffer=limits.buffer,
        )
        stream.deadline = self._began + terms.table.handshake_timeout
        stream.shake()

    def secured(self) -> None:
        stream, terms = self._stream, self._terms
        assert stream is not None and self._socket is not None
        handshake = observe(
            stream.connection,
            note=self._note,
            own=terms.own,
            milliseconds=(monotonic() - self._began) * 1000,
            generation=terms.generation,
        )
        refusal = after_handshake(stream.connection, terms.profile, terms.host, terms.pins, handshake)
        if refusal is not None:
            return self._refuse(refusal, handshake)
        self._over = True
        stream.deadline = NEVER
        self._dialer.connected(stream, handshake, self._peer, where(self._socket.getsockname()))

    def lost(self, error: Exception | None) -> None:
        problem = error if isinstance(error, SSL.Error | OSError) else SSL.ZeroReturnError()
        self._refuse(failure(problem, self._note, leg="outbound"))

    def overdue(self) -> None:
        if self._stream is None:
            self._drop()
            self._next("no connection in time")
        else:
            seconds = self._terms.table.handshake_timeout
            self._refuse(Refusal(Reason.TLS_TIMEOUT, f"no finished handshake within {seconds:g} s"))

    def received(self, data: bytes) -> None:
        """Nothing can arrive: the handshake's end hands the stream over."""

    def paused(self) -> None:
        """Nothing is written during the handshake."""

    def resumed(self) -> None:
        """Nothing is written during the handshake."""

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.abort()
        elif self._socket is not None:
            if self._socket.fileno() >= 0:
                self._readiness.forget(self._socket.fileno())
            self._socket.close()
        self._socket = self._stream = None

    def _refuse(self, refusal: Refusal, handshake: Handshake | None = None) -> None:
        if not self._over:
            self._over = True
            self._drop()
            self._dialer.refused(refusal, handshake, self._peer)
