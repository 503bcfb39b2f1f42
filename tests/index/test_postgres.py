"""The index in PostgreSQL, which really runs here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from mcpgate.evidence.record import timestamp
from mcpgate.index.filling import Filler
from mcpgate.index.postgres import SCHEMA, PostgresAsked, PostgresStore
from mcpgate.index.queries import Index
from mcpgate.index.schema import EXCHANGE
from mcpgate.index.store import StoreError, UnfitError
from tests.evidence.made import BEGIN, Made, make_journal, said
from tests.index.database import PASSWORD, Database
from tests.index.truth import agree, truth_of
from tests.waiting import eventually


@pytest.fixture
def base(postgres: Database) -> str:
    return postgres.base()


@pytest.fixture
def url(postgres: Database, base: str) -> Callable[[], str]:
    return lambda: postgres.url(base)


@pytest.fixture
def asked(url: Callable[[], str]) -> Iterator[PostgresAsked]:
    one = PostgresAsked(url)
    yield one
    one.close()


class Running:
    """A gate that fills the index by a thread, and whose journal grows meanwhile."""

    def __init__(self, directory: Path, gate: str, url: Callable[[], str]) -> None:
        self.directory = directory
        self.gate = gate
        self._url = url
        self._made: Made | None = None
        self._parts = 0
        self.grow()
        self.start()

    def grow(self) -> None:
        """Some more of its journal."""
        self._parts += 1
        self._made = make_journal(
            self.directory, gate=self.gate, workers=2, exchanges=200, first_segment=self._parts, calls=8
        )

    def start(self) -> None:
        """Fill the index, from where it was."""
        self._stop = threading.Event()
        self.filler = Filler(self.directory, self.gate, lambda: PostgresStore(self._url), keep=1e10, batch=50)
        # As fast as it can, so that it is busy while anything happens.
        wait = lambda seconds: self._stop.wait(min(seconds, 0.05))  # noqa: E731
        self._thread = threading.Thread(target=self.filler.run, args=(self._stop,), kwargs={"wait": wait})
        self._thread.start()

    def stop(self) -> None:
        """End in the middle of it."""
        self._stop.set()
        self._thread.join()


@pytest.fixture
def alone() -> Iterator[Database]:
    """A database that may be stopped: nobody else uses it."""
    database = Database()
    try:
        database.start()
        yield database
    finally:
        database.end()


@pytest.mark.parametrize(("seconds", "parts"), [(0.0, 1), pytest.param(60.0, 30, marks=pytest.mark.faults)])
def test_gates_fill_one_index_through_whatever_happens(
    tmp_path: Path, alone: Database, seconds: float, parts: int
) -> None:
    """Two gates; one is started anew, and the database is stopped while their journals grow: no row is lost,
    none is doubled."""
    base = alone.base()
    asked = PostgresAsked(lambda: alone.url(base))
    gates = [Running(tmp_path / name, name, lambda: alone.url(base)) for name in ("one", "two")]
    try:
        eventually(lambda: all(gate.filler.freshness.lines > 100 for gate in gates), "both fill it")
        gates[0].stop()
        gates[1].grow()
        end = time.monotonic() + seconds
        alone.stop()
        eventually(lambda: gates[1].filler.freshness.trouble, "one misses the database")
        gates[0].start()
        eventually(lambda: gates[0].filler.freshness.trouble, "so does the other one")
        with pytest.raises(StoreError, match="connection|connect|terminat|closed"):
            asked.ask("SELECT 1")
        for left in range(parts, 0, -1):
            for gate in gates:
                gate.grow()
            time.sleep(max(0.0, end - time.monotonic()) / left)
        assert time.monotonic() >= end
        alone.start()
        whole = truth_of(*(gate.directory for gate in gates))

        def lines() -> int:
            return sum(one.lines for one in Index(asked).filled())

        eventually(lambda: lines() == whole.lines, "all of it is there", seconds=120.0)
    finally:
        for gate in gates:
            gate.stop()
    agree(whole, asked)
    assert Index(asked).gates() == ("one", "two")
    asked.close()


def test_a_name_that_no_index_of_a_database_takes_is_put_in(
    tmp_path: Path, url: Callable[[], str], asked: PostgresAsked
) -> None:
    """Callers make names up: 1,024 characters of three bytes are more than there is room for."""
    made = make_journal(tmp_path / "journal", exchanges=5)
    name = "\u4e2d" * 1024
    last = made.directory / "journal-0-00000001.jsonl"
    with last.open("ab") as file:
        file.write(
            said("open", "x-long", timestamp(BEGIN), name=name, principal=name, method=name, route="r")
        )
        file.write(said("close", "x-long", timestamp(BEGIN), outcome="refused", reason="policy.unlisted"))
    filler = Filler(made.directory, None, lambda: PostgresStore(url), keep=1e10)
    filler.whole()
    filler.close()
    assert filler.freshness.faulty == 0
    story = Index(asked).exchange("x-long")
    assert story is not None and story.exchange.name == name[:500]


def test_what_the_database_does_not_take_is_unfit(url: Callable[[], str]) -> None:
    """Too much for its indexes, a NUL, or too large a number: it is of no use to try again."""
    store = PostgresStore(url)
    for row in (
        {"name": "".join(chr(0x4E00 + index) for index in range(3000))},
        {"name": "a\x00"},
        {"status": 2**70},
    ):
        with pytest.raises(UnfitError), store.turn("gate") as turn:
            turn.put(EXCHANGE, [{"gate": "gate", "id": "x-1", "time": 0, **row}])
    with store.turn("gate") as turn:
        assert turn.exchanges(["x-1"]) == {}
    store.close()


def test_who_asks_cannot_write(url: Callable[[], str], asked: PostgresAsked) -> None:
    """Nor can anybody who gets a question of their own in."""
    PostgresStore(url).close()
    with pytest.raises(StoreError, match="read-only"):
        asked.ask("DELETE FROM exchange RETURNING 1")


def test_a_question_that_takes_too_long_is_given_up(url: Callable[[], str]) -> None:
    """Rather than keep a page, and a thread, waiting."""
    PostgresStore(url).close()
    asked = PostgresAsked(url, most=50)
    with pytest.raises(StoreError, match=r"within 0\.05 seconds"):
        asked.ask("SELECT pg_sleep(5)")
    assert asked.ask("SELECT 1") == [(1,)]
    asked.close()


def test_two_that_begin_at_once_make_the_tables_once(url: Callable[[], str]) -> None:
    """Neither fails."""
    failed: list[Exception] = []

    def begin() -> None:
        try:
            PostgresStore(url).close()
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_the_tables_may_be_somebody_elses(postgres: Database, base: str, url: Callable[[], str]) -> None:
    """A gate needs no more rights than to read and write them, once they are there."""
    PostgresStore(url).close()
    rights = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA"
    with psycopg.connect(postgres.url(base), autocommit=True) as made:
        made.execute("CREATE ROLE plain LOGIN")
        made.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO plain".encode())
        made.execute(f"GRANT {rights} {SCHEMA} TO plain".encode())
    plain = postgres.url(base).replace("owner@", "plain@")
    store = PostgresStore(lambda: plain)
    with store.turn("gate") as turn:
        assert turn.positions() == {}
    store.close()


def test_tls_is_verified(postgres: Database, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name and chain, and used; the password is in no error."""
    postgres.guest(base)
    store = PostgresStore(lambda: postgres.url_by_tls(base))
    with store.turn("gate") as turn:
        assert turn.ask("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [
            (True, "TLSv1.3")
        ]
    store.close()
    wrong = postgres.url_by_tls(base).replace("db.test", "other.test")
    for url, why in (
        (wrong, "other.test"),
        (postgres.url_by_tls(base).replace("authority.pem", "nothing.pem"), "nothing.pem"),
        (postgres.url_by_tls(base, password=f"{PASSWORD}-wrong"), "authentication failed"),
        (postgres.url_by_tls(base, more="&sslmode=require"), "verify-full"),
        (f"postgresql://guest:{PASSWORD}%zz@db.test/{base}", "no URL"),
    ):
        with pytest.raises(StoreError, match=why) as caught:
            PostgresStore(lambda url=url: url)  # type: ignore[misc]
        assert PASSWORD not in repr(caught.value) and caught.value.__cause__ is None
        asked = PostgresAsked(lambda url=url: url)  # type: ignore[misc]
        with pytest.raises(StoreError, match=why):
            asked.ask("SELECT 1")


def test_a_database_without_tls_gets_nothing(
    postgres: Database, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where libpq did not mind."""
    monkeypatch.setattr("mcpgate.index.postgres.address_of", lambda url: (url, True))
    with pytest.raises(StoreError, match="does not speak TLS"):
        PostgresStore(lambda: postgres.url(base))


def test_a_database_that_hangs_is_left(postgres: Database, url: Callable[[], str]) -> None:
    """It keeps to no limit of its own then, and whoever waits for it would for ever."""
    store = PostgresStore(url)
    asked = PostgresAsked(url, most=100)
    assert asked.ask("SELECT 1") == [(1,)]
    asked._base().most = store._base.most = 0.5
    began = time.monotonic()
    with postgres.hanging():
        with pytest.raises(StoreError, match="has not answered for 0.5 seconds"):
            asked.ask("SELECT 2")
        with pytest.raises(StoreError, match="has not answered for 0.5 seconds"), store.turn("a") as turn:
            turn.positions()
        assert time.monotonic() - began < 5
    assert asked.ask("SELECT 3") == [(3,)]
    asked.close()
    store.close()
