"""What may be used once is used once, whichever process is asked, and never where that cannot be told."""

from __future__ import annotations

import os
import time
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import pytest

from mcpgate.identity import once
from mcpgate.identity.once import CannotNote, Once

#: The real one, as that is what a file has from the kernel when it is made.
NOW = time.time()


def id_of(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


@pytest.fixture
def notes(tmp_path: Path) -> Once:
    """A directory in which nothing was used yet."""
    one = Once(tmp_path / "once")
    one.begin()
    return one


def test_the_second_use_is_seen(notes: Once, tmp_path: Path) -> None:
    """Also by another process, and after a new start."""
    assert notes.use(id_of(1), NOW + 300, NOW)
    assert not notes.use(id_of(1), NOW + 300, NOW + 1)
    assert notes.use(id_of(2), NOW + 300, NOW)
    other = Once(tmp_path / "once")
    other.begin()
    assert not other.use(id_of(1), NOW + 300, NOW + 299)


def _use_all(directory: Path, results: object) -> None:
    one = Once(directory)
    one.begin()
    used = sum(one.use(id_of(number), NOW + 300, NOW) for number in range(200))
    results.put(used)  # type: ignore[attr-defined]


def test_of_several_processes_one_is_the_first(tmp_path: Path) -> None:
    """Each of 200 is used once, in all of them together."""
    context = get_context("fork")
    results = context.Queue()
    crowd = [context.Process(target=_use_all, args=(tmp_path / "once", results)) for _ in range(4)]
    for process in crowd:
        process.start()
    assert sum(results.get(timeout=30) for _ in crowd) == 200
    for process in crowd:
        process.join()


def test_notes_that_are_over_go(notes: Once, tmp_path: Path) -> None:
    """A few with each use; what is not over stays, and can still not be used again."""
    for number in range(100):
        notes.use(id_of(number), NOW + 300, NOW)
    assert notes.use(id_of(1000), NOW + 9000, NOW)
    for number in range(200, 240):
        notes.use(id_of(number), NOW + 9000, NOW + 300 + once.MARGIN + 1)
    left = set(os.listdir(tmp_path / "once"))
    assert left == {id_of(1000), *(id_of(number) for number in range(200, 240))}
    assert not notes.use(id_of(1000), NOW + 9000, NOW + 8999)


def test_what_cannot_be_noted_is_not_used(tmp_path: Path) -> None:
    """No directory, or somebody put a file in its place: the error names it."""
    gone = Once(tmp_path / "missing" / "once")
    gone.begin()
    with pytest.raises(CannotNote, match="No such file"):
        gone.use(id_of(1), NOW + 300, NOW)
    (tmp_path / "once").write_text("")
    odd = Once(tmp_path / "once")
    odd.begin()
    with pytest.raises(CannotNote, match="Not a directory"):
        odd.use(id_of(1), NOW + 300, NOW)


def test_a_note_whose_time_cannot_be_set_lets_nobody_in(notes: Once, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails half way: it counts as used, and nothing was given for it."""

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "utime", full)
    with pytest.raises(CannotNote, match="No space left"):
        notes.use(id_of(1), NOW + 300, NOW)
    monkeypatch.undo()
    assert not notes.use(id_of(1), NOW + 300, NOW)


def test_there_are_so_many_notes_and_no_more(notes: Once, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who makes assertions without end fills no disk; when the first are over it goes on."""
    monkeypatch.setattr(once, "NOTES_MOST", 50)
    for number in range(50):
        assert notes.use(id_of(number), NOW + 300, NOW)
    later = NOW
    with pytest.raises(CannotNote, match="there are 50 notes"):
        for _ in range(30):
            notes.use(id_of(99), later + 300, later)
    later += 1000
    for _ in range(50):
        try:
            assert notes.use(id_of(99), later + 300, later)
        except CannotNote:
            continue
        break
    else:
        raise AssertionError("there is still no room")
