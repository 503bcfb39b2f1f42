"""The history of one worker: its segments one after the other, with the checkpoints of each."""

from __future__ import annotations

import re
from binascii import hexlify
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import msgspec
from attrs import frozen

from mcpgate.evidence.chain import NOTHING_BEFORE, leaf
from mcpgate.evidence.checkpoint import Checkpoint, read_checkpoint
from mcpgate.evidence.findings import Finding, Severity, counted
from mcpgate.evidence.lineplace import process_of
from mcpgate.evidence.note import NoteError, notes_in, read_note
from mcpgate.evidence.places import File, Place, chunks
from mcpgate.evidence.runs import Runs
from mcpgate.evidence.sequence import Sequence
from mcpgate.evidence.tails import Tail, Tails
from mcpgate.evidence.walk import Walk
from mcpgate.evidence.wording import fault_finding

#: Faults behind which there is nothing to go on from.
_AT_THE_END = ("cut", "rewritten", "replaced", "added")

_TIME = re.compile(rb'"time":"([^"]{20,40})"')


class _SegmentFacts(msgspec.Struct):
    type: str
    gate: str
    worker: int
    segment: int


class _ExpiredFacts(msgspec.Struct):
    worker: int
    segment: int
    lines: int
    root: str


class _RepairFacts(msgspec.Struct):
    file: str
    what: str = "torn"


@frozen
class Expired:
    """That a line says that a segment has expired, and where that stands."""

    lines: int
    root: str
    worker: int
    segment: int
    seq: int


@frozen
class Absent:
    """Segments that are not there; of a single one, its last checkpoint, if it has any."""

    first: int
    last: int
    mark: Checkpoint | None = None


class VanishedError(Exception):
    """A segment that was there is not any more."""


def gate_of(place: Place) -> str | None:
    """Whose evidence it is, as it says itself; C{None}: it does not say."""
    for file in place.sealed.values():
        try:
            raw = file.read()
        except OSError:
            continue
        for _, note in notes_in(raw):
            try:
                return read_checkpoint(read_note(note).text).gate
            except NoteError:
                continue
    for file in place.segments.values():
        try:
            for piece in chunks(file):
                return msgspec.json.decode(piece[0], type=_SegmentFacts).gate
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return None


