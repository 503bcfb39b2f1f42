"""SIGTERM: nobody new, whoever is inside gets the answer, and then an orderly end."""

import os
import signal
import socket
import ssl
from collections.abc import Iterator, Sequence

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call
from tests.e2e.lab import HOSTS, RUN, TWIST, Lab
from tests.e2e.recording import RESULT, Slow
from tests.waiting import eventually

#: How the process ends when every exchange could finish, and when some were cut off.
FINISHED, CUT = 0, 1


@pytest.fixture
def upstream(ca: LocalCA, lab: Lab) -> Iterator[Slow]:
    with Slow(ca.server(HOSTS, lab.now)) as upstream:
        yield upstream
        upstream.released.set()


def refuses(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_call_in_flight_is_answered_first(lab: Lab, upstream: Slow) -> None:
    """The idle connection is closed and nobody new let in, while the one that works is waited for."""
    with (
        lab.gate(upstream={"port": upstream.port}, gate={"drain": "1m"}) as gate,
        Caller(gate) as idle,
        Caller(gate) as busy,
    ):
        assert idle.post({}, {"Content-Type": "text/plain"}).read()
        busy.begin(call("get_weather"))
        eventually(lambda: upstream.requests, "the call arrives")
        os.kill(gate.pid, signal.SIGTERM)
        eventually(lambda: refuses(gate.port), "nobody listens any more")
        assert gate.status()["draining"] is True
        upstream.released.set()
        response = busy.receive()
        assert (response.status, response.read()) == (200, RESULT)
        assert response.getheader("connection") == "close"
        assert gate.wait() == FINISHED
        (exchange,) = gate.exchanges(name="get_weather")
        assert (exchange["outcome"], exchange["status"]) == ("completed", 200)
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()
        assert not (lab.state / "control.sock").exists()


@pytest.mark.parametrize("program", [RUN, TWIST], ids=["mcpgate run", "twist mcpgate"])
@pytest.mark.parametrize("ending", ["the drain deadline", "a second signal"])
def test_a_call_that_does_not_end_is_ended(
    lab: Lab, upstream: Slow, ending: str, program: Sequence[str]
) -> None:
    """Both peers see it broken off, the record says by whom, and the exit code that it was so."""
    drain = "300ms" if ending == "the drain deadline" else "1h"
    with (
        lab.gate(program=program, upstream={"port": upstream.port}, gate={"drain": drain}) as gate,
        Caller(gate) as busy,
    ):
        busy.begin(call("get_weather"))
        eventually(lambda: upstream.requests, "the call arrives")
        os.kill(gate.pid, signal.SIGTERM)
        if ending == "a second signal":
            eventually(lambda: refuses(gate.port), "nobody listens any more")
            os.kill(gate.pid, signal.SIGTERM)
        with pytest.raises((ConnectionError, ssl.SSLError)):
            busy.receive()
        assert gate.wait() == CUT
        assert upstream.left.wait(10), "the upstream was not told"
        (exchange,) = gate.exchanges()
        assert (exchange["outcome"], exchange["reason"]) == ("drained", "gate.draining")
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()
