"""Processes that the bench starts: each in a group of its own, ended by it, and looked at in /proc."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

#: How long a process may take to end on being told, before it is killed.
_GRACE = 5.0


class Failed(Exception):
    """A process did not do what it was started for; the text says what, with its last words."""


class Child:
    """One process, with whatever it starts itself."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        cpus: Collection[int],
        speaks: bool = False,
        prefer: bool = False,
    ) -> None:
        """
        @param log: takes its stderr, and its stdout unless it C{speaks}: then that is for C{line}.
        @param prefer: to the processes of others, as far as the kernel lets us.
        """
        self.name = name
        self._log = log
        self._heard = b""
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if speaks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if speaks else file,
                stderr=file,
                start_new_session=True,
                preexec_fn=lambda: _settle(cpus, prefer),
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """Raise L{Failed} if it has ended."""
        if self.process.poll() is not None:
            raise Failed(f"{self.name} ended with {self.process.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        """The end of its log, on one line."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-4:]) or "it said nothing"

    def line(self, seconds: float) -> str:
        """The next line of its stdout, in that time."""
        assert self.process.stdout is not None
        end = time.monotonic() + seconds
        while b"\n" not in self._heard:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Failed(f"{self.name} said nothing for {seconds:.0f} s")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                self.process.wait(_GRACE)
                self.check()
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def say(self, line: str) -> None:
        """Write a line to its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Ask its group to end, and see to it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            # The second is for what it started, too: that is in its group, and may outlive it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_GRACE)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Children:
    """All that run; leaving the C{with} ends them, the last one first."""

    def __init__(self, *, prefer: bool = False) -> None:
        self._running: list[Child] = []
        self._prefer = prefer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._running:
            self._running.pop().end()

    def start(
        self, name: str, command: Sequence[str], *, log: Path, cpus: Collection[int], speaks: bool = False
    ) -> Child:
        """Start one."""
        child = Child(name, command, log=log, cpus=cpus, speaks=speaks, prefer=self._prefer)
        self._running.append(child)
        return child

    def end(self, child: Child) -> None:
        """End one now."""
        self._running.remove(child)
        child.end()


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for task in _tasks(pid):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            found += tree(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """What a process and its descendants have used so far, to the nanosecond."""
    total = 0
    for one in tree(pid):
        for task in _tasks(one):
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except (OSError, ProcessLookupError):
                continue
    return total / 1e9


def megabytes(pid: int) -> float:
    """Memory of a process and its descendants, shared pages shared out (PSS)."""
    kilobytes = 0
    for one in tree(pid):
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
        except (OSError, ProcessLookupError):
            continue
        kilobytes += pss_kilobytes(rollup)
    return kilobytes * 1024 / 1e6


def pss_kilobytes(rollup: str) -> int:
    """The figure in the text of C{smaps_rollup}."""
    found = re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)
    return int(found[1]) if found else 0


def _settle(cpus: Collection[int], prefer: bool) -> None:
    """In the child, before it becomes what it is: where it runs, and how much the kernel cares."""
    os.sched_setaffinity(0, cpus)
    if prefer:
        # Each session is a group of the scheduler's, and nice weighs only within one.
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text("-20")


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []
