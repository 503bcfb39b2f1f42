"""The disk of the journal is full while the gate is in use: it refuses at once, and goes on by itself."""

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpgate.evidence.findings import Severity
from mcpgate.evidence.verify import verify
from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call
from tests.e2e.lab import HOSTS, Lab
from tests.e2e.recording import RecordingUpstream
from tests.journals import records_in
from tests.waiting import eventually

# What an operator may count on; the journal itself is asked for twice a second.
REFUSED_WITHIN = 0.1
RECOVERS_WITHIN = 1.0


@pytest.fixture
def upstream(ca: LocalCA, lab: Lab) -> Iterator[RecordingUpstream]:
    with RecordingUpstream(ca.server(HOSTS, lab.now)) as upstream:
        yield upstream


@pytest.fixture
def small(lab: Lab) -> Iterator[Path]:
    """The state directory, on a disk of a megabyte."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "mcpgate-test", str(lab.state)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield lab.state
    subprocess.run(["umount", "--lazy", str(lab.state)], check=True)


def fill(file: Path) -> None:
    """Take all the room there is."""
    with file.open("ab", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC


def asked(caller: Caller, tool: str) -> tuple[int, bytes, float]:
    """Call a tool: the status and body of the answer, and what it took."""
    began = time.monotonic()
    response = caller.post(call(tool))
    return response.status, response.read(), time.monotonic() - began


@pytest.mark.parametrize("durability", ["kernel", "fsync"])
def test_nothing_is_forwarded_meanwhile_and_all_is_well_within_a_second(
    lab: Lab, small: Path, upstream: RecordingUpstream, durability: str
) -> None:
    """Also where nobody asks for anything when there is room again."""
    filler = small / "filler"
    with (
        lab.gate(upstream={"port": upstream.port}, evidence={"durability": durability}) as gate,
        Caller(gate) as caller,
    ):
        for turn in range(2):
            assert asked(caller, f"before_{turn}")[0] == 200
            fill(filler)
            # What is left of a page may take some lines yet.
            eventually(lambda turn=turn: asked(caller, f"last_{turn}")[0] == 503, "the disk is full")
            forwarded = len(upstream.requests)
            refused = [asked(caller, f"refused_{turn}") for _ in range(10)]
            assert {status for status, _, _ in refused} == {503}
            assert all(b"gate.journal" in body for _, body, _ in refused)
            took = [seconds for _, _, seconds in refused]
            assert max(took) <= REFUSED_WITHIN, took
            assert len(upstream.requests) == forwarded
            journal = gate.status()["journal"]
            assert "No space left" in journal["failure"] or "disk is full" in journal["failure"]
            assert journal["owed"] >= 20 and journal["failing_since"] is not None
            filler.unlink()
            if turn:
                # Nobody asks: it sees by itself.
                began = time.monotonic()
                eventually(lambda: gate.status()["journal"]["failure"] is None, "it is written again")
                assert time.monotonic() - began <= RECOVERS_WITHIN
            eventually(
                lambda turn=turn: asked(caller, f"after_{turn}")[0] == 200, "it goes on", RECOVERS_WITHIN
            )
        assert gate.status()["journal"]["dropped"] == 0
        assert "the journal cannot be written" in gate.log()
        gate.settled()
        assert gate.terminate() == 0
    names = {name for request in upstream.requests for name in request.all("mcp-name")}
    records = records_in(small)
    opened = [one for one in records if one["type"] == "open"]
    assert names <= {one["name"] for one in opened}
    assert not any(name.startswith("refused") for name in names)
    assert sum(one["name"].startswith("refused") for one in opened) == 20
    assert [one for one in verify(small).findings if one.severity is not Severity.NOTE] == []


def test_off_the_record_it_goes_on_where_the_operator_wants_that(
    lab: Lab, small: Path, upstream: RecordingUpstream
) -> None:
    """And the journal says how much was, as soon as it can."""
    filler = small / "filler"
    unsafe = {"on_journal_failure": "unsafe-continue"}
    with lab.gate(upstream={"port": upstream.port}, evidence=unsafe) as gate, Caller(gate) as caller:
        assert asked(caller, "before")[0] == 200
        fill(filler)
        while gate.status()["journal"]["unrecorded"] < 5:
            assert asked(caller, "meanwhile")[0] == 200
        unrecorded = gate.status()["journal"]["unrecorded"]
        assert "OFF THE RECORD" in gate.log()
        filler.unlink()
        eventually(lambda: gate.status()["journal"]["failure"] is None, "the journal is written again")
        assert asked(caller, "after")[0] == 200
        gate.settled()
        assert gate.terminate() == 0
    (gap,) = [one for one in records_in(small) if one["type"] == "gap"]
    assert (gap["exchanges"], gap["lines"]) == (unrecorded, 0)
    assert gap["since"] < gap["until"]
