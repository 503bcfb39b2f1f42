"""The index in a file of SQLite's, in the state directory: one who writes, and any number who read."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mcpgate.index.rows import Value
from mcpgate.index.schema import META, SHAPE, TABLES, created
from mcpgate.index.store import StoreError, Turn, UnfitError

#: Where it is, in the state directory.
PLACE = Path("index") / "index.sqlite"
#: How long one waits for another who writes, in seconds: a turn takes some tenths of one.
BUSY = 10.0
#: The longest that a question may take, in seconds: who asks it waits for it in front of a page.
ANSWER_MOST = 10.0
#: How much room is left on the disk: it is mostly the journal's, too, without which nothing is forwarded.
ROOM_LEAST = 256 * 1024 * 1024
#: Steps of SQLite's machine between two looks at the clock: about a millisecond.
_STEPS = 10_000
#: What the write-ahead log is cut back to when nobody needs it.
_LOG_MOST = 64 * 1024 * 1024
#: What is kept of the file in memory, in KiB: pages of the indexes that are written to all the time.
_CACHE = 64 * 1024


class SQLiteStore:
    """
    Writes the file; for one thread at a time.

    @raise StoreError: It cannot be opened.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / PLACE
        try:
            with suppress(FileExistsError):
                state.mkdir(mode=0o700, parents=True)
            try:
                self.path.parent.mkdir(mode=0o700)
            except FileExistsError:
                if not self.path.parent.is_dir():
                    raise
            else:
                _give(os.open(self.path.parent, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC), state)
        except OSError as error:
            raise StoreError(f"{self.path.parent}: {error.strerror}") from error
        try:
            self._base = self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise StoreError(f"{self.path}: {error}") from error
            # It is damaged, or no database at all, and only a copy: what is lost is the time to make it anew.
            self._discard()
            try:
                self._base = self._open()
            except sqlite3.Error as again:
                raise StoreError(f"{self.path}: {again}") from again

    def _open(self) -> sqlite3.Connection:
        # SQLite gives its other files the mode and the owner of this one.
        with suppress(FileExistsError):
            made = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
            _give(made, self.path.parent)
        base = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            base.execute("PRAGMA journal_mode = WAL")
            # A power cut may take the last turns, whole: then these are read again.
            base.execute("PRAGMA synchronous = NORMAL")
            base.execute(f"PRAGMA journal_size_limit = {_LOG_MOST}")
            base.execute(f"PRAGMA cache_size = -{_CACHE}")
            base.execute("BEGIN IMMEDIATE")
            self._shape(base)
            base.execute("COMMIT")
        except BaseException:
            base.close()
            raise
        return base

    def _shape(self, base: sqlite3.Connection) -> None:
        """Make the tables, in the place of those of another shape."""
        for statement in created(META, clustered=" WITHOUT ROWID"):
            base.execute(statement)
        found = base.execute("SELECT value FROM meta WHERE name = 'shape'").fetchone()
        if found is not None and found[0] != str(SHAPE):
            for table in TABLES[1:]:
                base.execute(f"DROP TABLE IF EXISTS {table.name}")
        for table in TABLES:
            for statement in created(table, clustered=" WITHOUT ROWID"):
                base.execute(statement)
        base.execute("INSERT OR REPLACE INTO meta VALUES ('shape', ?)", (str(SHAPE),))

    def _discard(self) -> None:
        for tail in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                self.path.with_name(self.path.name + tail).unlink()

    @contextmanager
    def turn(self, gate: str) -> Iterator[Turn]:
        """A transaction."""
        try:
            self._look()
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield _SQLiteTurn(gate, self._base)
                self._base.execute("COMMIT")
            except BaseException:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise
        except (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, OverflowError) as error:
            raise UnfitError(f"{self.path}: {error}") from error
        except sqlite3.Error as error:
            if type(error) is sqlite3.DatabaseError:
                # Damaged, as nothing more special is said: it is made anew when it is opened next.
                self._discard()
            raise StoreError(f"{self.path}: {error}") from error

    def _look(self) -> None:
        """See that there is a file to write, and room that nobody needs more."""
        try:
            self.path.stat()
            found = os.statvfs(self.path)
        except FileNotFoundError:
            raise StoreError(f"{self.path}: it is gone") from None
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from error
        if found.f_bavail * found.f_frsize < ROOM_LEAST:
            raise StoreError(f"{self.path}: what room there is on the disk is left to the journal")

    def close(self) -> None:
        """Close the file."""
        with suppress(sqlite3.Error):
            self._base.execute("PRAGMA optimize")
        self._base.close()


def _give(made: int, like: Path) -> None:
    """
    Give what root has just made to whom another file belongs: the gate, which has to go on with it.

    Only that, and by its descriptor: whoever writes in the state directory must not choose what he is given.
    """
    try:
        if os.geteuid() == 0:
            owner = like.stat()
            os.fchown(made, owner.st_uid, owner.st_gid)
    finally:
        os.close(made)


class _SQLiteTurn(Turn):
    def __init__(self, gate: str, base: sqlite3.Connection) -> None:
        super().__init__(gate)
        self._base = base

    def ask(self, question: str, values: Sequence[object] = ()) -> list[tuple[Value, ...]]:
        return self._base.execute(question, values).fetchall()

    def do(self, statement: str, values: Iterable[Sequence[Value]]) -> None:
        self._base.executemany(statement, values)

    def among(self, column: str, values: Collection[str]) -> tuple[str, object]:
        return f"{column} IN (SELECT value FROM json_each(?))", json.dumps(list(values))


class SQLiteAsked:
    """Answers questions from the file, each thread by a connection of its own that cannot write."""

    def __init__(self, state: Path, *, most: float = ANSWER_MOST) -> None:
        self.path = state / PLACE
        self._most = most
        self._mine = threading.local()

    def ask(self, question: str, values: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        """The rows of a question."""
        try:
            base = self._base()
            until = time.monotonic() + self._most
            base.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
            return base.execute(question, values).fetchall()
        except FileNotFoundError as error:
            raise StoreError(f"{self.path}: there is no index yet") from error
        except sqlite3.Error as error:
            if "interrupted" in str(error):
                raise StoreError(f"the index has no answer within {self._most:g} seconds") from error
            raise StoreError(f"{self.path}: {error}") from error

    def _base(self) -> sqlite3.Connection:
        """This thread's connection: to the file that is there now, which may be another than before."""
        found = os.stat(self.path)
        file = (found.st_dev, found.st_ino)
        if getattr(self._mine, "file", None) != file:
            self.close()
            base = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY)
            base.execute("PRAGMA query_only = 1")
            self._mine.base, self._mine.file = base, file
        base = self._mine.base
        assert isinstance(base, sqlite3.Connection)
        return base

    def close(self) -> None:
        """Close this thread's connection."""
        base = getattr(self._mine, "base", None)
        if base is not None:
            base.close()
            self._mine.base = self._mine.file = None
