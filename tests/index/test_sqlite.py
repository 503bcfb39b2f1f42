"""The index in a file."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from mcpgate.index import sqlite
from mcpgate.index.filling import Filler
from mcpgate.index.schema import POSITION
from mcpgate.index.sqlite import PLACE, SQLiteAsked, SQLiteStore
from mcpgate.index.store import StoreError, UnfitError
from tests.evidence.made import Made, make_journal
from tests.index.truth import agree, truth_of


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make_journal(tmp_path / "journal", exchanges=60)


def fill(made: Made, state: Path) -> None:
    filler = Filler(made.directory, None, lambda: SQLiteStore(state), keep=1e10)
    filler.whole()
    filler.close()


def test_nobody_else_can_read_it(tmp_path: Path, made: Made) -> None:
    """Neither the file nor those that SQLite puts beside it, whatever the process's mask is."""
    before = os.umask(0)
    try:
        store = SQLiteStore(tmp_path / "state")
        with store.turn("gate") as turn:
            turn.put(POSITION, [{"gate": "gate", "worker": 0, "lines": 0, "faulty": 0}])
        files = list((tmp_path / "state" / "index").iterdir())
        assert {path.name for path in files} == {"index.sqlite", "index.sqlite-wal", "index.sqlite-shm"}
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        assert (tmp_path / "state" / "index").stat().st_mode & 0o777 == 0o700
        store.close()
    finally:
        os.umask(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_belongs_to_the_gate(tmp_path: Path) -> None:
    """Else the gate could not go on with what somebody has made by the command."""
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 65534, 65534)
    SQLiteStore(state).close()
    assert {path.stat().st_uid for path in (state / "index", state / PLACE)} == {65534}


def test_one_of_another_shape_is_made_anew(tmp_path: Path, made: Made) -> None:
    """Whatever tables it has."""
    state = tmp_path / "state"
    fill(made, state)
    with sqlite3.connect(state / PLACE) as base:
        base.execute("UPDATE meta SET value = '0' WHERE name = 'shape'")
        base.execute("DROP TABLE exchange")
        base.execute("CREATE TABLE exchange (id TEXT)")
    fill(made, state)
    agree(truth_of(made.directory), SQLiteAsked(state))


@pytest.mark.parametrize("damage", ["none", "start", "middle"])
def test_one_that_is_damaged_is_made_anew(tmp_path: Path, made: Made, damage: str) -> None:
    """It is only a copy."""
    state = tmp_path / "state"
    fill(made, state)
    raw = (state / PLACE).read_bytes()
    if damage == "none":
        (state / PLACE).write_bytes(b"no database\n" * 1000)
    elif damage == "start":
        (state / PLACE).write_bytes(b"x" * 200 + raw[200:])
    else:
        (state / PLACE).write_bytes(raw[:4096] + b"\xff" * (len(raw) - 4096))
    fill(made, state)
    agree(truth_of(made.directory), SQLiteAsked(state))


def test_one_that_is_gone_is_made_anew_and_found_by_who_asks(tmp_path: Path, made: Made) -> None:
    """Nobody goes on with a file that has no name any more."""
    state = tmp_path / "state"
    asked = SQLiteAsked(state)
    with pytest.raises(StoreError, match="no index yet"):
        asked.ask("SELECT 1")
    filler = Filler(made.directory, None, lambda: SQLiteStore(state), keep=1e10)
    filler.whole()
    agree(truth_of(made.directory), asked)
    for path in (state / "index").iterdir():
        path.unlink()
    with pytest.raises(StoreError, match="gone"):
        filler._prune_at = 0
        filler.step()
    filler.whole()
    agree(truth_of(made.directory), asked)
    filler.close()


def test_one_that_turns_out_to_be_damaged_is_made_anew(tmp_path: Path, made: Made) -> None:
    """Also where that is seen only while it is written."""
    state = tmp_path / "state"
    filler = Filler(made.directory, None, lambda: SQLiteStore(state), keep=1e10, batch=20)
    filler.step()
    store = filler._store
    assert isinstance(store, SQLiteStore)
    store._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store._base.execute("PRAGMA cache_size = 0")
    size = (state / PLACE).stat().st_size
    with (state / PLACE).open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (size - 8192))
    for _ in range(2):
        with suppress(StoreError):
            filler.whole()
    agree(truth_of(made.directory), SQLiteAsked(state))
    filler.close()


def test_the_last_room_on_the_disk_is_the_journals(
    tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk stops a gate; a copy of what it has written must not fill it."""
    filler = Filler(made.directory, None, lambda: SQLiteStore(tmp_path), keep=1e10)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "ROOM_LEAST", 1 << 62)
        with pytest.raises(StoreError, match="left to the journal"):
            filler.step()
    filler.whole()
    agree(truth_of(made.directory), SQLiteAsked(tmp_path))
    filler.close()


def test_who_asks_cannot_write(tmp_path: Path, made: Made) -> None:
    """Nor can anybody who gets a question of their own in."""
    fill(made, tmp_path)
    asked = SQLiteAsked(tmp_path)
    for statement in ("DELETE FROM exchange", "CREATE TABLE a (b TEXT)"):
        with pytest.raises(StoreError, match="readonly|read-only"):
            asked.ask(statement)


def test_a_question_that_takes_too_long_is_given_up(tmp_path: Path, made: Made) -> None:
    """Rather than keep a page, and a thread, waiting."""
    fill(made, tmp_path)
    asked = SQLiteAsked(tmp_path, most=0.05)
    with pytest.raises(StoreError, match=r"within 0\.05 seconds"):
        asked.ask("SELECT COUNT(*) FROM exchange a, exchange b, exchange c, exchange d, exchange e")
    assert asked.ask("SELECT COUNT(*) FROM exchange") == [(60,)]


def test_it_is_asked_while_it_is_written(tmp_path: Path, made: Made) -> None:
    """From many threads, each with a connection of its own."""
    fill(made, tmp_path)
    store, asked = SQLiteStore(tmp_path), SQLiteAsked(tmp_path)
    found: list[object] = []

    def ask() -> None:
        found.append(asked.ask("SELECT COUNT(*) FROM exchange"))
        asked.close()

    with store.turn("gate-made") as turn:
        turn.empty()
        threads = [threading.Thread(target=ask) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [[(60,)]] * 5
    assert asked.ask("SELECT COUNT(*) FROM exchange") == [(0,)]
    store.close()


def test_a_row_that_is_no_row_is_unfit(tmp_path: Path) -> None:
    """Not a reason to try again."""
    store = SQLiteStore(tmp_path)
    with pytest.raises(UnfitError), store.turn("gate") as turn:
        turn.do("INSERT INTO meta VALUES (?, ?)", [("a", 2**70)])
    with pytest.raises(UnfitError), store.turn("gate") as turn:
        turn.do("INSERT INTO meta VALUES (?, ?)", [("shape", "9")])
    store.close()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """With the cause."""
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreError, match="Not a directory"):
        SQLiteStore(tmp_path / "state")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_gives_away_only_what_it_has_made(tmp_path: Path) -> None:
    """The gate's user may have put a link where the index will be: what it leads to stays whose it was."""
    state, others = tmp_path / "state", tmp_path / "others"
    state.mkdir()
    others.mkdir()
    (state / "index").symlink_to(others)
    os.chown(state, 12345, 12345)
    SQLiteStore(state).close()
    assert others.stat().st_uid == os.geteuid()
    (state / "index").unlink()
    SQLiteStore(state).close()
    assert {file.stat().st_uid for file in (state / "index", state / PLACE)} == {12345}
