"""What one process serves: its journal, listeners, connections and pools.

It decides nothing: which generation is in force, and on which sockets it accepts, it is told, by the
gate in the same process or by a supervisor in another.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mcpgate._version import __version__
from mcpgate.budgets.ledger import Ledger
from mcpgate.credentials.kept import Kept
from mcpgate.evidence.generations import generation_line, reload_line
from mcpgate.evidence.journal import Journal, new_id
from mcpgate.evidence.record import timestamp
from mcpgate.evidence.terms import JournalTerms
from mcpgate.evidence.upkeep import Upkeep
from mcpgate.evidence.witness import Witness
from mcpgate.generation import Generation
from mcpgate.holds.desk import Desk, Offices
from mcpgate.identity.accepts import Accepts
from mcpgate.identity.issued import IssuedTokens
from mcpgate.identity.issuers import Issuers
from mcpgate.identity.once import Once
from mcpgate.identity.uses import APART
from mcpgate.ops.status import describe
from mcpgate.ops.watch import Watch
from mcpgate.relay.declining import Declining
from mcpgate.relay.drain import Drain
from mcpgate.relay.embedded import Embedded
from mcpgate.relay.entry import Entry
from mcpgate.relay.force import InForce
from mcpgate.relay.idle import Idle
from mcpgate.relay.listener import Listening
from mcpgate.sessions.live import Sessions
from mcpgate.sessions.marks import Marks
from mcpgate.sessions.tasks import Tasks
from mcpgate.tls.readiness import Readiness
from mcpgate.upstream.pool import Pool


class Serving:
    """Serves a generation, until another one is adopted or it is stopped."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        journal: Journal,
        generation: Generation,
        tokens: IssuedTokens,
        wall: Callable[[], float] = time.time,
        office: Offices | None = None,
    ) -> None:
        """
        @param journal: ours to close.
        @param wall: Unix seconds, for validity of certificates and tokens and for records.
        @param office: where held calls are brought.
        """
        self.listenings: dict[str, Entry] = {}
        readiness = Readiness(reactor)
        witness = Witness(journal, wall, soon=readiness.soon, back=reactor.callFromThread)
        self._upkeep = Upkeep(reactor, witness, wall)
        marks = Marks(generation.config.gate.state / "sessions")
        marks.begin()
        desk = Desk(office, witness) if office is not None else None
        sessions = Sessions(marks, wall)
        self._issuers = Issuers(
            reactor, readiness, witness, generation.config.gate.state / "issuers", wall, self._keys_changed
        )
        accepts = Accepts(tokens, self._issuers)
        self.force = InForce(readiness, witness, generation, accepts, sessions, wall, desk)
        self.force.tasks = Tasks(generation.config.gate.state / "tasks", wall)
        self.force.tasks.begin()
        self._declining = self.force.declining = Declining(reactor, self.force)
        self._credentials = self.force.credentials = Kept(reactor, self.force)
        self._idle = Idle(reactor, self.force)
        self._sweeps = Watch(reactor, self._idle.interval, self._idle.sweep)
        self._noting = Watch(reactor, lambda: APART, self.note_uses)
        self._reactor = reactor
        self._drain: Drain | None = None
        # What is no longer configured, until the last of its exchanges is over.
        self._leaving: list[Entry] = []
        self._fading: list[Pool] = []
        self.force.guards.begin(generation.config.gate.state)
        self.force.readiness.start()
        self.force.uses.begin(generation.config.gate.state)
        self._upkeep.start()
        self._sweeps.start()
        self._noting.start()

    def adopt(self, generation: Generation, sockets: Mapping[str, socket.socket]) -> None:
        """
        The one step in which a generation comes into force.

        @param sockets: bound and listening, ours to close: for listeners that are new or have moved.
            While it drains it accepts on none of them.
        """
        force = self.force
        if self._drain is not None:
            for sock in sockets.values():
                sock.close()
            sockets = {}
        for name, listening in list(self.listenings.items()):
            terms = generation.listeners.get(name)
            moved = terms is None or terms.table.embedded is not isinstance(listening, Embedded)
            if name in sockets or moved:
                listening.retire()
                self._leaving.append(listening)
                del self.listenings[name]
        fresh: dict[str, Entry] = {
            name: Listening(name, sock, force, self._report) for name, sock in sockets.items()
        }
        for name, terms in generation.listeners.items():
            if terms.table.embedded and name not in self.listenings:
                fresh[name] = Embedded(name, force)
        self.listenings.update(fresh)
        pools: dict[tuple[str, bytes], Pool] = {}
        for upstream in generation.upstreams.values():
            key = (upstream.name, upstream.fingerprint)
            pool = force.pools.get(key)
            if pool is None:
                pool = Pool(self._reactor, force.readiness, upstream, force.witness)
            pool.terms = upstream
            pools[key] = pool
        self._begin_to_count(generation)
        self._begin_to_note(generation)
        retired = [pool for key, pool in force.pools.items() if key not in pools]
        force.pools = pools
        force.generation = generation
        force.witness.journal.terms = JournalTerms.of(generation.config.evidence)
        self._issuers.adopt(generation.issuers)
        self._credentials.adopt(generation.upstreams.values())
        force.guards.adopt(generation.upstreams)
        self._tell_of(generation)
        for pool in retired:
            pool.close()
        self._fading = [pool for pool in (*self._fading, *retired) if any(pool.counts().values())]
        self._leaving = [one for one in self._leaving if one.connections or one.flushing]
        for listening in self._all():
            listening.judge_again()
            listening.judge_streams()
        for listening in fresh.values():
            listening.start()

    def _tell_of(self, generation: Generation) -> None:
        """Record what is in force, now and at the head of each segment to come."""
        witness = self.force.witness

        def line() -> bytes:
            return generation_line(
                new_id("g"),
                # Not the stamp of this turn: to ask for that is to have something to tell.
                time=timestamp(self.force.wall()),
                generation=generation,
                addresses={name: one.address for name, one in self.listenings.items() if one.address},
                version=__version__,
            )

        witness.tell(line())
        witness.journal.preface = lambda: [line()]

    def tell_not_taken(self, what: str, problem: str) -> None:
        """Record that a change was not taken, and why. C{what}: configuration, files or tokens."""
        witness = self.force.witness
        number = self.force.generation.number
        line = reload_line(new_id("l"), time=witness.stamp(), what=what, problem=problem, generation=number)
        witness.tell(line)

    def look(self) -> None:
        """See whether the journal is still where it was, and whose proof or session is over by now."""
        self.force.witness.look()
        self.force.guards.look()
        self._credentials.forget_old()
        self._begin_to_count(self.force.generation)
        for listening in self._all():
            listening.judge_streams()

    def take_tokens(self, tokens: IssuedTokens) -> None:
        """These are good from now on, and no others."""
        force = self.force
        if tokens != force.accepts.issued:
            force.accepts = evolve(force.accepts, issued=tokens)
            for listening in self._all():
                listening.judge_streams()

    def _keys_changed(self) -> None:
        """What an issuer's keys are, or whether they count, is another matter now."""
        self.force.accepts = evolve(self.force.accepts)
        for listening in self._all():
            listening.judge_streams()

    def note_uses(self) -> None:
        """Write down which tokens were used since the last time."""
        for listening in self._all():
            listening.note_uses()
        self.force.uses.keep(self.force.wall(), self.force.readiness.now)

    def _begin_to_count(self, generation: Generation) -> None:
        force = self.force
        if generation.policy.budgets and force.ledger is None:
            force.ledger = Ledger(generation.config.gate.state)
        if force.ledger is not None and any(budget.counts for budget in generation.policy.budgets):
            force.ledger.begin()

    def _begin_to_note(self, generation: Generation) -> None:
        force = self.force
        if generation.config.samls and force.once is None:
            force.once = Once(generation.config.gate.state / "once")
            force.once.begin()

    def reopen(self) -> None:
        """
        Go on in a new segment of the journal, if somebody has moved the old one away.

        @raise JournalError: there can be none; the old one is written on.
        """
        self.force.witness.journal.look(moved=True)

    def seal(self) -> Deferred[None]:
        """Write a checkpoint of all that was told so far; fires when it is kept."""
        return self._upkeep.seal()

    def drain(self, seconds: float) -> Deferred[bool]:
        """Accept no more and let exchanges finish; fires with whether all of them could.

        Told again while it lasts, the nearer deadline counts.
        """
        self.force.draining = True
        if self._drain is None:
            for listening in self.listenings.values():
                listening.stop()
            self._drain = Drain(self._reactor, self._all())
        return self._drain.within(seconds)

    def stop(self) -> None:
        """Close everything, whatever is in flight."""
        force = self.force
        self._upkeep.stop()
        self._sweeps.stop()
        self._noting.stop()
        self.note_uses()
        self._idle.stop()
        self._declining.stop()
        self._issuers.stop()
        self._credentials.stop()
        for pool in (*force.pools.values(), *self._fading):
            pool.abort()
        for listening in self.listenings.values():
            listening.stop()
        force.readiness.stop()
        force.witness.close()
        force.guards.close()
        if force.ledger is not None:
            force.ledger.close()
        if force.once is not None:
            force.once.stop()

    def status(self, problems: Iterable[str], source: Path | None) -> dict[str, Any]:
        """What is true now, as values that JSON can say."""
        self.note_uses()
        return describe(self.force, self.listenings.values(), problems, source)

    def _all(self) -> Iterator[Entry]:
        yield from self._leaving
        yield from self.listenings.values()

    def _report(self, sentence: str) -> None:
        self.log.warn("{sentence}", sentence=sentence)
