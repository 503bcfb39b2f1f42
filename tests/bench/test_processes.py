"""Processes are ended with all that they started, and what they use is found in /proc."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.bench.processes import Child, Children, Failed, cpu_seconds, megabytes, pss_kilobytes, tree
from tests.waiting import eventually

ALL = os.sched_getaffinity(0)

#: Starts another process, says its id, and waits for ever, deaf to SIGTERM.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def python(code: str) -> list[str]:
    """A command that runs some Python."""
    return [sys.executable, "-c", code]


def is_gone(pid: int) -> bool:
    """Whether a process has ended, though its parent may not have asked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_all_are_ended_with_what_they_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when something goes wrong, and one of them does not listen."""
    monkeypatch.setattr("tests.bench.processes._GRACE", 0.2)
    with pytest.raises(ZeroDivisionError), Children() as children:
        child = children.start("stubborn", python(STUBBORN), log=tmp_path / "log", cpus=ALL, speaks=True)
        grandchild = int(child.line(30.0))
        assert set(tree(child.pid)) == {child.pid, grandchild}
        raise ZeroDivisionError
    eventually(lambda: is_gone(grandchild), "what the child started has ended")
    assert child.process.poll() is not None


def test_a_child_runs_where_it_is_told(tmp_path: Path) -> None:
    """The peers and their callers must not share a core."""
    (one, *_) = sorted(ALL)
    code = "import os; print(os.sched_getaffinity(0))"
    with Children() as children:
        child = children.start("pinned", python(code), log=tmp_path / "log", cpus={one}, speaks=True)
        assert child.line(30.0) == f"{{{one}}}"


def test_what_ended_says_why(tmp_path: Path) -> None:
    """Its last words are in the error, for its log goes with the directory."""
    with Children() as children:
        command = python("import sys; sys.exit('no such address')")
        child = children.start("peer", command, log=tmp_path / "log", cpus=ALL)
        child.process.wait(30)
        with pytest.raises(Failed, match="peer ended with 1: no such address"):
            child.check()


def test_silence_is_not_waited_for(tmp_path: Path) -> None:
    """Neither from one that is there nor from one that has gone."""
    with Children() as children:
        silent = children.start("silent", ["sleep", "600"], log=tmp_path / "log", cpus=ALL, speaks=True)
        with pytest.raises(Failed, match="silent said nothing for 0 s"):
            silent.line(0.05)
        gone = children.start("gone", ["true"], log=tmp_path / "gone", cpus=ALL, speaks=True)
        with pytest.raises(Failed, match="gone ended with 0"):
            gone.line(30.0)


def test_a_child_hears_and_speaks_in_lines(tmp_path: Path) -> None:
    """However they arrive."""
    with Children() as children:
        child = children.start("echo", ["cat"], log=tmp_path / "log", cpus=ALL, speaks=True)
        child.say("one\ntwo")
        assert [child.line(30.0), child.line(30.0)] == ["one", "two"]


def test_cpu_and_memory_are_those_of_the_whole_tree(tmp_path: Path) -> None:
    """A parent that does nothing has what its child uses."""
    code = "import time; ballast = b'x' * 50_000_000\nwhile True: pass"
    child = Child(
        "shell", ["sh", "-c", '"$0" -c "$1"; true', sys.executable, code], log=tmp_path / "log", cpus=ALL
    )
    try:
        before = cpu_seconds(child.pid)
        eventually(lambda: cpu_seconds(child.pid) > before + 0.1, "it has used some CPU")
        eventually(lambda: megabytes(child.pid) > 50, "it holds its ballast")
    finally:
        child.end()
    assert cpu_seconds(child.pid) == 0.0


def test_the_proportional_share_is_read() -> None:
    """And none of the figures beside it."""
    text = "00400000-7fff [rollup]\nRss:  900 kB\nPss:              123 kB\nPss_Dirty:  7 kB\n"
    assert pss_kilobytes(text) == 123
    assert pss_kilobytes("") == 0
