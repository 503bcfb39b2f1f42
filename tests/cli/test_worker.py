"""The process of a worker, started as its supervisor does."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor

from mcpgate.cli.worker import command
from mcpgate.workers.child import CHANNEL


class Started:
    """The process, with our end of the channel as a plain socket."""

    def __init__(self, line: list[str] | None = None) -> None:
        self.ours, theirs = socket.socketpair()
        with theirs:
            self.ours.settimeout(30)
            self.process = subprocess.Popen(
                line or command(EPollReactor()),
                preexec_fn=lambda: os.dup2(theirs.fileno(), CHANNEL),
                pass_fds=[CHANNEL],
                stderr=subprocess.PIPE,
                text=True,
            )

    def send(self, message: object) -> None:
        octets = json.dumps(message).encode()
        self.ours.sendall(struct.pack("!I", len(octets)) + octets)

    def receive(self) -> Any:
        (length,) = struct.unpack("!I", self._exactly(4))
        return json.loads(self._exactly(length))

    def _exactly(self, count: int) -> bytes:
        octets = b""
        while len(octets) < count:
            more = self.ours.recv(count - len(octets))
            assert more, "the worker is gone"
            octets += more
        return octets

    def status(self) -> Any:
        """Ask, past whatever it logs."""
        self.send({"ask": 1, "verb": "status", "with": {}, "descriptors": 0})
        while "answer" not in (message := self.receive()):
            pass
        return message


@pytest.fixture
def started() -> Iterator[Started]:
    started = Started()
    yield started
    started.process.kill()
    started.process.communicate()
    started.ours.close()


def test_it_ends_when_its_supervisor_is_gone(started: Started) -> None:
    """In good order and without a word."""
    assert started.status() == {"answer": 1, "result": {"running": False}}
    started.ours.close()
    _, said = started.process.communicate(timeout=30)
    assert (started.process.returncode, said) == (0, "")


def test_it_leaves_the_terminals_signals_to_its_supervisor(started: Started) -> None:
    """They are sent to every process in it; SIGTERM is for this one."""
    started.status()
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(started.process.pid, number)
    assert started.status()["result"] == {"running": False}
    os.kill(started.process.pid, signal.SIGTERM)
    assert started.process.wait(30) == 0


def test_what_it_has_to_say_goes_over_the_channel(started: Started) -> None:
    """There is one writer of the log."""
    started.send({"ask": 2, "verb": "drain", "with": {"minutes": 1}, "descriptors": 0})
    assert started.receive() == {"tell": "ready", "with": {}}
    logged = started.receive()
    assert logged["tell"] == "log"
    assert logged["with"]["level"] == "critical"
    assert logged["with"]["namespace"].startswith("mcpgate.")
    assert "TypeError" in logged["with"]["text"]
    assert "error" in started.receive()


def test_it_is_the_same_python() -> None:
    """And the same kind of reactor."""
    assert command(EPollReactor())[0] == sys.executable
    assert command(EPollReactor())[-1] == "twisted.internet.epollreactor"
