"""kill -9 of a worker under load, again and again: what reached the upstream is in the journal.

C{make faults} has 200 rounds of it; the suite has some.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from itertools import count
from pathlib import Path

import pytest

from mcpgate.evidence.findings import Severity
from mcpgate.evidence.verify import verify
from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call
from tests.e2e.lab import HOSTS, GateProcess, Lab
from tests.e2e.recording import RecordingUpstream
from tests.evidence.chained import chained
from tests.journals import records_by_worker
from tests.waiting import eventually

WORKERS = 2
CALLERS = 2
# A worker that lives for less than a second is not replaced at once, and each is killed every other time.
LIVES = 0.6


@pytest.fixture
def upstream(ca: LocalCA, lab: Lab) -> Iterator[RecordingUpstream]:
    with RecordingUpstream(ca.server(HOSTS, lab.now)) as upstream:
        yield upstream


class Load:
    """Callers that call one tool after the other, each of another name; cut off, they come back."""

    def __init__(self, gate: GateProcess) -> None:
        self.gate = gate
        self.answered = self.cut = 0
        self._names = count()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CALLERS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with Caller(self.gate) as caller:
                    while not self._stopped.is_set():
                        response = caller.post(call(f"get_{next(self._names)}"))
                        assert response.status == 200, response.read()
                        response.read()
                        self.answered += 1
            except (OSError, HTTPException):
                self.cut += 1


def kill_in_turn(gate: GateProcess, load: Load, rounds: int) -> None:
    """Kill one worker after the other while they are in use."""
    for number in range(rounds):
        row = gate.workers()[number % WORKERS]
        before = load.answered
        time.sleep(LIVES)
        eventually(lambda before=before: load.answered > before + CALLERS, "the gate is in use")
        kill(row["process"])
        eventually(
            lambda row=row: all(one["state"] == "serves" for one in gate.workers())
            and gate.workers()[row["number"]]["process"] != row["process"],
            "another one has its place",
            30.0,
        )


def kill(process: int) -> None:
    """As the kernel does when memory is short."""
    os.kill(process, signal.SIGKILL)


def judge(state: Path, upstream: RecordingUpstream, rounds: int, small: bool) -> int:
    """What reached the upstream is on record, and nothing is wrong with that.

    @return: How many exchanges were unfinished.
    """
    forwarded = {name for request in upstream.requests for name in request.all("mcp-name")}
    journals = records_by_worker(state)
    opened = {one["id"]: one for records in journals.values() for one in records if one["type"] == "open"}
    assert len(forwarded) > 10 * rounds
    assert forwarded <= {one["name"] for one in opened.values()}
    closed = {one["id"] for records in journals.values() for one in records if one["type"] == "close"}
    segments = [len(chained(state / "journal", worker)) for worker in range(WORKERS)]
    # One for each start; and those that were large enough, where they are small.
    assert sum(segments) > WORKERS + rounds if small else sum(segments) == WORKERS + rounds
    found = verify(state).findings
    unfinished = {one.exchange for one in found if one.severity is Severity.UNFINISHED}
    assert unfinished == opened.keys() - closed
    assert [one for one in found if one.severity not in (Severity.UNFINISHED, Severity.NOTE)] == []
    return len(unfinished)


def killed(lab: Lab, upstream: RecordingUpstream, rounds: int, **evidence: object) -> tuple[int, Load]:
    """So many rounds; returns how much was unfinished, and the load."""
    with lab.gate(upstream={"port": upstream.port}, gate={"workers": WORKERS}, evidence=evidence) as gate:
        with Load(gate) as load:
            kill_in_turn(gate, load, rounds)
        assert gate.terminate() == 0
    return judge(lab.state, upstream, rounds, "segment_size" in evidence), load


def test_whatever_reached_the_upstream_is_on_record(lab: Lab, upstream: RecordingUpstream) -> None:
    """And what was cut off is named as unfinished, and nothing else is."""
    _, load = killed(lab, upstream, 4)
    assert load.cut > 0


@pytest.mark.faults
@pytest.mark.parametrize("durability", ["kernel", "fsync"])
def test_it_is_after_two_hundred_rounds_as_well(
    lab: Lab, upstream: RecordingUpstream, durability: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With segments that turn over meanwhile, and are compressed."""
    rounds = 200
    unfinished, load = killed(
        lab, upstream, rounds, durability=durability, segment_size="64KiB"
    )
    assert unfinished > 0
    with capsys.disabled():
        print(
            f"\n{durability}: {rounds} workers killed; {len(upstream.requests)} requests forwarded, "
            f"{load.answered} answered; {unfinished} exchanges unfinished, nothing else found"
        )
