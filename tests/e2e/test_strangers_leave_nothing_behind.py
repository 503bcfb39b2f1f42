"""Whatever comes and goes at a gate's port, it is as before afterwards, and callers notice nothing."""

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.e2e.footprint import at_rest, back_at
from tests.e2e.lab import HOSTS, GateProcess, Lab, allow_descriptors
from tests.e2e.recording import RecordingUpstream
from tests.e2e.regular import Regular
from tests.e2e.strangers import address, garbage, strangers
from tests.e2e.wire import Wire, calling, knock, posted, trusting
from tests.waiting import eventually

HANDSHAKE_TIMEOUT = 2.0

#: A close that resets.
ABORTIVE = struct.pack("ii", 1, 0)


@pytest.fixture
def gate(lab: Lab) -> Iterator[GateProcess]:
    """A gate that was in use already: what it needs once, such as code and buffers, is there."""
    allow_descriptors(2048)
    limits = {"handshake_timeout": f"{HANDSHAKE_TIMEOUT:g}s"}
    with (
        RecordingUpstream(lab.ca.server(HOSTS, lab.now)) as upstream,
        lab.gate(upstream={"port": upstream.port, "keepalive": "200ms"}, limits=limits) as gate,
    ):
        with Regular(gate) as regular:
            eventually(lambda: regular.served >= 20 or regular.wrong, "it serves")
            for octets, stranger in zip(garbage(20), strangers(gate, 20), strict=True):
                with stranger:
                    stranger.sendall(octets)
        assert regular.wrong == []
        yield gate


def test_five_hundred_silent_and_garbled_handshakes(gate: GateProcess) -> None:
    """Half of them say nothing, the other half nonsense; all are gone soon after the timeout."""
    resting = at_rest(gate)
    with contextlib.ExitStack() as held, Regular(gate) as regular:
        every = [held.enter_context(one) for one in strangers(gate, 500)]
        for octets, stranger in zip(garbage(250), every[::2], strict=True):
            # Who is refused after his first words need not hear the others.
            with contextlib.suppress(ConnectionError):
                stranger.sendall(octets)
        eventually(lambda: all(map(_ended, every)), "all are gone", HANDSHAKE_TIMEOUT + 4)
        assert regular.served > 5
    assert regular.wrong == []
    back_at(gate, resting)
    # Of so many the first are recorded, and the others counted.
    eventually(lambda: _timed_out(gate) >= 250, "all are told")
    assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


def _timed_out(gate: GateProcess) -> int:
    """How many handshakes are on record as too slow."""
    slow = [one for one in gate.handshakes("inbound") if one["reason"] == "tls.timeout"]
    counted = [one["count"] for one in gate.journal("handshakes") if one["reason"] == "tls.timeout"]
    return len(slow) + sum(counted)


def _ended(stranger: socket.socket) -> bool:
    """Whether the gate has ended the connection; what it said before is read."""
    stranger.setblocking(False)
    try:
        while stranger.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def test_five_hundred_that_come_and_go(gate: GateProcess) -> None:
    """With a FIN, with a reset, in the middle of a hello or after a whole call."""
    resting = at_rest(gate)
    context = trusting(gate.lab.ca_file)
    with Regular(gate) as regular:
        for number, octets in enumerate(garbage(500)):
            if number % 5 == 4:
                with Wire(gate.port, context, source=address(number)) as wire:
                    wire.send(posted(gate, calling("get_weather"))).wait_for(1)
                    assert [answer.status for answer in wire.answers()] == [200]
                continue
            with knock(gate.port, address(number)) as stranger:
                if number % 5 == 3:
                    stranger.sendall(octets)
                if number % 2:
                    stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORTIVE)
    assert regular.wrong == []
    back_at(gate, resting)
    assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


@pytest.mark.parametrize("abortive", [False, True], ids=["fin", "reset"])
def test_callers_who_leave_in_the_middle_of_a_request(gate: GateProcess, abortive: bool) -> None:
    """After any number of bytes of it, by a FIN or a reset."""
    resting = at_rest(gate)
    context = trusting(gate.lab.ca_file)
    request = posted(gate, calling("get_weather"))
    with Regular(gate) as regular:
        for size in range(1, len(request) + 1, 7):
            with Wire(gate.port, context, source=address(size)) as wire:
                wire.send(request[:size])
                if abortive:
                    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORTIVE)
    assert regular.wrong == []
    back_at(gate, resting)
    assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()
    # Those that were whole were answered or given up, and recorded either way.
    assert {one["outcome"] for one in gate.settled()} <= {"completed", "client_gone"}


def test_a_caller_who_says_that_nothing_more_follows(gate: GateProcess) -> None:
    """TLS's or TCP's end of his half, right after a request: he gets his answer or an end, and the gate
    keeps nothing."""
    resting = at_rest(gate)
    context = trusting(gate.lab.ca_file)
    for number in range(20):
        with Wire(gate.port, context) as wire:
            wire.send(posted(gate, calling("get_weather")))
            if number % 2:
                with contextlib.suppress(OSError):
                    wire.sock.unwrap()
            else:
                wire.sock.shutdown(socket.SHUT_WR)
    back_at(gate, resting)
    assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()
