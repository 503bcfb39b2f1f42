"""The gate as a unit of a service manager's: it is told when all serves, reloads, stops, and that it lives.

It is told what is true: ready when every worker accepts on every address, the end of a reload with how that
came out, alive while somebody serves. Where no manager asks to be told there is none of this.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpgate.cli.notice import ALIVE, progresses, ready, reloading, sentence, state, stopping, waits_for
from mcpgate.cli.notify import Notify, address_of, watchdog_of

# Until all serve: a start takes about a second, and whatever waits for the unit waits for this.
LOOK_FIRST = 0.1
# Then: whoever looks at the status twice sees that it moves.
LOOK = 10.0
# While it drains somebody mostly waits for it.
LOOK_LAST = 1.0
# More than what comes after the drain takes: ending workers, and closing the journal.
AFTER_DRAIN = 20.0

#: What C{mcpgate status} shows, at once or later.
Facts = Callable[[], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]


class Unit:
    """What a service manager knows of this process."""

    log = Logger()

    def __init__(self, reactor: Any, notify: Notify, facts: Facts, watchdog: float | None = None) -> None:
        """
        @param watchdog: seconds after which the manager takes a gate for dead that has not said otherwise.
        """
        self._reactor = reactor
        self._notify = notify
        self._facts = facts
        self._watchdog = watchdog
        self._told = ""
        self._ready = False
        self._reloads = 0
        self._reloaded = False
        self._stopping = False
        self._ended = False
        self._looks = 0
        self._next: Any = None

    def begin(self) -> None:
        """The gate was started, and the reactor runs."""
        self._look_in(0)

    def reloading(self) -> None:
        """A reload begins; L{reloaded} is called at its end, whatever that is."""
        self._reloads += 1
        if self._ready and not self._stopping:
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self._notify.tell(reloading(now, "reading the configuration again"))

    def reloaded(self) -> None:
        """A reload is over: what is in force now, and what was not taken, is told."""
        self._reloads -= 1
        # One may have begun while another was under way: the manager knows of one.
        self._reloaded = self._ready and not self._reloads
        self._look_in(0)

    def stopping(self, drain: float) -> None:
        """The gate drains, for so many seconds at the most, and ends."""
        self._stopping = True
        self._notify.tell(stopping(drain + AFTER_DRAIN, "stopping"))
        self._look_in(0)

    def end(self) -> None:
        """Tell no more."""
        self._ended = True
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._notify.close()

    def _look_in(self, seconds: float) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next = self._reactor.callLater(seconds, self._look)

    def _look(self) -> None:
        self._next = None
        looked = Deferred.fromCoroutine(self._look_once())
        looked.addErrback(self._failed).addBoth(self._look_again)

    def _failed(self, failure: Failure) -> None:
        # A gate that is about to be gone has nothing to say.
        if not self._stopping:
            self.log.failure("what a service manager should be told is not known", failure=failure)

    def _look_again(self, _: object) -> None:
        if self._next is None and not self._ended:
            self._look_in(self._apart)

    @property
    def _apart(self) -> float:
        if self._stopping:
            return LOOK_LAST
        if not self._ready:
            return LOOK_FIRST
        # Half of the time, as sd_watchdog_enabled(3) has it.
        return LOOK if self._watchdog is None else min(LOOK, self._watchdog / 2)

    async def _look_once(self) -> None:
        self._looks += 1
        look = self._looks
        found = self._facts()
        facts = await found if isinstance(found, Awaitable) else found
        # Who has begun to look later knows better: what we saw may be from before a reload.
        if look == self._looks and not self._ended:
            self._tell_of(facts)

    def _tell_of(self, facts: Mapping[str, Any]) -> None:
        """Tell what is new in it."""
        waits = waits_for(facts)
        if waits and not self._ready:
            self._tell_state(waits)
        elif not facts.get("running"):
            return  # it is gone by now
        elif self._stopping:
            self._tell_state(sentence(facts))
        elif self._reloaded or not self._ready:
            self._ready, self._reloaded, self._told = True, False, sentence(facts)
            self._notify.tell(ready(self._told))
        elif not self._reloads:
            self._tell_state(sentence(facts))
        if self._watchdog is not None and progresses(facts):
            self._notify.tell(ALIVE)

    def _tell_state(self, words: str) -> None:
        if words != self._told:
            self._told = words
            self._notify.tell(state(words))


def unit_of(
    reactor: Any, environ: MutableMapping[str, str], process: int, facts: Facts
) -> Unit | None:
    """What a service manager has asked for in the environment, if one has."""
    watchdog, address = watchdog_of(environ, process), address_of(environ)
    return Unit(reactor, Notify(reactor, address), facts, watchdog) if address is not None else None
