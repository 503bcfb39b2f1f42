"""Which index a configuration wants, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mcpgate.config.secrets import SecretError, resolve
from mcpgate.index.sqlite import SQLiteAsked, SQLiteStore
from mcpgate.index.store import Asked, Store, StoreError

#: What C{[evidence] index} says besides references.
SQLITE, OFF = "sqlite", "off"
_MISSING = "an index in PostgreSQL needs psycopg: mcpgate's extra [postgres] brings it"


def to_fill(index: str, state: Path) -> Callable[[], Store] | None:
    """
    What opens the index for whoever fills it; C{None} if there is to be none.

    @param index: C{[evidence] index}.
    """
    if index == OFF:
        return None
    return partial(SQLiteStore, state) if index == SQLITE else partial(_postgres_store, index)


def to_ask(index: str, state: Path) -> Asked | None:
    """
    The index for whoever asks it; C{None} if there is none.

    @raise StoreError: What it needs is not installed.
    """
    if index == OFF:
        return None
    return SQLiteAsked(state) if index == SQLITE else _postgres_asked(index)


def _postgres_store(reference: str) -> Store:
    try:
        from mcpgate.index.postgres import PostgresStore
    except ImportError as error:
        raise StoreError(f"{_MISSING} ({error})") from error
    return PostgresStore(partial(_url, reference))


def _postgres_asked(reference: str) -> Asked:
    try:
        from mcpgate.index.postgres import PostgresAsked
    except ImportError as error:
        raise StoreError(f"{_MISSING} ({error})") from error
    return PostgresAsked(partial(_url, reference))


def _url(reference: str) -> str:
    try:
        return resolve(reference).decode("ascii")
    except SecretError as error:
        raise StoreError(str(error)) from None
