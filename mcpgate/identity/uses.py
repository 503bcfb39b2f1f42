"""When tokens of the gate's own were last used: one small file for each, by whose time all can see it.

A request costs nothing for that, or a set's entry where its head was not the one of before: who is using
a connection is asked of all connections once a minute, and of each at its end. So what is shown may be a
minute old.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from twisted.logger import Logger

from mcpgate.identity.principal import Principal

#: The directory in the state directory.
NAME = "uses"
#: Seconds between two looks: people want to know whether a token is in use at all, and a look at ten thousand
#: connections takes some milliseconds.
APART = 60.0

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


class Uses:
    """
    What one process notes of it.

    @ivar since: When it was last written down, on the clock of the readiness set.
    @ivar failure: Why it could not be, if so.
    """

    log = Logger()

    def __init__(self) -> None:
        self.since = 0.0
        self.failure: str | None = None
        self._directory: Path | None = None
        self._noted: set[str] = set()

    def begin(self, state: Path) -> None:
        """Make the directory."""
        self._directory = state / NAME
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            self._failed(error)

    def note(self, principal: Principal) -> None:
        """Somebody has just used a token, or does."""
        if principal.how == "token":
            self._noted.add(principal.id)

    def keep(self, now: float, since: float) -> None:
        """Write down what was noted."""
        self.since = since
        noted, self._noted = self._noted, set()
        if self._directory is None:
            return
        try:
            for id in noted:
                _touch(f"{self._directory}/{id}", now)
        except OSError as error:
            return self._failed(error)
        self.failure = None

    def _failed(self, error: OSError) -> None:
        failure = f"{self._directory}: {error.strerror}"
        if failure != self.failure:
            self.log.warn("when tokens are used is not written down: {why}", why=failure)
        self.failure = failure


def last_uses(state: Path) -> Mapping[str, float]:
    """When each token was last used, in Unix seconds, by its id."""
    try:
        with os.scandir(state / NAME) as entries:
            return {entry.name: entry.stat(follow_symlinks=False).st_mtime for entry in entries}
    except FileNotFoundError:
        return {}


def stamp(seconds: float) -> str:
    """A time for people, to the second, in UTC (RFC 3339)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _touch(path: str, now: float) -> None:
    try:
        os.utime(path, (now, now), follow_symlinks=False)
    except FileNotFoundError:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | _FLAGS, 0o600)
        try:
            os.utime(fd, (now, now))
        finally:
            os.close(fd)
