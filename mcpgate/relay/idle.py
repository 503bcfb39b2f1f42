"""The end of idle sessions: an upstream is told when nobody uses what it keeps any more.

Clients rarely end their sessions, and an upstream behind a gate sees none of them go. All processes of a
gate look at the marks by turns, whoever comes first; one looks at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from time import monotonic
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from mcpgate.identity.principal import Principal
from mcpgate.relay.farewell import Farewell, Parted
from mcpgate.relay.force import InForce
from mcpgate.sessions.live import TOUCH
from mcpgate.sessions.sealed import Session, leads_to
from mcpgate.upstream.terms import UpstreamTerms

#: Seconds between two sweeps at the least: nothing is that urgent.
APART_LEAST = 60.0
#: Marks looked at in one turn of the reactor, some 20 microseconds each.
SLICE = 64
#: Sessions of one upstream that one sweep ends; a minute later is the next.
AT_ONCE = 4096
#: Seconds after which a sweep begins no more farewells: with the longest of them it stays within the five
#: minutes that a session may be idle at the least, so no mark of an open stream grows old meanwhile.
SWEEP_MOST = 60.0


@frozen
class _Idle:
    name: str
    used: float
    sealed: bytes
    session: Session
    principal: Principal
    credential: str


class Idle:
    """What one process does about the idle sessions of its gate."""

    def __init__(
        self, reactor: Any, force: InForce, *, steady: Callable[[], float] = monotonic
    ) -> None:
        """
        @param steady: seconds on a clock that nobody sets.
        """
        self._reactor = reactor
        self._force = force
        self._steady = steady
        #: How far the wall clock is ahead of the steady one, and until when no mark tells an idle session.
        self._ahead = force.wall() - steady()
        self._unsure = 0.0
        self._sweep: Deferred[None] | None = None

    def interval(self) -> float:
        """Seconds until the next sweep: often enough that idle sessions are soon found."""
        return max(APART_LEAST, self._force.generation.config.limits.session_idle / 4)

    def sweep(self) -> Deferred[None]:
        """Move on the marks of what has open streams here; then end what is idle, if it is our turn."""
        sweep = self._sweep = Deferred.fromCoroutine(self._look())
        return sweep.addErrback(_was_stopped)

    def stop(self) -> None:
        """End no more. Farewells that are under way are broken off; another sweep repeats them."""
        if self._sweep is not None:
            self._sweep.cancel()

    async def _look(self) -> None:
        sessions, wall = self._force.sessions, self._force.wall
        for count, _ in enumerate(sessions.touch_open(), 1):
            if count % SLICE == 0:
                await self._next_turn()
        if self._stepped():
            return
        with sessions.marks.alone(wall(), self.interval() / 2) as alone:
            if alone:
                left, found = await self._find()
                ends = [Deferred.fromCoroutine(self._end(*each)) for each in found.values()]
                await gatherResults(ends, consumeErrors=True)
                sessions.marks.counted(left, wall())
                await self._forget_tasks()
        sessions.marks.recount()

    async def _forget_tasks(self) -> None:
        """Tasks that are kept no longer go in the same turn."""
        tasks = self._force.tasks
        if tasks is not None:
            with closing(tasks.sweep()) as steps:
                for count, _ in enumerate(steps, 1):
                    if count % SLICE == 0:
                        await self._next_turn()

    def _stepped(self) -> bool:
        """
        Whether the wall clock was set forward, or the machine slept, less than C{session_idle} ago.

        Then marks of sessions that are in use look old, those of open streams of another worker included.
        After that time, whatever is in use has a new one.
        """
        now = self._steady()
        ahead = self._force.wall() - now
        if ahead - self._ahead > TOUCH:
            self._unsure = now + self._force.generation.config.limits.session_idle
        self._ahead = ahead
        return now < self._unsure

    async def _find(self) -> tuple[int, dict[str, tuple[UpstreamTerms, list[_Idle]]]]:
        """How many marks there are, and the idle sessions by their upstream."""
        marks = self._force.sessions.marks
        # A mark may be that much older than the last use.
        idle = self._force.generation.config.limits.session_idle + TOUCH
        found: dict[str, tuple[UpstreamTerms, list[_Idle]]] = {}
        left = 0
        with closing(marks.all()) as all_marks:
            for count, (name, used) in enumerate(all_marks, 1):
                if count % SLICE == 0:
                    await self._next_turn()
                left += 1
                if self._force.wall() - used < idle:
                    continue
                known = self._known(name, used)
                if known is None:
                    marks.remove(name)
                    left -= 1
                    continue
                terms, one = known
                of_upstream = found.setdefault(terms.name, (terms, []))[1]
                if len(of_upstream) < AT_ONCE:
                    of_upstream.append(one)
        return left, found

    def _known(self, name: str, used: float) -> tuple[UpstreamTerms, _Idle] | None:
        """What has to be ended where; C{None} if it cannot be ended any more."""
        generation = self._force.generation
        mark = self._force.sessions.marks.read(name)
        terms = generation.upstreams.get(mark.upstream) if mark is not None else None
        if mark is None or terms is None:
            return None
        place = mark.place.encode("latin-1", "replace")
        # The same name may stand for another server by now, which must not see the id.
        if not leads_to(place, terms.authority, terms.target):
            return None
        sealed = mark.sealed.encode()
        session = generation.session_keys.opened(sealed, mark.principal, place)
        if session is None:
            return None
        one = _Idle(name, used, sealed, session, mark.principal, mark.credential)
        return (terms, one)

    async def _end(self, terms: UpstreamTerms, idle: list[_Idle]) -> None:
        """End them one after the other, as long as the upstream answers."""
        force, sessions = self._force, self._force.sessions
        marks, limits = sessions.marks, force.generation.config.limits
        until = monotonic() + SWEEP_MOST
        for one in idle:
            if monotonic() >= until or force.draining:
                return
            if marks.used(one.name) != one.used:
                continue  # it was used since, or has ended
            farewell = Farewell(
                self._reactor, force, one.session, one.principal, terms, one.credential
            )
            parted = await farewell.begin()
            now = force.wall()
            # One that is over cannot be used any more, so nothing is lost by giving it up.
            if parted is Parted.ENDED or now - one.session.opened >= limits.session_lifetime:
                sessions.forget(one.sealed)
                marks.remove(one.name)
                sessions.ended_idle += parted is Parted.ENDED
            elif parted is not Parted.UNREACHED:
                # Others first, the next time.
                marks.put_off(one.name, now - limits.session_idle / 2)
            if parted in (Parted.SILENT, Parted.UNREACHED):
                return

    def _next_turn(self) -> Deferred[None]:
        return deferLater(self._reactor, 0)


def _was_stopped(failure: Failure) -> None:
    if isinstance(failure.value, FirstError):
        failure = failure.value.subFailure
    failure.trap(CancelledError)

