"""The journal: an append-only file of whole lines, with one writer.

What C{append} returns from is in the kernel: it outlives the process, whatever kills it. What it is
given is in the file whole or not at all. A full disk first takes a part and reports the error only at
the next write, so a short write is undone at once; a part of a line that a power cut left is taken away
when the journal is opened, and a C{repair} line says so in its place.

Rotation is the operator's: rename the file, then C{reopen} (SIGHUP).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from mcpgate.evidence.events import repair_line
from mcpgate.evidence.record import timestamp

_BLOCK = 64 * 1024


class JournalError(Exception):
    """The journal cannot be opened or written; its message names the file and the cause."""


class Journal:
    """The journal of one worker. Raises only L{JournalError}, besides errors that are bugs.

    @param directory: The state directory; made as 0700 if it is missing.
    @param clock: Wall-clock Unix seconds, for the time of a C{repair} line.
    """

    def __init__(self, directory: Path, worker: int = 0, *, clock: Callable[[], float] = time.time) -> None:
        self.path = directory / f"journal-{worker}.jsonl"
        self._clock = clock
        try:
            # In two steps: mkdir gives its mode to the last directory only.
            directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{directory}: {error.strerror}") from error
        # A file of its own: the journal is renamed when it is rotated, and its lock would go with it.
        self._lock = hold(directory / f"journal-{worker}.lock")
        try:
            self._fd = self._open()
        except JournalError:
            os.close(self._lock)
            raise
        #: Where the last whole line ends, if a part of a line behind it could not be taken away yet.
        self._whole: int | None = None

    def append(self, lines: bytes) -> None:
        """Write lines in one piece, all of them or none.

        @param lines: One or more, each with its line feed at its end; none is empty.
        """
        if not lines.endswith(b"\n") or lines.startswith(b"\n") or b"\n\n" in lines:
            raise ValueError("a journal takes whole lines only")
        written = 0
        try:
            if self._whole is not None:
                self._cut(self._whole)
            written = os.write(self._fd, lines)
            if written == len(lines):
                return
            cause = "the disk is full"
        except OSError as error:
            cause = error.strerror or str(error)
        self._undo(written)
        raise JournalError(f"{self.path}: {cause}")

    def reopen(self) -> None:
        """Go on in the file that has the journal's name now; on an error, in the old one."""
        fd = self._open()
        self._drop()
        self._fd, self._whole = fd, None

    def look(self) -> None:
        """Begin a new file if somebody deleted this one; renamed, it is written on until L{reopen}.

        @raise JournalError: if there can be no new file; nothing is appended then, rather than to a
            file that nobody will ever see.
        """
        if self._lock < 0 or (self._fd >= 0 and os.fstat(self._fd).st_nlink):
            return
        try:
            self.reopen()
        except JournalError:
            self._drop()
            raise

    def close(self) -> None:
        """Close the file and let go of the state directory. Closing twice does nothing."""
        self._drop()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _drop(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _undo(self, written: int) -> None:
        if self._whole is None and written:
            self._whole = os.lseek(self._fd, 0, os.SEEK_CUR) - written
        if self._whole is not None:
            try:
                self._cut(self._whole)
            except OSError:
                pass  # the next append tries again, and writes nothing before it has succeeded

    def _cut(self, whole: int) -> None:
        # Never lengthen: somebody may have emptied the file meanwhile.
        if os.fstat(self._fd).st_size > whole:
            os.ftruncate(self._fd, whole)
        self._whole = None

    def _open(self) -> int:
        flags = os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            fd = os.open(self.path, os.O_RDWR | flags, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    raise JournalError(f"{self.path}: not a regular file")
                os.fchmod(fd, 0o600)
                self._repair(fd)
            finally:
                os.close(fd)
            return os.open(self.path, os.O_WRONLY | os.O_APPEND | flags, 0o600)
        except OSError as error:
            raise JournalError(f"{self.path}: {error.strerror}") from error

    def _repair(self, fd: int) -> None:
        """Put a C{repair} line in the place of a part of a line at the end.

        It is written over the part before the rest is cut off: so it fits on a full disk too, and after
        a crash in between the next opening finds a part of a line again.
        """
        end = os.fstat(fd).st_size
        whole = _whole_lines(fd, end)
        if whole == end:
            return
        now = timestamp(self._clock())
        line = repair_line(new_id("r"), time=now, file=self.path.name, dropped=end - whole)
        if os.pwrite(fd, line, whole) != len(line):
            raise JournalError(f"{self.path}: the disk is full")
        os.ftruncate(fd, whole + len(line))


def _whole_lines(fd: int, end: int) -> int:
    """Where the last whole line of a file of C{end} bytes ends."""
    while end > 0:
        start = max(0, end - _BLOCK)
        feed = os.pread(fd, end - start, start).rfind(b"\n")
        if feed >= 0:
            return start + feed + 1
        end = start
    return 0


def hold(path: Path) -> int:
    """Lock a file for as long as this process lives, and leave its number there for who comes second.

    @raise JournalError: it cannot be locked; another gate has the directory that it is in.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        return fd
    except OSError as error:
        holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        if isinstance(error, BlockingIOError):
            raise JournalError(
                f"{path.parent}: another gate (process {holder}) already uses this state directory"
            ) from None
        raise JournalError(f"{path}: {error.strerror}") from error


class _Ids:
    """Identifiers that sort by time: when this process began, 40 random bits, a counter."""

    def __init__(self) -> None:
        self.begin()
        os.register_at_fork(after_in_child=self.begin)  # a child must not repeat its parent's ids

    def begin(self) -> None:
        self.process = f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(5)}"
        self.next = count().__next__


_ids = _Ids()


def new_id(prefix: str) -> str:
    """An identifier that no other process and no other call makes; a later one sorts behind."""
    return f"{prefix}-{_ids.process}-{_ids.next():08x}"
