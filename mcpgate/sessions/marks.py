"""Marks: one small file for each session that an upstream keeps, by whose time all see that it is idle.

A session is served by any worker, so none knows by itself when it was last used. What they share is the
time of a file in C{sessions/} of the state directory, moved on at most once a minute; inside is what is
needed to end the session at its upstream. A gate that starts again finds the marks of the sessions that
it served before. A mark is no part of a session: without one it is served all the same.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from mcpgate.identity.principal import Principal
from mcpgate.sessions.sealed import Session, digest_of

#: Marks in a state directory, some 300 bytes each: as many sessions as a host ever has, and few enough to
#: look at all of them within a second. What goes beyond is served, but not ended when it is idle.
MARKS_MOST = 65536

#: The largest that is read; ours stay below it.
_SIZE_MOST = 8192
_LOCK = ".lock"
_COUNT = b"%10d\n"
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is in a mark."""

    sealed: str
    upstream: str
    place: str
    how: str
    name: str
    #: By which credential of its upstream it was opened; "" for the upstream's own.
    credential: str = ""

    @property
    def principal(self) -> Principal:
        """Whose session it is; by which proof is not known any more."""
        return Principal(self.name, self.how, "", None)


def mark_of(session: Session, sealed: bytes, upstream: str, credential: str = "") -> Mark:
    """The mark of a session of that upstream, which was shown that credential."""
    how, name = session.principal
    return Mark(sealed.decode("ascii"), upstream, session.place.decode("latin-1"), how, name, credential)


class Marks:
    """
    The marks of one state directory, for one of the processes that use them.

    @ivar failure: Why the last one could not be written, if so.
    """

    def __init__(self, directory: Path) -> None:
        self.failure: str | None = None
        self._directory = directory
        self._room = MARKS_MOST

    def begin(self) -> None:
        """Make the directory."""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            self._room = MARKS_MOST - len(os.listdir(self._directory))
        except OSError as error:
            self._failed(error)

    def touch(self, mark: Mark, now: float) -> bool:
        """Say that a session is in use; C{False}: it cannot be said, and C{failure} tells why if that is
        not for want of room."""
        path = self._path(digest_of(mark.sealed.encode()))
        try:
            try:
                os.utime(path, (now, now), follow_symlinks=False)
            except FileNotFoundError:
                if self._room <= 0:
                    return False
                self._write(path, msgspec.json.encode(mark), now)
                self._room -= 1
        except OSError as error:
            self._failed(error)
            return False
        self.failure = None
        return True

    def remove(self, name: str) -> None:
        """The session has ended."""
        try:
            os.unlink(self._path(name))
        except FileNotFoundError:
            return
        except OSError as error:
            return self._failed(error)
        self._room += 1

    def put_off(self, name: str, time: float) -> None:
        """Have the session count as last used at that time, if it is marked still."""
        try:
            os.utime(self._path(name), (time, time), follow_symlinks=False)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._failed(error)

    # What the sweep does.

    def used(self, name: str) -> float | None:
        """When the session was last said to be in use, C{None} if it is not marked."""
        try:
            return os.lstat(self._path(name)).st_mtime
        except OSError:
            return None

    def all(self) -> Generator[tuple[str, float], None, None]:
        """The names of all marks and when each was last moved on. To be closed if it is not exhausted."""
        try:
            entries = os.scandir(self._directory)
        except OSError as error:
            return self._failed(error)
        with closing(entries):
            for entry in entries:
                if entry.name != _LOCK:
                    try:
                        yield entry.name, entry.stat(follow_symlinks=False).st_mtime
                    except FileNotFoundError:
                        pass  # another worker's session ended

    def read(self, name: str) -> Mark | None:
        """What is in a mark; C{None} if it is none: cut short, or under another's name."""
        try:
            with os.fdopen(os.open(self._path(name), os.O_RDONLY | os.O_NONBLOCK | _FLAGS), "rb") as file:
                mark = msgspec.json.decode(file.read(_SIZE_MOST), type=Mark)
                right = digest_of(mark.sealed.encode()) == name
        except (OSError, msgspec.MsgspecError, ValueError):
            return None
        return mark if right else None

    @contextmanager
    def alone(self, now: float, apart: float) -> Iterator[bool]:
        """
        Whether nobody else looks at all marks now, nor has within C{apart} seconds.

        Meanwhile nobody else will.
        """
        try:
            fd = os.open(self._path(_LOCK), os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
        except OSError as error:
            self._failed(error)
            yield False
            return
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            # It is empty until somebody has looked.
            yield not os.fstat(fd).st_size or not 0 <= now - os.fstat(fd).st_mtime < apart
        finally:
            os.close(fd)

    def counted(self, count: int, now: float) -> None:
        """There are so many; said within L{alone}, for the others to know as well."""
        try:
            fd = os.open(self._path(_LOCK), os.O_WRONLY | _FLAGS)
            try:
                os.pwrite(fd, _COUNT % count, 0)
                os.utime(fd, (now, now))
            finally:
                os.close(fd)
        except OSError as error:
            self._failed(error)

    def recount(self) -> None:
        """Take up how many there were when somebody looked at all."""
        try:
            with open(self._path(_LOCK), "rb") as file:
                self._room = MARKS_MOST - int(file.read(len(_COUNT % 0)) or 0)
        except FileNotFoundError:
            pass  # nobody has
        except (OSError, ValueError) as error:
            self._failed(error)

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"

    def _write(self, path: str, raw: bytes, now: float) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        try:
            if os.write(fd, raw) != len(raw):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.utime(fd, (now, now))
        except OSError:
            # Half a mark would be moved on like a whole one, and its session never be ended.
            os.unlink(path)
            raise
        finally:
            os.close(fd)

    def _failed(self, error: Exception) -> None:
        self.failure = f"{self._directory}: {getattr(error, 'strerror', None) or error}"
