"""The lock by which a file of evidence has one writer, and what is wrong when there are two."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

# What says that there is no room, and not that the journal is wrong: it may pass while we run.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EIO})


class JournalError(Exception):
    """The journal cannot be opened or written; its message names the file and the cause."""

    @property
    def passes(self) -> bool:
        """Whether it may be over by itself, as a full disk is."""
        return isinstance(self.__cause__, OSError) and self.__cause__.errno in _NO_ROOM


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
