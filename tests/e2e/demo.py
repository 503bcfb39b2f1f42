"""The demonstration as a process, for the tests that watch it."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.lab import MCPGATE
from tests.waiting import eventually

#: It takes about five seconds; the promise is a minute.
DEMO_MOST = 60.0


def run_demo(*options: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """C{mcpgate demo}, from beginning to end."""
    return subprocess.run(
        [*MCPGATE, "demo", *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEMO_MOST,
        env={**os.environ, **(env or {})},
    )


class KeptDemo:
    """C{mcpgate demo --keep}, while it serves. C{text} is what it has printed."""

    def __init__(self, child: subprocess.Popen[bytes], printed: Path) -> None:
        self.child = child
        self._printed = printed

    @property
    def text(self) -> str:
        return self._printed.read_text(encoding="utf-8")

    @property
    def snippet(self) -> str:
        """The client that it offers, ready to be run."""
        found = re.search(r"^import asyncio\n.*?^asyncio\.run\(main\(\)\)$", self.text, re.S | re.M)
        assert found, self.text
        return found[0]

    @property
    def token(self) -> str:
        """The token that it issued, as the snippet has it."""
        found = re.search(r"Bearer (mcpgate_\S+?)\"", self.snippet)
        assert found, self.snippet
        return found[1]

    @property
    def dashboard(self) -> str:
        """The one-time link that it offers."""
        found = re.search(r"^https://localhost:\d+/login/link/\S+$", self.text, re.M)
        assert found, self.text
        return found[0]

    @property
    def gate_pid(self) -> int:
        found = re.search(r"mcpgate run, process (\d+)", self.text)
        assert found, self.text
        return int(found[1])

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal; the exit code."""
        self.child.send_signal(number)
        return self.child.wait(20)


@contextmanager
def kept_demo(state: Path, printed: Path) -> Iterator[KeptDemo]:
    """The demonstration with its files in C{state}, once it has told everything and serves on."""
    with printed.open("wb") as out:
        child = subprocess.Popen(
            [*MCPGATE, "demo", "--keep", "--state", str(state)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            # Who runs the tests in the background has it ignored, and that is inherited.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    demo = KeptDemo(child, printed)
    try:
        eventually(
            lambda: "Ctrl-C ends everything." in demo.text or child.poll() is not None, "it serves", DEMO_MOST
        )
        assert child.poll() is None, demo.text
        yield demo
    finally:
        if child.poll() is None:
            # Not kill: its children would be left.
            child.terminate()
            child.wait(20)


def left_running(state: Path) -> list[str]:
    """The command lines of all processes that name that directory."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue  # it ended while we looked
        if os.fsencode(state) in line:
            lines.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return lines
