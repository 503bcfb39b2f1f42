"""The index in a PostgreSQL database, which several gates may fill at once.

Its tables are in a schema of their own, named by their shape: so gates of two versions, each with its own
shape, can use one database while they are brought up to date one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, TypeVar

import psycopg

from mcpgate.index.address import AddressError, address_of
from mcpgate.index.rows import Value
from mcpgate.index.schema import SHAPE, TABLES, TEXT, created
from mcpgate.index.store import StoreError, Turn, UnfitError

#: Where the tables are.
SCHEMA = f"mcpgate_{SHAPE}"
#: The longest that a question or a statement may take, in milliseconds: a page waits for the one, only the
#: filler for the other.
ANSWER_MOST, STATEMENT_MOST = 10_000, 120_000
#: How much longer a database may be silent before it is left, in seconds: it keeps to these limits itself,
#: but for one that hangs (stopped, or on a disk that does), for which a thread would wait for ever.
SILENT_MOST = 5.0
#: Classes of SQLSTATE by which a database refuses rows, whenever it is tried: cardinality, data,
#: constraints, and limits of the program (an index takes no more than 2,704 bytes).
_UNFIT = ("21", "22", "23", "54")

Given = TypeVar("Given")


class _SilentError(psycopg.OperationalError):
    """There was no answer at all."""


class _Connection(psycopg.Connection[Any]):
    """A connection that is left when the database hangs. C{most}: seconds that it may be silent."""

    most = ANSWER_MOST / 1000 + SILENT_MOST

    def wait(self, gen: Generator[Any, Any, Given], *more: Any, **named: Any) -> Given:
        """What everything here waits by."""
        return super().wait(self._within(gen, monotonic() + self.most), *more, **named)

    def _within(self, gen: Generator[Any, Any, Given], until: float) -> Generator[Any, Any, Given]:
        ready = None
        while True:
            try:
                wanted = gen.send(ready)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            # It is false each time that nothing has come for a moment.
            ready = yield wanted
            if not ready and monotonic() > until:
                self.pgconn.finish()
                raise _SilentError(f"it has not answered for {self.most:g} seconds")


def _connected(url: Callable[[], str], most: int, *statements: str) -> _Connection:
    """
    Connect, and prepare the connection.

    @param most: milliseconds that a statement may take.
    @raise StoreError: That was not possible.
    """
    try:
        address, by_tls = address_of(url())
    except AddressError as error:
        raise StoreError(f"the index's URL cannot be used: {error}") from None
    try:
        base = _Connection.connect(address, autocommit=True)
    except psycopg.Error as error:
        raise StoreError(_said(error, address)) from None
    try:
        if by_tls and not base.pgconn.ssl_in_use:
            raise StoreError("the database does not speak TLS")
        base.most = most / 1000 + SILENT_MOST
        for statement in (f"SET statement_timeout = {most}", *statements):
            base.execute(statement.encode())
    except psycopg.Error as error:
        base.close()
        raise StoreError(_said(error, address)) from None
    except BaseException:
        base.close()
        raise
    return base


def _said(error: psycopg.Error, address: str = "") -> str:
    """What is wrong, in one line, without the password, should anybody ever quote it."""
    text = " ".join(str(error).split()) or type(error).__name__
    password = psycopg.conninfo.conninfo_to_dict(address).get("password")
    return text.replace(str(password), "*") if password else text


def _trouble(error: psycopg.Error) -> StoreError:
    unfit = (error.sqlstate or "").startswith(_UNFIT) or isinstance(error, psycopg.DataError)
    return (UnfitError if unfit else StoreError)(f"the index's database: {_said(error)}")


class PostgresStore:
    """
    Writes to the database; for one thread at a time.

    @raise StoreError: It cannot be reached, or there can be no tables.
    """

    def __init__(self, url: Callable[[], str]) -> None:
        """
        @param url: Says where it is: a secret, as there is a password in it.
        """
        self._base = _connected(url, STATEMENT_MOST, f"SET search_path TO {SCHEMA}")
        try:
            with self._base.transaction():
                self._shape()
        except psycopg.Error as error:
            self._base.close()
            raise _trouble(error) from None

    def _shape(self) -> None:
        # Two gates that begin at once would both make it, and one of them fail.
        self._base.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (SCHEMA,))
        # To make one that is there is refused to those who may not make one.
        there = self._base.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (SCHEMA,))
        if there.fetchone() is None:
            self._base.execute(f"CREATE SCHEMA {SCHEMA}".encode())
        found = self._base.execute("SELECT count(*) FROM pg_tables WHERE schemaname = %s", (SCHEMA,))
        if found.fetchone() == (len(TABLES),):
            return
        for table in TABLES:
            for statement in created(table):
                # Texts are in the order of their bytes, as in SQLite: by it, beginnings are found and pages.
                self._base.execute(statement.replace(f" {TEXT}", f' {TEXT} COLLATE "C"').encode())

    @contextmanager
    def turn(self, gate: str) -> Iterator[Turn]:
        """A transaction."""
        try:
            with self._base.transaction():
                self._base.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"gate {gate}",))
                yield _PostgresTurn(gate, self._base)
        except psycopg.Error as error:
            raise _trouble(error) from None

    def close(self) -> None:
        """Close the connection."""
        with suppress(psycopg.Error):
            self._base.close()


def _marked(statement: str) -> bytes:
    """A statement with psycopg's marks for values; no statement of ours has a text with either in it."""
    return statement.replace("?", "%s").encode()


class _PostgresTurn(Turn):
    def __init__(self, gate: str, base: _Connection) -> None:
        super().__init__(gate)
        self._base = base

    def ask(self, question: str, values: Sequence[object] = ()) -> list[tuple[Value, ...]]:
        return self._base.execute(_marked(question), values).fetchall()

    def do(self, statement: str, values: Iterable[Sequence[Value]]) -> None:
        with self._base.cursor() as cursor:
            cursor.executemany(_marked(statement), values)

    def among(self, column: str, values: Collection[str]) -> tuple[str, object]:
        return f"{column} = ANY(?)", list(values)


class PostgresAsked:
    """Answers questions from the database, each thread by a connection of its own that cannot write."""

    def __init__(self, url: Callable[[], str], *, most: int = ANSWER_MOST) -> None:
        self._url = url
        self._most = most
        self._mine = threading.local()

    def ask(self, question: str, values: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        """The rows of a question."""
        kept = getattr(self._mine, "base", None) is not None
        try:
            return self._base().execute(_marked(question), values).fetchall()
        except psycopg.errors.QueryCanceled:
            raise StoreError(f"the index has no answer within {self._most / 1000:g} seconds") from None
        except psycopg.Error as error:
            if kept and self._mine.base.closed and not isinstance(error, _SilentError):
                # The database was started anew since this connection was made.
                self.close()
                return self.ask(question, values)
            raise _trouble(error) from None

    def _base(self) -> _Connection:
        base = getattr(self._mine, "base", None)
        if base is None or base.closed:
            base = self._mine.base = _connected(
                self._url,
                self._most,
                "SET default_transaction_read_only = on",
                f"SET search_path TO {SCHEMA}",
            )
        return base

    def close(self) -> None:
        """Close this thread's connection."""
        base = getattr(self._mine, "base", None)
        self._mine.base = None
        if base is not None:
            with suppress(psycopg.Error):
                base.close()
