"""A worker's process, with our end of the channel to it.

It is started anew, not forked: a fork of a running reactor would share its epoll set. What it imports
is found where we found ours.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from mcpgate.workers.channel import Channel, Verb, attach

#: What a service manager says to the one process that it has started (sd_notify(3), sd_listen_fds(3)).
FOR_US = frozenset(
    {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}
)

#: The descriptor on which a worker finds its end of the channel.
CHANNEL = 3


class Child:
    """What a supervisor knows of one worker's process."""

    def __init__(self, channel: Channel, pid: int, kill: Callable[[], None]) -> None:
        self.channel = channel
        self.pid = pid
        #: End it at once, whatever it does.
        self.kill = kill
        #: Whether it has imported all that it needs.
        self.ready = False
        #: The generation that it serves by.
        self.generation = 0
        #: The one that it has built last.
        self.staged = 0
        #: Whether it is being brought to what stands.
        self.settling = False
        #: The listening sockets that it has, by listener: what they were bound as.
        self.given: dict[str, object] = {}
        #: Those that it gets with what it has built, and keeps if it adopts that.
        self.offered: dict[str, object] = {}
        #: When it began to serve.
        self.serving_since: float | None = None
        #: Whether we have ended it, and have said why.
        self.ended = False
        #: Once it is gone: whether all that it had begun was finished.
        self.finished: bool | None = None
        self._waiting: list[Deferred[bool]] = []

    def gone(self, finished: bool) -> None:
        """Its process has ended."""
        self.finished = finished
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(finished)

    def end(self) -> Deferred[bool]:
        """Fires with C{finished} once it is gone."""
        if self.finished is not None:
            return succeed(self.finished)
        one: Deferred[bool] = Deferred()
        self._waiting.append(one)
        return one


#: What is called when a process has ended: in words how, and whether all that it had begun was finished.
Ended = Callable[[str, bool], None]

#: Starts a process: its verbs, and what to call at its end.
Spawn = Callable[[Mapping[str, Verb], Ended], Child]


class _Process(ProcessProtocol):
    """Tells when it has ended."""

    def __init__(self, ended: Ended) -> None:
        self._ended = ended

    def processEnded(self, reason: Failure) -> None:
        error: Any = reason.value
        if error.signal is not None:
            return self._ended(f"was ended by signal {error.signal}", False)
        self._ended(f"ended with exit code {error.exitCode}", error.exitCode == 0)


def spawner(reactor: Any, command: Sequence[str]) -> Spawn:
    """How workers are started in processes of their own."""

    def spawn(verbs: Mapping[str, Verb], ended: Ended) -> Child:
        ours, theirs = socket.socketpair()
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        # When only the channel is gone, the process drains and then ends.
        channel = Channel(reactor, verbs, lambda: None)
        try:
            # First, as it may fail for want of a descriptor: a process that nobody knows must not be.
            attach(reactor, channel, ours)
            process = reactor.spawnProcess(
                _Process(ended),
                command[0],
                command,
                env={
                    **{key: value for key, value in os.environ.items() if key not in FOR_US},
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                },
                # What it prints, such as a crash, is told where ours is.
                childFDs={0: nowhere, 1: 2, 2: 2, CHANNEL: theirs.fileno()},
            )
        except BaseException:
            channel.close()
            raise
        finally:
            theirs.close()
            os.close(nowhere)

        def kill() -> None:
            try:
                process.signalProcess("KILL")
            except ProcessExitedAlready:
                pass

        return Child(channel, process.pid, kill)

    return spawn
