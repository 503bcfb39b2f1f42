"""Reading a journal: its segments in their order, their whole lines, and what is added while one looks.

Nothing here judges a line or its place in the chain; that is for who verifies. All of it blocks: it is for
threads and for the command line, never for the reactor's.
"""

from __future__ import annotations

import gzip
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
from attrs import frozen

from mcpgate.evidence.position import Position, Read
from mcpgate.evidence.record import LINE_MOST
from mcpgate.evidence.segments import segment_file

#: What is remembered of what had to be skipped; the rest is counted.
SKIPPED_MOST = 100
#: A directory whose time of change is younger than this, in seconds, may change again without one seeing
#: it by that time: the clock of file systems ticks some 250 times a second.
YOUNG = 2.0

__all__ = [
    "Follower",
    "Position",
    "Read",
    "ReadingError",
    "Segment",
    "Skipped",
    "alone",
    "gate_of",
    "lines",
    "opened",
    "segments",
]


class ReadingError(Exception):
    """A segment cannot be read on; the message names it and the cause."""


@frozen(order=True)
class Segment:
    """One file of a worker's journal. C{number}: counted from 1."""

    worker: int
    number: int
    path: Path
    compressed: bool

    @property
    def name(self) -> str:
        """What it is called wherever one speaks of it, compressed or not."""
        return f"journal-{self.worker}-{self.number:08d}"


@frozen
class Skipped:
    """What could not be read, and C{why}. C{segment}: the first of these segments."""

    worker: int
    segment: int
    why: str


def segments(directory: Path) -> tuple[Segment, ...]:
    """
    The segments in a directory, by worker and number; or in C{journal} within it, as in a state directory
    or a bundle.

    One that is there twice, as when its compression was interrupted, is taken uncompressed.

    @raise ReadingError: The directory cannot be read; or there are segments in both places, of which only one
        can be the journal's.
    """
    found: dict[tuple[int, int], Segment] = {}
    for place in (directory, directory / "journal"):
        try:
            names = os.listdir(place)
        except (FileNotFoundError, NotADirectoryError):
            if place == directory:
                raise ReadingError(f"{directory}: there is no such directory") from None
            break
        except OSError as error:
            raise ReadingError(f"{place}: {error.strerror}") from error
        here: dict[tuple[int, int], Segment] = {}
        for name in names:
            if (file := segment_file(place / name)) is not None:
                key = file.worker, file.number
                if not file.compressed or key not in here:
                    here[key] = Segment(*key, file.path, file.compressed)
        if found and here:
            raise ReadingError(f"{directory}: there are segments in it and in {place.name}, and one is wrong")
        found |= here
    return tuple(sorted(found.values()))


def alone(path: Path) -> Segment:
    """A file that somebody names, as a segment; whatever it is called."""
    file = segment_file(path)
    worker, number = (file.worker, file.number) if file is not None else (0, 0)
    return Segment(worker, number, path, path.suffix == ".gz")


def lines(segment: Segment) -> Iterator[bytes]:
    """
    The whole lines of a segment, each with its line feed. What follows the last line feed is none.

    @raise ReadingError: It cannot be read, or not to its end, or has a line that is too long.
    """
    count = 0
    try:
        with opened(segment) as file:
            while (line := file.readline(LINE_MOST)).endswith(b"\n"):
                yield line
                count += 1
    except (OSError, EOFError, zlib.error) as error:
        raise ReadingError(f"{segment.path}: behind line {count}: {_cause(error)}") from error
    if len(line) == LINE_MOST:
        raise ReadingError(f"{segment.path}: behind line {count}: a line is longer than {LINE_MOST} bytes")


def gate_of(directory: Path) -> str | None:
    """
    The gate whose journal is in a directory, as its latest segment says; C{None} if nothing says it yet.

    @raise ReadingError: The directory, or the segment, cannot be read.
    """
    for segment in reversed(segments(directory)):
        first = next(lines(segment), None)
        if first is not None:
            try:
                return msgspec.json.decode(first, type=_First).gate
            except msgspec.MsgspecError:
                raise ReadingError(f"{segment.path}: its first line does not say whose it is") from None
    return None


class _First(msgspec.Struct):
    gate: str


