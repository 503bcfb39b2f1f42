"""One nested set of sockets inside the reactor, and coarse deadlines for all of them.

The reactor sees a single reader: an epoll descriptor that is itself readable when any of our
sockets is. That saves the reactor's per-event bookkeeping (a log context and interface look-ups,
about a sixth of the cost of a small request) and works under every reactor that can watch a file
descriptor. Nothing here is shared: each gate has its own set.

Deadlines are a float on each watched thing, compared on a slow tick. Setting one is an attribute
write, so a connection may move its deadline on every request without touching the reactor's timer
heap. They are in monotonic seconds: a step of the wall clock moves none of them.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any, Protocol

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mcpgate.tls.binding import Scratch

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
#: The peer's FIN, for those who do not read at the moment.
GONE = select.EPOLLRDHUP
#: Tell of new bytes, not of old ones that are still there: for those who look without reading.
NEW = select.EPOLLET

#: No deadline.
NEVER = inf

# Every deadline of ours is in whole seconds; a quarter of one is exact enough and costs nothing.
TICK = 0.25

# Events taken per reactor turn: enough to amortise what a turn of the reactor costs, few enough that
# its own timers and sockets (an embedder's, too) are never starved by us.
EVENTS_PER_TURN = 256

# Deadlines told in one turn. To end one connection takes a sixth of a millisecond, and a thousand
# slow callers may be due in the same tick: those who are served have their turns in between.
OVERDUE_PER_TURN = 8

# And how often the sockets are asked for more in one: an eighth of a turn of the reactor is left to a
# request then, and what nobody reads is not told of for ever.
ROUNDS = 8


class Watched(Protocol):
    """A thing with a socket in a L{Readiness} set."""

    #: When L{overdue} is due, on the set's clock; L{NEVER} for none.
    deadline: float

    def readable(self) -> None:
        """The socket can be read, or has failed."""

    def writable(self) -> None:
        """The socket can be written."""

    def overdue(self) -> None:
        """The deadline has passed. Called again every tick until it is moved."""

    def failed(self) -> None:
        """Let go of the socket: one of the calls above raised, which is a bug, or the set stops."""


@implementer(IReadDescriptor)
class Readiness:
    """The set. C{now} is the monotonic time of the current turn, so that nobody asks twice."""

    log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._epoll = select.epoll()
        self._watched: dict[int, Watched] = {}
        self._tick: Any = None
        # Numbers that no descriptor has.
        self._enlisted = -1
        self._overdue: list[tuple[int, Watched]] = []
        self._rest: Any = None
        #: For the records of all its streams.
        self.scratch = Scratch()
        self.rounds = ROUNDS
        self._in_turn = False
        self._soon: list[tuple[Callable[[], object], Watched | None]] = []
        self.now = monotonic()

    def start(self) -> None:
        """Begin to watch."""
        self._reactor.addReader(self)
        self._tick = self._reactor.callLater(TICK, self._sweep)

    def stop(self) -> None:
        """Stop watching, and let go of what is left, such as a stream that lingers after its end; the
        set cannot be started again."""
        for thing in list(self._watched.values()):
            try:
                thing.failed()
            except Exception:
                self.log.failure("a connection could not be dropped cleanly")
        self._reactor.removeReader(self)
        for timer in (self._tick, self._rest):
            if timer is not None and timer.active():
                timer.cancel()
        self._tick = self._rest = None
        self._epoll.close()

    def watch(self, descriptor: int, thing: Watched, events: int) -> None:
        """Add a descriptor."""
        self._watched[descriptor] = thing
        self._epoll.register(descriptor, events)

    def enlist(self, thing: Watched) -> int:
        """Add a thing without a socket, for its deadlines; returns by what number it is forgotten."""
        self._enlisted -= 1
        self._watched[self._enlisted] = thing
        return self._enlisted

    def change(self, descriptor: int, events: int) -> None:
        """Watch a descriptor for other events."""
        self._epoll.modify(descriptor, events)

    def forget(self, descriptor: int) -> None:
        """Remove a descriptor, before it is closed: its number is reused at once."""
        if self._watched.pop(descriptor, None) is not None and descriptor >= 0:
            self._epoll.unregister(descriptor)

    def hand_over(self, descriptor: int, thing: Watched, events: int) -> None:
        """Let another thing have a descriptor that is already in the set."""
        self._watched[descriptor] = thing
        self._epoll.modify(descriptor, events)

    def soon(self, call: Callable[[], object], thing: Watched | None = None) -> None:
        """Call at the end of this turn, after what was said so before; at once outside of a turn.

        @param thing: whose fault it is if the call raises.
        """
        self._soon.append((call, thing))
        if not self._in_turn:
            # A turn of its own: what the call has done soon comes after it, not inside, however often
            # (a request may be tried on hundreds of kept connections that have ended).
            self._in_turn = True
            self._end_turn()

    def turn(self, call: Callable[[], object], thing: Watched) -> None:
        """Call in a turn, at its end if one is under way: for what comes from outside of the set.

        @param thing: whose fault it is if the call raises.
        """
        if not self._in_turn:
            self.now = monotonic()
        self.soon(call, thing)

    def __len__(self) -> int:
        return len(self._watched)

    # What the reactor calls.

    def fileno(self) -> int:
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        return "mcpgate"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor is going away; the gate closes its sockets itself."""

    def doRead(self) -> None:
        left = EVENTS_PER_TURN
        for _ in range(self.rounds):
            # What arrives while we work is taken in the same turn of the reactor.
            events = self._epoll.poll(0, left) if left > 0 and not self._epoll.closed else ()
            if not events:
                return
            left -= len(events)
            self._begin_turn()
            watched = self._watched
            for descriptor, event in events:
                thing = watched.get(descriptor)
                if thing is None:
                    continue
                try:
                    # What has arrived first: a peer may have answered and closed while we still write,
                    # and once a write has failed OpenSSL reads nothing more (seen with 4.0).
                    if event & ~WRITE:
                        thing.readable()
                        if event & WRITE and watched.get(descriptor) is thing:
                            thing.writable()
                    else:
                        thing.writable()
                except Exception:
                    self._bug(thing)
            self._end_turn()
            if len(events) == 1:
                # Nothing is going on: asking for more would mostly be for nothing.
                return

    def _sweep(self) -> None:
        self._tick = self._reactor.callLater(TICK, self._sweep)
        if not self._overdue:
            now = monotonic()
            self._overdue = [each for each in self._watched.items() if each[1].deadline <= now]
            self._tell_overdue()

    def _tell_overdue(self) -> None:
        self._begin_turn()
        due, self._overdue = self._overdue[:OVERDUE_PER_TURN], self._overdue[OVERDUE_PER_TURN:]
        watched = self._watched
        for descriptor, thing in due:
            # One that was due may have been moved or forgotten by another before it.
            if thing.deadline <= self.now and watched.get(descriptor) is thing:
                try:
                    thing.overdue()
                except Exception:
                    self._bug(thing)
        more = self._overdue and self._tick is not None
        self._rest = self._reactor.callLater(0, self._tell_overdue) if more else None
        self._end_turn()

    def _begin_turn(self) -> None:
        self.now = monotonic()
        self._in_turn = True

    def _end_turn(self) -> None:
        soon = self._soon
        while soon:
            self._soon = []
            for call, thing in soon:
                try:
                    call()
                except Exception:
                    self._bug(thing)
            soon = self._soon
        self._in_turn = False

    def _bug(self, thing: Watched | None) -> None:
        # One connection's bug must cost that connection only. The traceback goes to the log; it
        # holds no payload, because Twisted's failures do not print local variables.
        if thing is None:
            return self.log.failure("a bug in the gate")
        self.log.failure("a connection was dropped because of a bug in the gate")
        try:
            thing.failed()
        except Exception:
            self.log.failure("and could not be dropped cleanly")
