"""TLS on a socket pair: what is written arrives, in order, whatever the reader does."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from OpenSSL import SSL
from OpenSSL._util import exception_from_error_queue

from mcpgate.tls.contexts import server_connection, server_context
from mcpgate.tls.localca import LocalCA, certificate_pem
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.readiness import NEVER, Readiness
from mcpgate.tls.stream import HIGH_WATER, State, TLSStream
from mcpgate.tls.verify import Note
from tests.running import Loop
from tests.waiting import PATIENCE, eventually


class Owner:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.data = bytearray()
        self.error: Exception | None = None

    def secured(self) -> None:
        self._hear("secured")

    def received(self, data: bytes) -> None:
        self.data += data

    def paused(self) -> None:
        self._hear("paused")

    def resumed(self) -> None:
        self._hear("resumed")

    def overdue(self) -> None:
        self._hear("overdue")

    def lost(self, error: Exception | None) -> None:
        self.error = error
        self._hear("lost")

    def _hear(self, what: str) -> None:
        self.heard.append(what)

    def wait(self, found: str) -> None:
        eventually(lambda: found in self.heard, f"the owner hears {found!r}")


class Link:
    """Our stream on one end, the standard library's TLS on the other."""

    def __init__(self, loop: Loop, tmp_path: Path) -> None:
        now = datetime.now(UTC)
        ca = LocalCA.create("root", now)
        pair = ca.server(["localhost"], now)
        (tmp_path / "ca.pem").write_bytes(certificate_pem(ca.certificate))
        context = server_context(PROFILES["modern"], pair, clients=None, require_client=False)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.settimeout(PATIENCE)
        self.loop = loop
        self.owner = Owner()
        self.readiness = loop.call(Readiness, loop.reactor)
        loop.call(self.readiness.start)
        connection = server_connection(context, ours, note=Note())
        self.stream = loop.call(TLSStream, self.readiness, ours, connection, self.owner)
        client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        self.peer = client.wrap_socket(theirs, server_hostname="localhost")
        self.owner.wait("secured")

    def write(self, data: bytes) -> None:
        self.loop.call(self.stream.write, data)

    def read(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            more = self.peer.recv(65536)
            assert more
            received += more
        return received


@pytest.fixture
def link(loop: Loop, tmp_path: Path) -> Iterator[Link]:
    link = Link(loop, tmp_path)
    yield link
    loop.call(link.stream.abort)
    assert len(link.readiness) == 0
    loop.call(link.readiness.stop)
    link.peer.close()


def test_bytes_go_both_ways(link: Link) -> None:
    """Small and large, in order."""
    link.write(b"hello")
    assert link.read(5) == b"hello"
    link.peer.sendall(b"x" * 100_000)
    eventually(lambda: len(link.owner.data) >= 100_000, "all has arrived")
    assert bytes(link.owner.data) == b"x" * 100_000


def test_nothing_can_be_written_before_the_handshake_is_judged(loop: Loop, tmp_path: Path) -> None:
    """A write in the wrong state goes nowhere, rather than out in clear."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    now = datetime.now(UTC)
    pair = LocalCA.create("root", now).server(["localhost"], now)
    context = server_context(PROFILES["modern"], pair, clients=None, require_client=False)
    readiness = loop.call(Readiness, loop.reactor)
    stream = loop.call(TLSStream, readiness, ours, server_connection(context, ours, note=Note()), Owner())
    loop.call(stream.write, b"secret")
    loop.call(stream.abort)
    assert theirs.recv(100) == b""
    theirs.close()


def test_a_slow_reader_pauses_the_owner_and_loses_nothing(link: Link) -> None:
    """Above the mark the owner is told once; when the reader caught up, once more."""
    piece = bytes(range(256)) * 64
    count = 200
    for _ in range(count):
        link.write(piece)
    link.owner.wait("paused")
    assert link.owner.heard.count("paused") == 1
    assert link.read(count * len(piece)) == piece * count
    link.owner.wait("resumed")
    assert link.owner.heard == ["secured", "paused", "resumed"]
    assert count * len(piece) > HIGH_WATER


def test_pausing_stops_reading_and_resuming_loses_nothing(link: Link) -> None:
    """What arrives meanwhile waits in the kernel."""
    link.loop.call(link.stream.pause)
    link.peer.sendall(b"later")


    def turn() -> bytes:
        # The bytes are there to be read, and everybody who wants to reads.
        assert select.select([link.stream.connection], [], [], 0)[0]
        link.readiness.doRead()
        return bytes(link.owner.data)

    assert link.loop.call(turn) == b""
    link.loop.call(link.stream.resume)
    eventually(lambda: link.owner.data == b"later", "what waited is read")


def test_close_flushes_everything_and_says_goodbye(link: Link) -> None:
    """Also what the reader had not taken when close was called; then close_notify, then FIN."""
    data = b"y" * 2_000_000
    link.write(data)
    link.loop.call(link.stream.close)
    assert link.read(len(data)) == data
    assert link.peer.recv(1) == b""
    assert "lost" not in link.owner.heard


def test_abort_looks_truncated_to_the_peer(link: Link) -> None:
    """No close_notify: what came before is not to be taken for whole."""
    link.peer.suppress_ragged_eofs = False
    link.loop.call(link.stream.abort)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        link.peer.recv(1)


def test_a_stream_that_is_closed_holds_its_owner_no_more(link: Link) -> None:
    """Who closed it and who lost it alike: else both wait, with all that OpenSSL has, for a collection."""
    link.peer.shutdown(socket.SHUT_RDWR)
    link.owner.wait("lost")
    assert link.stream.owner is not link.owner


def test_a_proper_end_and_a_cut_are_told_apart(link: Link, loop: Loop, tmp_path: Path) -> None:
    """close_notify is no error, a bare FIN is one."""
    link.peer.setblocking(False)
    with contextlib.suppress(ssl.SSLError):
        link.peer.unwrap()
    link.owner.wait("lost")
    assert link.owner.error is None
    other_path = tmp_path / "other"
    other_path.mkdir()
    other = Link(loop, other_path)
    other.peer.shutdown(socket.SHUT_RDWR)
    other.owner.wait("lost")
    assert other.owner.error is not None
    assert other.stream.state is State.CLOSED
    loop.call(other.readiness.stop)


def test_the_last_bytes_before_the_end_are_handed_over(link: Link) -> None:
    """Data, close_notify and FIN that arrive together are three things, in that order."""
    link.loop.call(link.stream.pause)
    link.stream.joins = True
    link.peer.sendall(b"last words")
    link.peer.setblocking(False)
    with contextlib.suppress(ssl.SSLError):
        link.peer.unwrap()
    link.loop.call(link.stream.resume)
    link.owner.wait("lost")
    assert link.owner.data == b"last words"
    assert link.owner.error is None


def test_the_deadline_is_the_owners(link: Link) -> None:
    """It is called when it has passed, and may move it."""
    link.stream.deadline = link.readiness.now
    link.owner.wait("overdue")
    link.stream.deadline = NEVER


def test_a_peer_that_never_closes_is_dropped_after_a_while(link: Link) -> None:
    """Lingering has an end."""
    link.loop.call(link.stream.close)
    eventually(lambda: link.stream.state is State.CLOSED, "it is dropped")


def test_one_peers_reset_leaves_no_error_for_anothers_read(link: Link, loop: Loop, tmp_path: Path) -> None:
    """OpenSSL's error queue is per thread; before OpenSSL 4 a stale entry spoils the next operation."""
    other_path = tmp_path / "other"
    other_path.mkdir()
    other = Link(loop, other_path)

    def reset_and_look() -> list[tuple[str, str, str]]:
        # In one turn, so that the end is first noticed by the write.
        other.peer.close()
        other.stream.write(b"to nobody")
        link.stream.look()
        try:
            # It raises what is in the queue.
            exception_from_error_queue(SSL.Error)
        except SSL.Error as error:
            return list(error.args[0])

    assert loop.call(reset_and_look) == []
    assert "lost" not in link.owner.heard
    loop.call(other.stream.abort)
    loop.call(other.readiness.stop)


def test_nothing_reaches_openssl_once_the_stream_is_closed(link: Link) -> None:
    """The number of its descriptor is another's by then."""

    def end_in_the_middle() -> None:
        link.owner.received = lambda data: link.stream.abort()  # type: ignore[method-assign]
        link.stream.joins = True
        link.stream.resume()
        link.stream.look()

    link.loop.call(link.stream.pause)
    link.peer.sendall(b"last words")
    link.peer.setblocking(False)
    with contextlib.suppress(ssl.SSLError):
        link.peer.unwrap()
    shutdowns: list[int] = []
    notify = link.stream.connection.shutdown
    link.stream.connection.shutdown = lambda: shutdowns.append(1) or notify()  # type: ignore[method-assign]
    link.loop.call(end_in_the_middle)
    assert link.stream.state is State.CLOSED
    assert shutdowns == []
    assert "lost" not in link.owner.heard


def test_records_that_come_alone_and_in_bursts_all_arrive(link: Link) -> None:
    """After many that came alone it is not looked for more each time; a burst is joined again."""
    link.stream.joins = True
    sent = b""
    for number in range(30):
        piece = b"%08d" % number
        link.peer.sendall(piece)
        sent += piece
        eventually(lambda sent=sent: bytes(link.owner.data) == sent, "the record arrives")
    assert link.stream._alone
    for _ in range(3):
        for number in range(200):
            piece = b"%08d" % number
            link.peer.sendall(piece)
            sent += piece
        eventually(lambda sent=sent: bytes(link.owner.data) == sent, "the burst arrives")
    link.peer.close()
    link.owner.wait("lost")
