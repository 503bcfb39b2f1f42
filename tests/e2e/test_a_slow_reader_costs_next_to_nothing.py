"""200 MB for a caller who does not read: they wait at the upstream, not in the gate's memory."""

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator
from http.client import HTTPResponse

import pytest

from mcpgate.testing import TLSPeer
from tests.e2e.caller import PATIENCE, Caller, call
from tests.e2e.footprint import MIB, footprint
from tests.e2e.lab import HOSTS, Lab
from tests.e2e.recording import OK, RESULT, Received, RecordingUpstream

TOTAL = 200 * 1000 * 1000
PIECE = 100 * 1000

_JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % TOTAL
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _piece(number: int) -> bytes:
    """A hundred kilobytes; two hundred events of one line. No two are alike."""
    event = b"data: {%06d%b}\n\n" % (number, b"x" * 484)
    return event * (PIECE // len(event))


def whole() -> Iterator[bytes]:
    """As one JSON answer: what is in it matters to nobody on the way."""
    yield _JSON
    yield from (_piece(number) for number in range(TOTAL // PIECE))


def events() -> Iterator[bytes]:
    """As a stream."""
    yield _STREAM
    for number in range(TOTAL // PIECE):
        yield b"%x\r\n%b\r\n" % (PIECE, _piece(number))
    yield b"0\r\n\r\n"


class Generous(RecordingUpstream):
    """Says a lot when it is asked for C{much}, and counts what it could get rid of."""

    def __init__(self, lab: Lab, pieces: Callable[[], Iterator[bytes]]) -> None:
        self.sent = 0
        self._pieces = pieces
        super().__init__(lab.ca.server(HOSTS, lab.now), self._say)

    def _say(self, peer: TLSPeer, request: Received) -> None:
        if b"much" not in request.body:
            return peer.send(OK)
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


@pytest.mark.parametrize("framed", [whole, events])
def test_what_a_slow_reader_does_not_read_is_not_held(
    lab: Lab, framed: Callable[[], Iterator[bytes]]
) -> None:
    """One MiB at most, whether he stands still or dawdles; and in the end he has all of it."""
    with (
        Generous(lab, framed) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
        Caller(gate) as quick,
        Caller(gate) as slow,
    ):
        assert quick.post(call("little")).read() == RESULT
        before = footprint(gate).memory
        response = slow.post(call("much"))
        assert upstream.stuck() < TOTAL / 10
        held = [footprint(gate).memory - before]
        # Somebody else is served all the while.
        assert quick.post(call("little")).read() == RESULT
        found = digest(read_on(response, lambda: held.append(footprint(gate).memory - before)))
        assert found == digest(_piece(number) for number in range(TOTAL // PIECE))
        assert max(held) <= MIB
        assert gate.exchange(name="much")["outcome"] == "completed"
