"""The gate as a service: generations, listeners, reload, drain. What embedders hold.

A gate takes its reactor as a parameter and owns everything else: its readiness set, its journal,
its sockets. It installs no signal, ends no process, sets nothing process-wide; several live in one
process without knowing of each other. What only a process may do is in C{cli.process}.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from mcpgate.config.problem import ConfigError, Problem
from mcpgate.config.schema import Config
from mcpgate.evidence.journal import Journal, JournalError
from mcpgate.evidence.witness import Witness
from mcpgate.generation import Builder, Generation
from mcpgate.identity.issued import IssuedTokens, TokenFile, TokenFileError
from mcpgate.ops.control import ControlSocket
from mcpgate.ops.status import describe
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.bound import Bound, ListenError, bind
from mcpgate.relay.force import InForce
from mcpgate.relay.listener import Listening
from mcpgate.tls.readiness import Readiness
from mcpgate.tls.selftest import self_test
from mcpgate.upstream.pool import Pool

#: What became of a change that is no good.
KEPT = "What was in force stays in force."


class Gate(Service):
    """
    A gate for one configuration.

    @raise ConfigError: from L{prepare}, L{startService} and L{reload}, with every problem.
    """

    log = Logger()

    def __init__(self, reactor: Any, config: Config, *, wall: Callable[[], float] = time.time) -> None:
        """
        @param reactor: watches our sockets and runs our timers; it must be able to watch file
            descriptors, as every reactor on Linux is.
        @param wall: Unix seconds, for validity of certificates and tokens and for records.
        """
        self.config = config
        #: Why the last change of each kind was not taken: configuration, files, tokens.
        self.problems: dict[str, str] = {}
        self.bound: dict[str, Bound] = {}
        self.force: InForce | None = None
        # What is no longer configured, until the last of its exchanges is over.
        self._leaving: list[Listening] = []
        self._fading: list[Pool] = []
        self._reactor = reactor
        self._wall = wall
        self._generation: Generation | None = None
        self._token_file = TokenFile(config.gate.state / "tokens.json")
        self._control: ControlSocket | None = None
        self._watching: Any = None

    # Start.

    def prepare(self) -> Generation:
        """Read and judge everything that the configuration names, without touching the network."""
        if self._generation is None:
            self_test()
            self._generation = self._build(self.config, 1)
        return self._generation

    def startService(self) -> None:
        """
        Open the journal, bind every listener, begin to serve; on any error nothing is started.

        @raise ListenError: an address is taken or may not be used.
        @raise JournalError: the journal cannot be opened.
        """
        generation = self.prepare()
        tokens = self._load_tokens()
        readiness = Readiness(self._reactor)
        witness = Witness(Journal(self.config.gate.state / "journal"), self._wall, soon=readiness.soon)
        self.force = InForce(readiness, witness, generation, tokens, self._wall)
        try:
            for table in self.config.listeners:
                self.bound[table.name] = bind(self._reactor, table, self.force, self._report)
            self._control = ControlSocket(
                self._reactor,
                self.config.gate.state / "control.sock",
                {"status": self.status, "tokens": self.take_up_tokens},
            )
            self._control.start()
        except BaseException:
            self._unbind()
            readiness.stop()
            witness.close()
            self.force = None
            raise
        self._adopt(generation)
        readiness.start()
        for bound in self.bound.values():
            bound.listening.start()
        self._watching = self._reactor.callLater(self.config.gate.watch, self._watch)
        self._tell(self.bound.values())
        super().startService()

    def _load_tokens(self) -> IssuedTokens:
        try:
            return self._token_file.load()
        except TokenFileError as error:
            raise ConfigError([self.config.problem("gate.state", str(error))], self.config.source) from None

    def _tell(self, fresh: Iterable[Bound]) -> None:
        assert self.force is not None
        for bound in fresh:
            terms = bound.listening.terms
            self.log.info(
                "listener {name} accepts TLS on {address}, profile {profile}",
                name=terms.name,
                address=bound.listening.address,
                profile=terms.profile.name,
            )
        self.log.info("generation {number} is in force", number=self.force.generation.number)

    def _report(self, sentence: str) -> None:
        self.log.warn("{sentence}", sentence=sentence)

    # Reload.

    def reload(self, config: Config) -> None:
        """
        Put another configuration in force, whole or not at all; on any error the old one stays.

        @raise ConfigError: with every problem; also when a new listener cannot be bound.
        """
        force = self.force
        assert force is not None, "a gate must run to be reloaded"
        try:
            if force.draining:
                raise ConfigError([Problem("", None, "the gate is stopping")], config.source)
            if config.gate.state != self.config.gate.state:
                problem = "the state directory cannot change while the gate runs; restart it"
                raise ConfigError([config.problem("gate.state", problem)], config.source)
            generation = self._build(config, force.generation.number + 1)
            fresh = self._bind_new(config, force)
        except ConfigError as error:
            self.complain("configuration", error.told(KEPT))
            raise
        for name, bound in list(self.bound.items()):
            if name in fresh or name not in generation.listeners:
                bound.listening.retire()
                bound.close()
                self._leaving.append(bound.listening)
                del self.bound[name]
        self.bound.update(fresh)
        self.config = config
        self.problems.pop("configuration", None)
        self._adopt(generation)
        for bound in fresh.values():
            bound.listening.start()
        self._tell(fresh.values())
        self.take_up_tokens()

    def _bind_new(self, config: Config, force: InForce) -> dict[str, Bound]:
        fresh: dict[str, Bound] = {}
        try:
            for table in config.listeners:
                known = self.bound.get(table.name)
                if known is None or known.table.listen != table.listen:
                    fresh[table.name] = bind(self._reactor, table, force, self._report)
        except ListenError as error:
            for bound in fresh.values():
                bound.close()
            raise ConfigError([config.problem("listener", str(error))], config.source) from None
        return fresh

    def reopen(self) -> None:
        """Go on in a new journal file, after the old one was moved away."""
        if self.force is not None:
            self.force.witness.reopen()

    def _build(self, config: Config, number: int) -> Generation:
        return Builder(config, number, datetime.fromtimestamp(self._wall(), UTC)).build()

    def _adopt(self, generation: Generation) -> None:
        """The one step in which a generation comes into force."""
        force = self.force
        assert force is not None
        pools: dict[tuple[str, bytes], Pool] = {}
        for terms in generation.upstreams.values():
            key = (terms.name, terms.fingerprint)
            pool = force.pools.get(key)
            if pool is None:
                pool = Pool(self._reactor, force.readiness, terms, force.witness)
            pool.terms = terms
            pools[key] = pool
        retired = [pool for key, pool in force.pools.items() if key not in pools]
        force.pools = pools
        force.generation = self._generation = generation
        for pool in retired:
            pool.close()
        self._fading = [pool for pool in (*self._fading, *retired) if any(pool.counts().values())]
        self._leaving = [one for one in self._leaving if one.connections or one.flushing]
        # Both were judged together, whichever of them changed.
        self.problems.pop("files", None)
        for listening in (*self._leaving, *(bound.listening for bound in self.bound.values())):
            listening.judge_again()

    # Watching files.

    def _watch(self) -> None:
        self._watching = self._reactor.callLater(self.config.gate.watch, self._watch)
        try:
            self.look()
        except Exception:
            # A timer that raises would stop for good; the next look may do better.
            self.log.failure("looking at the watched files failed")

    def look(self) -> None:
        """See whether a file changed, and put what is new in force if it is good."""
        force = self.force
        assert force is not None
        force.witness.look()
        self.take_up_tokens()
        if force.generation.reading.changed() is None:
            # As they are in force: if they were broken meanwhile, somebody has put them back.
            self.problems.pop("files", None)
            return
        number = force.generation.number + 1
        try:
            generation = self._build(self.config, number)
        except ConfigError as error:
            return self.complain("files", error.told(KEPT))
        self._adopt(generation)
        self.log.info("generation {number} is in force: files changed", number=number)

    def take_up_tokens(self) -> dict[str, Any]:
        """Look at the token file now, instead of at the next C{gate.watch}."""
        force = self.force
        assert force is not None
        try:
            tokens = self._token_file.load()
        except TokenFileError as error:
            # The tokens in force stay: a half-written file must not lock everybody out.
            self.complain("tokens", str(error))
            return {"problem": str(error)}
        self.problems.pop("tokens", None)
        if tokens != force.tokens:
            force.tokens = tokens
        return {"tokens": len(tokens.all())}

    def complain(self, kind: str, problem: str) -> None:
        """Say once why a change of that kind was not taken; L{status} shows it until one is."""
        known = problem in self.problems.values()
        self.problems[kind] = problem
        if not known:
            self.log.error("{problem}", problem=problem)

    # Stop.

    def drain(self, seconds: float) -> Deferred[bool]:
        """Accept no more and let exchanges finish; fires with whether all of them could."""
        force = self.force
        done: Deferred[bool] = Deferred()
        if force is None:
            done.callback(True)
            return done
        force.draining = True
        end = monotonic() + seconds
        listenings = [*self._leaving, *(bound.listening for bound in self.bound.values())]
        for bound in self.bound.values():
            bound.close()

        def look() -> None:
            busy = []
            for listening in listenings:
                for connection in list(listening.connections):
                    if connection.busy:
                        busy.append(connection)
                    else:
                        connection.close()
            if not busy and not any(listening.flushing for listening in listenings):
                return done.callback(True)
            if monotonic() >= end:
                for connection in busy:
                    connection.end(Refusal(Reason.GATE_DRAINING, "the drain deadline passed"))
                return done.callback(False)
            self._reactor.callLater(0.1, look)

        look()
        return done

    def stopService(self) -> Deferred[None]:
        """Drain for as long as the configuration allows, then close everything."""
        super().stopService()
        if self._watching is not None and self._watching.active():
            self._watching.cancel()
        self._watching = None

        def close(_: bool) -> Deferred[Any] | None:
            force, self.force = self.force, None
            if force is None:
                return None
            for pool in (*force.pools.values(), *self._fading):
                pool.abort()
            self._leaving, self._fading = [], []
            unbound = self._unbind()
            force.readiness.stop()
            force.witness.close()
            self._generation = None
            return unbound

        already = self.force is not None and self.force.draining
        stopped = self.drain(0 if already else self.config.gate.drain).addCallback(close)
        return stopped.addCallback(lambda _: None)

    def _unbind(self) -> Deferred[Any]:
        if self._control is not None:
            self._control.stop()
            self._control = None
        closed = gatherResults([bound.close() for bound in self.bound.values()])
        self.bound.clear()
        return closed

    # Facts.

    def status(self) -> dict[str, Any]:
        """What is true now, as values that JSON can say."""
        force = self.force
        if force is None:
            return {"running": False}
        listening = [bound.listening for bound in self.bound.values()]
        # The same broken file may be in the way of both, a reload and a change of files.
        problems = dict.fromkeys(self.problems.values())
        return describe(force, listening, problems, self.config.source)

    def address(self, listener: str) -> Any:
        """Where a listener is bound: a Twisted address, with the port that the kernel chose."""
        return self.bound[listener].port.getHost()


__all__ = ["Gate", "JournalError", "ListenError"]
