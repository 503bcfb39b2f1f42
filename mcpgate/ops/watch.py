"""Looking at something again and again, for as long as somebody wants to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure


class Watch:
    """Calls C{look} every C{interval()} seconds; the next time only when the last one is over."""

    log = Logger()

    def __init__(self, reactor: Any, interval: Callable[[], float], look: Callable[[], Any]) -> None:
        """
        @param interval: asked before each wait, so that a reload can change it.
        @param look: may take its time, by returning a C{Deferred}.
        """
        self._reactor = reactor
        self._interval = interval
        self._look = look
        self._next: Any = None
        self._running = False

    def start(self) -> None:
        """Begin; the first look is after the first interval."""
        self._running = True
        self._next = self._reactor.callLater(self._interval(), self._due)

    def stop(self) -> None:
        """Look no more."""
        self._running = False
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _due(self) -> None:
        self._next = None
        looked: Deferred[Any] = maybeDeferred(self._look)
        looked.addErrback(self._failed).addBoth(self._again)

    def _again(self, _: object) -> None:
        if self._running:
            self._next = self._reactor.callLater(self._interval(), self._due)

    def _failed(self, failure: Failure) -> None:
        # A timer that raises would stop for good; the next look may do better.
        self.log.failure("looking at the watched files failed", failure=failure)
