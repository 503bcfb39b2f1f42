"""Filling the index from a journal: it goes on where it was, whatever has stopped it.

What was read and where that ends are put in by one transaction, so that nothing is lost or counted twice,
whoever is killed when. A database that is down is tried again and again, ever more rarely; meanwhile the
journal waits on the disk, and nobody but those who search waits for it. Everything here blocks: it is for a
thread of its own, or for the command line.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from mcpgate.evidence.reading import Follower, Position, Read, ReadingError, gate_of
from mcpgate.index.rows import Gathered, Had, gather, had_of, positions, settled, used
from mcpgate.index.schema import EVENT, HANDSHAKE, POSITION, TABLES
from mcpgate.index.store import Store, StoreError, Turn, UnfitError

#: Lines of one transaction: enough that its own cost does not count, and a few tenths of a second.
BATCH = 5000
#: How long to wait for more when everything is read, in seconds: who looks at a page expects the present.
PAUSE = 0.5
#: How long to wait for a database that is down: at first, and at most.
RETRY, RETRY_MOST = 1.0, 30.0
#: Handshakes that are remembered, so that exchanges by them need no look into the database: some 12 MB.
REMEMBERED = 50_000
#: Faulty lines that stay named, of each gate.
FAULTS_KEPT = 1000
#: How often old rows are looked for, in seconds, and how many are removed in one transaction.
PRUNE, PRUNED = 600.0, 5000
_SECOND = 1_000_000


@frozen
class Freshness:
    """
    How far the index is behind the journal.

    @ivar lines: That this filler has put in, and C{faulty}: those of them that are no records.
    @ivar behind: Bytes of the journal that are still to be read.
    @ivar last: The time of the latest record that is in, in Unix seconds; C{None}: none was put in.
    @ivar trouble: Why it does not get on; C{None}: it does.
    @ivar skips: Parts of the journal that could not be read, or were gone before they were.
    """

    lines: int = 0
    faulty: int = 0
    behind: int = 0
    last: float | None = None
    trouble: str | None = None
    skips: int = 0

    def lag(self, now: float) -> float:
        """About how many seconds the index is behind."""
        return 0.0 if not self.behind or self.last is None else max(0.0, now - self.last)


class Filler:
    """
    Fills the index from the journal in a directory.

    C{freshness} may be read from any thread.
    """

    def __init__(
        self,
        directory: Path,
        gate: str | None,
        opened: Callable[[], Store],
        *,
        keep: float,
        clock: Callable[[], float] = time.time,
        batch: int = BATCH,
    ) -> None:
        """
        @param gate: The name of the gate whose journal it is; C{None}: what the journal says.
        @param opened: Opens the database.
        @param keep: How old what is in the index may become, in seconds.
        """
        self.freshness = Freshness()
        self._directory = directory
        self._name = gate
        self._opened = opened
        self._keep = keep
        self._clock = clock
        self._batch = batch
        self._store: Store | None = None
        self._follower: Follower | None = None
        self._had: OrderedDict[str, Had] = OrderedDict()
        self._at: Mapping[int, Position] = {}
        self._prune_at = 0.0
        self._skips = self._lines = self._faulty = 0
        self._last: float | None = None

    def run(self, stop: threading.Event, *, wait: Callable[[float], object] | None = None) -> None:
        """
        Fill it, until told to stop.

        @param wait: Waits so long, or until it is to stop.
        """
        wait = wait or stop.wait
        retry = RETRY
        while not stop.is_set():
            try:
                found = self.step()
            except (StoreError, ReadingError):
                wait(retry)
                retry = min(RETRY_MOST, retry * 2)
            except Exception as error:
                # A thread that has ended without a word would look like an index that is up to date.
                self._tell(f"{type(error).__name__}: {error}")
                self.close()
                wait(RETRY_MOST)
            else:
                retry = RETRY
                if not found:
                    wait(PAUSE)
        self.close()

    def whole(self, told: Callable[[Freshness], object] | None = None) -> None:
        """
        Fill it with what there is now.

        @raise StoreError: The database cannot be used.
        @raise ReadingError: The journal cannot be read.
        """
        while self.step():
            if told is not None:
                told(self.freshness)

    def step(self) -> int:
        """
        Put in a batch of lines; returns how many that were.

        @raise StoreError: The database cannot be used. Nothing is lost: the next step goes on from there.
        @raise ReadingError: The journal cannot be read.
        """
        try:
            while True:
                try:
                    return self._step() if self._knows_gate() else 0
                except _ElsewhereError:
                    # Somebody else has put in some of it, such as the command line: it is gone on from there.
                    self._begin(None)
        except StoreError as error:
            self._tell(str(error))
            self.close()
            raise
        except ReadingError as error:
            self._tell(str(error))
            raise

    def _step(self) -> int:
        store, follower = self._ready()
        reads = follower.read(self._batch)
        if reads:
            self._fill(store, reads, follower.positions)
        self._prune(store)
        self._tell(None)
        return len(reads)

    def rebuild(self) -> None:
        """
        Take away all of this gate's rows, to begin from the journal's beginning.

        @raise StoreError: The database cannot be used.
        @raise ReadingError: The journal cannot be read.
        """
        if not self._knows_gate():
            return
        if self._store is None:
            self._store = self._opened()
        with self._store.turn(self._gate) as turn:
            turn.empty()
        self._begin(None)

    def close(self) -> None:
        """Let go of the database and of the journal."""
        self._begin(None)
        if self._store is not None:
            self._store.close()
            self._store = None

    @property
    def _gate(self) -> str:
        assert self._name is not None, "asked for before anything is read"
        return self._name

    def _knows_gate(self) -> bool:
        if self._name is None and self._directory.is_dir():
            self._name = gate_of(self._directory)
        return self._name is not None

    def _ready(self) -> tuple[Store, Follower]:
        if self._store is None:
            self._store = self._opened()
        if self._follower is None:
            with self._store.turn(self._gate) as turn:
                self._at = turn.positions()
                self._last = turn.last() or self._last
            self._begin(self._at)
        assert self._follower is not None
        return self._store, self._follower

    def _begin(self, at: Mapping[int, Position] | None) -> None:
        """Follow the journal from there on; C{None}: from where the database will say."""
        if self._follower is not None:
            self._skips += self._follower.skips
            self._follower.close()
        self._follower = None if at is None else Follower(self._directory, at)
        self._had.clear()

    def _tell(self, trouble: str | None) -> None:
        follower = self._follower
        self.freshness = Freshness(
            lines=self._lines,
            faulty=self._faulty,
            # While it does not get on, what was known last is not true any more, but nothing else is known.
            behind=self.freshness.behind if follower is None else follower.behind(),
            last=self._last,
            trouble=trouble,
            skips=self._skips + (0 if follower is None else follower.skips),
        )

    def _fill(self, store: Store, reads: Sequence[Read], after: Mapping[int, Position]) -> None:
        try:
            self._put(store, reads, after, {})
        except UnfitError:
            unfit = self._unfit(store, reads)
            try:
                self._put(store, reads, after, unfit)
            except UnfitError as error:
                # Each by itself is taken, but not all of them together.
                self._put(store, reads, after, dict.fromkeys(reads, str(error)))

    def _unfit(self, store: Store, reads: Sequence[Read]) -> dict[Read, str]:
        """The lines that the database does not take, and why: found by halves, of which nothing is kept."""
        try:
            with store.turn(self._gate) as turn:
                self._take(turn, gather(self._gate, reads))
                raise _UndoneError
        except _UndoneError:
            return {}
        except UnfitError as error:
            if len(reads) == 1:
                return {reads[0]: str(error)}
        half = len(reads) // 2
        return self._unfit(store, reads[:half]) | self._unfit(store, reads[half:])

    def _put(
        self, store: Store, reads: Sequence[Read], after: Mapping[int, Position], unfit: Mapping[Read, str]
    ) -> None:
        """
        Put lines in, and where they end.

        @param unfit: Those of them that are not taken, and why.
        """
        found = gather(self._gate, reads, since=self._since(), unfit=unfit)
        with store.turn(self._gate) as turn:
            if turn.positions() != self._at:
                raise _ElsewhereError
            had = self._take(turn, found)
            turn.put(POSITION, positions(found, after))
        self._at = dict(after)
        self._remember(had)
        self._lines += len(reads)
        self._faulty += found.faulty.total()
        if found.last:
            self._last = max(found.last.values()) / _SECOND

    def _take(self, turn: Turn, found: Gathered) -> Mapping[str, Had]:
        """Put in what lines say; returns what is known of handshakes now that was not before."""
        legs = found.legs
        missing = [id for id in legs if id not in self._had and id not in found.handshakes]
        had = {id: self._had[id] for id in legs if id in self._had} | turn.had(missing)
        told = turn.known(HANDSHAKE, found.handshakes.keys()) | turn.known(EVENT, found.events.keys())
        for table, rows in settled(found, turn.exchanges(found.exchanges()), told, had).items():
            turn.put(table, rows)
        had |= {id: had_of(row) for id, row in found.handshakes.items()}
        news = used(found, had)
        turn.touch(news)
        return had | news

    def _remember(self, had: Mapping[str, Had]) -> None:
        for id, one in had.items():
            self._had[id] = one
            self._had.move_to_end(id)
        while len(self._had) > REMEMBERED:
            self._had.popitem(last=False)

    def _since(self) -> int:
        return round((self._clock() - self._keep) * _SECOND)

    def _prune(self, store: Store) -> None:
        """Remove what is too old, some rows at a time: nobody waits long for it."""
        now = self._clock()
        if now < self._prune_at and self._prune_at - now <= PRUNE:
            return
        before = self._since()
        for table in TABLES:
            if table.aged is None:
                continue
            # Sums have their times in seconds.
            time = before // _SECOND if table.aged == "at" else before - table.grace * _SECOND
            more = True
            while more:
                with store.turn(self._gate) as turn:
                    more = turn.remove(table, time, PRUNED)
        with store.turn(self._gate) as turn:
            turn.shorten_faults(FAULTS_KEPT)
        self._prune_at = now + PRUNE


class _ElsewhereError(Exception):
    """Somebody else has filled the index from this journal meanwhile."""


class _UndoneError(Exception):
    """A transaction was only tried."""
