"""A measurement, run by C{make load}: what a thousand slow callers cost somebody who behaves well.

His 99th percentile while they come, wait and are ended, over the one just before they came. Gate and
peers get a processor each where there are two; the besiegers stand back for the one who measures. A
round on a noisy machine says little, so the median of several counts.
"""

import os
import statistics
import subprocess
import sys
import time

import pytest

from tests.e2e.lab import HOSTS, ROOT, Lab, allow_descriptors
from tests.e2e.recording import RecordingUpstream
from tests.e2e.steady import Steady

ROUNDS = 5
COUNT = 1000

# They come at a hundred and twenty-five a second, wait a little, and are ended at the rate they came at.
COMING = 8.0
DEADLINE = 10.0
LIMITS = {name: f"{DEADLINE:g}s" for name in ("handshake_timeout", "head_timeout", "body_timeout")}
QUIET = 10.0

MOST = 2.0

pytestmark = pytest.mark.load


def percentile(ordered: list[float], share: float) -> float:
    """The value that so many of them do not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def shown(calls: list[float]) -> str:
    """What they took, in a line."""
    p50, p99, worst = (percentile(calls, share) * 1e3 for share in (0.5, 0.99, 1.0))
    return f"{len(calls):6} calls  p50 {p50:6.2f} ms  p99 {p99:6.2f} ms  worst {worst:6.1f} ms"


def test_the_99th_percentile_at_most_doubles(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """Under a thousand slow handshakes, heads and bodies."""
    allow_descriptors(2 * COUNT)
    ratios = []
    with (
        RecordingUpstream(lab.ca.server(HOSTS, lab.now)) as upstream,
        lab.gate(upstream={"port": upstream.port}, limits=LIMITS) as gate,
    ):
        everywhere = sorted(os.sched_getaffinity(0))
        if len(everywhere) > 1:
            os.sched_setaffinity(gate.pid, everywhere[:1])
            # Of this process and of what it starts.
            os.sched_setaffinity(0, everywhere[1:])
        try:
            for number in range(ROUNDS):
                with Steady(gate) as steady:
                    time.sleep(1)
                    begin = time.monotonic()
                    time.sleep(QUIET)
                    middle = time.monotonic()
                    besiege(gate.port, str(lab.ca_file), gate.token)
                    end = time.monotonic()
                    time.sleep(1)
                before, during = steady.between(begin, middle), steady.between(middle, end)
                ratios.append(percentile(during, 0.99) / percentile(before, 0.99))
                phases = {
                    "before": before,
                    "as they come": steady.between(middle, middle + COMING),
                    "as they wait": steady.between(middle + COMING, middle + DEADLINE),
                    "as they are ended": steady.between(middle + DEADLINE, end),
                    "in all": during,
                }
                with capsys.disabled():
                    print(f"\nround {number + 1}: ratio {ratios[-1]:.2f}")
                    for what, calls in phases.items():
                        print(f"  {what:18} {shown(calls)}", flush=True)
        finally:
            os.sched_setaffinity(0, everywhere)
    assert statistics.median(ratios) <= MOST, ratios


def besiege(port: int, authority: str, token: str) -> None:
    """Lay siege in a process of its own, and wait for its end."""
    program = [sys.executable, "-m", "tests.e2e.siege", str(port), authority, token]
    subprocess.run(
        [*program, str(COUNT), str(COMING / COUNT)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=120,
        preexec_fn=lambda: os.nice(19) and None,
    )
