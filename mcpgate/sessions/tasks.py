"""Which tool made a task, for whom: one small file for each, so that all workers and the next gate know.

An upstream sees one credential for all callers, so a task's id, which may be guessed, is all that tells
whose it is (MCP tasks, "Security"). Here it is bound to the principal and the place: whoever asks for
another's task learns no more than of one that never was. And what became of a task is the answer to the
call that made it, so it is subject to the same rules and masks; the file says which tool that was.

The name of a file is a digest of place, principal and id; its time is until when it is kept.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Generator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import msgspec
from twisted.logger import Logger

from mcpgate.identity.principal import Principal
from mcpgate.sessions.live import Recent

#: Tasks in a state directory, some 50 bytes each: as many as there are marks of sessions.
TASKS_MOST = 65536
#: Those that a worker has at hand without a look at the file.
KNOWN_MOST = 4096
#: What an upstream may call a task by: the official SDKs use 32 to 36 characters.
ID_LENGTH = 1024

#: Seconds: a task is known for as long as its upstream keeps it (C{ttl}), but never less than an hour, and
#: an hour from its last use, as an upstream may keep it longer than it said; nor more than a week without
#: use, also if it is kept for ever.
KEPT_LEAST = 3600.0
KEPT_MOST = 7 * 86400.0

_SIZE_MOST = 1024
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


class _Made(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tool: str


class Tasks:
    """
    The tasks of one state directory, for one of the processes that use them.

    @ivar failure: Why the last one could not be written, if so.
    """

    log = Logger()

    def __init__(self, directory: Path, wall: Callable[[], float]) -> None:
        self.failure: str | None = None
        self._directory = directory
        self._wall = wall
        self._room = TASKS_MOST
        self._known: Recent[str, tuple[str, float]] = Recent(KNOWN_MOST)

    def begin(self) -> None:
        """Make the directory."""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            self._room = TASKS_MOST - len(os.listdir(self._directory))
        except OSError as error:
            self._failed(error)

    def learn(self, place: bytes, principal: Principal, id: str, tool: str, ttl: float | None) -> bool:
        """
        A call of that tool has made a task.

        @param ttl: seconds for which its upstream keeps it; C{None}: it says no time.
        @return: C{False} if another tool has made it before: it is still that one's.
        """
        known = self.tool(place, principal, id)
        if known is not None or len(id) > ID_LENGTH:
            return known in (None, tool)
        kept = KEPT_MOST if ttl is None else min(max(ttl, KEPT_LEAST), KEPT_MOST)
        self._keep(_name(place, principal, id), tool, self._wall() + kept)
        self._keep(_name_of(place), "", self._wall() + KEPT_MOST)
        return True

    def made_at(self, place: bytes) -> bool:
        """Whether an upstream has made tasks there, for anybody: most have none, and know no such methods."""
        return self._look(_name_of(place)) is not None

    def tool(self, place: bytes, principal: Principal, id: str) -> str | None:
        """The tool that made this principal's task; C{None} for a task of anybody else, or of nobody."""
        if len(id) > ID_LENGTH:
            return None
        return self._look(_name(place, principal, id))

    def _look(self, name: str) -> str | None:
        now, known = self._wall(), self._known.get(name)
        if known is None or known[1] < now:
            # Another worker may have learnt it, or moved its time on.
            known = self._read(name)
            if known is None or known[1] < now:
                return None
        tool, until = known
        if until < now + KEPT_LEAST / 2:
            until = now + KEPT_LEAST
            self._move_on(name, until)
        self._known[name] = (tool, until)
        return tool

    def sweep(self) -> Generator[None, None, None]:
        """Forget what is kept no longer, step by step. To be closed if it is not exhausted."""
        left, now = 0, self._wall()
        try:
            entries = os.scandir(self._directory)
        except OSError as error:
            return self._failed(error)
        with closing(entries):
            for entry in entries:
                try:
                    if entry.stat(follow_symlinks=False).st_mtime < now:
                        os.unlink(entry.path)
                    else:
                        left += 1
                except FileNotFoundError:
                    pass  # another worker's turn
                except OSError as error:
                    self._failed(error)
                yield
        self._room = TASKS_MOST - left

    def _keep(self, name: str, tool: str, until: float) -> None:
        known = self._known.get(name)
        if known is not None and known[1] >= until - KEPT_LEAST / 2:
            return
        if self._room <= 0:
            return self._failed(OSError(errno.ENOSPC, f"no room for more than {TASKS_MOST} tasks"))
        try:
            self._write(self._path(name), msgspec.json.encode(_Made(tool)), until)
        except OSError as error:
            return self._failed(error)
        self.failure = None
        self._room -= 1
        self._known[name] = (tool, until)

    def _read(self, name: str) -> tuple[str, float] | None:
        try:
            with os.fdopen(os.open(self._path(name), os.O_RDONLY | os.O_NONBLOCK | _FLAGS), "rb") as file:
                made = msgspec.json.decode(file.read(_SIZE_MOST), type=_Made)
                return made.tool, os.fstat(file.fileno()).st_mtime
        except (OSError, msgspec.MsgspecError, ValueError):
            return None

    def _move_on(self, name: str, until: float) -> None:
        try:
            os.utime(self._path(name), (until, until), follow_symlinks=False)
        except OSError as error:
            self._failed(error)

    def _path(self, name: str) -> str:
        return f"{self._directory}/{name}"

    def _write(self, path: str, raw: bytes, until: float) -> None:
        # Whole or not at all: another worker may look for it now.
        part = f"{path}.{os.getpid()}"
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o600)
        try:
            if os.write(fd, raw) != len(raw):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.utime(fd, (until, until))
            os.rename(part, path)
        except OSError:
            os.unlink(part)
            raise
        finally:
            os.close(fd)

    def _failed(self, error: OSError) -> None:
        failure = f"{self._directory}: {error.strerror or error}"
        if failure != self.failure:
            self.log.warn("tasks may not be found again: {why}", why=failure)
        self.failure = failure


def _name_of(place: bytes) -> str:
    """What the file is called that says of a place that tasks are made there."""
    return sha256(b"mcpgate tasks 1:%b" % place).hexdigest()


def _name(place: bytes, principal: Principal, id: str) -> str:
    """What the file of a task is called: each part with its length before it, as in C{sessions.sealed}."""
    try:
        said = id.encode()
    except UnicodeEncodeError:
        said = b"\xff" + id.encode("utf-8", "surrogatepass")
    parts = (b"mcpgate task 1", place, principal.how.encode(), principal.name.encode(), said)
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()
