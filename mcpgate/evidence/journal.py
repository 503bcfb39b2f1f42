"""The journal of one worker: a chain of segments, each a file of whole lines, with one writer.

What C{append} returns from is in the kernel: it outlives the process, whatever kills it. What it is
given is in the file whole or not at all (C{linefile}); a part of a line that a power cut left is cut off
when the next segment begins, which says so.

Every line is linked to the one before (C{chain}), from segment to segment. A segment ends when it is
large or old enough, at every stop, and when its file is gone; each start begins one, so that nothing of
a journal has to be read for that but its last line. What stands for a segment's lines is handed to who
seals it (C{sealing}).
"""

from __future__ import annotations

import os
import time
from binascii import hexlify
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from OpenSSL import SSL

from mcpgate.evidence.bookkeeping import repair_line, segment_line
from mcpgate.evidence.chain import NOTHING_BEFORE, Tree, leaf, linked
from mcpgate.evidence.ids import new_id
from mcpgate.evidence.linefile import LineFile, failed
from mcpgate.evidence.lock import JournalError, hold
from mcpgate.evidence.record import timestamp
from mcpgate.evidence.sealing import Sealing, Unsealed
from mcpgate.evidence.segments import NUMBER_MOST, Torn, find_end, segment_name
from mcpgate.evidence.terms import JournalTerms

__all__ = ["Journal", "JournalError", "hold", "new_id"]

# The tree grows for many lines at once, which is cheaper than with each; so many wait at the most, that
# neither a turn nor a checkpoint has much to do: a third of a millisecond.
LEAVES_MOST = 512

# How much larger a segment becomes before a next one that could not be begun is tried again.
SIZE_MORE = 1 << 20


