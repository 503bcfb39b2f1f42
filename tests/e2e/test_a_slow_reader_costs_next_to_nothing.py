"""200 MB for a caller who does not read: they wait at the upstream, not in the gate's memory.

They come as a stream: what comes as one document is held until it is whole, and has a largest size.
"""

import hashlib
import itertools
import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse

from mcpgate.testing import TLSPeer
from tests.e2e.caller import PATIENCE, Caller, call
from tests.e2e.footprint import MIB, footprint
from tests.e2e.lab import HOSTS, Lab
from tests.e2e.recording import RESULT, Received, RecordingUpstream, ok

TOTAL = 200 * 1000 * 1000
PIECE = 100 * 1000
#: Pieces of a stream by which a gate has done once what it does for streams.
SHORT = 20

_DOCUMENT = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % TOTAL
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _piece(number: int) -> bytes:
    """A hundred kilobytes; two hundred events of one line. No two are alike."""
    message = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"%06d'
    event = (b"data: " + message % number).ljust(495, b"x") + b'"}}\n\n'
    return event * (PIECE // len(event))


_LAST = b"data: %b\n\n" % RESULT


def content(pieces: int = TOTAL // PIECE) -> Iterator[bytes]:
    """All that is in the stream: the answer comes last."""
    yield from (_piece(number) for number in range(pieces))
    yield _LAST


def document() -> Iterator[bytes]:
    """As much as one document."""
    yield _DOCUMENT
    yield from (_piece(number) for number in range(TOTAL // PIECE))


def events(pieces: int = TOTAL // PIECE) -> Iterator[bytes]:
    """As a stream."""
    yield _STREAM
    for piece in content(pieces):
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


class Generous(RecordingUpstream):
    """Says a lot when asked for C{much}, and counts what it could get rid of; a short stream for C{some}."""

    def __init__(self, lab: Lab, pieces: Callable[[], Iterator[bytes]]) -> None:
        self.sent = 0
        self._pieces = pieces
        super().__init__(lab.ca.server(HOSTS, lab.now), self._say)

    def _say(self, peer: TLSPeer, request: Received) -> None:
        if b"some" in request.body:
            return peer.send(b"".join(events(SHORT)))
        if b"much" not in request.body:
            return peer.send(ok(request))
        # What lies in the kernel on this side, megabytes else, nobody has got.
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)
        for piece in self._pieces():
            peer.send(piece)
            self.sent += len(piece)

    def stuck(self) -> int:
        """How much it has sent, once it cannot send any more for half a second."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            before = self.sent
            time.sleep(0.5)
            if 0 < before == self.sent:
                return before
        raise AssertionError("the gate goes on reading")


def digest(pieces: Iterator[bytes]) -> str:
    """What all of it comes to."""
    seen = hashlib.sha256()
    for piece in pieces:
        seen.update(piece)
    return seen.hexdigest()


def read_on(response: HTTPResponse, look: Callable[[], None]) -> Iterator[bytes]:
    """All of an answer: the first few megabytes with many a rest, the others at once."""
    for turn in itertools.count():
        octets = response.read(65536)
        if not octets:
            return
        yield octets
        if turn < 100:
            time.sleep(0.01)
        if turn % 50 == 0:
            look()


def test_what_a_slow_reader_does_not_read_is_not_held(lab: Lab) -> None:
    """One MiB at most, whether he stands still or dawdles; and in the end he has all of it."""
    with (
        Generous(lab, events) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
        Caller(gate) as quick,
        Caller(gate) as slow,
    ):
        assert quick.post(call("little")).read() == RESULT
        # Streams, too: what Python keeps once it has run through some code is held for nobody.
        assert slow.post(call("some")).read() == b"".join(content(SHORT))
        before = footprint(gate).memory
        response = slow.post(call("much"))
        assert upstream.stuck() < TOTAL / 10
        held = [footprint(gate).memory - before]
        # Somebody else is served all the while.
        assert quick.post(call("little")).read() == RESULT
        found = digest(read_on(response, lambda: held.append(footprint(gate).memory - before)))
        assert found == digest(content())
        assert max(held) <= MIB
        assert gate.exchange(name="much")["outcome"] == "completed"


def test_a_document_that_is_too_large_is_not_held(lab: Lab) -> None:
    """Its caller is told; what there was of it by then is little, and is forgotten."""
    with (
        Generous(lab, document) as upstream,
        lab.gate(upstream={"port": upstream.port}, limits={"answer_size": "1MiB"}) as gate,
        Caller(gate) as caller,
    ):
        assert caller.post(call("little")).read() == RESULT
        before = footprint(gate).memory
        for _ in range(5):
            response = caller.post(call("much"))
            assert response.status == 502
            assert b"upstream.answer_size" in response.read()
        assert caller.post(call("little")).read() == RESULT
        assert footprint(gate).memory - before <= 3 * MIB
        assert upstream.sent < TOTAL / 10
        refused = gate.exchanges(name="much", reason="upstream.answer_size", outcome="upstream_failed")
        assert len(refused) == 5