class History:
    """
    All segments of one worker.

    @ivar lines: How many lines there are.
    @ivar tails: Those behind the last checkpoint.
    @ivar absent: Segments that are not there, by number.
    @ivar present: The numbers of those that are.
    @ivar expired: What lines say of segments that have expired, by worker and number.
    """

    def __init__(
        self,
        place: Place,
        gate: str,
        worker: int,
        sequence: Sequence,
        tell: Callable[[Finding], object],
        passed: Callable[[int], object] | None = None,
    ) -> None:
        self.worker = worker
        self.lines = 0
        self.tails = Tails()
        self.absent: list[Absent] = []
        self.present: list[int] = []
        self.expired: dict[tuple[int, int], Expired] = {}
        self.first_time: str | None = None
        self.last_time: str | None = None
        self._place = place
        self._gate = gate
        self._sequence = sequence
        self._tell = tell
        self._passed = passed
        #: What the first line of the next segment has to name, and whether that is beyond doubt.
        self._before: bytes | None = NOTHING_BEFORE
        self._before_sealed = True
        self._runs = Runs(worker, tell)
        self._torn: File | None = None
        self._previous = 0

    def tell(self, seen: Callable[[int, Sequence], object]) -> None:
        """
        Go through it, and tell what there is to tell.

        @param seen: Called after the checkpoints of each segment were read.
        """
        segments, sealed = self._place.segments, self._place.sealed
        keys = segments.keys() | sealed.keys()
        numbers = sorted(number for worker, number in keys if worker == self.worker)
        growing = max((number for worker, number in sealed if worker == self.worker), default=0)
        newest = max((number for worker, number in segments if worker == self.worker), default=0)
        for number in numbers:
            if number != self._previous + 1:
                self.absent.append(Absent(self._previous + 1, number - 1))
                self._lose()
            marks = self._marks(number, growing=number == growing)
            seen(number, self._sequence)
            file = segments.get((self.worker, number))
            if file is None:
                self._miss(number, marks)
            else:
                self.present.append(number)
                self._segment(number, file, marks, newest=number == newest)
            self._previous = number
        self._sequence.end()
        self._runs.end(finished=self._before_sealed)
        self._say_torn(newest=True)
        unsealed = self.tails.finding(self.worker, self.last_time)
        if unsealed is not None:
            self._tell(unsealed)

    def _marks(self, number: int, *, growing: bool) -> list[Checkpoint]:
        file = self._place.sealed.get((self.worker, number))
        if file is None:
            return self._sequence.read(number, "", b"", growing=False)
        try:
            raw = file.read()
        except OSError as error:
            words = f"{file.name}: cannot be read: {error.strerror or error}."
            kind = "checkpoint_unreadable"
            self._tell(Finding(Severity.TAMPERED, kind, words, self.worker, number, file=file.name))
            self._sequence.lose()
            return []
        return self._sequence.read(number, file.name, raw, growing=growing)

    def _miss(self, number: int, marks: list[Checkpoint]) -> None:
        """A segment is not there. Its last checkpoint says what it ended with."""
        self.absent.append(Absent(number, number, marks[-1] if marks else None))
        self._lose()
        if marks and marks[-1].closed:
            self._before, self._before_sealed = hexlify(marks[-1].head), True

    def _lose(self) -> None:
        """What comes next follows nothing that one knows of."""
        self._before, self._before_sealed = None, False
        self._runs.damaged = True
        self._torn = None

    # One segment.

    def _segment(self, number: int, file: File, marks: list[Checkpoint], *, newest: bool) -> None:
        walk = Walk(self._before, marks, self._runs.opens, Runs.base(number))
        try:
            pieces = chunks(file, self._passed)
            head = next(pieces, [])
            if not head:
                return self._empty(number, file, marks, newest)
            wrong = self._another(head, number)
            if wrong is not None:
                return self._give_up(f"{file.name}: {wrong}.", "foreign_segment", number, file)
            self._runs.begin(process_of(head[0]))
            walk.through(self._bounded(chain([head], pieces)))
            walk.settle(lambda: chunks(file))
        except FileNotFoundError as error:
            # Of a gate that runs: it was compressed or has expired since one looked.
            raise VanishedError(file.name) from error
        except OSError as error:
            self.lines += walk.lines
            words = f"{file.name}: cannot be read after line {walk.lines}: {error.strerror or error}."
            return self._give_up(words, "unreadable", number, file)
        self._judged(number, file, marks, walk)

    def _bounded(self, pieces: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
        for piece in pieces:
            self._runs.bound()
            yield piece

    def _judged(self, number: int, file: File, marks: list[Checkpoint], walk: Walk) -> None:
        self.lines += walk.lines
        for seq, line in walk.noticed:
            self._notice(number, seq, line)
        self._say_torn(newest=False)
        self._torn = file if walk.torn else None
        linked = True
        for fault in walk.faults:
            if fault.kind == "link":
                linked = False
                if not any(one.first == 0 for one in walk.faults if one is not fault):
                    self._say_link(number, file)
            else:
                self._tell(fault_finding(fault, self.worker, number, file.name))
        self._runs.damaged |= bool(walk.faults)
        if walk.good and linked:
            # What the first line names is sealed with it.
            late = self.tails.seal(self.worker)
            if late is not None:
                self._tell(late)
        # Where the end is not what it was, that says it all.
        lost = any(one.kind in _AT_THE_END and one.last >= walk.size - 1 for one in walk.faults)
        if walk.size > walk.good and not lost:
            since = _time_of(walk.fresh)
            until = _time_of(walk.final)
            self.tails.add(Tail(number, file.name, walk.good, walk.size - walk.good, since, until))
        self._before = None if lost else walk.last
        self._before_sealed = bool(marks) and marks[-1].closed and walk.good == marks[-1].size
        self.first_time = self.first_time or _time_of(walk.first)
        self.last_time = _time_of(walk.final) or self.last_time

    def _another(self, head: list[bytes], number: int) -> str | None:
        """Whether the file is another segment than its name says, as a whole; if so, in words."""
        try:
            said = msgspec.json.decode(head[0], type=_SegmentFacts)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        whose = said.gate, said.worker, said.segment
        if said.type != "segment" or whose == (self._gate, self.worker, number):
            return None
        if len(head) > 1 and hexlify(leaf(head[0])) not in head[1][-68:]:
            # The first line alone says so, and is not what it was.
            return None
        if said.gate != self._gate:
            return f"the file is a segment of another gate, {said.gate!r}"
        return f"the file is another segment: {said.segment} of worker {said.worker}"

    def _empty(self, number: int, file: File, marks: list[Checkpoint], newest: bool) -> None:
        if newest and not marks:
            words = f"{file.name}: has no line: it is begun at this moment, or a crash kept it from that."
            self._tell(Finding(Severity.NOTE, "empty", words, self.worker, number, file=file.name))
            return
        size = f" of {counted(marks[-1].size, 'line')}" if marks else ""
        self._give_up(f"{file.name}: the file{size} was emptied.", "emptied", number, file)

    def _give_up(self, words: str, kind: str, number: int, file: File) -> None:
        self._tell(Finding(Severity.TAMPERED, kind, words, self.worker, number, file=file.name))
        self._lose()

    def _notice(self, number: int, seq: int, line: bytes) -> None:
        """A line that says something of segments. What cannot be read says nothing."""
        try:
            if line.startswith(b'{"v":2,"type":"expired"'):
                said = msgspec.json.decode(line, type=_ExpiredFacts)
                one = Expired(said.lines, said.root, self.worker, number, seq)
                self.expired[said.worker, said.segment] = one
            elif line.startswith(b'{"v":2,"type":"repair"'):
                repair = msgspec.json.decode(line, type=_RepairFacts)
                if self._torn is not None and repair.file.startswith(self._torn.name.removesuffix(".gz")):
                    self._torn = None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            pass

    # Words.

    def _say_link(self, number: int, file: File) -> None:
        if self._before_sealed:
            what = "does not name the last line of the segment before"
            words = f"{file.name}, line 1: seq 0 was changed: it {what}."
            finding = Finding(Severity.TAMPERED, "edited", words, self.worker, number, 0, 0, file.name, 1)
        else:
            words = (
                f"The end of segment {self._previous} of worker {self.worker} is not what the next one "
                "names: its last line was changed, or lines behind it are gone."
            )
            finding = Finding(Severity.TAMPERED, "end", words, self.worker, self._previous)
        self._tell(finding)

    def _say_torn(self, *, newest: bool) -> None:
        file, self._torn = self._torn, None
        if file is None:
            return
        if newest:
            words = f"{file.name}: ends within a line, which is written at this moment, or was at a crash."
            self._tell(Finding(Severity.NOTE, "torn", words, self.worker, file=file.name))
        else:
            words = f"{file.name}: ends within a line, and no repair is on record: it was cut there."
            self._tell(Finding(Severity.TAMPERED, "torn", words, self.worker, file=file.name))


def _time_of(line: bytes | None) -> str | None:
    found = _TIME.search(line[:300]) if line is not None else None
    return found[1].decode("ascii", "replace") if found is not None else None
