"""One worker: it serves what its supervisor tells it over the channel, and ends when that is gone.

A generation comes into force in two steps, so that all workers take it or none: C{stage} builds it
from the configuration and keeps the sockets of its new listeners, C{adopt} serves by it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from mcpgate._version import __version__
from mcpgate.config.include import Included
from mcpgate.config.load import parse_config
from mcpgate.config.problem import ConfigError
from mcpgate.config.tables.gate import GateTable
from mcpgate.evidence.journal import Journal, JournalError
from mcpgate.evidence.opening import open_journal
from mcpgate.generation import Builder, Generation
from mcpgate.holds.remote import RemoteOffice, desk_verbs
from mcpgate.identity.issued import IssuedTokens
from mcpgate.ops.watch import Watch
from mcpgate.serving import Serving
from mcpgate.workers.channel import Channel, ChannelError, Verb


@frozen(eq=False)
class _Staged:
    generation: Generation
    sockets: Mapping[str, socket.socket]

    def drop(self) -> None:
        for sock in self.sockets.values():
            sock.close()


class Worker:
    """What a worker's end of the channel answers."""

    log = Logger()

    def __init__(
        self, reactor: Any, ended: Callable[[], None], *, wall: Callable[[], float] = time.time
    ) -> None:
        """
        @param ended: called once when there is nothing left to do.
        """
        self.verbs: Mapping[str, Verb] = {
            "stage": self.stage,
            "adopt": self.adopt,
            "drop": self.drop,
            "tokens": self.tokens,
            "status": self.status,
            "reopen": self.reopen,
            "seal": self.seal,
            "drain": self.drain,
            "not_taken": self.not_taken,
            **desk_verbs(lambda: self._serving.force.holds if self._serving is not None else None),
        }
        #: The channel to the supervisor, once there is one.
        self.channel: Channel | None = None
        self._reactor = reactor
        self._ended = ended
        self._wall = wall
        self._journal: Journal | None = None
        self._serving: Serving | None = None
        self._staged: _Staged | None = None
        self._watch: Watch | None = None
        self._leaving = False
        #: At the end: whether all that was begun could finish.
        self.finished = True

    # What the supervisor asks.

    def stage(
        self,
        *,
        version: str,
        worker: int,
        number: int,
        text: str,
        source: str,
        names: Sequence[str],
        included: Mapping[str, str] = MappingProxyType({}),
        descriptors: Sequence[int] = (),
    ) -> Mapping[str, Any]:
        """
        Build a generation, to be adopted or dropped.

        @param worker: our number among the workers, and that of our journal.
        @param number: the generation's.
        @param names: the listeners that the descriptors are for.
        @param included: the text of each file that the configuration includes.
        """
        self.drop()
        sockets = dict(zip(names, (socket.socket(fileno=each) for each in descriptors), strict=True))
        try:
            if version != __version__:
                raise ChannelError(f"is mcpgate {__version__}, and not {version}: restart the gate")
            generation = self._build(text, source, included, number)
            if self._journal is None:
                self._journal = open_journal(generation.config, worker, clock=self._wall)
        except BaseException as error:
            for sock in sockets.values():
                sock.close()
            if isinstance(error, ConfigError):
                raise ChannelError("; ".join(map(str, error.problems))) from None
            if isinstance(error, JournalError):
                raise ChannelError(str(error)) from None
            raise
        self._staged = _Staged(generation, sockets)
        return {}

    def adopt(self, *, number: int, tokens: str) -> Mapping[str, Any]:
        """Serve by what was staged."""
        staged, self._staged = self._staged, None
        if staged is None or staged.generation.number != number:
            raise ChannelError(f"has no generation {number}")
        if self._serving is None:
            assert self._journal is not None
            known = IssuedTokens.from_bytes(tokens.encode())
            office = RemoteOffice(self._supervisor)
            self._serving = Serving(
                self._reactor, self._journal, staged.generation, known, self._wall, office
            )
            self._watch = Watch(self._reactor, lambda: self._gate().watch, self._serving.look)
            self._watch.start()
        self.tokens(tokens=tokens)
        self._serving.adopt(staged.generation, staged.sockets)
        return {}

    def drop(self) -> Mapping[str, Any]:
        """Forget what was staged."""
        staged, self._staged = self._staged, None
        if staged is not None:
            staged.drop()
        return {}

    def tokens(self, *, tokens: str) -> Mapping[str, Any]:
        """Accept these from now on, and no others."""
        known = IssuedTokens.from_bytes(tokens.encode())
        if self._serving is not None:
            self._serving.take_tokens(known)
        return {}

    def status(self) -> Mapping[str, Any]:
        """What is true of this worker."""
        if self._serving is None:
            return {"running": False}
        return self._serving.status((), self._serving.force.generation.config.source)

    def reopen(self) -> Mapping[str, Any]:
        """Go on in a new segment of the journal, if the old one was moved away."""
        if self._serving is not None:
            try:
                self._serving.reopen()
            except JournalError as error:
                raise ChannelError(str(error)) from None
        return {}

    async def seal(self) -> Mapping[str, Any]:
        """Write a checkpoint now."""
        if self._serving is None:
            return {}
        await self._serving.seal()
        return {"journal": self._serving.force.witness.facts()}

    def not_taken(self, *, kind: str, problem: str) -> Mapping[str, Any]:
        """Record that a change was not taken, for all of us."""
        if self._serving is not None:
            self._serving.tell_not_taken(kind, problem)
        return {}

    async def drain(self, *, seconds: float) -> Mapping[str, Any]:
        """Accept no more, and let exchanges finish for so long."""
        return {"finished": await self._drained(seconds)}

    # Its end.

    def leave(self) -> None:
        """Drain for as long as the configuration allows, and end: the supervisor is gone or wants it."""
        if self._leaving:
            return
        self._leaving = True
        seconds = self._gate().drain if self._serving is not None else 0.0
        self._drained(seconds).addBoth(self._end)

    def _drained(self, seconds: float) -> Deferred[bool]:
        staged = self._staged
        self.drop()
        if self._serving is None:
            return succeed(True)
        if staged is not None:
            # It will not accept on the sockets, but it has agreed: a reload may be under way.
            self._staged = _Staged(staged.generation, {})
        return self._serving.drain(seconds)

    def _end(self, finished: object) -> None:
        self.finished = finished is True
        if self._watch is not None:
            self._watch.stop()
        if self._serving is not None:
            self._serving.stop()
        elif self._journal is not None:
            self._journal.close()
        self._ended()

    def _supervisor(self) -> Channel:
        assert self.channel is not None, "whoever made the channel tells the worker"
        return self.channel

    def _gate(self) -> GateTable:
        assert self._serving is not None
        return self._serving.force.generation.config.gate

    def _build(self, text: str, source: str, included: Mapping[str, str], number: int) -> Generation:
        files = {file: part.encode() for file, part in included.items()}
        config = parse_config(text.encode(), Path(source), Included(files, {}))
        # Whoever supervises us has claimed the state directory.
        now = datetime.fromtimestamp(self._wall(), UTC)
        return Builder(config, number, now, claimed=True).build()
