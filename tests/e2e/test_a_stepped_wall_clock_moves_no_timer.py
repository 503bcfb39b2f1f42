"""The wall clock is stepped an hour, either way, under a gate that runs: every timer is as it was.

libfaketime shifts what the process is told the time is; the file that says by how much is changed
while it runs. The monotonic clock is left alone, as a step of the real one does.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call
from tests.e2e.lab import HOSTS, GateProcess, Lab
from tests.e2e.recording import RESULT, RecordingUpstream
from tests.waiting import eventually

IDLE = 3.0
# The set of sockets looks at deadlines every quarter of a second; the rest is for a busy machine.
LATE = 1.5


def libfaketime() -> Path:
    """Where Debian's package has it."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "install faketime to run this"
    return found[0]


#: Certificates are judged by the wall clock, so they have to be good on both sides of the step.
MADE = datetime.now(UTC) - timedelta(hours=2)


@pytest.fixture
def ca() -> LocalCA:
    """One that was made before either step."""
    return LocalCA.create("mcpgate tests", MADE)


@pytest.fixture
def upstream(ca: LocalCA) -> Iterator[RecordingUpstream]:
    with RecordingUpstream(ca.server(HOSTS, MADE)) as upstream:
        yield upstream


@pytest.fixture
def clock(lab: Lab) -> Path:
    """The file that says how wrong the gate's wall clock is."""
    clock = lab.directory / "clock"
    clock.write_text("+0")
    return clock


@pytest.fixture
def gate(
    request: pytest.FixtureRequest, lab: Lab, upstream: RecordingUpstream, clock: Path
) -> Iterator[GateProcess]:
    fake = {
        "LD_PRELOAD": str(libfaketime()),
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
    }
    with lab.gate(
        upstream={"port": upstream.port},
        gate={"workers": request.param},
        limits={"idle_timeout": f"{IDLE:g}s"},
        env=fake,
    ) as running:
        yield running


def step(clock: Path, hours: str) -> None:
    """The gate's wall clock is so wrong from now on."""
    fresh = clock.with_suffix(".new")
    fresh.write_text(hours)
    fresh.replace(clock)


@pytest.mark.parametrize("gate", [1, 2], indirect=True, ids=["one process", "two workers"])
@pytest.mark.parametrize("hours", ["+1h", "-1h"])
def test_no_timeout_is_early_and_none_is_late(gate: GateProcess, clock: Path, hours: str) -> None:
    """An idle connection is closed when it is due, and changed files are seen as ever."""
    gate.token = gate.lab.token("clock", lifetime=7200.0)
    eventually(lambda: gate.status()["tokens"] == 2, "the token is taken up")
    with Caller(gate) as caller, socket.socket(socket.AF_UNIX) as silent:
        # Nothing is said on the control socket; the gate bears that for a minute.
        silent.connect(str(gate.lab.state / "control.sock"))
        assert caller.post(call("get_weather")).read() == RESULT
        began = time.monotonic()
        before = datetime.now(UTC)
        step(clock, hours)
        assert closed(caller)
        took = time.monotonic() - began
        assert IDLE - 0.3 <= took <= IDLE + LATE, f"closed after {took:.2f} s"
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.recv(1)
    with Caller(gate) as caller:
        assert caller.post(call("get_weather")).read() == RESULT
    # The step was one: records are made by the wall clock.
    times = [datetime.fromisoformat(record["time"]) - before for record in gate.journal("open")]
    shift = max(times, key=abs)
    assert timedelta(minutes=59) < abs(shift) < timedelta(minutes=61)
    assert (shift > timedelta(0)) == (hours == "+1h")
    # Each process has seen it, and says so.
    stepped = eventually(lambda: gate.journal("clock"), "the step is on record")
    assert all(abs(one["stepped"] - (3600 if hours == "+1h" else -3600)) < 5 for one in stepped)
    changed = time.monotonic()
    gate.lab.token("another")
    eventually(lambda: gate.status()["tokens"] == 3, "the watch goes on")
    assert time.monotonic() - changed < 0.2 + LATE


def closed(caller: Caller) -> bool:
    """Waits until the gate has closed the connection."""
    try:
        return caller.sock.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True
