"""A server on loopback that is as good or as bad as a test needs, and counts what reaches it."""

from __future__ import annotations

import contextlib
import socket
import threading

from cryptography import x509
from OpenSSL import SSL

from mcpgate.tls.material import Pair
from mcpgate.tls.trust import TrustStore
from tests.waiting import PATIENCE

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

#: The content type of a TLS record that begins a handshake (RFC 8446 §5.1).
HANDSHAKE = 0x16


class Server:
    """
    Accepts on loopback until the test is over.

    A connection that begins as TLS is answered with TLS if there is a pair; any other is answered
    with C{clear}, or closed if that is None. A mute server accepts and says nothing. One with
    C{hold} judges no client certificate, and gives no hasty answer, before that is set. C{hasty} is
    an answer that is given to the first bytes of a request; the rest is not read.

    C{told} is every decrypted byte, C{overheard} every byte that came in clear; C{goodbyes} counts the
    connections that the peer ended with close_notify.
    """

    def __init__(
        self,
        pair: Pair | None,
        *,
        ciphers: bytes = b"ALL:@SECLEVEL=0",
        newest: int = 0,
        clients: TrustStore | None = None,
        clear: bytes | None = None,
        mute: bool = False,
        hold: threading.Event | None = None,
        hasty: bytes | None = None,
    ) -> None:
        self.told = b""
        self.overheard = b""
        self.handshakes = 0
        self.connections = 0
        self.goodbyes = 0
        self.client: x509.Certificate | None = None
        self._context = None if pair is None else _context(pair, ciphers, newest, clients, hold)
        self._clear = clear
        self._mute = mute
        self._hasty = hasty
        self._hold = hold
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def finish(self) -> Server:
        """Accept no more, and wait until every connection has ended: what was counted is then final."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a connection to the server was left open"
        return self

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            # Else a last word could wait for an acknowledgement of an earlier one, and a close with
            # bytes unread would throw it away.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError, SSL.Error):
            first = sock.recv(1, socket.MSG_PEEK)
            if first and self._context is not None and first[0] == HANDSHAKE:
                self._serve_tls(SSL.Connection(self._context, sock))
            else:
                self._serve_in_clear(sock)

    def _serve_tls(self, connection: SSL.Connection) -> None:
        connection.set_accept_state()
        connection.do_handshake()
        self.handshakes += 1
        self.client = connection.get_peer_certificate(as_cryptography=True)
        while True:
            try:
                received = connection.recv(65536)
            except SSL.ZeroReturnError:
                self.goodbyes += 1
                return
            with self._lock:
                # Read first, and then added: connections are told at the same time.
                self.told += received
            if self._hasty is not None:
                if self._hold is not None:
                    self._hold.wait(PATIENCE)
                connection.sendall(self._hasty)
                return
            if self.told.endswith(b"\r\n\r\n"):
                connection.sendall(OK)

    def _serve_in_clear(self, sock: socket.socket) -> None:
        while more := sock.recv(65536):
            self.overheard += more
            if not self._mute:
                if self._clear is not None:
                    sock.sendall(self._clear)
                sock.shutdown(socket.SHUT_WR)


def nobody() -> int:
    """A port on loopback where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _context(
    pair: Pair, ciphers: bytes, newest: int, clients: TrustStore | None, hold: threading.Event | None
) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_cipher_list(ciphers)
    if newest:
        context.set_max_proto_version(newest)
    context.use_certificate(pair.chain[0])
    for issuer in pair.chain[1:]:
        context.add_extra_chain_cert(issuer)
    context.use_privatekey(pair.key)
    if clients is not None:

        def judge(_: SSL.Connection, __: object, ___: int, ____: int, ok: int) -> bool:
            return (hold is None or hold.wait(PATIENCE)) and bool(ok)

        clients.install(context)
        context.set_session_id(b"test")
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, judge)
    return context
