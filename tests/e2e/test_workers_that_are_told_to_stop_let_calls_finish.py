"""SIGTERM to the supervisor: every worker lets its calls finish, and the exit code says whether all could."""

import os
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.caller import call, one_at_each
from tests.e2e.lab import HOSTS, GateProcess, Lab
from tests.e2e.recording import RESULT, Slow
from tests.waiting import eventually


@pytest.fixture
def upstream(ca: LocalCA, lab: Lab) -> Iterator[Slow]:
    with Slow(ca.server(HOSTS, lab.now)) as upstream:
        yield upstream
        upstream.released.set()


def refuses(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_calls_in_flight_in_both_are_answered_first(lab: Lab, upstream: Slow) -> None:
    """Nobody new is let in meanwhile; nothing is lost, and the end is 0."""
    with (
        lab.gate(upstream={"port": upstream.port}, gate={"drain": "1m", "workers": 2}) as gate,
        ExitStack() as stack,
    ):
        callers = one_at_each(gate, stack).values()
        for caller in callers:
            caller.begin(call("get_weather"))
        eventually(lambda: len(upstream.requests) == 2, "the calls arrive")
        os.kill(gate.pid, signal.SIGTERM)
        eventually(lambda: refuses(gate.port), "nobody listens any more")
        assert gate.status()["draining"] is True
        upstream.released.set()
        assert [caller.receive().read() for caller in callers] == [RESULT, RESULT]
        assert gate.wait() == 0
        assert [one["outcome"] for one in gate.exchanges()] == ["completed", "completed"]
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()
        assert not (lab.state / "control.sock").exists()


@pytest.mark.parametrize("ending", ["the drain deadline", "a second signal"])
def test_a_call_that_does_not_end_is_ended_and_told_by_the_exit_code(
    lab: Lab, upstream: Slow, ending: str
) -> None:
    """Whichever worker it is in."""
    drain = "300ms" if ending == "the drain deadline" else "1h"
    with (
        lab.gate(upstream={"port": upstream.port}, gate={"drain": drain, "workers": 2}) as gate,
        ExitStack() as stack,
    ):
        busy = one_at_each(gate, stack)[1]
        busy.begin(call("get_weather"))
        eventually(lambda: upstream.requests, "the call arrives")
        os.kill(gate.pid, signal.SIGTERM)
        if ending == "a second signal":
            eventually(lambda: refuses(gate.port), "nobody listens any more")
            os.kill(gate.pid, signal.SIGTERM)
        with pytest.raises((ConnectionError, ssl.SSLError)):
            busy.receive()
        assert gate.wait() == 1
        (exchange,) = gate.exchanges()
        assert (exchange["outcome"], exchange["reason"]) == ("drained", "gate.draining")
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


def test_what_a_terminal_sends_to_all_of_its_processes_loses_no_call(lab: Lab, upstream: Slow) -> None:
    """Ctrl-C reaches the workers, too; they leave it to the supervisor."""
    with (
        lab.gate(upstream={"port": upstream.port}, gate={"drain": "1m", "workers": 2}) as gate,
        ExitStack() as stack,
    ):
        status = gate.status()
        callers = one_at_each(gate, stack).values()
        for caller in callers:
            caller.begin(call("get_weather"))
        eventually(lambda: len(upstream.requests) == 2, "the calls arrive")
        for pid in (gate.pid, *(worker["process"] for worker in status["workers"])):
            os.kill(pid, signal.SIGINT)
        eventually(lambda: refuses(gate.port), "nobody listens any more")
        upstream.released.set()
        assert [caller.receive().read() for caller in callers] == [RESULT, RESULT]
        assert gate.wait() == 0


@pytest.mark.parametrize("drain", ["1m", "300ms"])
def test_all_that_are_told_to_stop_at_once_end_as_one_gate(lab: Lab, upstream: Slow, drain: str) -> None:
    """SIGTERM to a whole process group, as C{timeout} and some supervisors send it: the exit code says
    whether all could finish, whoever was told first."""
    with (
        lab.gate(upstream={"port": upstream.port}, gate={"drain": drain, "workers": 2}) as gate,
        ExitStack() as stack,
    ):
        status = gate.status()
        busy = one_at_each(gate, stack)[1]
        busy.begin(call("get_weather"))
        eventually(lambda: upstream.requests, "the call arrives")
        for pid in (*(worker["process"] for worker in status["workers"]), gate.pid):
            os.kill(pid, signal.SIGTERM)
        eventually(lambda: refuses(gate.port), "nobody listens any more")
        if drain == "1m":
            upstream.released.set()
            assert busy.receive().read() == RESULT
        assert gate.wait() == (0 if drain == "1m" else 1)
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


def test_one_that_is_told_to_stop_alone_finishes_and_is_replaced(lab: Lab, upstream: Slow) -> None:
    """SIGTERM to a worker: the other goes on, and nobody loses a call."""
    with (
        lab.gate(upstream={"port": upstream.port}, gate={"drain": "1m", "workers": 2}) as gate,
        ExitStack() as stack,
    ):
        callers = one_at_each(gate, stack)
        callers[0].begin(call("get_weather"))
        eventually(lambda: upstream.requests, "the call arrives")
        leaving = {worker["number"]: worker["process"] for worker in gate.workers()}[0]
        os.kill(leaving, signal.SIGTERM)
        eventually(lambda: states(gate) == {0: "drains", 1: "serves"}, "it drains")
        upstream.released.set()
        assert callers[0].receive().read() == RESULT
        assert callers[1].post(call("get_weather")).read() == RESULT
        eventually(lambda: states(gate) == {0: "serves", 1: "serves"}, "another has its place")
        assert all(worker["process"] != leaving for worker in gate.workers())
        assert gate.terminate() == 0


def states(gate: GateProcess) -> dict[int, str]:
    """How each worker is."""
    return {worker["number"]: worker["state"] for worker in gate.workers()}
