"""The servers that C{mcpgate.testing} offers to others do what its docstring says."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from select import select

import pytest

from mcpgate.testing import LocalCA, TLSFront, TLSPeer, TLSServer, certificate_pem, servers
from mcpgate.tls.contexts import client_connection, client_context
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.verify import Note
from tests.waiting import eventually

#: More than the buffers of two sockets hold.
MUCH = bytes(range(256)) * 20_000


@pytest.fixture(scope="module")
def ca() -> LocalCA:
    return LocalCA.create("testing", datetime.now(UTC))


@pytest.fixture
def shouting(tmp_path: Path) -> Iterator[Path]:
    """A unix socket whose server sends back in capitals what it gets, then ends."""
    path = tmp_path / "plain.sock"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            with plain:
                while octets := plain.recv(65536):
                    plain.sendall(octets.upper())

    threading.Thread(target=serve, daemon=True).start()
    yield path
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def dial(server: TLSServer, ca: LocalCA) -> ssl.SSLSocket:
    context = ssl.create_default_context(cadata=certificate_pem(ca.certificate).decode())
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    return context.wrap_socket(sock, server_hostname="localhost")


def test_a_front_passes_every_byte_both_ways(ca: LocalCA, shouting: Path) -> None:
    """However much it is, and in order."""
    with TLSFront(ca.server(["localhost"], datetime.now(UTC)), shouting) as front, dial(front, ca) as client:
        # In one thread: Python's ssl takes no two at a time, and ends now and then what goes on.
        client.setblocking(False)
        left, got = memoryview(MUCH), b""
        while len(got) < len(MUCH):
            moved = False
            try:
                if left:
                    left, moved = left[client.send(left[:65536]) :], True
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            try:
                octets = client.recv(65536)
                got, moved = got + octets, True
                assert octets
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            if not moved:
                assert any(select([client], [client] if left else [], [], 20))
        assert got == MUCH.upper()
        assert front.accepted == 1


def test_a_server_agrees_on_the_post_quantum_group(ca: LocalCA) -> None:
    """With a client that knows it, which is why these servers exist."""
    groups: list[str | None] = []

    def serve(peer: TLSPeer) -> None:
        groups.append(peer.group)
        peer.send(b"hello")
        peer.close()

    with TLSServer(ca.server(["localhost"], datetime.now(UTC)), serve) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as sock:
            context = client_context(PROFILES["modern"], ca.trust(), pair=None)
            client = TLSPeer(client_connection(context, sock, host="localhost", pins=None, note=Note()), sock)
            client.shake()
            assert client.receive() == b"hello"
            assert client.receive() == b""
    assert groups == ["X25519MLKEM768"]


def test_clients_must_show_a_certificate_where_they_are_asked_to(ca: LocalCA) -> None:
    """A client without one gets nothing."""
    now = datetime.now(UTC)
    reached = threading.Event()
    with TLSServer(ca.server(["localhost"], now), lambda peer: reached.set(), clients=ca.trust()) as server:
        with pytest.raises(OSError), dial(server, ca) as client:
            if client.recv(1) == b"":
                raise ConnectionError("ended")
    assert not reached.is_set()


def test_stopping_drops_connections(ca: LocalCA, shouting: Path) -> None:
    """Nobody is left waiting for a server that is gone."""
    with TLSFront(ca.server(["localhost"], datetime.now(UTC)), shouting) as front:
        client = dial(front, ca)
        client.sendall(b"a")
        assert client.recv(1) == b"A"
    with client, pytest.raises(OSError):
        if client.recv(1) == b"":
            raise ConnectionError("ended")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", front.port))


def test_nothing_outlives_a_server_that_is_stopped(ca: LocalCA, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a thread of it, nor a connection that nothing was done with yet."""
    server = TLSServer(ca.server(["localhost"], datetime.now(UTC)), lambda peer: None)
    began, go_on = threading.Event(), threading.Event()
    run = server._run

    def late(sock: socket.socket) -> None:
        """As a thread does that was started and had no turn since."""
        began.set()
        go_on.wait(20)
        run(sock)

    monkeypatch.setattr(server, "_run", late)
    before = set(threading.enumerate())
    with server, socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        assert began.wait(20)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        with pytest.raises(OSError):
            if client.recv(1) == b"":
                raise ConnectionError("ended")
        go_on.set()
        stopping.join(20)
    assert set(threading.enumerate()) <= before
    assert (server.accepted, server.ended, server.groups) == (1, 1, [])


def test_what_comes_while_a_server_is_stopped_is_not_served(
    ca: LocalCA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was accepted already, in a thread that had no turn since."""
    server = TLSServer(ca.server(["localhost"], datetime.now(UTC)), lambda peer: None)
    ours, theirs = socket.socketpair()
    stopped = threading.Event()

    class Late:
        """A socket that listens, and gives somebody who came when all is over."""

        def accept(self) -> tuple[socket.socket, str]:
            stopped.wait(20)
            return ours, ""

        def shutdown(self, how: int) -> None: ...

        def close(self) -> None:
            stopped.set()

        def getsockname(self) -> tuple[str, int]:
            return "127.0.0.1", 1

    monkeypatch.setattr(socket, "create_server", lambda *_, **__: Late())
    with theirs:
        server.start()
        server.stop()
        theirs.settimeout(20)
        assert theirs.recv(1) == b""
    assert server.accepted == server.ended == 0


def test_a_function_that_never_returns_is_not_waited_for(
    ca: LocalCA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one that stops its own server wait for itself."""
    monkeypatch.setattr(servers, "_PARTING", 0.1)
    busy, over = threading.Event(), threading.Event()

    def serve(peer: TLSPeer) -> None:
        busy.set()
        over.wait(20)

    with TLSServer(ca.server(["localhost"], datetime.now(UTC)), serve) as server, dial(server, ca):
        assert busy.wait(20)
        server.stop()
        assert server.ended == 0
        over.set()
    itself = TLSServer(ca.server(["localhost"], datetime.now(UTC)), lambda peer: itself.stop())
    with itself, dial(itself, ca):
        eventually(lambda: itself.ended == 1, "it has stopped itself")
