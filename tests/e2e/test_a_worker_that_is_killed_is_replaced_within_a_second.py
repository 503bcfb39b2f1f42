"""kill -9, of a worker and of the supervisor: the rest goes on, and nothing stays behind."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call, one_at_each
from tests.e2e.lab import HOSTS, GateProcess, Lab
from tests.e2e.recording import RESULT, RecordingUpstream, Slow
from tests.waiting import eventually

ALLOW_ALL = {"name": "all", "verdict": "allow"}


@pytest.fixture
def upstream(ca: LocalCA, lab: Lab) -> Iterator[RecordingUpstream]:
    with RecordingUpstream(ca.server(HOSTS, lab.now)) as upstream:
        yield upstream


@pytest.fixture
def gate(lab: Lab, upstream: RecordingUpstream) -> Iterator[GateProcess]:
    with lab.gate(upstream={"port": upstream.port}, gate={"workers": 2}) as running:
        eventually(lambda: running.status()["spare"], "the spare is ready")
        yield running


def row(gate: GateProcess, number: int) -> dict[str, object]:
    (found,) = [worker for worker in gate.workers() if worker["number"] == number]
    return found


def serving(gate: GateProcess, number: int) -> int:
    """The process of that worker, when it serves; else 0."""
    found = row(gate, number)
    pid = found["process"]
    return pid if found["state"] == "serves" and isinstance(pid, int) else 0


def replaced(gate: GateProcess, pid: int) -> bool:
    """Whether no worker has this process any more."""
    return all(worker["process"] != pid for worker in gate.workers())


def runs(pid: object) -> bool:
    """Whether there is such a process, dead ones that nobody has waited for not counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_other_serves_on_and_the_lost_one_is_back_within_a_second(gate: GateProcess) -> None:
    """Not one request fails on the connection of the other, nor on a new one."""
    with ExitStack() as stack:
        callers = one_at_each(gate, stack)
        lost = serving(gate, 0)
        began = time.monotonic()
        os.kill(lost, signal.SIGKILL)
        answers = []

        def back() -> bool:
            answers.append(callers[1].post(call("get_weather")).read())
            return serving(gate, 0) not in (0, lost)

        eventually(back, "another process has its place")
        took = time.monotonic() - began
        assert set(answers) == {RESULT}
        assert row(gate, 0)["restarts"] == 1 and row(gate, 1)["restarts"] == 0
        assert took < 1.0, f"it took {took:.2f} s"
        assert all(
            caller.post(call("get_weather")).read() == RESULT
            for caller in one_at_each(gate, stack).values()
        )
    (told,) = [event for event in gate.events() if event.get("problem")]
    assert (told["worker"], told["pid"], told["problem"]) == (0, lost, "was ended by signal 9")


def test_a_worker_that_keeps_dying_is_waited_for(gate: GateProcess) -> None:
    """When it has hardly begun to serve each time. The other one serves, and status says what happens."""
    for _ in range(4):
        pid = eventually(partial(serving, gate, 0), "it serves")
        os.kill(pid, signal.SIGKILL)
        eventually(partial(replaced, gate, pid), "it is gone")
    assert row(gate, 0)["state"] == "is gone"
    assert "signal 9" in str(row(gate, 0)["problem"])
    eventually(lambda: row(gate, 0)["state"] == "serves", "it is back in the end")
    assert row(gate, 0)["restarts"] == 4
    assert row(gate, 0)["problem"] is None


def test_a_worker_that_does_not_answer_is_shown_as_such(gate: GateProcess) -> None:
    """Status is what somebody asks for when something hangs, so it must not hang itself."""
    stopped = serving(gate, 1)
    os.kill(stopped, signal.SIGSTOP)
    try:
        began = time.monotonic()
        states = {worker["number"]: worker["state"] for worker in gate.workers()}
        assert time.monotonic() - began < 10
        assert states == {0: "serves", 1: "does not answer"}
    finally:
        os.kill(stopped, signal.SIGCONT)
    eventually(lambda: row(gate, 1)["state"] == "serves", "it answers again")


def test_a_supervisor_that_is_killed_leaves_no_worker_behind(gate: GateProcess) -> None:
    """They see that it is gone, let go of the address and end."""
    status = gate.status()
    pids = [status["spare"], *(worker["process"] for worker in status["workers"])]
    gate.kill()
    eventually(lambda: not any(map(runs, pids)), "the workers end")
    with socket.create_server(("127.0.0.1", gate.port)):
        pass


def test_the_next_supervisor_does_not_wait_for_what_the_last_ones_workers_finish(
    lab: Lab, ca: LocalCA
) -> None:
    """A call that was in flight is answered by the orphan, while the new workers already serve."""
    with Slow(ca.server(HOSTS, lab.now)) as upstream:
        again = lab.config(upstream={"port": upstream.port}, gate={"workers": 2, "drain": "1m"})
        with lab.gate(again) as first, Caller(first) as busy:
            busy.begin(call("get_weather"))
            eventually(lambda: upstream.requests, "the call arrives")
            first.kill()
            with lab.gate(again) as second:
                assert {worker["state"] for worker in second.workers()} == {"serves"}
                upstream.released.set()
                assert busy.receive().read() == RESULT
                with Caller(second) as caller:
                    assert caller.post(call("get_weather")).read() == RESULT


def test_two_gates_cannot_share_a_state_directory_whatever_they_are(gate: GateProcess, lab: Lab) -> None:
    """Neither a gate with one process nor another supervisor starts beside a supervisor."""
    for workers in (1, 2):
        other = lab.config(upstream={"port": 1}, gate={"workers": workers}, file=f"other-{workers}.toml")
        said = lab.command("run", "--config", other)
        assert said.returncode == os.EX_CANTCREAT
        assert f"another gate (process {gate.pid}) already uses this state directory" in said.stderr
    assert gate.status()["generation"] == 1
