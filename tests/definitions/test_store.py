"""The files in which definitions are kept: read and changed by several processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcpgate.definitions.known import Known
from mcpgate.definitions.store import DIRECTORY, FILE_MOST, Store, StoreError

ADDS_KEYS = """
import sys
from pathlib import Path
from mcpgate.definitions.known import Known
from mcpgate.definitions.store import Store

store = Store(Path(sys.argv[1]))
store.begin()
for number in range(20):
    def add(known):
        known = known or Known("up", "place")
        known.keys.append(f"{sys.argv[2]}-{number}")
        return known, None
    store.change("up", add)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.begin()
    return store


def noted(known: Known | None) -> tuple[Known, str]:
    known = known or Known("up", "place")
    known.keys.append(f"key-{len(known.keys)}")
    return known, known.keys[-1]


def test_what_is_changed_is_there_for_the_next_who_reads(store: Store, tmp_path: Path) -> None:
    """In a file that only its owner can read, with no half of another beside it."""
    assert store.read("up") is None
    assert store.upstreams() == []
    assert store.change("up", noted) == "key-0"
    assert store.change("up", noted) == "key-1"
    assert Store(tmp_path).read("up") == Known("up", "place", ["key-0", "key-1"])
    assert store.upstreams() == ["up"]
    directory = tmp_path / DIRECTORY
    assert sorted(os.listdir(directory)) == ["changes", "up.json", "up.json.lock"]
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_a_change_is_seen_by_everybody_who_looks(store: Store, tmp_path: Path) -> None:
    """By what is in memory, also when it was made by somebody who had not begun."""
    other = Store(tmp_path)
    before = store.changes()
    other.change("up", noted)
    assert store.changes() != before
    assert store.changes() == other.changes()
    seen = store.changes()
    store.change("another", lambda known: (Known("another", "place"), None))
    assert other.changes() != seen
    other.close()
    store.close()
    assert store.changes() == b""


def test_a_change_that_fails_changes_nothing(store: Store) -> None:
    """Nor does anybody look for it."""
    store.change("up", noted)
    before = store.changes()

    def fails(known: Known | None) -> tuple[Known, None]:
        assert known is not None
        known.keys.append("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.change("up", fails)
    assert store.read("up") == Known("up", "place", ["key-0"])
    assert store.changes() == before


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'{"upstream":"up"}',
        b'{"upstream":"up","place":"x","v":2}',
        b'{"upstream":"other","place":"x"}',
        b'{"upstream":"up","place":"x","more":1}',
        b'{"upstream":"up","place":"x","tools":{"a":{"accepted":[{"fingerprint":1}]}}}',
    ],
)
def test_a_file_that_is_none_of_ours_is_said_and_left_alone(store: Store, tmp_path: Path, raw: bytes) -> None:
    """What was in it may be evidence."""
    path = tmp_path / DIRECTORY / "up.json"
    path.write_bytes(raw)
    with pytest.raises(StoreError, match="up.json"):
        store.read("up")
    with pytest.raises(StoreError, match="up.json"):
        store.change("up", noted)
    assert path.read_bytes() == raw


def test_a_file_that_is_too_large_is_not_read(store: Store, tmp_path: Path) -> None:
    """Ours never are."""
    with (tmp_path / DIRECTORY / "up.json").open("wb") as file:
        file.truncate(FILE_MOST + 1)
    with pytest.raises(StoreError, match="too large"):
        store.read("up")


@pytest.mark.parametrize("name", ["../up", "", "a/b", "a.b", "up\n"])
def test_a_name_that_no_upstream_has_leads_nowhere(store: Store, name: str) -> None:
    """It comes from a command line."""
    with pytest.raises(StoreError, match="no name of an upstream"):
        store.read(name)


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """With its name and why."""
    (tmp_path / DIRECTORY).write_text("in the way")
    with pytest.raises(StoreError, match=DIRECTORY):
        Store(tmp_path).begin()
    with pytest.raises(StoreError):
        Store(tmp_path).upstreams()
    assert Store(tmp_path / "nowhere").upstreams() == []


def test_nobodys_change_is_lost_when_several_make_them(tmp_path: Path) -> None:
    """Processes, each with a store of its own."""
    processes = [
        subprocess.Popen([sys.executable, "-c", ADDS_KEYS, str(tmp_path), str(number)]) for number in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    known = Store(tmp_path).read("up")
    assert known is not None
    assert sorted(known.keys) == sorted(f"{one}-{number}" for one in range(3) for number in range(20))
