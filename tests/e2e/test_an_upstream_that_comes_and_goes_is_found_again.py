"""An upstream that is down, half up, or wrong for a while: callers are told at once, and served as soon
as it is back, without anybody's doing."""

import itertools
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from mcpgate.testing import LocalCA, TLSPeer, TLSServer
from tests.e2e.footprint import at_rest, back_at
from tests.e2e.lab import HOSTS, GateProcess, Lab, free_port
from tests.e2e.recording import RESULT, Received, RecordingUpstream, answer, ok
from tests.e2e.wire import Wire, calling, posted, trusting


def ask(gate: GateProcess, wire: Wire) -> int:
    """The status of one more call."""
    count = len(wire.answers()) + 1
    wire.send(posted(gate, calling("get_weather"))).wait_for(count)
    assert not wire.ended
    return wire.answers()[-1].status


class Deaf:
    """Takes TCP connections on a port and drops them, by a reset or after a few bytes of no TLS."""

    def __init__(self, port: int) -> None:
        self._listening = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        for turn in itertools.count():
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            with sock:
                if turn % 2:
                    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def port() -> int:
    """Where the upstream is, when it is there."""
    return free_port()


@pytest.fixture
def gate(lab: Lab, port: int) -> Iterator[GateProcess]:
    with lab.gate(upstream={"port": port, "keepalive": "200ms"}) as gate:
        yield gate


def test_up_and_down_and_up_again(lab: Lab, gate: GateProcess, port: int) -> None:
    """Ten times, in four ways: gone, deaf, speaking no TLS, with a stranger's certificate."""
    pair = lab.ca.server(HOSTS, lab.now)
    stranger = LocalCA.create("somebody else", lab.now).server(HOSTS, lab.now)
    resting = None
    with Wire(gate.port, trusting(lab.ca_file)) as wire:
        for turn in range(10):
            server = TLSServer(pair, _answer, port=port).start()
            assert ask(gate, wire) == 200
            assert ask(gate, wire) == 200
            server.stop()
            wrong: Deaf | TLSServer | None = None
            if turn % 3 == 1:
                wrong = Deaf(port)
            elif turn % 3 == 2:
                wrong = TLSServer(stranger, _answer, port=port).start()
            began = time.monotonic()
            assert {ask(gate, wire) for _ in range(3)} == {502}
            assert time.monotonic() - began < 5
            if wrong is not None:
                wrong.stop()
            if turn == 4:
                resting = gate.status()["upstreams"][0]["connections"]
    assert resting is not None
    assert gate.status()["upstreams"][0]["connections"] == resting
    assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


def _answer(peer: TLSPeer) -> None:
    rest = b""
    while True:
        octets = peer.receive()
        if not octets:
            return peer.close()
        rest += octets
        # Requests of these tests end in a brace, and nothing else of them does so.
        if rest.endswith(b"}}"):
            rest = b""
            peer.send(answer())


def test_a_hundred_upstream_connections_that_break_leave_nothing_behind(lab: Lab) -> None:
    """Each breaks in another way, while it is idle or in use."""
    endings = itertools.cycle(("answer", "close", "reset"))

    def reply(peer: TLSPeer, request: Received) -> None:
        ending = next(endings)
        if ending != "reset":
            peer.send(ok(request))
        if ending == "close":
            peer.close()
        if ending != "answer":
            raise ConnectionError

    with (
        RecordingUpstream(lab.ca.server(HOSTS, lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port, "keepalive": "200ms"}) as gate,
    ):
        context = trusting(lab.ca_file)
        with Wire(gate.port, context) as wire:
            ask(gate, wire)
        resting = at_rest(gate)
        with Wire(gate.port, context) as wire:
            statuses = {ask(gate, wire) for _ in range(100)}
        assert statuses == {200, 502}
        back_at(gate, resting)
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


def test_pipelined_answers_keep_their_order(lab: Lab) -> None:
    """Twenty requests in one go, from each of three callers, to an upstream that takes as long as it
    likes: every answer is to the request in its place, and to its own caller."""
    chance = random.Random(5)
    pauses = [chance.random() * 0.05 for _ in range(60)]
    turn = itertools.count()

    def reply(peer: TLSPeer, request: Received) -> None:
        time.sleep(pauses[next(turn) % len(pauses)])
        peer.send(ok(request))

    with (
        RecordingUpstream(lab.ca.server(HOSTS, lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
    ):
        context: ssl.SSLContext = trusting(lab.ca_file)
        wires = [Wire(gate.port, context) for _ in range(3)]
        ids = [range(100 * number, 100 * number + 20) for number in range(3)]
        for wire, own in zip(wires, ids, strict=True):
            wire.send(b"".join(posted(gate, calling("get_weather", id)) for id in own))
        for wire, own in zip(wires, ids, strict=True):
            wire.wait_for(20)
            found = [each.body for each in wire.answers()]
            assert found == [RESULT.replace(b'"id":1,', b'"id":%d,' % id) for id in own]
            wire.close()
