"""Two workers, one budget: what one of them lets through the other counts, and kill -9 loses nothing."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call, one_at_each
from tests.e2e.lab import HOSTS, GateProcess, Lab
from tests.e2e.recording import RecordingUpstream, Slow
from tests.waiting import eventually

ALLOW_ALL = {"name": "all", "verdict": "allow"}


@pytest.fixture
def upstream(ca: LocalCA, lab: Lab) -> Iterator[RecordingUpstream]:
    with RecordingUpstream(ca.server(HOSTS, lab.now)) as upstream:
        yield upstream


def configured(lab: Lab, port: int, budget: str) -> Path:
    """Two workers that let everything through, within a budget for each principal."""
    path = lab.config(upstream={"port": port}, rules=[ALLOW_ALL], gate={"workers": 2})
    table = f'\n[[budget]]\nname = "few"\nper = "principal"\n{budget}\n'
    path.write_text(path.read_text(encoding="utf-8") + table, encoding="utf-8")
    return path


def answer(caller: Caller) -> Any:
    """The result of one more call."""
    return result(caller.post(call("get_weather")).read())


def result(body: bytes) -> Any:
    return json.loads(body)["result"]


def text(result: Mapping[str, Any]) -> str:
    return str(result["content"][0]["text"])


def kill(gate: GateProcess, number: int) -> None:
    """End a worker, and wait until another process serves in its place."""

    def pid() -> object:
        (row,) = [worker for worker in gate.workers() if worker["number"] == number]
        return row["process"] if row["state"] == "serves" else None

    lost = pid()
    assert isinstance(lost, int)
    os.kill(lost, signal.SIGKILL)
    eventually(lambda: pid() not in (None, lost), "another process has its place")


def test_calls_are_counted_together_and_a_killed_worker_frees_none(
    lab: Lab, upstream: RecordingUpstream
) -> None:
    """Five, wherever they come in; the one that takes a dead one's place knows of them."""
    budget = 'calls = 5\nwindow = "1h"'
    with lab.gate(configured(lab, upstream.port, budget)) as gate, ExitStack() as stack:
        callers = one_at_each(gate, stack)
        results = [answer(callers[number % 2]) for number in range(8)]
        assert ["isError" in one for one in results] == [False] * 5 + [True] * 3
        assert "Retry after" in text(results[5]) and "policy.budget" in text(results[5])
        assert len(upstream.requests) == 5
        assert gate.status()["budgets"] == [{"name": "few", "keys": 1, "refused": 3}]
        other = stack.enter_context(Caller(gate, gate.issue("other")))
        assert "isError" not in answer(other)
        for number in (0, 1):
            kill(gate, number)
        for caller in one_at_each(gate, stack).values():
            assert "policy.budget" in text(answer(caller))
        refused = gate.exchange(reason="policy.budget")
        assert refused["detail"] == "few: 5 calls in 3600 s are used up"


def test_the_running_calls_of_a_killed_worker_are_given_back(lab: Lab, ca: LocalCA) -> None:
    """Those of the other one are not: they run on."""
    with ExitStack() as stack:
        upstream = stack.enter_context(Slow(ca.server(HOSTS, lab.now)))
        gate = stack.enter_context(lab.gate(configured(lab, upstream.port, "concurrent = 2")))
        callers = one_at_each(gate, stack)
        for caller in callers.values():
            caller.begin(call("get_weather"))
        eventually(lambda: len(upstream.requests) == 2, "both calls arrive")
        third, fourth = (stack.enter_context(Caller(gate)) for _ in range(2))
        assert "policy.concurrent" in text(answer(third))
        kill(gate, 0)
        third, fourth = (stack.enter_context(Caller(gate)) for _ in range(2))
        third.begin(call("get_weather"))
        eventually(lambda: len(upstream.requests) == 3, "there is room for one more")
        assert "policy.concurrent" in text(answer(fourth))
        upstream.released.set()
        for caller in (callers[1], third):
            assert "isError" not in result(caller.receive().read())
        assert "isError" not in answer(fourth)
