"""The admin process as the gate's process sees it: started, told what stands, replaced when it dies.

It can cost the gate a line in the log and nothing else: whatever it asks, it asks over a channel of its
own, and the gate serves on whether it lives or not.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from inspect import signature
from time import monotonic
from types import MappingProxyType
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.logger import Logger, LogLevel

from mcpgate._version import __version__
from mcpgate.admin.bound import KEY, BoundAdmin, bind
from mcpgate.admin.terms import NAME, load_admin, wanted
from mcpgate.config.schema import Config
from mcpgate.ops.control import ControlError, Verb
from mcpgate.relay.bound import ListenError
from mcpgate.workers.channel import ChannelError
from mcpgate.workers.channel import Verb as ChannelVerb
from mcpgate.workers.child import Child, Spawn

#: What it may ask of the gate: the verbs of the control socket that a page needs.
ASKED = frozenset({"status", "held", "approve", "deny", "files"})

# Certificates and authorities are read; and its imports take a second on a slow machine.
ADOPT_MOST = 30.0
# A verb of the control socket waits for it.
ANSWER_MOST = 5.0
# Nothing depends on it: after a first death it comes back at once, and then less and less often.
YOUNG = 10.0
WAIT_FIRST = 0.5
WAIT_MOST = 30.0
# It has nothing that has to be finished: what it has not put into the index it does at its next start.
END_MOST = 2.0


@frozen(eq=False)
class Prepared:
    """A configuration that was found good for it, with the address that was bound for it, if it is new."""

    config: Config
    fresh: BoundAdmin | None
    keeps: bool


class Beside:
    """The admin process of one gate. C{verbs} of the gate are given when it begins."""

    log = Logger()

    def __init__(self, reactor: Any, spawn: Spawn, wall: Callable[[], float] = time.time) -> None:
        self._reactor = reactor
        self._spawn = spawn
        self._wall = wall
        self._config: Config | None = None
        self._bound: BoundAdmin | None = None
        self._child: Child | None = None
        self._asked: Mapping[str, Verb] = {}
        self._begun = False
        self._early = 0
        self._since = 0.0
        self._serves = False
        self._waiting: Any = None
        self._restarts = 0
        self._problem: str | None = None
        self._alerts: list[dict[str, Any]] = []
        #: How far it was with the journal when it last said so: where its successor goes on.
        self._read: dict[str, list[int]] = {}
        #: What people may ask of it, over the gate's control socket.
        self.verbs: Mapping[str, Verb] = {"dashboard": self.link}

    # What stands: called by C{standing}.

    def prepare(self, config: Config, holders: Mapping[int, str] = MappingProxyType({})) -> Prepared:
        """
        Judge a configuration, and bind its address if that is new; L{take} it or L{drop} it.

        @param holders: the listeners, by the inodes of their sockets: one that systemd has handed over could
            be named as theirs and as ours.
        @raise ConfigError: with every problem.
        @raise ListenError: the address is taken or may not be used.
        """
        load_admin(config, 1, datetime.fromtimestamp(self._wall(), UTC))
        known = self._bound
        if known is not None and known.listen == config.admin.listen:
            prepared = Prepared(config, None, keeps=True)
        else:
            known = bind(self._reactor, config.admin)
            prepared = Prepared(config, known, keeps=False)
        holder = holders.get(known.inode) if known is not None else None
        if holder is not None:
            self.drop(prepared)
            listen = config.admin.listen
            raise ListenError(f"{NAME}: cannot listen on {listen}: listener {holder} has that socket", KEY)
        return prepared

    def take(self, prepared: Prepared) -> None:
        """It is in force."""
        old = self._bound
        self._config = prepared.config
        if not prepared.keeps:
            self._bound = prepared.fresh
        if self._begun:
            self._tell()
        if old is not None and not prepared.keeps:
            old.close()

    def drop(self, prepared: Prepared) -> None:
        """It is not taken after all."""
        if prepared.fresh is not None:
            prepared.fresh.close()

    # Its process.

    def begin(self, asked: Mapping[str, Verb]) -> None:
        """Start it, if there is anything for it to do. C{asked}: the verbs of the gate."""
        self._asked = asked
        self._begun = True
        self._tell()

    def end(self) -> Deferred[Any]:
        """End it and give the address back; fires when both are over."""
        self._begun = False
        self._stop_waiting()
        ended: list[Deferred[Any]] = []
        if self._child is not None:
            ended.append(self._end_child(self._child))
        if self._bound is not None:
            ended.append(self._bound.close())
            self._bound = None
        return gatherResults(ended) if ended else succeed(None)

    def _end_child(self, child: Child) -> Deferred[bool]:
        child.channel.close()
        # One that still imports would see it only after that.
        late = self._reactor.callLater(END_MOST if child.ready else 0.0, child.kill)

        def gone(finished: bool) -> bool:
            if late.active():
                late.cancel()
            return finished

        return child.end().addCallback(gone)

    def _tell(self) -> None:
        """Bring it to what stands, whether it runs or not."""
        config = self._config
        assert config is not None
        if not wanted(config):
            self._stop_waiting()
            if self._child is not None:
                self._end_child(self._child)
                self._child = None
            self._problem = None
            # What happens while nobody is to be told is not told later.
            self._read = {}
        elif self._child is not None:
            Deferred.fromCoroutine(self._adopt(self._child))
        else:
            # Whatever it died of may be mended by now.
            self._stop_waiting()
            self._start()

    def _start(self) -> None:
        self._waiting = None

        def log(*, level: str, namespace: str, text: str) -> None:
            severity = LogLevel.lookupByName(level)
            Logger(namespace=namespace).emit(severity, "admin: {text}", text=text)

        def ready() -> None:
            child.ready = True

        verbs: Mapping[str, ChannelVerb] = {
            "log": log,
            "ready": ready,
            "gate": self._answer,
            "alerts": self._told,
            "read": self._has_read,
        }
        self._serves = False
        self._since = monotonic()
        try:
            child = self._spawn(verbs, lambda how, finished: self._has_ended(child, how, finished))
        except OSError as error:
            self._complain(f"no process can be started: {error.strerror}")
            return self._again()
        self._child = child
        Deferred.fromCoroutine(self._adopt(child))

    async def _adopt(self, child: Child) -> None:
        config, bound = self._config, self._bound
        assert config is not None
        sock = bound.socket() if bound is not None else None
        try:
            answered = child.channel.ask(
                "adopt",
                within=ADOPT_MOST,
                version=__version__,
                text=config.text.decode(),
                source=str(config.source),
                included={file: part.decode() for file, part in config.included.items()},
                address=bound.address if bound is not None else "",
                descriptors=[sock.fileno()] if sock is not None else [],
                read=self._read,
            )
        except OSError as error:
            return self._complain(f"cannot be given its socket: {error.strerror}")
        finally:
            if sock is not None:
                sock.close()
        try:
            await answered
        except ChannelError as error:
            if child is self._child and self._begun:
                self._complain(f"process {child.pid} {error}")
                if child.channel.open:
                    child.kill()
            return
        if child is not self._child:
            return
        if not self._serves:
            where = bound.address if bound is not None else "no address"
            self.log.info("the dashboard is on {where} (process {pid})", where=where, pid=child.pid)
        self._serves = True
        self._problem = None

    def _has_ended(self, child: Child, how: str, finished: bool) -> None:
        child.gone(finished)
        if child is not self._child:
            return
        self._child = None
        self._serves = False
        self._alerts = []
        if not self._begun:
            return
        self._restarts += 1
        self._complain(f"process {child.pid} {how}")
        self._early = 0 if monotonic() - self._since >= YOUNG else self._early + 1
        if self._early:
            # It may be what it has read that it dies of: its successor begins at the end.
            self._read = {}
        self._again()

    def _again(self) -> None:
        seconds = 0.0 if self._early == 0 else min(WAIT_FIRST * 2 ** (self._early - 1), WAIT_MOST)
        self._waiting = self._reactor.callLater(seconds, self._start)

    def _stop_waiting(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting.active():
            waiting.cancel()

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            self.log.error("the admin process: {problem}; the gate serves on", problem=problem)
        self._problem = problem

    # What it asks, and what people ask of it.

    async def _answer(self, *, what: str, by: str, arguments: dict[str, Any]) -> Mapping[str, Any]:
        """A verb of the gate. C{by}: who asks for it, by the word of our own process."""
        known = self._asked.get(what) if what in ASKED else None
        if known is None:
            raise ChannelError(f"the gate has no verb {what} for its admin process")
        if "peer" in signature(known).parameters:
            arguments["peer"] = by
        try:
            answer = known(**arguments)
            return await answer if isinstance(answer, Awaitable) else answer
        except ControlError as error:
            raise ChannelError(str(error)) from None

    async def link(self, peer: str, role: str = "approver") -> Mapping[str, object]:
        """A one-time link to the dashboard, for whoever may open the control socket."""
        if self._config is None or self._config.admin.listen is None:
            raise ControlError("the configuration has no dashboard: [admin] says where it listens")
        if self._child is None:
            raise ControlError(f"the dashboard does not run: {self._problem or 'it starts'}")
        try:
            return await self._child.channel.ask("link", within=ANSWER_MOST, role=role, by=peer)
        except ChannelError as error:
            raise ControlError(f"the dashboard: {error}") from None

    def facts(self) -> dict[str, Any] | None:
        """What C{status} shows of it; C{None} where there is nothing for it to do."""
        if self._config is None or not wanted(self._config):
            return None
        child = self._child
        return {
            "address": self._bound.address if self._bound is not None else None,
            "process": child.pid if child is not None else None,
            "state": "serves" if self._serves else "starts" if child is not None else "is gone",
            "restarts": self._restarts,
            "problem": self._problem,
            "alerts": self._alerts,
        }

    def _told(self, *, rows: list[dict[str, Any]]) -> None:
        """What became of alerts, by its own word."""
        self._alerts = rows

    def _has_read(self, *, positions: dict[str, list[int]]) -> None:
        """How far it is with the journal."""
        self._read = positions
