"""The one reader of the journal in the admin process: whoever wants records gets each of them, in order.

It begins at the journal's end, or where the admin process before this one was: what happened while that one
died is told to somebody all the same. A thread reads and parses; batches are told in the reactor's thread,
so that nobody who counts or tells needs a lock. A subscriber that fails costs itself a batch, no one else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from mcpgate.evidence.position import Position
from mcpgate.evidence.reading import Follower, ReadingError
from mcpgate.evidence.record import parse_line

#: Lines of a batch: told in some ten milliseconds, in which nobody else is served.
BATCH = 500
#: Seconds until it is looked again where there was nothing: people call that live.
PAUSE = 0.5
#: Seconds until a journal that cannot be read is tried again.
RETRY = 5.0

Record = Mapping[str, Any]


@frozen
class Batch:
    """
    Records in the order of each worker's journal.

    @ivar unreadable: How many lines were none.
    @ivar positions: Where the next lines begin.
    """

    records: Sequence[Record]
    unreadable: int = 0
    positions: Mapping[int, Position] = MappingProxyType({})

    @property
    def size(self) -> int:
        """How many lines it has."""
        return len(self.records) + self.unreadable


#: Whoever wants them.
Subscriber = Callable[[Batch], object]


class Feed:
    """Follows the journal of one state directory. C{problem} is why it cannot be read, if so."""

    log = Logger()

    def __init__(self, reactor: Any, state: Path, positions: Mapping[int, Position] | None = None) -> None:
        """
        @param positions: where to begin, by worker; without any, at the end.
        """
        #: Behind what was told last.
        self.positions: Mapping[int, Position] = dict(positions or {})
        self.problem: str | None = None
        self._whole = monotonic()
        self._reactor = reactor
        self._directory = state / "journal"
        self._subscribers: list[Subscriber] = []
        self._follower: Follower | None = None
        self._waiting: Any = None
        self._running = False
        self._reading: Deferred[None] | None = None

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have somebody told from now on, until the function that is returned is called."""
        self._subscribers.append(subscriber)

        def leave() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return leave

    @property
    def lag(self) -> float:
        """
        Seconds since all that was in the journal had been told: how late the next records may be. It grows
        while there is more than can be told, while the journal cannot be read, and while a disk hangs.
        """
        return monotonic() - self._whole

    def start(self) -> None:
        """Begin to read, at the end."""
        self._running = True
        self._go_on()

    def stop(self) -> None:
        """Read no more."""
        self._running = False
        if self._waiting is not None and self._waiting.active():
            self._waiting.cancel()

    def _go_on(self) -> None:
        self._reading = Deferred.fromCoroutine(self._read())

    async def _read(self) -> None:
        pause = PAUSE
        try:
            batch = await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._batch)
        except ReadingError as error:
            if self.problem is None:
                self.log.warn("the journal cannot be read: {why}", why=str(error))
            self.problem = str(error)
            pause = RETRY
        except Exception:
            self.log.failure("reading the journal failed")
            pause = RETRY
        else:
            self.problem = None
            if self._running and (batch.records or batch.unreadable):
                self._tell(batch)
            self.positions = batch.positions
            if batch.size < BATCH:
                self._whole = monotonic()
            else:
                # There is more. To read on for the sake of a few lines would keep a processor busy for as
                # long as the gate is.
                pause = 0.0
        if self._running:
            self._waiting = self._reactor.callLater(pause, self._go_on)
        elif self._follower is not None:
            self._follower.close()

    def _tell(self, batch: Batch) -> None:
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(batch)
            except Exception:
                self.log.failure("whoever wants records failed at a batch of them")

    def _batch(self) -> Batch:
        """In a thread: what there is now, parsed."""
        if self._follower is None:
            self._follower = Follower(self._directory, self.positions, at_end=not self.positions)
        records, unreadable = [], 0
        for read in self._follower.read(BATCH):
            try:
                records.append(parse_line(read.line))
            except ValueError:
                unreadable += 1
        return Batch(records, unreadable, self._follower.positions)
