"""The supervisor of several workers: it decides, they serve.

It judges every configuration, binds every address, owns the state directory and the control socket,
and starts the workers, which accept on the same sockets: a worker that dies takes no queued
connection with it. What workers must share (issued tokens, and whatever else must be the same
everywhere on this host) has its one home here, and is told to all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from attrs import asdict
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredLock, gatherResults, succeed
from twisted.logger import Logger, LogLevel

from mcpgate.config.problem import ConfigError, Problem
from mcpgate.config.schema import Config
from mcpgate.evidence.journal import JournalError, hold
from mcpgate.generation import Generation
from mcpgate.holds.office import Office
from mcpgate.holds.remote import RemoteDesk, office_verbs
from mcpgate.identity.issued import IssuedTokens
from mcpgate.ops.control import SOCKET, ControlError, ControlSocket, Verb
from mcpgate.ops.watch import Watch
from mcpgate.standing import KEPT, Change, Standing
from mcpgate.workers.channel import ChannelError, Silent
from mcpgate.workers.child import Child, Spawn
from mcpgate.workers.facts import counted, together
from mcpgate.workers.seat import Seat

# Longer than a worker's own deadline for its drain, so that it can tell how it went.
DRAIN_GRACE = 5.0
# A worker that is drained closes its files and is gone.
ENDING_MOST = 5.0
# The operator waits for it.
STATUS_MOST = 2.0
# A spare that ended by itself would do so again at once.
SPARE_AGAIN = 5.0
# A worker that takes its place needs the processor first.
SPARE_AFTER = 1.0
# Four times the most workers there can be.
NUMBERS_MOST = 1024


class Supervisor(Service):
    """A gate whose workers are other processes. To be held as a L{Gate} is."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        config: Config,
        spawn: Spawn,
        workers: int,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """
        @param spawn: starts the process of a worker.
        @param workers: how many of them serve.
        """
        self.standing = Standing(reactor, config, wall, self._not_taken)
        self.seats: list[Seat] = []
        #: What it answers on its control socket, once it runs.
        self.verbs: Mapping[str, Verb] = {}
        self._reactor = reactor
        self._spawn = spawn
        self._workers = workers
        self._watch = Watch(reactor, lambda: self.config.gate.watch, self.look)
        self._changing = DeferredLock()
        self._telling = DeferredLock()
        self._told: IssuedTokens | None = None
        self._control: ControlSocket | None = None
        # A process that has imported all it needs and waits to take a dead worker's place.
        self._spare: Child | None = None
        self._sparing: Any = None
        # Whose end is waited for at the stop.
        self._alive: set[Child] = set()
        self._ended: Deferred[None] | None = None
        # Where calls wait for people, and the desks of those who serve their callers.
        self._office = Office(anybody=self._any_desk)
        self._desks: dict[Child, RemoteDesk] = {}

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.standing.config

    # Start.

    def prepare(self) -> Generation:
        """Read and judge everything that the configuration names, without touching the network."""
        return self.standing.prepare()

    def startService(self) -> None:
        """
        Bind every listener and start the workers; on any error nothing is started.

        @raise ListenError: an address is taken or may not be used.
        @raise JournalError: the state directory cannot be used.
        @raise RuntimeError: it runs already, or drains; it goes on as if it had not been asked.
        """
        if self._control is not None:
            # What is given up below, when a start fails, would be what serves.
            raise RuntimeError("the gate runs already")
        standing, state = self.standing, self.config.gate.state
        try:
            standing.claim()
            numbers = _free_numbers(state / "journal", self._workers)
            first = standing.first()
            self.verbs = {
                "status": self.status,
                "tokens": self.take_up_tokens,
                "files": self.take_up_files,
                "seal": self.seal,
                **self._office.verbs,
                **(standing.beside.verbs if standing.beside is not None else {}),
            }
            try:
                self._control = ControlSocket(self._reactor, state / SOCKET, self.verbs)
                self._control.start()
            except BaseException:
                standing.drop(first)
                raise
        except BaseException:
            self._control = None
            standing.end()
            raise
        standing.take(first)
        self._told = standing.tokens
        self.seats = [Seat(self._reactor, number, standing, self._supply) for number in numbers]
        filled = gatherResults([seat.fill() for seat in self.seats])
        filled.addCallback(lambda _: self._all_tried(first))
        self._watch.start()
        super().startService()

    def _all_tried(self, first: Change) -> None:
        if any(seat.serves for seat in self.seats):
            self.standing.announce(first)
        self._want_a_spare(0)

    # Processes.

    def _supply(self) -> Child:
        """A process for a seat: the spare, which has only the files to read any more, or a new one."""
        child, self._spare = self._spare, None
        if child is None:
            return self._start()
        self._want_a_spare(SPARE_AFTER)
        return child

    def _start(self) -> Child:
        def log(*, level: str, namespace: str, text: str) -> None:
            self._relay(child, level, namespace, text)

        def ready() -> None:
            child.ready = True

        desk = RemoteDesk(lambda: child.channel)
        verbs = {**office_verbs(self._office, desk), "log": log, "ready": ready}
        child = self._spawn(verbs, lambda *end: self._has_ended(child, *end))
        self._alive.add(child)
        self._desks[child] = desk
        return child

    def _any_desk(self) -> RemoteDesk | None:
        return next((self._desks[seat.child] for seat in self.seats if seat.child and seat.serves), None)

    def _want_a_spare(self, seconds: float) -> None:
        if self._sparing is None and self._spare is None and not self.standing.stopping:
            self._sparing = self._reactor.callLater(seconds, self._spare_one)

    def _spare_one(self) -> None:
        self._sparing = None
        if self._spare is None and not self.standing.stopping:
            try:
                self._spare = self._start()
            except OSError as error:
                self.log.warn("no spare worker can be started: {why}", why=error.strerror)
                self._want_a_spare(SPARE_AGAIN)

    def _has_ended(self, child: Child, how: str, finished: bool) -> None:
        self._alive.discard(child)
        desk = self._desks.pop(child, None)
        if desk is not None:
            self._office.left(desk)
        child.gone(finished)
        if child is self._spare:
            self._spare = None
            if not self.standing.stopping:
                self.log.warn("the spare worker (process {pid}) {how}", pid=child.pid, how=how)
                self._want_a_spare(SPARE_AGAIN)
        for seat in self.seats:
            seat.ended(child, how)
        if self._ended is not None and not self._alive:
            ended, self._ended = self._ended, None
            ended.callback(None)

    def _relay(self, child: Child, level: str, namespace: str, text: str) -> None:
        """Log what a worker has to say: there is one writer of the log."""
        names = (str(seat.number) for seat in self.seats if seat.child is child)
        who = next(names, f"(process {child.pid})")
        severity = LogLevel.lookupByName(level)
        Logger(namespace=namespace).emit(severity, "worker {worker}: {text}", worker=who, text=text)

    # Change.

    async def reload(self, config: Config) -> None:
        """
        Put another configuration in force in all workers, or in none: then the old one stays.

        @raise ConfigError: with every problem; also when a new listener cannot be bound, or a worker
            cannot do what we could.
        """
        await self._changing.acquire()
        try:
            await self._put_in_force(self.standing.judge(config), "configuration")
        finally:
            self._changing.release()
        await self.take_up_tokens()

    async def look(self) -> None:
        """See whether a file changed, and put what is new in force if it is good."""
        await self.take_up_tokens()
        await self._changing.acquire()
        try:
            change = None if self.standing.stopping else self.standing.judge_files()
            if change is not None:
                await self._put_in_force(change, "files")
            # A worker that could not follow before, because a file was broken, may now.
            await self._settle()
        except ConfigError:
            pass  # it has been told
        finally:
            self._changing.release()

    async def take_up_tokens(self) -> dict[str, Any]:
        """Look at the token file now; when this is answered, no worker accepts what was revoked."""
        # One after the other, so that nobody is told that it is done while it is being done.
        await self._telling.acquire()
        try:
            problem = self.standing.look_at_tokens()
            if problem is not None:
                return {"problem": problem}
            tokens = self.standing.tokens
            if tokens != self._told:
                self._told = tokens
                await gatherResults([Deferred.fromCoroutine(seat.tokens()) for seat in self.seats])
            return self.standing.tokens_taken_up()
        finally:
            self._telling.release()

    async def take_up_files(self) -> dict[str, Any]:
        """Look at all files now; when this is answered, no worker serves by what they were before."""
        await self.look()
        return self.standing.taken_up()

    async def reopen(self) -> None:
        """
        Have all workers go on in new segments of their journals, where old ones were moved away.

        @raise JournalError: a worker could not; the others have.
        """
        failed = await _each(self.seats, lambda seat: seat.reopen())
        # One that is gone is no objection: whoever takes its place begins a new one.
        problems = [f"worker {seat.number}: {why}" for seat, why in failed if not isinstance(why, Silent)]
        if problems:
            raise JournalError("; ".join(problems))

    async def seal(self) -> dict[str, Any]:
        """
        Have all that was told so far sealed now, by all workers.

        @raise ControlError: one did not; the others have.
        """
        failed = await _each(self.seats, lambda seat: seat.seal())
        # The segment of one that is gone is sealed by the next one of its seat.
        problems = [f"worker {seat.number}: {why}" for seat, why in failed if seat.child is not None]
        if problems:
            raise ControlError("; ".join(problems))
        return {"workers": len(self.seats) - len(failed)}

    def complain(self, kind: str, problem: str) -> None:
        """Say once why a change of that kind was not taken; L{status} shows it until one is."""
        self.standing.complain(kind, problem)

    def _not_taken(self, kind: str, problem: str) -> None:
        """Have it recorded, once: we have no journal."""
        child = next((seat.child for seat in self.seats if seat.child is not None and seat.serves), None)
        if child is not None:
            child.channel.tell("not_taken", kind=kind, problem=problem)

    async def _put_in_force(self, change: Change, kind: str) -> None:
        seats = [seat for seat in self.seats if seat.serves]
        problems = [
            Problem("", None, f"worker {seat.number} {error}")
            for seat, error in await _each(seats, lambda seat: seat.stage(change))
            # One that is gone is no objection: whoever takes its place begins with what stands then.
            if not isinstance(error, Silent)
        ]
        number = change.generation.number
        # Not those that have come since: they begin with what stands.
        agreed = [seat for seat in seats if seat.child is not None and seat.child.staged == number]
        if problems or self.standing.stopping:
            for seat in agreed:
                seat.drop()
            self.standing.drop(change)
            wrong = ConfigError(
                problems or [Problem("", None, "the gate is stopping")], change.generation.config.source
            )
            self.complain(kind, wrong.told(KEPT))
            raise wrong
        self.standing.take(change)
        for seat, error in await _each(agreed, lambda seat: seat.adopt(change.generation)):
            # It has agreed and does not do it: the next one will.
            if not isinstance(error, Silent):
                seat.end(f"did not adopt what it had staged: {error}")
        # Those that began to serve meanwhile, by what stood then.
        await self._settle()
        self.standing.announce(change)

    async def _settle(self) -> None:
        await gatherResults([seat.settle() for seat in self.seats if seat.serves])

    # Stop.

    async def _drain(self, seconds: float) -> bool:
        finished = True
        asked = [
            (child, child.channel.ask("drain", within=seconds + DRAIN_GRACE, seconds=seconds))
            for child in (seat.child for seat in self.seats)
            if child is not None
        ]
        for child, answered in asked:
            try:
                finished = bool((await answered)["finished"]) and finished
            except ChannelError:
                finished = await self._ended_well(child) and finished
        return finished

    async def _ended_well(self, child: Child) -> bool:
        """Whether a worker that did not answer is one that was told to stop as we were, and has done so."""
        if child.generation == 0:
            return True  # it had nothing to finish
        if child.channel.open:
            # So that whoever asked it before, with more patience, does not wait either.
            child.kill()
            return False
        late = self._reactor.callLater(ENDING_MOST, child.kill)
        finished = await child.end()
        if late.active():
            late.cancel()
        return finished

    def drain(self, seconds: float) -> Deferred[bool]:
        """Accept no more and let exchanges finish, in all workers; fires with whether all could."""
        self.standing.stopping = True
        self.standing.addresses.close()
        return Deferred.fromCoroutine(self._drain(seconds))

    def stopService(self) -> Deferred[bool]:
        """Drain for as long as the configuration allows, end the workers, close everything.

        Fires with whether every exchange could finish.
        """
        super().stopService()
        self._watch.stop()
        already = self.standing.stopping
        return Deferred.fromCoroutine(self._stop(0 if already else self.config.gate.drain))

    async def _stop(self, seconds: float) -> bool:
        finished = await self.drain(seconds)
        if self._sparing is not None:
            self._sparing.cancel()
            self._sparing = None
        for seat in self.seats:
            seat.close()
        if self._spare is not None:
            self._spare.channel.close()
        if self._alive:
            self._ended = Deferred()
            late = self._reactor.callLater(ENDING_MOST, self._kill_all)
            await self._ended
            if late.active():
                late.cancel()
        self.seats = []
        if self._control is not None:
            self._control.stop()
            self._control = None
        await self.standing.end()
        return finished

    def _kill_all(self) -> None:
        for child in self._alive:
            child.kill()

    # Facts.

    async def status(self) -> dict[str, Any]:
        """What is true now, of all workers together and of each."""
        asked = [(seat, seat.child, _facts(seat.child)) for seat in self.seats]
        rows, several = [], []
        for seat, child, answered in asked:
            facts = await answered
            rows.append({**_seated(seat, child, facts), **_own(facts or {})})
            if facts and facts["running"]:
                several.append(facts)
        standing = self.standing
        ours = {
            "running": True,
            "process": os.getpid(),
            "draining": standing.stopping,
            "generation": standing.generation.number,
            "problem": "\n".join((*standing.told(), *_told(self.seats))) or None,
            "configuration": str(self.config.source),
            **standing.of_changes(),
            **standing.of_tokens(),
            **standing.of_beside(),
        }
        nothing = {"limits": asdict(self.config.limits), "listeners": [], "upstreams": []}
        spare = self._spare.pid if self._spare is not None and self._spare.ready else None
        return {**ours, **nothing, **together(several), **ours, "spare": spare, "workers": rows}