def opened(segment: Segment) -> BinaryIO:
    """A segment's bytes, uncompressed."""
    return cast(BinaryIO, gzip.open(segment.path)) if segment.compressed else segment.path.open("rb")


def _cause(error: Exception) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__


class _Tail:
    """The segment of a worker that is read at the moment, kept open: so it is read to its end even if it is
    compressed or expires meanwhile."""

    def __init__(self, segment: Segment, offset: int, seq: int) -> None:
        self.segment = segment
        self.offset = offset
        self.seq = seq
        self._file = opened(segment)
        self._skipping = False
        try:
            if not segment.compressed and os.fstat(self._file.fileno()).st_size < offset:
                self.recount()
            self._file.seek(self.offset)
        except BaseException:
            self._file.close()
            raise

    def read(self, most: int) -> Iterator[Read]:
        """Up to so many of the whole lines that there are now."""
        worker, number = self.segment.worker, self.segment.number
        for _ in range(most):
            line = self._file.readline(LINE_MOST)
            if not line.endswith(b"\n"):
                if len(line) == LINE_MOST:
                    # The end of it is looked for with the next ones, so that memory stays bounded.
                    self.offset += LINE_MOST
                    if not self._skipping:
                        self._skipping = True
                        raise ReadingError(f"line {self.seq} is longer than {LINE_MOST} bytes")
                    continue
                if not self.segment.compressed:
                    self._await()
                return
            seq = self.seq
            self.offset += len(line)
            self.seq = seq + 1
            if self._skipping:
                self._skipping = False
                continue
            yield Read(worker, number, seq, line)

    def _await(self) -> None:
        """Be ready for the rest of a line, or for another one in the place of its beginning."""
        if os.fstat(self._file.fileno()).st_size < self.offset:
            before = self.seq
            self.recount()
            self._file.seek(self.offset)
            raise ReadingError(f"it has {self.seq} lines, of {before} that were read")
        self._file.seek(self.offset)

    def recount(self) -> None:
        """Go behind the last whole line that there is.

        Of a segment that has become shorter nothing is read again; what comes in place of its end is read.
        """
        self.offset = self.seq = 0
        self._skipping = False
        self._file.seek(0)
        while (line := self._file.readline(LINE_MOST)).endswith(b"\n"):
            self.offset += len(line)
            self.seq += 1

    def close(self) -> None:
        self._file.close()


