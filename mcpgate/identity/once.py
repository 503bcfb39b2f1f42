"""What may be used once, and was: one small file for each, so that all workers know.

An assertion that somebody copied is good until it is over, so its first use is noted before anything is
given for it: a file that only one process can be the first to make (C{O_EXCL}). The name is a hash of what
was used, and the time is when it would be refused for its age anyway; after that the file goes. Where the use
cannot be noted nothing is given.

The files outlive the gate, but are not waited for until they are on the disk: a power cut may lose one, and
whoever wanted to use that would have to hold the assertion and come back within its few minutes.
"""

from __future__ import annotations

import os
from pathlib import Path

#: Notes in a state directory: an assertion lives for some minutes, so this is 50 a second without end. They
#: are empty files; a look at all of them is spread over many uses.
NOTES_MOST = 16384
#: Looked at with each use: more than one, so that what is over goes faster than others come.
LOOKS = 8
#: Seconds for which a note outlives what it is about, for a clock that is stepped back by a little.
MARGIN = 60.0

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class CannotNote(Exception):
    """The use cannot be noted. The message says why."""


class Once:
    """The notes of one state directory, for one of the processes that use them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        # The look at all of them that is going on.
        self._left: os._ScandirIterator[str] | None = None
        self._count = 0
        self._seen = 0

    def begin(self) -> None:
        """Make the directory. Whether that can be done shows when a use is to be noted."""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            self._seen = len(os.listdir(self._directory))
        except OSError:
            pass

    def stop(self) -> None:
        """Let go of the directory."""
        if self._left is not None:
            self._left.close()
            self._left = None

    def use(self, id: str, over: float, now: float) -> bool:
        """
        Use something; C{False}: it was used before.

        @param id: a hash in hexadecimal.
        @param over: Unix seconds after which it cannot be used anyway.
        @raise CannotNote: it can be neither said to be unused nor noted, so it must not be used.
        """
        try:
            self._sweep(now)
            if self._count >= NOTES_MOST:
                raise CannotNote(f"{self._directory}: there are {NOTES_MOST} notes of assertions already")
            fd = os.open(self._directory / id, _FLAGS, 0o600)
        except FileExistsError:
            return False
        except OSError as error:
            raise CannotNote(f"{self._directory}: {error.strerror}") from None
        try:
            # Until now it has the time of its making, which is not over for anybody.
            os.utime(fd, (over, over))
        except OSError as error:
            raise CannotNote(f"{self._directory}: {error.strerror}") from None
        finally:
            os.close(fd)
        self._count += 1
        return True

    def _sweep(self, now: float) -> None:
        """Look at a few notes, and drop those that are over; after the last one, begin again."""
        if self._left is None:
            # Others add and drop, too: what was seen is how many there are, and we add ours.
            self._count, self._seen = self._seen, 0
            self._left = os.scandir(self._directory)
        for _ in range(LOOKS):
            entry = next(self._left, None)
            if entry is None:
                return self.stop()
            try:
                if entry.stat(follow_symlinks=False).st_mtime <= now - MARGIN:
                    os.unlink(entry.path)
                else:
                    self._seen += 1
            except FileNotFoundError:
                pass  # another process dropped it
