"""One writer for each file of evidence, seen with real second processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcpgate.evidence.lock import JournalError, hold

HOLD = """
import sys
from pathlib import Path
from mcpgate.evidence.lock import hold
hold(Path(sys.argv[1])); print("ready", flush=True); input()
"""


def test_a_second_process_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    fd = hold(tmp_path / "lock")
    child = subprocess.run(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")], capture_output=True, text=True, check=False
    )
    assert child.returncode != 0
    assert f"another gate (process {os.getpid()})" in child.stderr
    os.close(fd)


def test_it_is_free_again_after_a_kill(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        with pytest.raises(JournalError, match=f"process {child.pid}"):
            hold(tmp_path / "lock")
        child.send_signal(signal.SIGKILL)
    os.close(hold(tmp_path / "lock"))


@pytest.mark.parametrize(("number", "passes"), [(28, True), (122, True), (24, True), (13, False)])
def test_whether_it_may_be_over_by_itself_is_told_by_the_cause(number: int, passes: bool) -> None:
    try:
        raise JournalError("it is full") from OSError(number, "...")
    except JournalError as error:
        assert error.passes is passes
    assert not JournalError("another gate").passes