class Journal:
    """The journal of one worker. Raises only L{JournalError}, besides errors that are bugs.

    @ivar terms: How it is kept; may be replaced at any time.
    @ivar segment: The number of the last segment that was begun.
    @ivar lines: How many lines that has.
    """

    def __init__(
        self,
        directory: Path,
        worker: int = 0,
        terms: JournalTerms | None = None,
        seals: Sealing | None = None,
        *,
        sealed: int = 0,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        onlooker: Callable[[bytes], None] | None = None,
    ) -> None:
        """
        @param directory: Of all journals of the gate; made as 0700 if it is missing.
        @param sealed: The highest number of a segment of this worker that was ever sealed.
        @param clock: Wall-clock Unix seconds, for the times of our own lines.
        @param monotonic: What a segment's age is told by.
        @param onlooker: Shown whole lines once they are in the file; it must not raise.
        """
        self.terms = terms if terms is not None else JournalTerms()
        self.seals: Sealing = seals if seals is not None else Unsealed()
        self.directory = directory
        self.worker = worker
        self.segment = self.lines = 0
        #: May be set, and taken away, at any time.
        self.onlooker = onlooker
        self._clock = clock
        self._monotonic = monotonic
        self._file: LineFile | None = None
        self._prev = NOTHING_BEFORE
        # What the tree has not grown by yet, in hexadecimal as the lines have it.
        self._leaves: list[str] = []
        self._tree = Tree()
        # How many lines the last checkpoint had, and since when a line waits for the next.
        self._sealed = 0
        self._waits_since: float | None = None
        self._begun = 0.0
        # The size at which the next segment is due.
        self._full_at = self.terms.segment_size
        #: What every segment from now on begins with: what is in force, for who reads it alone.
        self.preface: Callable[[], Sequence[bytes]] = lambda: ()
        # How many lines this segment began with.
        self._first = 0
        # What the next segment has to say first, and what is to be cut off once it has.
        self._notes: list[bytes] = []
        self._torn: tuple[Torn, ...] = ()
        self._next = 1
        try:
            # In two steps: mkdir gives its mode to the last directory only.
            directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{directory}: {error.strerror}") from error
        # A file of its own: segments come and go, and the lock stays.
        self._lock = hold(directory / f"journal-{worker}.lock")
        try:
            self._go_on(sealed)
        except BaseException:
            os.close(self._lock)
            self._lock = -1
            raise

    @property
    def path(self) -> Path:
        """The file that is written, or was last."""
        return self.directory / segment_name(self.worker, self.segment or self._next)

    @property
    def written(self) -> bool:
        """Whether there is a file that can be written, as far as is known."""
        return self._file is not None

    # Lines.

    def append(self, lines: Sequence[bytes]) -> None:
        """Link lines to what is there and write them in one piece, all of them or none.

        @param lines: One or more, each one JSON object with its line feed.
        """
        file = self._file
        if file is None or file.size >= self._full_at:
            file = self._turn_over()
        seq, prev = self.lines, self._prev.decode()
        whole: list[bytes] = []
        leaves: list[str] = []
        for line in lines:
            if not line.endswith(b"}\n"):
                raise ValueError("a journal takes whole lines only")
            # As C{linked} and C{leaf} do it, without the calls: every exchange does it twice.
            line = line[:-2] + f',"seq":{seq},"prev":"{prev}"}}\n'.encode()
            prev = sha256(b"\x00" + line).hexdigest()
            whole.append(line)
            leaves.append(prev)
            seq += 1
        piece = b"".join(whole)
        if piece.count(b"\n") != len(whole):
            raise ValueError("a journal takes whole lines only")
        file.write(piece)
        self.lines, self._prev = seq, prev.encode()
        if self._waits_since is None:
            self._waits_since = self._monotonic()
        self._leaves += leaves
        if len(self._leaves) >= LEAVES_MOST:
            self._grow()
        if self.onlooker is not None:
            self.onlooker(piece)

    def sync(self) -> None:
        """Have the lines so far on the disk, and wait for that."""
        if self._file is not None:
            try:
                self._file.sync()
            except JournalError:
                self.distrust()
                raise

    def descriptor(self) -> int:
        """Another descriptor of the file that is written, for the caller to sync and to close."""
        if self._file is None:
            raise JournalError(f"{self.path}: is not written any more")
        return self._file.descriptor()

    def distrust(self) -> None:
        """
        The disk could not say that it has the last lines, and asked again it may lie (fsync(2) tells of
        an error once): they stay where they are, and what follows goes into another file.
        """
        self._leave("unsynced")

    # Checkpoints.

    def checkpoint(self, *, closed: bool = False) -> None:
        """Hand over what stands for the lines so far, if there is something new."""
        if self._file is not None and (closed or self._sealed != self.lines):
            self._grow()
            head = bytes.fromhex(self._prev.decode())
            self.seals.add(self.segment, self._tree.size, self._tree.root(), head, closed)
            self._sealed = self.lines
        self._waits_since = None

    @property
    def waits(self) -> float:
        """For how many seconds a line has waited for a checkpoint."""
        return 0.0 if self._waits_since is None else self._monotonic() - self._waits_since

    def _grow(self) -> None:
        self._tree.extend(map(bytes.fromhex, self._leaves))
        self._leaves = []

    # Segments.

    def rotate(self) -> None:
        """Go on in a new segment; on an error, in the old one."""
        self._begin()

    def look(self, *, moved: bool = False) -> None:
        """
        Begin a new segment if this one is old or large enough, or if somebody has removed its file.

        @param moved: Do so as well if it is not under its name any more; else such a file is written on.
        @raise JournalError: if there can be no new file; nothing is appended then, rather than to a
            file that nobody will ever see.
        """
        if self._lock < 0:
            return
        file = self._file
        if file is not None:
            gone = file.gone()
            if gone == "deleted":
                self._leave(gone)
            elif gone and moved:
                self._move_on(file)
            # What a segment began with is no reason for another one.
            elif self.lines > self._first and self._monotonic() - self._begun >= self.terms.segment_age:
                self._full_at = 0
            else:
                self._full_at = max(self._full_at, self.terms.segment_size)
        if self._file is None or self._file.size >= self._full_at:
            self._turn_over()

    def close(self) -> None:
        """Seal and close the segment, and let go of the state directory. Closing twice does nothing."""
        if self._lock >= 0:
            self.checkpoint(closed=True)
            self._drop()
            os.close(self._lock)
            self._lock = -1
            self.seals.close()

    def facts(self) -> dict[str, Any]:
        """For C{status}."""
        size = self._file.size if self._file is not None else 0
        return {
            "segment": self.segment,
            "lines": self.lines,
            "size": size,
            "unsealed": round(max(self.waits, self.seals.behind()), 1),
            "seals": self.seals.facts(),
        }

    def _go_on(self, sealed: int) -> None:
        """Go on behind what is there."""
        try:
            found = find_end(self.directory, self.worker)
            for torn in found.torn:
                if not torn.told:
                    self._note("torn", torn.path, torn.end - torn.whole)
                if not torn.whole:
                    # It has never begun, and will.
                    os.truncate(torn.path, 0)
        except OSError as error:
            raise failed(Path(error.filename or self.directory), error) from error
        if found.last is not None:
            self._prev = hexlify(leaf(found.last))
        self._next = max(found.number, sealed) + 1
        self._torn = found.torn
        try:
            try:
                self._begin()
            except JournalError as error:
                if not (error.passes and self._torn):
                    raise
                # What is to be cut off may be what there is no room for.
                self._cut_off()
                self._begin()
        except JournalError as error:
            # On a full disk we come up and refuse, and go on when there is room.
            if not error.passes:
                raise

    def _turn_over(self) -> LineFile:
        """A new segment if there can be one, else the old one if there is one."""
        try:
            self._begin()
        except JournalError:
            if self._file is None:
                raise
            # It can be written, however large it becomes.
            self._full_at = self._file.size + SIZE_MORE
        assert self._file is not None
        return self._file

    def _begin(self) -> None:
        """Begin the next segment with what it has to say, and seal the one before."""
        if self._lock < 0:
            raise JournalError(f"{self.path}: is not written any more")
        if self._next > NUMBER_MOST:
            # Nobody would find it, neither to read nor to verify.
            raise JournalError(f"{self.directory}: there is no number for another segment of this worker")
        first = segment_line(
            new_id("s"),
            time=timestamp(self._clock()),
            gate=self.seals.gate,
            worker=self.worker,
            segment=self._next,
            openssl=SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode("ascii", "replace"),
        )
        prev, lines = self._prev, []
        leaves: list[str] = []
        preface = self.preface()
        for seq, line in enumerate([first, *self._notes, *preface]):
            lines.append(linked(line, seq, prev))
            leaves.append(leaf(lines[-1]).hex())
            prev = leaves[-1].encode()
        path = self.directory / segment_name(self.worker, self._next)
        file = LineFile(path, b"".join(lines), fsync=self.terms.fsync)
        self._notes = []
        if self._file is not None:
            self._end_old(self._file)
        self._file, self.segment, self._next = file, self._next, self._next + 1
        self._prev, self._leaves, self._tree = prev, leaves, Tree()
        self.lines, self._first, self._sealed = len(lines), len(lines), 0
        self._begun = self._waits_since = self._monotonic()
        # Beside what is in force, or that might fill it, and the next one, and so on.
        self._full_at = self.terms.segment_size + sum(map(len, preface))
        if self.onlooker is not None:
            self.onlooker(b"".join(lines))
        self._cut_off()

    def _end_old(self, file: LineFile) -> None:
        self.checkpoint(closed=True)
        if self.terms.fsync:
            try:
                # Somebody may still wait for lines of it to be kept.
                file.sync()
            except JournalError:
                self._note("unsynced", file.path, 0)
        self._drop()

    def _leave(self, what: str) -> None:
        """Write nothing more into this segment, and say in the next one why."""
        if self._file is not None:
            self._note(what, self._file.path, self._file.size if what == "deleted" else 0)
            self.checkpoint(closed=True)
            self._drop()

    def _move_on(self, file: LineFile) -> None:
        """Somebody has taken the segment away; it is written until there is another."""
        self._note("moved", file.path, 0)
        try:
            self._begin()
        except JournalError:
            self._notes.pop()
            raise

    def _note(self, what: str, file: Path, dropped: int) -> None:
        now = timestamp(self._clock())
        self._notes.append(repair_line(new_id("r"), time=now, what=what, file=file.name, dropped=dropped))

    def _cut_off(self) -> None:
        """Take away the parts of lines that were found behind whole ones."""
        for torn in self._torn:
            if torn.whole:
                try:
                    os.truncate(torn.path, torn.whole)
                except OSError as error:
                    raise failed(torn.path, error) from error
        self._torn = ()

    def _drop(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
