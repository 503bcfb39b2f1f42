"""The gate as a service: it decides and serves in one process. What embedders hold.

A gate takes its reactor as a parameter and owns everything else: its readiness set, its journal,
its sockets. It installs no signal, starts and ends no process, sets nothing process-wide; several
live in one process without knowing of each other. What only a process may do is in C{cli.process}.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed

from mcpgate.config.schema import Config
from mcpgate.evidence.hearers import Heard, Hearers
from mcpgate.evidence.journal import JournalError
from mcpgate.evidence.opening import open_journal
from mcpgate.generation import Generation
from mcpgate.holds.office import Office
from mcpgate.ops.control import SOCKET, ControlSocket, Verb
from mcpgate.ops.watch import Watch
from mcpgate.relay.bound import ListenError
from mcpgate.relay.force import InForce
from mcpgate.serving import Serving
from mcpgate.standing import Change, Standing


class Gate(Service):
    """
    A gate for one configuration.

    @raise ConfigError: from L{prepare}, L{startService} and L{reload}, with every problem.
    """

    def __init__(self, reactor: Any, config: Config, *, wall: Callable[[], float] = time.time) -> None:
        """
        @param reactor: watches our sockets and runs our timers; it must be able to watch file
            descriptors, as every reactor on Linux is.
        @param wall: Unix seconds, for validity of certificates and tokens and for records.
        """
        #: Its configuration, and all that this names.
        self.standing = Standing(reactor, config, wall, self._not_taken)
        #: What serves, while it runs; C{None} before and after.
        self.serving: Serving | None = None
        #: What it answers on its control socket, once it runs.
        self.verbs: Mapping[str, Verb] = {}
        self._reactor = reactor
        self._wall = wall
        self._hearers = Hearers(reactor)
        self._control: ControlSocket | None = None
        self._watch = Watch(reactor, lambda: self.config.gate.watch, self.look)

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.standing.config

    @property
    def force(self) -> InForce | None:
        """What is in force, while it runs."""
        return self.serving.force if self.serving is not None else None

    # Start.

    def prepare(self) -> Generation:
        """Read and judge everything that the configuration names, without touching the network."""
        return self.standing.prepare()

    def startService(self) -> None:
        """
        Open the journal, bind every listener, begin to serve; on any error nothing is started.

        @raise ListenError: an address is taken or may not be used.
        @raise JournalError: the journal cannot be opened.
        @raise RuntimeError: it runs already, or drains; it goes on as if it had not been asked.
        """
        if self.serving is not None:
            # What is given up below, when a start fails, would be what serves.
            raise RuntimeError("the gate runs already")
        standing, state = self.standing, self.config.gate.state
        try:
            standing.claim()
            journal = open_journal(self.config, clock=self._wall, onlooker=self._hearers.onlooker)
            office = Office()
            self.serving = Serving(
                self._reactor, journal, standing.generation, standing.tokens, self._wall, office
            )
            first = standing.first()
            self.verbs = {
                "status": self.status,
                "tokens": self.take_up_tokens,
                "files": self.take_up_files,
                "seal": self.seal,
                **office.verbs,
                **(standing.beside.verbs if standing.beside is not None else {}),
            }
            try:
                self._control = ControlSocket(self._reactor, state / SOCKET, self.verbs)
                self._control.start()
            except BaseException:
                standing.drop(first)
                raise
        except BaseException:
            self._close()
            raise
        self._put_in_force(first)
        self._watch.start()
        super().startService()

    def on_evidence(self, callback: Heard) -> None:
        """
        Have every record from now on, as it is in the journal: in order, as a mapping, once it is there.

        The callback is called by the reactor, after the turn in which the records were written, and in the
        reactor's thread: while it runs, nothing is served, so what takes time belongs into a thread or a
        queue of yours. It cannot change, hold up or refuse anything: the record is a copy, and what it
        raises is logged and goes no further. It is called for what becomes of the journal's own (segments,
        generations) too. A call that the journal does not keep is not told here either: the journal is
        the evidence, this is news of it.

        @param callback: an ordinary function; a coroutine would be waited for by nobody.
        """
        self._hearers.add(callback)
        if self.serving is not None:
            self.serving.force.witness.journal.onlooker = self._hearers.onlooker

    # Change.

    def reload(self, config: Config) -> None:
        """
        Put another configuration in force, whole or not at all; on any error the old one stays.

        @raise ConfigError: with every problem; also when a new listener cannot be bound.
        """
        assert self.serving is not None, "a gate must run to be reloaded"
        self._put_in_force(self.standing.judge(config))
        self.take_up_tokens()

    def look(self) -> None:
        """See whether a file changed, and put what is new in force if it is good."""
        assert self.serving is not None
        self.serving.look()
        self.take_up_tokens()
        change = self.standing.judge_files()
        if change is not None:
            self._put_in_force(change)

    def take_up_tokens(self) -> dict[str, Any]:
        """Look at the token file now, instead of at the next C{gate.watch}."""
        assert self.serving is not None
        problem = self.standing.look_at_tokens()
        if problem is not None:
            return {"problem": problem}
        self.serving.take_tokens(self.standing.tokens)
        return self.standing.tokens_taken_up()

    def take_up_files(self) -> dict[str, Any]:
        """Look at all files now, instead of at the next C{gate.watch}."""
        self.look()
        return self.standing.taken_up()

    async def seal(self) -> dict[str, Any]:
        """Have all that was told so far sealed now, and not within C{evidence.checkpoint_every}."""
        assert self.serving is not None
        await self.serving.seal()
        return {"journal": self.serving.force.witness.facts()}

    def reopen(self) -> None:
        """Go on in a new segment of the journal, if somebody has moved the old one away."""
        if self.serving is not None:
            self.serving.reopen()

    def complain(self, kind: str, problem: str) -> None:
        """Say once why a change of that kind was not taken; L{status} shows it until one is."""
        self.standing.complain(kind, problem)

    def _not_taken(self, kind: str, problem: str) -> None:
        if self.serving is not None:
            self.serving.tell_not_taken(kind, problem)

    def _put_in_force(self, change: Change) -> None:
        assert self.serving is not None
        self.standing.take(change)
        self.serving.adopt(change.generation, {name: one.socket() for name, one in change.fresh.items()})
        self.standing.announce(change)

    # Stop.

    def drain(self, seconds: float) -> Deferred[bool]:
        """Accept no more and let exchanges finish; fires with whether all of them could.

        Told again while it lasts, the nearer deadline counts.
        """
        if self.serving is None:
            return succeed(True)
        self.standing.stopping = True
        self.standing.addresses.close()
        return self.serving.drain(seconds)

    def stopService(self) -> Deferred[bool]:
        """Drain for as long as the configuration allows, then close everything.

        Fires with whether every exchange could finish.
        """
        super().stopService()
        self._watch.stop()

        def close(finished: bool) -> Deferred[bool]:
            return self._close().addCallback(lambda _: finished)

        already = self.standing.stopping
        return self.drain(0 if already else self.config.gate.drain).addCallback(close)

    def _close(self) -> Deferred[Any]:
        if self._control is not None:
            self._control.stop()
            self._control = None
        serving, self.serving = self.serving, None
        if serving is not None:
            serving.stop()
        self._hearers.deliver()
        return self.standing.end()

    # Facts.

    def status(self) -> dict[str, Any]:
        """What is true now, as values that JSON can say."""
        if self.serving is None:
            return {"running": False}
        facts = self.serving.status(self.standing.told(), self.config.source)
        standing = self.standing
        return {**facts, **standing.of_changes(), **standing.of_tokens(), **standing.of_beside()}

    def address(self, listener: str) -> Any:
        """Where a listener is bound: a Twisted address, with the port that the kernel chose."""
        return self.standing.addresses.bound[listener].port.getHost()


__all__ = ["Gate", "JournalError", "ListenError"]
