"""TLS servers in threads: a function that is called for each connection, or a front of what has no TLS."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from select import select
from threading import Lock, Thread, current_thread
from types import TracebackType
from typing import Self

from OpenSSL import SSL

from mcpgate.tls.contexts import server_connection, server_context
from mcpgate.tls.material import Pair
from mcpgate.tls.profile import PROFILES, Profile
from mcpgate.tls.trust import TrustStore
from mcpgate.tls.verify import Note

# RFC 8446 §5.1: the most that one record carries.
_RECORD = 16 * 1024

# Both ends are on this machine; longer than this, a test has failed and should say so.
_PATIENCE = 30.0

# How long L{TLSServer.stop} waits for functions to return whose connections are gone: they may be at work.
_PARTING = 2.0


class TLSPeer:
    """One connection of a L{TLSServer}, its handshake complete. Only its own thread may use it."""

    def __init__(self, connection: SSL.Connection, sock: socket.socket) -> None:
        #: pyOpenSSL's, which reads and writes what C{socket} carries.
        self.connection = connection
        #: The one beneath it, which does not block.
        self.socket = sock

    @property
    def group(self) -> str | None:
        """The negotiated key exchange, as OpenSSL names it."""
        return self.connection.get_group_name()

    def shake(self) -> None:
        """Shake hands; C{SSL.Error} or C{OSError} when nothing comes of it."""
        while True:
            try:
                return self.connection.do_handshake()
            except SSL.WantReadError:
                self._wait(read=True)
            except SSL.WantWriteError:
                self._wait(read=False)

    def receive(self, *, wait: bool = True) -> bytes | None:
        """Some decrypted bytes; empty at the end, C{None} when there are none yet and C{wait} is off.

        @raise ConnectionError: if the connection broke, rather than ended with a close_notify.
        """
        while True:
            try:
                return self.connection.recv(_RECORD)
            except SSL.WantReadError:
                if not wait:
                    return None
                self._wait(read=True)
            except SSL.ZeroReturnError:
                return b""
            except (SSL.Error, OSError) as error:
                raise ConnectionError(f"the peer broke off: {error!r}") from error

    def send(self, octets: bytes) -> None:
        """Send all of it; C{ConnectionError} when the peer is gone."""
        view = memoryview(octets)
        while view:
            try:
                view = view[self.connection.send(bytes(view[:_RECORD])) :]
            except SSL.WantWriteError:
                self._wait(read=False)
            except SSL.WantReadError:
                self._wait(read=True)
            except (SSL.Error, OSError) as error:
                raise ConnectionError(f"the peer is gone: {error!r}") from error

    def close(self) -> None:
        """End in good order. A function that returns without it breaks the connection off instead."""
        try:
            self.connection.shutdown()
            self.socket.shutdown(socket.SHUT_WR)
        except (SSL.Error, OSError):
            pass

    def _wait(self, *, read: bool) -> None:
        ready = select([self.socket] if read else [], [] if read else [self.socket], [], _PATIENCE)
        if not any(ready):
            raise TimeoutError(f"the peer did nothing for {_PATIENCE:g} s")


class TLSServer:
    """A TLS server on a loopback port of the kernel's choice, from C{with} until its end."""

    def __init__(
        self,
        pair: Pair,
        serve: Callable[[TLSPeer], None],
        *,
        profile: Profile = PROFILES["modern"],
        clients: TrustStore | None = None,
        port: int = 0,
    ) -> None:
        """
        @param serve: called with each connection; when it returns, the connection is dropped.
        @param clients: whom client certificates, which are then required, must chain to.
        """
        #: Where it is, once it has begun.
        self.port = port
        #: Connections accepted so far, whatever became of them.
        self.accepted = 0
        #: How many of them are over.
        self.ended = 0
        #: The groups of finished handshakes, in order.
        self.groups: list[str | None] = []
        self._serve = serve
        self._context = server_context(profile, pair, clients=clients, require_client=clients is not None)
        self._listening: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._threads: list[Thread] = []
        self._lock = Lock()

    def start(self) -> Self:
        """Bind and accept; C{port} is known afterwards."""
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = self._listening.getsockname()[1]
        with self._lock:
            self._begin(Thread(target=self._accept, args=(self._listening,), name="TLSServer", daemon=True))
        return self

    def stop(self) -> None:
        """
        Accept no more, drop every connection, and wait until all functions have returned: for two seconds at
        most, as one may be at work on something else than its connection.
        """
        with self._lock:
            listening, self._listening = self._listening, None
        if listening is not None:
            # Wakes the thread that waits in accept; closing alone would leave it there.
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            self.drop()
            with self._lock:
                threads, self._threads = self._threads, []
            until = time.monotonic() + _PARTING
            for thread in threads:
                # A tool may be what stops its server.
                if thread is not current_thread():
                    thread.join(max(0.0, until - time.monotonic()))

    def drop(self) -> None:
        """Break off every open connection, as a crash would."""
        with self._lock:
            for sock in self._open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _accept(self, listening: socket.socket) -> None:
        while self._listening is listening:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            with self._lock:
                # What comes while the server is stopped would outlive it: nobody looks for it any more.
                if self._listening is not listening:
                    sock.close()
                    return
                self.accepted += 1
                self._open.add(sock)
                name = "TLSServer connection"
                self._begin(Thread(target=self._run, args=(sock,), name=name, daemon=True))

    def _begin(self, thread: Thread) -> None:
        """Start a thread, and know it as long as it lives. To be called with the lock."""
        self._threads = [one for one in self._threads if one.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _run(self, sock: socket.socket) -> None:
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = TLSPeer(server_connection(self._context, sock, note=Note()), sock)
            peer.shake()
            self.groups.append(peer.group)
            self._serve(peer)
        except (SSL.Error, OSError):
            # The peer's refusal or departure is what tests look at from the other side.
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
                sock.close()
                self.ended += 1


class TLSFront(TLSServer):
    """TLS in front of whatever serves on a unix socket, byte for byte and at once."""

    def __init__(
        self,
        pair: Pair,
        target: Path,
        *,
        profile: Profile = PROFILES["modern"],
        clients: TrustStore | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(pair, self._pass, profile=profile, clients=clients, port=port)
        self._target = target

    def _pass(self, peer: TLSPeer) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as plain:
            plain.connect(str(self._target))
            while True:
                # What OpenSSL holds decrypted already, the kernel does not report.
                waiting = peer.connection.pending() > 0
                ready, _, _ = select([peer.socket, plain], [], [], 0 if waiting else None)
                if waiting or peer.socket in ready:
                    octets = peer.receive(wait=False)
                    if octets == b"":
                        return peer.close()
                    if octets:
                        plain.sendall(octets)
                if plain in ready:
                    octets = plain.recv(_RECORD)
                    if not octets:
                        return peer.close()
                    peer.send(octets)
