"""The processes of the demonstration: each started, watched and ended by its own id.

A child is in a session of its own: Ctrl-C on the terminal reaches the demonstration alone, which then
ends its children, in order. What they write is kept in files beside the configuration.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mcpgate.demo.promise import DemoFailed

# Seconds for a child to end by itself; the gate drains for two at most.
_ENDING = 5.0

# Lines of a dead child's own words that are worth showing.
_LAST_WORDS = 5


class Child:
    """A Python module that runs as a process. C{written} has its stdout, C{complaints} its stderr."""

    def __init__(
        self, name: str, argv: Sequence[str], directory: Path, env: Mapping[str, str] | None = None
    ) -> None:
        """
        @param argv: the module and its arguments, as after C{python -m}.
        @param directory: where its two files are put.
        """
        self.name = name
        self.written = directory / f"{name}.out"
        self.complaints = directory / f"{name}.log"
        with self.written.open("wb") as out, self.complaints.open("wb") as err:
            self._process = subprocess.Popen(
                # -P: what lies in the current directory is not imported.
                [sys.executable, "-P", "-m", *argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def alive(self) -> None:
        """
        @raise DemoFailed: with its last words, if it has ended.
        """
        code = self._process.poll()
        if code is not None:
            raise self._failure(f"ended with exit code {code}")

    def finish(self, seconds: float) -> str:
        """Wait for its end, and return what it has written.

        @raise DemoFailed: if it takes too long or ends with an error.
        """
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise self._failure(f"was not done after {seconds:g} s") from None
        if code != 0:
            raise self._failure(f"ended with exit code {code}")
        return self.written.read_text(encoding="utf-8")

    def wait(self) -> None:
        """Wait for its end, however long that takes."""
        self._process.wait()

    def ask_to_end(self) -> None:
        """Send SIGTERM, unless it has ended already."""
        self._process.terminate()

    def end(self) -> None:
        """Wait for its end after L{ask_to_end}; kill it when it takes too long."""
        try:
            self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _failure(self, what: str) -> DemoFailed:
        words = self.complaints.read_text(encoding="utf-8", errors="replace").splitlines()
        words = words or self.written.read_text(encoding="utf-8", errors="replace").splitlines()
        return DemoFailed("\n  ".join([f"the {self.name} {what}", *words[-_LAST_WORDS:]]))


class Children:
    """All of them; whatever happens inside C{with}, none is left behind."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._all: list[Child] = []

    def start(self, name: str, *argv: str, env: Mapping[str, str] | None = None) -> Child:
        """Start a module."""
        child = Child(name, argv, self._directory, env)
        self._all.append(child)
        return child

    def stop(self) -> None:
        """End them, the latest first."""
        for child in reversed(self._all):
            child.ask_to_end()
        for child in reversed(self._all):
            child.end()
        self._all.clear()