class Follower:
    """
    Reads what is in the journal of a directory, and whatever is added to it, by C{read}.

    The lines of a worker come in their order; those of several come in turns. C{skipped}: what could not be
    read, the first L{SKIPPED_MOST} of it; C{skips}: how much that was.

    @param positions: Where to go on, by worker; a worker without one is read from its beginning.
    @param at_end: Where workers without a position have lines already, pass over these.
    """

    def __init__(
        self, directory: Path, positions: Mapping[int, Position] | None = None, *, at_end: bool = False
    ) -> None:
        self.skipped: list[Skipped] = []
        self.skips = 0
        self._directory = directory
        self._positions = dict(positions or {})
        self._tails: dict[int, _Tail] = {}
        self._segments: dict[int, list[Segment]] = {}
        self._seen: tuple[float, ...] | None = None
        self._turn = 0
        if at_end:
            self._look()
            for worker, found in self._segments.items():
                if worker not in self._positions:
                    self._positions[worker] = _end(found[-1])

    @property
    def positions(self) -> Mapping[int, Position]:
        """Where each worker's next line begins, behind what was read."""
        at = {w: Position(t.segment.number, t.offset, t.seq) for w, t in self._tails.items()}
        return self._positions | at

    def read(self, most: int = 5000) -> list[Read]:
        """
        Some of what there is; nothing, if there is nothing now.

        @raise ReadingError: The directory cannot be read.
        """
        self._look()
        found: list[Read] = []
        workers = sorted(self._segments.keys() | self._tails.keys())
        self._turn += 1
        for index in range(len(workers)):
            worker = workers[(self._turn + index) % len(workers)]
            # All get their turn, even where one has more than can ever be read.
            share = -(-(most - len(found)) // (len(workers) - index))
            if share > 0:
                self._read(worker, share, found)
        return found

    def behind(self) -> int:
        """How many bytes there are still to read, about: what is compressed counts as it is."""
        self._look()
        total, positions = 0, self.positions
        for worker, found in self._segments.items():
            at = positions.get(worker, Position(0, 0, 0))
            for segment in found:
                if segment.number >= at.segment:
                    try:
                        size = segment.path.stat().st_size
                    except OSError:
                        continue
                    total += max(0, size - at.offset) if segment.number == at.segment else size
        return total

    def close(self) -> None:
        """Close what is open; the positions are kept."""
        self._positions = dict(self.positions)
        for tail in self._tails.values():
            tail.close()
        self._tails.clear()

    def _look(self) -> None:
        """See which segments there are, if that may have changed."""
        places = [place for place in (self._directory, self._directory / "journal") if place.is_dir()]
        seen = tuple(place.stat().st_mtime for place in places)
        if self._seen is not None and self._seen == seen:
            return
        by_worker: dict[int, list[Segment]] = {}
        # A gate that has never run has no directory yet.
        for segment in segments(self._directory) if places else ():
            by_worker.setdefault(segment.worker, []).append(segment)
        self._segments = by_worker
        self._seen = seen if seen and max(seen) < time.time() - YOUNG else None

    def _read(self, worker: int, share: int, found: list[Read]) -> None:
        most = len(found) + share
        while len(found) < most:
            tail = self._tails.get(worker) or self._begin(worker)
            if tail is None:
                return
            # Looked for before it is read to its end: behind the beginning of the next nothing is added.
            later = self._later(worker, tail.segment.number)
            try:
                for read in tail.read(most - len(found)):
                    found.append(read)
            except (ReadingError, OSError, EOFError, zlib.error) as error:
                self._skip(worker, tail.segment.number, f"{tail.segment.name}: {_cause(error)}")
                if isinstance(error, ReadingError):
                    continue
                if later is None:
                    # Nothing to go on with yet: it is tried again from here.
                    self._leave(worker, tail)
                    return
            if len(found) >= most:
                return
            if later is None:
                return
            self._leave(worker, tail)
            self._positions[worker] = Position(tail.segment.number + 1, 0, 0)

    def _leave(self, worker: int, tail: _Tail) -> None:
        self._positions[worker] = Position(tail.segment.number, tail.offset, tail.seq)
        del self._tails[worker]
        tail.close()

    def _later(self, worker: int, number: int) -> Segment | None:
        found = self._segments.get(worker, ())
        return next((segment for segment in found if segment.number > number), None)

    def _begin(self, worker: int) -> _Tail | None:
        """Open the segment at a worker's position, or the next one that there is."""
        at = self._positions.get(worker)
        for segment in self._segments.get(worker, ()):
            if at is not None and segment.number < at.segment:
                continue
            here = at is not None and segment.number == at.segment
            if at is not None and not here:
                lost = segment.number - at.segment
                self._skip(worker, at.segment, f"{lost} segments are gone before {segment.name}")
            try:
                tail = _Tail(segment, at.offset, at.seq) if here and at is not None else _Tail(segment, 0, 0)
            except (OSError, EOFError, zlib.error) as error:
                # Perhaps it was compressed in this moment: the next look will show.
                self._seen = None
                if not isinstance(error, FileNotFoundError):
                    self._skip(worker, segment.number, f"{segment.name}: {_cause(error)}")
                    if self._later(worker, segment.number) is not None:
                        self._positions[worker] = Position(segment.number + 1, 0, 0)
                return None
            self._tails[worker] = tail
            return tail
        if at is not None and (found := self._segments.get(worker)) and found[-1].number < at.segment:
            self._skip(worker, at.segment, f"the journal of worker {worker} has begun anew")
            del self._positions[worker]
            return self._begin(worker)
        return None

    def _skip(self, worker: int, segment: int, why: str) -> None:
        self.skips += 1
        if len(self.skipped) < SKIPPED_MOST:
            self.skipped.append(Skipped(worker, segment, why))


def _end(segment: Segment) -> Position:
    """Behind the last whole line of a segment that is there."""
    tail = _Tail(segment, 0, 0)
    try:
        tail.recount()
    finally:
        tail.close()
    return Position(segment.number, tail.offset, tail.seq)
