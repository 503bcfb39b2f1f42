"""Drain: what is in flight may finish, for so long; the rest is ended."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.entry import Entry
from mcpgate.relay.inbound import Inbound

# How often we look whether all is done: connections end by themselves, so that this only delays the
# end of the process.
LOOK = 0.1


class Drain:
    """The drain of some listenings, which accept no more. There is one: its deadline only moves nearer."""

    log = Logger()

    def __init__(self, reactor: Any, listenings: Iterable[Entry]) -> None:
        self._reactor = reactor
        self._listenings = tuple(listenings)
        self._end = inf
        self._again: Any = None
        self._waiting: list[Deferred[bool]] = []
        self._finished: bool | None = None
        for connection in self._connections():
            # Streams that only their callers would end are ended where it costs nothing. One that cannot be
            # is ended with the rest, at the deadline.
            self._ask(connection)

    def within(self, seconds: float) -> Deferred[bool]:
        """Be done by then; fires with whether everything could finish."""
        done: Deferred[bool] = Deferred()
        self._waiting.append(done)
        self._end = min(self._end, monotonic() + seconds)
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._finished is None:
            self._look()
        else:
            self._tell(self._finished)
        return done

    def _connections(self) -> list[Inbound]:
        return [connection for listening in self._listenings for connection in listening.connections]

    def _ask(self, connection: Inbound) -> None:
        # One connection's bug must not keep the process from its end.
        try:
            connection.drain()
        except Exception:
            self.log.failure("a connection was not drained because of a bug in the gate")

    def _look(self) -> None:
        self._again = None
        busy = []
        for connection in self._connections():
            if not connection.busy:
                # What is still in the kernel is looked for first.
                self._ask(connection)
            if connection.busy:
                busy.append(connection)
        if not busy and not any(listening.flushing for listening in self._listenings):
            return self._tell(True)
        if monotonic() >= self._end:
            for connection in busy:
                try:
                    connection.end(Refusal(Reason.GATE_DRAINING, "the drain deadline passed"))
                except Exception:
                    self.log.failure("a connection was not ended because of a bug in the gate")
            return self._tell(False)
        self._again = self._reactor.callLater(LOOK, self._look)

    def _tell(self, finished: bool) -> None:
        self._finished = finished
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(finished)
