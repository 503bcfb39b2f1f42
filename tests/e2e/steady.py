"""A well-behaved caller as a process of its own, who keeps time of his answers.

C{python -m tests.e2e.steady PORT CA TOKEN} calls about three hundred times a second on one kept
connection until its input ends, and prints when each call began and what it took, on the monotonic
clock that all processes share.
"""

import json
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.e2e.lab import ROOT, GateProcess
from tests.e2e.wire import calling, knock, request_of, trusting

PAUSE = 0.003

#: What a call took: its beginning, on the monotonic clock, and its seconds.
Call = tuple[float, float]


class Steady:
    """The process, from C{with} to its end; C{calls} are there afterwards."""

    def __init__(self, gate: GateProcess) -> None:
        self.calls: list[Call] = []
        self._arguments = [str(gate.port), str(gate.lab.ca_file), gate.token]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.steady", *self._arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        said, _ = self._process.communicate(timeout=30)
        self.calls = [(begin, seconds) for begin, seconds in json.loads(said)]

    def between(self, begin: float, end: float) -> list[float]:
        """What the calls took that began then, in order of size."""
        return sorted(seconds for when, seconds in self.calls if begin <= when < end)


def main(port: str, authority: str, token: str) -> None:
    """Call until the input ends."""
    raw = knock(int(port), "127.0.0.1")
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = request_of(token, calling("get_weather"))
    calls: list[Call] = []
    with trusting(Path(authority)).wrap_socket(raw, server_hostname="localhost") as sock:
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            begin = time.monotonic()
            sock.sendall(request)
            answer = sock.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 "), answer
            calls.append((begin, time.monotonic() - begin))
    print(json.dumps(calls))


if __name__ == "__main__":
    main(*sys.argv[1:])
