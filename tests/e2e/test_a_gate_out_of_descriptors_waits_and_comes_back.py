"""More callers than a gate may have descriptors: it waits without spinning, and serves again at once."""

import contextlib
import socket
import ssl
import time

import pytest

from tests.e2e.footprint import all_closed, at_rest, footprint
from tests.e2e.lab import HOSTS, Lab
from tests.e2e.recording import RecordingUpstream
from tests.e2e.wire import Wire, calling, knock, posted, trusting
from tests.waiting import eventually

# As many as ghostunnel's and Twisted's own tests take.
DESCRIPTORS = 64
CALLERS = 100

EXHAUSTED = 3.0
MOST_PROCESSOR = 0.2
BACK_WITHIN = 2.0


@pytest.mark.parametrize("secured", [False, True], ids=["silent", "secured"])
def test_a_hundred_callers_at_a_gate_of_sixty_four_descriptors(lab: Lab, secured: bool) -> None:
    """They hold on for three seconds; two after they let go, somebody else has his answer."""
    context = trusting(lab.ca_file)
    with (
        RecordingUpstream(lab.ca.server(HOSTS, lab.now)) as upstream,
        lab.gate(upstream={"port": upstream.port, "keepalive": "200ms"}, descriptors=DESCRIPTORS) as gate,
    ):
        with Wire(gate.port, context) as wire:
            wire.send(posted(gate, calling("get_weather"))).wait_for(1)
        resting = at_rest(gate)
        with contextlib.ExitStack() as held:
            for number in range(CALLERS):
                raw = held.enter_context(knock(gate.port, f"127.66.0.{1 + number % 20}"))
                if secured:
                    held.enter_context(_greeted(raw, context))
            # The first surprise is over.
            time.sleep(0.5)
            eventually(lambda: footprint(gate).descriptors > resting.descriptors + 10, "many are held")
            before = footprint(gate)
            time.sleep(EXHAUSTED)
            spent = footprint(gate).processor - before.processor
            assert spent / EXHAUSTED < MOST_PROCESSOR, f"{spent:.2f} s of {EXHAUSTED:g}"
        released = time.monotonic()
        with Wire(gate.port, context) as wire:
            wire.send(posted(gate, calling("get_weather"))).wait_for(1)
            assert [answer.status for answer in wire.answers()] == [200]
        assert time.monotonic() - released <= BACK_WITHIN
        all_closed(gate, resting)
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()
        # A line a second at the most: a log that is flooded is another way to go under.
        assert len(gate.log().splitlines()) < 30


def _greeted(raw: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Begin TLS and wait a moment for it: those who are not let in have to wait."""
    tls = context.wrap_socket(raw, server_hostname="localhost", do_handshake_on_connect=False)
    tls.settimeout(0.05)
    with contextlib.suppress(OSError):
        tls.do_handshake()
    return tls
