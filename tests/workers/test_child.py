"""A worker's process: what it is started with, and what is seen of its end."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcpgate.workers.child import spawner

ROOT = Path(__file__).resolve().parents[2]

# SIGCHLD is seen by the main thread only, so the reactor needs a process of its own.
PROGRAM = """
import sys
from twisted.internet import reactor
from mcpgate.workers.child import spawner

script = '''
import os, socket, sys
sock = socket.socket(fileno=3)
print("what it prints", flush=True)
open_ones = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
assert open_ones[:4] == [0, 1, 2, 3] and len(open_ones) <= 5, open_ones
assert not {"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} & set(os.environ), os.environ
assert os.readlink("/proc/self/fd/0") == "/dev/null"
import mcpgate
assert sock.recv(1) == b"", "the channel is there, and ends with its other end"
sys.exit(int(sys.argv[1]))
'''

def ended(how, finished):
    print(how, finished)
    reactor.stop()

child = spawner(reactor, [sys.executable, "-P", "-c", script, sys.argv[2]])({}, ended)
print(child.pid > 0)
reactor.callLater(0.2, child.kill if sys.argv[1] == "kill" else child.channel.close)
reactor.run()
child.kill()
"""


def run(how: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Start a process and have it end in one of two ways."""
    told = {"NOTIFY_SOCKET": "/run/none", "LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "mcp"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, how, str(code)],
        cwd=ROOT,
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(("code", "finished"), [(0, True), (1, False)])
def test_it_has_a_channel_and_nothing_else_of_ours(code: int, finished: bool) -> None:
    """What it prints goes where our errors go; it finds what we find; its end is told."""
    said = run("close", code)
    assert (said.stdout, said.returncode) == (f"True\nended with exit code {code} {finished}\n", 0)
    assert said.stderr == "what it prints\n"


class NoDescriptors:
    """A reactor that has none left, and is not to be asked for processes."""

    def adoptStreamConnection(self, *_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_no_process_is_started_that_could_not_be_spoken_to() -> None:
    """The error is for whoever wanted it; nothing is left behind."""
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="Too many open files"):
        spawner(NoDescriptors(), [sys.executable])({}, lambda how, finished: None)
    assert os.listdir("/proc/self/fd") == before


def test_it_can_be_ended_at_once() -> None:
    """Whatever it does; killing what has ended already does nothing."""
    said = run("kill")
    assert (said.stdout, said.returncode) == (f"True\nwas ended by signal {signal.SIGKILL.value} False\n", 0)
