"""What a running gate takes of the machine: memory, descriptors and processor time, from the kernel.

The sums are over the process that was started and all that it started, so that they mean the same
however many processes a gate is made of.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from tests.e2e.lab import GateProcess
from tests.waiting import eventually

# What memory may differ by and still count as the same: the allocator and the journal's buffers
# breathe. Five per cent, or two MiB where that is more.
BREATH = 0.05
BREATH_LEAST = 2 << 20

MIB = 1 << 20


@frozen
class Footprint:
    """What it takes now. C{processor} is in seconds since its start."""

    memory: int
    descriptors: int
    processor: float


def footprint(gate: GateProcess) -> Footprint:
    """Ask the kernel."""
    pids = list(_family(gate.pid))
    return Footprint(
        memory=sum(_resident(pid) for pid in pids),
        descriptors=sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
        processor=sum(_seconds(pid) for pid in pids),
    )


def at_rest(gate: GateProcess) -> Footprint:
    """What it takes once nobody is connected and no upstream connection is kept."""

    def resting() -> bool:
        status = gate.status()
        legs = [
            one[what] for one in status["listeners"] for what in ("connections", "handshakes_in_progress")
        ]
        legs += [count for one in status["upstreams"] for count in one["connections"].values()]
        return not any(legs)

    eventually(resting, "no connection is left")
    # The connection by which it was asked may be open a moment longer than its answer takes.
    found = footprint(gate)
    for _ in range(5):
        time.sleep(0.05)
        found = min(found, footprint(gate), key=lambda one: one.descriptors)
    return found


def all_closed(gate: GateProcess, before: Footprint) -> None:
    """No connection and no descriptor is left of what was done to a gate since it was at rest C{before}."""
    # A socket that lingers after its end is closed a little later.
    eventually(
        lambda: at_rest(gate).descriptors <= before.descriptors,
        f"the gate is back at {before.descriptors} descriptors",
    )


def back_at(gate: GateProcess, before: Footprint) -> None:
    """Nothing is left at all, in memory neither."""
    all_closed(gate, before)
    memory = footprint(gate).memory
    most = before.memory + max(before.memory * BREATH, BREATH_LEAST)
    assert memory <= most, f"{memory - before.memory} bytes are kept, beside {before.memory}"


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no memory")


def _seconds(pid: int) -> float:
    # After the command, which is in parentheses, the 12th and 13th fields.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
