"""What one worker knows of the sessions that it serves (MCP up to 2025-11-25).

It is no more than what makes answers easier to judge: a session is whole in its sealed id, and one that
is not known here, because another worker has served it or this one has forgotten it, is served as well.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import TypeVar

from twisted.logger import Logger

from mcpgate.policy.asked import Asked
from mcpgate.sessions.marks import Mark, Marks, mark_of
from mcpgate.sessions.sealed import Session, digest_of
from mcpgate.upstream.terms import UpstreamTerms

#: Sessions known to a worker: as many as it may have connections by default (limits.connections).
KNOWN_MOST = 16384

#: Requests of one session, in one direction, and the ids of its events that are remembered: more than
#: clients have in flight, or are behind when they come back; some 50 KB of a session at the worst.
REQUESTS_MOST = 128
EVENTS_MOST = 256
#: What stands in the place of the method of a question that was answered.
ANSWERED = ""

#: Those of the official SDKs have 1 to 60 characters.
EVENT_ID_LENGTH = 64

#: Seconds within which use of a session is noted once: a system call a minute costs a session nothing.
TOUCH = 60.0

#: Sessions with open streams that are passed over to find one to forget.
PASSED_OVER = 8

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(dict[Key, Value]):
    """The latest; the oldest go when there is no room. Only item assignment makes room."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: Key, value: Value) -> None:
        if len(self) >= self._most and key not in self:
            del self[next(iter(self))]
        super().__setitem__(key, value)


class EventIds(Recent[bytes, None]):
    """Ids of events, which an upstream may make as long as its events: a long one is kept as its digest."""

    def __setitem__(self, id: bytes, value: None) -> None:
        super().__setitem__(_short(id), value)

    def __contains__(self, id: object) -> bool:
        return super().__contains__(_short(id) if isinstance(id, bytes) else id)


def _short(id: bytes) -> bytes:
    return id if len(id) <= EVENT_ID_LENGTH else sha256(id).digest()


class Live:
    """
    A session while this worker serves it.

    @ivar terms: Those of its upstream, as of its last request.
    @ivar outstanding: What its caller asked the upstream and has no answer to, by the id.
    @ivar requests: The same with what is answered: an answer that was lost on its way comes again on a
        stream that is resumed.
    @ivar asked: What the upstream asked the caller: the method, or L{ANSWERED}.
    @ivar events: The ids of events that its caller got, which it may resume from.
    @ivar whole: Whether all of the session came by here, so that C{requests} and C{events} say what is
        its own, and anything else on a resumed stream is somebody else's.
    @ivar streams: How many exchanges are open; while there are any the session is in use.
    @ivar used: Unix seconds of its last request here.
    @ivar credential: The name of the credential that its upstream is shown for it; "" for the upstream's own.
    """

    __slots__ = (
        *("session", "sealed", "terms", "outstanding", "requests", "asked", "events", "whole"),
        *("streams", "used", "touched", "unmarked", "credential"),
    )

    def __init__(self, session: Session, sealed: bytes, terms: UpstreamTerms) -> None:
        self.session = session
        self.sealed = sealed
        self.terms = terms
        self.outstanding: Recent[int | str, Asked] = Recent(REQUESTS_MOST)
        self.requests: Recent[int | str, Asked] = Recent(REQUESTS_MOST)
        self.asked: Recent[int | str, str] = Recent(REQUESTS_MOST)
        self.events = EventIds(EVENTS_MOST)
        self.whole = False
        self.streams = 0
        self.used = 0.0
        self.credential = ""
        #: When its mark was last moved on from here, and whether that could not be done.
        self.touched: float | None = None
        self.unmarked = False


class Sessions:
    """
    The sessions that one worker knows.

    @ivar unmarked: How many are not sure to be ended when they are idle, as they could not be marked.
    @ivar ended_idle: How many were ended by us for being idle.
    """

    log = Logger()

    def __init__(self, marks: Marks, wall: Callable[[], float] = time.time) -> None:
        self.marks = marks
        self.unmarked = 0
        self.ended_idle = 0
        self._wall = wall
        self._lives: OrderedDict[bytes, Live] = OrderedDict()

    def live(self, session: Session, sealed: bytes, terms: UpstreamTerms, credential: str = "") -> Live:
        """
        A session that is being used; the same object as long as it is known.

        @param session: what C{sealed} holds, as the keys in force have opened it.
        @param credential: what its upstream is shown, by name.
        """
        live = self._lives.get(sealed)
        if live is None:
            self._make_room()
            live = self._lives[sealed] = Live(session, sealed, terms)
        else:
            self._lives.move_to_end(sealed)
            live.terms = terms
        live.credential = credential
        live.used = now = self._wall()
        if live.touched is None or not 0 <= now - live.touched < TOUCH:
            self._touch(live, now)
        return live

    def known(self, sealed: bytes) -> Live | None:
        """A session that was used here before, and was not forgotten since."""
        return self._lives.get(sealed)

    def ended(self, live: Live) -> None:
        """The client has ended it, and the upstream knows: there is nothing left to do for it."""
        self.forget(live.sealed)
        self.marks.remove(digest_of(live.sealed))

    def forget(self, sealed: bytes) -> None:
        """It is over."""
        self._lives.pop(sealed, None)

    def touch_open(self) -> Iterator[None]:
        """Move on the marks of all sessions with an open stream, step by step."""
        for live in [live for live in self._lives.values() if live.streams > 0]:
            if live.streams > 0:
                self._touch(live, self._wall())
                yield

    def counts(self) -> dict[str, int]:
        """For C{status}."""
        return {"known": len(self._lives), "unmarked": self.unmarked, "ended_idle": self.ended_idle}

    def _make_room(self) -> None:
        lives = self._lives
        if len(lives) < KNOWN_MOST:
            return
        for _ in range(PASSED_OVER):
            oldest = next(iter(lives))
            if not lives[oldest].streams:
                break
            # Its stream is use. And the sweep has to find it here.
            lives.move_to_end(oldest)
        lives.popitem(last=False)

    def _touch(self, live: Live, now: float) -> None:
        live.touched = now
        if live.session.kind != "session":
            # The old HTTP+SSE transport: the session is its stream, and over when that ends.
            return
        failure = self.marks.failure
        marked = self.marks.touch(_mark_of(live), now)
        if not marked and not live.unmarked:
            live.unmarked = True
            self.unmarked += 1
        if self.marks.failure is not None and self.marks.failure != failure:
            self.log.warn("idle sessions may not be ended: {why}", why=self.marks.failure)


def _mark_of(live: Live) -> Mark:
    return mark_of(live.session, live.sealed, live.terms.name, live.credential)