def _told(seats: Iterable[Seat]) -> Iterator[str]:
    return (f"worker {seat.number}: {seat.problem}" for seat in seats if seat.problem is not None)


def _seated(seat: Seat, child: Child | None, facts: dict[str, Any] | None) -> dict[str, Any]:
    since = child.serving_since if child is not None else None
    if child is None:
        state = "is gone"
    elif facts is None:
        state = "does not answer"
    elif facts.get("draining"):
        state = "drains"
    else:
        state = "serves" if facts["running"] else "starts"
    return {
        "number": seat.number,
        "process": child.pid if child is not None else None,
        "state": state,
        "generation": child.generation if child is not None else None,
        "serving_for": int(monotonic() - since) if since is not None else None,
        "restarts": seat.restarts,
        "problem": seat.problem,
    }


def _own(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is a worker's own: what it counts, and how its journal is."""
    journal = {"journal": facts["journal"]} if "journal" in facts else {}
    return {**counted(facts), **journal}


def _facts(child: Child | None) -> Deferred[dict[str, Any] | None]:
    """What a worker says of itself; None if it does not, or there is none."""
    if child is None:
        return succeed(None)
    answered: Deferred[Any] = child.channel.ask("status", within=STATUS_MOST)
    return answered.addErrback(lambda failure: failure.trap(ChannelError) and None)


async def _each(
    seats: Iterable[Seat], step: Callable[[Seat], Coroutine[Any, Any, None]]
) -> list[tuple[Seat, ChannelError]]:
    """Take a step on all seats at the same time; returns who could not, and why."""
    failed = []
    for seat, taken in [(seat, Deferred.fromCoroutine(step(seat))) for seat in seats]:
        try:
            await taken
        except ChannelError as error:
            failed.append((seat, error))
    return failed


def _free_numbers(journals: Path, wanted: int) -> list[int]:
    """
    Numbers for the workers whose journals nobody writes.

    Whoever wrote them may still be finishing what it began under a supervisor that was killed; it
    accepts nothing any more, so we need not wait for it.

    @raise JournalError: there are none.
    """
    try:
        journals.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise JournalError(f"{journals}: {error.strerror}") from error
    free: list[int] = []
    for number in range(NUMBERS_MOST):
        try:
            os.close(hold(journals / f"journal-{number}.lock"))
        except JournalError:
            if number == NUMBERS_MOST - 1:
                raise
            continue
        free.append(number)
        if len(free) == wanted:
            break
    return free
