"""The servers that C{mcpgate.testing} offers to others do what its docstring says."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcpgate.testing import LocalCA, TLSFront, TLSPeer, TLSServer, certificate_pem
from mcpgate.tls.contexts import client_connection, client_context
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.verify import Note

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
        sender = threading.Thread(target=client.sendall, args=(MUCH,))
        sender.start()
        got = b""
        while len(got) < len(MUCH):
            got += client.recv(65536)
        sender.join()
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
