"""A file to which whole lines are added, all that are given at once or none of them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from mcpgate.evidence.lock import JournalError


class LineFile:
    """
    A file that is written. Raises only L{JournalError}.

    A full disk first takes a part and reports the error only at the next write, so a short write is
    undone at once, or before the next one.
    """

    def __init__(self, path: Path, first: bytes, *, fsync: bool) -> None:
        """
        Begin it; an empty one of the name is taken.

        @param first: its first lines; without them there is no file.
        @param fsync: whether they are to be on the disk, and its name with them.
        """
        self.path = path
        self.size = 0
        #: Where the last whole line ends, if a part of a line behind it could not be taken away yet.
        self._whole: int | None = None
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            self._fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise failed(path, error) from error
        try:
            self._begin(first, fsync)
        except OSError as error:
            self._remove()
            raise failed(path, error) from error
        except BaseException:
            self.close()
            raise

    def _begin(self, first: bytes, fsync: bool) -> None:
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            raise JournalError(f"{self.path}: not a regular file")
        if os.fstat(self._fd).st_size:
            raise JournalError(f"{self.path}: is there already")
        os.fchmod(self._fd, 0o600)
        if os.write(self._fd, first) != len(first):
            raise _full()
        self.size = len(first)
        if fsync:
            os.fdatasync(self._fd)
            sync_directory(self.path.parent)

    def _remove(self) -> None:
        try:
            os.ftruncate(self._fd, 0)
            os.unlink(self.path)
        except OSError:
            pass  # whoever opens the journal next cuts it off
        self.close()

    def write(self, lines: bytes) -> None:
        """Add lines in one piece, all of them or none."""
        written = 0
        try:
            if self._whole is not None:
                self._cut(self._whole)
            written = os.write(self._fd, lines)
            if written == len(lines):
                self.size += written
                return
            cause = _full()
        except OSError as error:
            cause = error
        self._undo(written)
        raise failed(self.path, cause) from cause

    def sync(self) -> None:
        """Have all of it on the disk, and wait for that."""
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise failed(self.path, error) from error

    def descriptor(self) -> int:
        """Another descriptor of it, which is for the caller to close."""
        try:
            return os.dup(self._fd)
        except OSError as error:
            raise failed(self.path, error) from error

    def gone(self) -> str | None:
        """C{deleted}, or C{moved} if something else or nothing has its name, or C{None}."""
        ours = os.fstat(self._fd)
        if not ours.st_nlink:
            return "deleted"
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return "moved"
        return None if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino) else "moved"

    def close(self) -> None:
        """Closing twice does nothing."""
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
                pass  # the next write tries again, and writes nothing before it has succeeded

    def _cut(self, whole: int) -> None:
        # Never lengthen: somebody may have emptied the file meanwhile.
        if os.fstat(self._fd).st_size > whole:
            os.ftruncate(self._fd, whole)
        self._whole = None


def failed(path: Path, error: OSError) -> JournalError:
    """What to raise for an error of the system."""
    return JournalError(f"{path}: {error.strerror or error}")


def sync_directory(directory: Path) -> None:
    """
    Have the names of its files on the disk, too.

    @raise OSError: that cannot be told.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _full() -> OSError:
    return OSError(errno.ENOSPC, "the disk is full")
