"""SIGTERM with a hundred calls and a hundred streams in flight: every call is answered, and every
stream ends so that its caller comes back, to whoever serves then."""

import os
import select
import signal
import threading
import time
from collections.abc import Iterable, Iterator

import pytest

from mcpgate.testing import TLSPeer
from tests.e2e.lab import HOSTS, GateProcess, Lab, allow_descriptors
from tests.e2e.recording import RESULT, Received, RecordingUpstream, ok
from tests.e2e.regular import Regular
from tests.e2e.wire import PATIENCE, Wire, calling, posted, streamed, trusting
from tests.waiting import eventually

CALLS = 100
STREAMS = 100

EVENT = b'id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n'
OPENED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
)


class Busy(RecordingUpstream):
    """Opens a stream with one event to whoever asks for one, and answers calls once it may."""

    def __init__(self, lab: Lab) -> None:
        self.may_answer = threading.Event()
        #: Which calls of that name are never answered.
        self.never = b"for_ever"
        super().__init__(lab.ca.server(HOSTS, lab.now), self._serve_one)

    def _serve_one(self, peer: TLSPeer, request: Received) -> None:
        if request.head.startswith(b"GET "):
            peer.send(OPENED)
            return self._until_gone(peer)
        if self.never in request.body:
            return self._until_gone(peer)
        self.may_answer.wait(PATIENCE)
        peer.send(ok(request))

    def _until_gone(self, peer: TLSPeer) -> None:
        while not select.select([peer.socket], [], [], PATIENCE)[0]:
            pass
        raise ConnectionError


@pytest.fixture
def upstream(lab: Lab) -> Iterator[Busy]:
    allow_descriptors(4096)
    with Busy(lab) as upstream:
        yield upstream
        upstream.may_answer.set()


def begun(gate: GateProcess, upstream: Busy, requests: Iterable[bytes]) -> list[Wire]:
    """A connection for each request, which the upstream has by now."""
    context = trusting(gate.lab.ca_file)
    wires = [Wire(gate.port, context).send(request) for request in requests]
    eventually(lambda: len(upstream.requests) >= len(wires), "all requests arrive")
    return wires


def test_a_hundred_calls_and_a_hundred_streams(lab: Lab, upstream: Busy) -> None:
    """No call is lost and no stream torn; exit 0, well before the drain deadline."""
    with lab.gate(upstream={"port": upstream.port}, gate={"drain": "20s"}) as gate:
        calls = [posted(gate, calling("get_weather", number)) for number in range(CALLS)]
        wires = begun(gate, upstream, calls + [streamed(gate)] * STREAMS)
        for wire in wires[CALLS:]:
            eventually(lambda wire=wire: wire.take() or EVENT in wire.octets, "the stream is open")
        told = time.monotonic()
        os.kill(gate.pid, signal.SIGTERM)
        # The streams need not wait for the calls.
        for wire in wires[CALLS:]:
            wire.wait(5, told + 5 - time.monotonic())
        assert {wire.ended for wire in wires[CALLS:]} == {"close"}
        for wire in wires[CALLS:]:
            (stream,) = wire.answers()
            assert stream.whole and stream.body == EVENT
        upstream.may_answer.set()
        for number, wire in enumerate(wires[:CALLS]):
            wire.wait(5, told + 10 - time.monotonic())
            (found,) = wire.answers()
            assert (found.status, found.whole) == (200, True)
            assert found.body == RESULT.replace(b'"id":1,', b'"id":%d,' % number)
        assert gate.wait(20) == 0
        assert time.monotonic() - told < 15
        assert len(gate.exchanges(method="tools/call", outcome="completed")) == CALLS
        assert len(gate.exchanges(http="GET")) == STREAMS
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


def test_a_call_that_outlasts_the_deadline(lab: Lab, upstream: Busy) -> None:
    """It is ended, and the exit code says that something was."""
    with lab.gate(upstream={"port": upstream.port}, gate={"drain": "1s"}) as gate:
        requests = [posted(gate, calling(name)) for name in ("for_ever", "get_weather")]
        lasting, quick = begun(gate, upstream, requests)
        told = time.monotonic()
        os.kill(gate.pid, signal.SIGTERM)
        upstream.may_answer.set()
        assert quick.wait(PATIENCE).answers()[0].body == RESULT
        assert gate.wait(10) == 1
        assert time.monotonic() - told < 3
        lasting.wait(PATIENCE)
        assert lasting.ended == "cut" and lasting.octets == b""
        (ended,) = gate.exchanges(name="for_ever")
        assert (ended["outcome"], ended["reason"]) == ("drained", "gate.draining")


def test_a_second_signal_at_once(lab: Lab, upstream: Busy) -> None:
    """Two in a row, from a supervisor in a hurry: an end at once, with the code that says so."""
    with lab.gate(upstream={"port": upstream.port}, gate={"drain": "1h"}) as gate:
        (wire,) = begun(gate, upstream, [posted(gate, calling("for_ever"))])
        for _ in range(2):
            os.kill(gate.pid, signal.SIGTERM)
            # Two of the same kind that nobody has seen yet are one to the kernel.
            time.sleep(0.1)
        assert gate.wait(10) == 1
        assert wire.wait(PATIENCE).ended == "cut"
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


def test_a_storm_of_hangups(lab: Lab, upstream: Busy) -> None:
    """A reload a hundred times a second, for a second, under load: nobody is refused, and a stop in the
    middle of one is a stop."""
    upstream.may_answer.set()
    with lab.gate(upstream={"port": upstream.port}) as gate:
        first = gate.status()["generation"]
        with Regular(gate) as regular:
            for _ in range(100):
                gate.hangup()
                time.sleep(0.01)
            eventually(lambda: gate.status()["generation"] > first, "it has reloaded")
            served = regular.served
            eventually(lambda: regular.served > served + 5 or regular.wrong, "it goes on serving")
        assert regular.wrong == []
        gate.hangup()
        assert gate.terminate() == 0
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()
