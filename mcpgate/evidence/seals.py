"""Seals: the checkpoints of one worker, signed and written one behind the other, and sent elsewhere.

They are kept apart from the journal, as a chain of its own: a file for each segment, only ever added to,
which stays when its segment goes. A checkpoint that cannot be written is told and tried again with the next
one; it never stops the journal, whose chain holds without it.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from twisted.logger import Logger

from mcpgate.evidence.checkpoint import FIRST, Checkpoint, hash_of, read_checkpoint
from mcpgate.evidence.keyfile import EvidenceKeyError, EvidenceKeys, KeyFile
from mcpgate.evidence.note import NoteError, notes_in, read_note
from mcpgate.evidence.record import timestamp

#: Where they are, unless the configuration says otherwise: in the state directory, beside the journal's.
DIRECTORY = "checkpoints"
SUFFIX = ".checkpoints"


class Copy(Protocol):
    """Where checkpoints are sent besides. It neither blocks nor raises."""

    def send(self, name: str, note: bytes) -> None:
        """
        @param name: of the file that it is in.
        """

    def facts(self) -> dict[str, Any]:
        """Where that is, and what is wrong with it, if anything."""

    def close(self) -> None:
        """Send what waits, if that is possible now."""


class Seals:
    """The checkpoints of one worker. C{failure} is why the last could not be written, if so."""

    log = Logger()

    def __init__(
        self,
        directory: Path,
        keys: KeyFile,
        worker: int = 0,
        copies: Sequence[Copy] = (),
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        @param directory: of all workers' checkpoints; made as 0700 if it is missing.
        @param keys: looked at before each checkpoint, so that a new key signs from the next one on.
        @param copies: ours to close.
        @param clock: Wall-clock Unix seconds.
        """
        self.failure: str | None = None
        self.copies = copies
        self._directory = directory
        self._file = keys
        self._worker = worker
        self._clock = clock
        self._keys: EvidenceKeys | None = None
        self._stamp: object = None
        self._fd = -1
        self._segment = 0
        #: The note before, and where it ends in the open file.
        self._last: Checkpoint | None = None
        self._previous: bytes | None = None
        self._end = 0

    @property
    def gate(self) -> str:
        """What the gate is called in its evidence.

        @raise EvidenceKeyError: there is no key.
        """
        return self._key().gate

    def add(self, segment: int, size: int, root: bytes, head: bytes, closed: bool) -> bool:
        """
        Seal the first C{size} lines of a segment; C{True} once the checkpoint is on the disk.

        It waits for the disk. One worker's segments are sealed in their order, and what is sealed
        already is not sealed again.

        @param root: of the Merkle tree of their hashes; C{head}: the hash of the last.
        @param closed: The segment gets no more lines.
        """
        try:
            if self._previous is None:
                self._begin()
            last = self._last
            if last is not None and (segment, size, closed) <= (last.segment, last.size, last.closed):
                return True
            key = self._key().signing
            assert self._previous is not None
            said = Checkpoint(
                gate=key.name,
                worker=self._worker,
                segment=segment,
                size=size,
                root=root,
                time=timestamp(self._clock()),
                head=head,
                closed=closed,
                previous=self._previous,
            )
            note = key.sign(said.text())
            self._write(segment, note + b"\n")
        except (OSError, EvidenceKeyError) as error:
            self._fail(error)
            return False
        self.failure = None
        self._last, self._previous = said, hash_of(note)
        for copy in self.copies:
            copy.send(self._path(segment).name, note)
        return True

    def facts(self) -> dict[str, Any]:
        """What C{status} shows of it."""
        last = self._last
        return {
            "last": last.time if last is not None else None,
            "failure": self.failure,
            "copies": [copy.facts() for copy in self.copies],
        }

    def close(self) -> None:
        """Let go of the file and the copies. Closing twice does nothing."""
        self._drop()
        for copy in self.copies:
            copy.close()

    def _fail(self, error: OSError | EvidenceKeyError) -> None:
        if isinstance(error, OSError):
            what = f"{error.filename or self._directory}: {error.strerror or error}"
        else:
            what = str(error)
        if what != self.failure:
            self.log.error("the journal cannot be sealed: {what}", what=what)
        self.failure = what

    def _key(self) -> EvidenceKeys:
        """
        The keys as they are now; those of before as long as the file is no good.
        """
        stamp = self._file.stamp()
        if self._keys is None or stamp != self._stamp:
            try:
                keys = self._file.load()
                if keys is None:
                    raise EvidenceKeyError(f"{self._file.path}: it is gone")
            except EvidenceKeyError as error:
                if self._keys is None:
                    raise
                self.log.error("the evidence key in force stays: {error}", error=str(error))
            else:
                self._keys = keys
            self._stamp = stamp
        return self._keys

    # The file.

    def _path(self, segment: int) -> Path:
        return self._directory / f"journal-{self._worker}-{segment:08d}{SUFFIX}"

    def _begin(self) -> None:
        """Find the last checkpoint of this worker, in the last file that has one."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        previous, last = FIRST, None
        for path in sorted(self._directory.glob(f"journal-{self._worker}-*{SUFFIX}"), reverse=True):
            raw = path.read_bytes()
            whole = _whole(raw)
            if whole < len(raw):
                # What a power cut left of a checkpoint. Nobody would write behind it any more, and it would
                # look for ever like one that was damaged.
                self.log.warn("{path} ended within a checkpoint, which is cut off", path=str(path))
                os.truncate(path, whole)
            note = _last_note(raw)
            if note is not None:
                previous, last = hash_of(note), _said(note)
                break
        self._previous, self._last = previous, last

    def _write(self, segment: int, raw: bytes) -> None:
        if self._fd < 0 or segment != self._segment:
            self._drop()
            self._open(segment)
        elif not os.fstat(self._fd).st_nlink:
            # Somebody took it away: what comes goes where it will be seen, and will be missed before.
            self._drop()
            self._open(segment)
        end = self._end
        try:
            # A part of a note that an earlier failure left behind.
            if os.fstat(self._fd).st_size > end:
                os.ftruncate(self._fd, end)
            if os.write(self._fd, raw) != len(raw):
                raise OSError(errno.ENOSPC, "the disk is full", str(self._path(segment)))
            os.fsync(self._fd)
        except OSError:
            try:
                os.ftruncate(self._fd, end)
            except OSError:
                pass  # the next one tries again, and writes nothing before it has succeeded
            raise
        self._end = end + len(raw)

    def _open(self, segment: int) -> None:
        path = self._path(segment)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(path, flags, 0o600)
        try:
            raw = path.read_bytes()
            self._end = _whole(raw)
            directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except BaseException:
            os.close(fd)
            raise
        self._fd, self._segment = fd, segment

    def _drop(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _whole(raw: bytes) -> int:
    """Where the last whole note ends; a part of one is what a crash left."""
    end = 0
    position = 0
    for _, note in notes_in(raw):
        position = raw.index(note, position) + len(note)
        if raw[position : position + 1] == b"\n":
            end = position + 1
    return end


def _last_note(raw: bytes) -> bytes | None:
    last = None
    for _, note in notes_in(raw[: _whole(raw)]):
        last = note
    return last


def _said(note: bytes) -> Checkpoint | None:
    try:
        return read_checkpoint(read_note(note).text)
    except NoteError:
        return None
