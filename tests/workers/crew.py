"""Workers without processes: each is a L{Worker} in this one, at the other end of a real channel.

So what a supervisor does with them is seen without waiting for Python to start, and a test can have a
worker refuse, fall silent or die.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from mcpgate.config.load import parse_config
from mcpgate.workers.channel import Channel, ChannelError, Verb, attach
from mcpgate.workers.child import Child, Ended
from mcpgate.workers.supervisor import Supervisor
from mcpgate.workers.worker import Worker
from tests.running import Loop, World
from tests.waiting import eventually


class Member:
    """One worker."""

    def __init__(self, reactor: Any, pid: int, end: socket.socket, ended: Ended) -> None:
        self.pid = pid
        self.killed = False
        #: Verbs that it refuses, with its words; or C{None}: that it does not answer.
        self.refuses: dict[str, str | None] = {}
        self._ended = ended
        self._over = False
        self.worker = Worker(reactor, lambda: self._end("ended with exit code 0"))
        verbs = {name: self._judged(name, verb) for name, verb in self.worker.verbs.items()}
        self.channel = self.worker.channel = Channel(reactor, verbs, self._gone)
        attach(reactor, self.channel, end)
        self.channel.tell("ready")

    def _judged(self, name: str, verb: Verb) -> Verb:
        def judged(**arguments: Any) -> Any:
            if name not in self.refuses:
                return verb(**arguments)
            for descriptor in arguments.get("descriptors", ()):
                socket.socket(fileno=descriptor).close()
            words = self.refuses[name]
            if words is not None:
                raise ChannelError(words)
            return _for_ever()

        return judged

    def _gone(self) -> None:
        if not self._over:
            self.worker.leave()

    def kill(self) -> None:
        """As SIGKILL would: its descriptors are closed, and that is all."""
        if self._over:
            return
        self.killed = self._over = True
        self.worker._end(None)
        self.channel.transport.abortConnection()

    def die(self) -> None:
        """Be killed by somebody else."""
        self.kill()

    def _end(self, how: str) -> None:
        self._over = True
        if self.channel.transport.connected:
            self.channel.transport.abortConnection()
        if self.killed:
            return self._ended("was ended by signal 9", False)
        self._ended(how, self.worker.finished)


async def _for_ever() -> Mapping[str, Any]:
    never: Deferred[Mapping[str, Any]] = Deferred()
    return await never


class Crew:
    """Starts workers. C{members} is all of them, in the order of their start."""

    def __init__(self, reactor: Any) -> None:
        self.members: list[Member] = []
        #: What every new one refuses.
        self.refuses: dict[str, str | None] = {}
        #: When there are no processes to be had.
        self.exhausted = False
        self._reactor = reactor

    def spawn(self, verbs: Mapping[str, Verb], ended: Ended) -> Child:
        """To be given to a supervisor."""
        if self.exhausted:
            raise OSError(11, "Resource temporarily unavailable")
        ours, theirs = socket.socketpair()
        member = Member(self._reactor, 1000 + len(self.members), theirs, ended)
        member.refuses.update(self.refuses)
        self.members.append(member)
        channel = Channel(self._reactor, verbs, lambda: None)
        attach(self._reactor, channel, ours)
        return Child(channel, member.pid, member.kill)


class Watched:
    """A supervisor that runs, with its crew and the world around it."""

    def __init__(self, world: World, workers: int) -> None:
        self.world = world
        self.loop: Loop = world.loop
        self.crew = Crew(self.loop.reactor)
        self.supervisor = Supervisor(
            self.loop.reactor, self.config(world.config()), self.crew.spawn, workers
        )

    def config(self, text: str) -> Any:
        """A configuration, as from the file."""
        return parse_config(text.encode(), Path(self.world.directory / "gate.toml"))

    def start(self) -> Watched:
        """Start it, and wait until all its workers serve and there is a spare."""
        self.loop.call(self.supervisor.startService)
        self.settled()
        bound = self.supervisor.standing.addresses.bound
        self.world.port = self.loop.call(lambda: bound["public"].port.getHost().port)
        return self

    def settled(self) -> None:
        """Wait until every seat is taken by a worker that serves, and there is a spare."""
        eventually(lambda: set(self.states()) == {"serves"} and self.status()["spare"], "all serve")

    def status(self) -> dict[str, Any]:
        """What C{mcpgate status} would show."""
        status: dict[str, Any] = self.loop.call(self.supervisor.status)
        return status

    def states(self) -> list[str]:
        """How each of the workers is."""
        return [worker["state"] for worker in self.status()["workers"]]

    def generations(self) -> list[int]:
        """By which generation each of the workers serves."""
        return [worker["generation"] for worker in self.status()["workers"]]

    def member(self, number: int) -> Member:
        """The worker with that number."""
        (pid,) = [one["process"] for one in self.status()["workers"] if one["number"] == number]
        return self.member_of(pid)

    def member_of(self, pid: int) -> Member:
        """The worker with that process, which may be over."""
        (found,) = [member for member in self.crew.members if member.pid == pid]
        return found

    def reload(self, text: str) -> None:
        """Give it another configuration."""
        self.loop.call(self.supervisor.reload, self.config(text))

    def stop(self) -> bool:
        """Stop it; returns whether every exchange could finish."""
        finished: bool = self.loop.call(self.supervisor.stopService)
        return finished


@contextlib.contextmanager
def watched(world: World, workers: int = 2) -> Iterator[Watched]:
    """A supervisor that runs."""
    running = Watched(world, workers).start()
    try:
        yield running
    finally:
        for member in running.crew.members:
            member.refuses.clear()
        if running.supervisor.running:
            running.loop.call(running.supervisor.drain, 0)
            running.stop()
