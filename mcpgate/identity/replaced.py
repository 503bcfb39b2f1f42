"""A small file that is replaced whole, under a lock: whoever reads it sees the old one or the new one.

For what operators change while gates run: issued tokens, session keys. A change is on the disk when it
returns: a revocation that a power cut undoes would be none.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ReplacedFile:
    """The file and the lock beside it. Raises C{OSError} only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Read and L{replace} it with nobody in between."""
        # A file beside it: the file itself is replaced, and a lock stays with the old one.
        lock = create_private(self.path.with_name(self.path.name + ".lock"), os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def replace(self, raw: bytes) -> None:
        """Put these bytes in its place; only within L{locked}."""
        # Nobody else uses this name then; a leftover of a crash is simply overwritten.
        new = self.path.with_name(f".{self.path.name}.new")
        new.unlink(missing_ok=True)
        with os.fdopen(create_private(new, os.O_WRONLY | os.O_EXCL), "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def create_private(path: Path, flags: int) -> int:
    """Open or create a file as 0600; as root, for the owner of the directory (the gate's user)."""
    fd = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(fd, owner.st_uid, owner.st_gid)
    return fd
