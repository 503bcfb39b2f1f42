"""The one bash of a page: commands are given to it one by one, as by somebody at a terminal."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from attrs import frozen

from tests.docs.transcript import Command

#: Seconds that a command may take, on a busy machine.
MOST = 300.0
#: Seconds until one in the background listens, or has printed what is expected.
READY = 40.0
#: Seconds without a new listener after which what started is taken to have started wholly.
SETTLED = 0.4


@frozen
class Ran:
    """
    What came of a command. C{status} is C{None} if it did not end, or ended the shell; C{goes_on}: not
    for one in the background that has ended before it listened, or had printed what is expected.
    """

    status: int | None
    printed: str
    goes_on: bool = True


#: A command of several lines ends with the first that fails, as a reader would; so does a pipe with any of
#: its parts. That of one whose reader had read enough (SIGPIPE) is no failure.
_FAILS = "trap 'return $?' ERR"
_ENOUGH = 141


class Shell:
    """
    It reads commands from files, so that no quoting is lost, and tells on a pipe of its own how each ended.
    """

    def __init__(self, directory: Path, notes: Path, environment: Mapping[str, str]) -> None:
        """
        @param directory: where it begins.
        @param notes: a directory for what it is given and prints, out of sight.
        """
        self._notes = notes
        self._number = 0
        reading, writing = os.pipe()
        self._told = reading
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-O", "expand_aliases", "-o", "pipefail"],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writing,),
        )
        os.close(writing)
        self._pipe = writing
        self._give(_FAILS + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._told)

    def run(self, command: Command, satisfied: Callable[[str], bool]) -> Ran:
        """Run it to its end; one in the background until it listens, or what it has printed satisfies."""
        self._number += 1
        file = self._notes / f"{self._number}.sh"
        out = self._notes / f"{self._number}.out"
        file.write_text(command.text + "\n")
        before = listeners()
        self._give(f". {file} </dev/null >{out} 2>&1; echo $? >&{self._pipe}\n")
        status = self._ended()
        status = 0 if status == _ENOUGH else status

        def printed() -> str:
            return out.read_text(errors="replace") if out.exists() else ""

        goes_on = True
        if status == 0 and command.background:
            goes_on = self._started(before, lambda: bool(command.expected) and satisfied(printed()))
        return Ran(status, printed(), goes_on)

    def _give(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def _ended(self) -> int | None:
        end = time.monotonic() + MOST
        told = b""
        while not told.endswith(b"\n"):
            ready, _, _ = select.select([self._told], [], [], max(0.0, end - time.monotonic()))
            more = os.read(self._told, 100) if ready else b""
            if not more:
                return None
            told += more
        return int(told)

    def _started(self, before: frozenset[str], satisfied: Callable[[], bool]) -> bool:
        end = time.monotonic() + READY
        seen, since = before, time.monotonic()
        while time.monotonic() < end:
            lives = self._lives()
            now = listeners()
            if now != seen:
                seen, since = now, time.monotonic()
            elif satisfied() or (now - before and time.monotonic() - since > SETTLED):
                return True
            if not lives:
                return False
            time.sleep(0.05)
        return True

    def _lives(self) -> bool:
        """Whether what was last put into the background has not ended."""
        self._give(f"kill -0 $! 2>/dev/null; echo $? >&{self._pipe}\n")
        return self._ended() == 0


def listeners() -> frozenset[str]:
    """The addresses on which somebody listens by TCP."""
    found = set()
    for kind in ("tcp", "tcp6"):
        for row in Path("/proc/net", kind).read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A":
                found.add(fields[1])
    return frozenset(found)
