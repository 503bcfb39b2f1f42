"""What tests of the index share: a database of PostgreSQL's, and both kinds of index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

from mcpgate.index.postgres import PostgresAsked, PostgresStore
from mcpgate.index.queries import Index
from mcpgate.index.sqlite import SQLiteAsked, SQLiteStore
from mcpgate.index.store import Asked, Store
from tests.index.database import Database


@frozen
class Kept:
    """An index that is empty: how it is opened by who fills it, and whoever asks it."""

    opened: Callable[[], Store]
    asked: Asked

    @property
    def index(self) -> Index:
        """Answers to questions."""
        return Index(self.asked)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    """PostgreSQL, running."""
    database = Database()
    try:
        database.start()
        yield database
    finally:
        database.end()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Kept]:
    """An index in a file."""
    kept = Kept(lambda: SQLiteStore(tmp_path / "state"), SQLiteAsked(tmp_path / "state"))
    yield kept
    kept.asked.close()


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """An index, of either kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite")
        return
    postgres: Database = request.getfixturevalue("postgres")
    base = postgres.base()
    one = Kept(lambda: PostgresStore(lambda: postgres.url(base)), PostgresAsked(lambda: postgres.url(base)))
    yield one
    one.asked.close()
