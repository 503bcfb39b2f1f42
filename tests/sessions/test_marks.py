"""Marks: what all workers see of the use of a session, and what is needed to end it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from mcpgate.sessions import marks as module
from mcpgate.sessions.marks import Mark, Marks, mark_of
from mcpgate.sessions.sealed import Session, digest_of

NOW = 1_800_000_000.0
SEALED = b"Ab_-" * 20
NAME = digest_of(SEALED)
MARK = Mark(SEALED.decode(), "server", "github\nmcp.test\n/mcp", "token", "ci")


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    marks = Marks(tmp_path / "sessions")
    marks.begin()
    return marks


def other(number: int) -> Mark:
    """The mark of another session."""
    return Mark(f"{number:080d}", "server", "", "token", "ci")


def test_a_mark_is_made_once_and_moved_on(marks: Marks, tmp_path: Path) -> None:
    """It is for its owner alone, and its name gives nothing away."""
    assert marks.used(NAME) is None
    assert marks.touch(MARK, NOW)
    assert marks.used(NAME) == NOW
    assert marks.touch(MARK, NOW + 60)
    assert list(marks.all()) == [(NAME, NOW + 60)]
    path = tmp_path / "sessions" / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert marks.read(NAME) == MARK
    marks.put_off(NAME, NOW - 7)
    assert marks.used(NAME) == NOW - 7
    marks.remove(NAME)
    marks.remove(NAME)
    marks.put_off(NAME, NOW)
    assert list(marks.all()) == [] and marks.failure is None


def test_it_holds_what_is_needed_to_end_the_session() -> None:
    place = "github\nmcp.test\n/caf\xe9".encode("latin-1")
    session = Session("session", b"secret", ("certificate", "spiffe://a/b"), place, NOW, "0" * 16)
    mark = mark_of(session, SEALED, "server")
    assert mark.place.encode("latin-1") == place
    assert (mark.principal.how, mark.principal.name) == session.principal
    assert "secret" not in repr(mark)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b'{"sealed":1}', b'{"sealed":"x"}'])
def test_what_is_no_mark_is_none(marks: Marks, tmp_path: Path, raw: bytes) -> None:
    """Cut short by a crash, or put there by somebody."""
    (tmp_path / "sessions" / NAME).write_bytes(raw)
    assert marks.read(NAME) is None


def test_a_mark_under_anothers_name_is_none(marks: Marks, tmp_path: Path) -> None:
    marks.touch(MARK, NOW)
    directory = tmp_path / "sessions"
    (directory / NAME).rename(directory / digest_of(b"x"))
    (directory / "link").symlink_to(directory / digest_of(b"x"))
    assert (marks.read(digest_of(b"x")), marks.read("link"), marks.read(NAME)) == (None, None, None)


@pytest.mark.parametrize("room", [0, 7])
def test_a_full_disk_leaves_no_half_a_mark(
    marks: Marks, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """It would be moved on like a whole one: once there is room, the session is marked as any other."""
    write = os.write

    def full(fd: int, raw: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, raw[:room])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert not marks.touch(MARK, NOW)
    assert marks.failure is not None and "No space left" in marks.failure
    assert list(marks.all()) == []
    assert marks.touch(MARK, NOW + 60)
    assert (marks.read(NAME), marks.used(NAME), marks.failure) == (MARK, NOW + 60, None)


def test_there_is_no_room_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is marked is moved on all the same, and what ends makes room."""
    monkeypatch.setattr(module, "MARKS_MOST", 3)
    marks = Marks(tmp_path / "sessions")
    marks.begin()
    assert [marks.touch(other(number), NOW) for number in range(5)] == [True, True, True, False, False]
    assert marks.failure is None
    assert marks.touch(other(0), NOW + 1)
    marks.remove(digest_of(other(0).sealed.encode()))
    assert marks.touch(other(4), NOW) and not marks.touch(other(5), NOW)
    # Somebody who begins later sees what is there.
    later = Marks(tmp_path / "sessions")
    later.begin()
    assert not later.touch(other(6), NOW)


def test_the_others_are_told_how_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MARKS_MOST", 3)
    one, two = Marks(tmp_path / "sessions"), Marks(tmp_path / "sessions")
    for marks in (one, two):
        marks.begin()
        marks.recount()
    for number in range(3):
        assert one.touch(other(number), NOW)
    with one.alone(NOW, 1.0) as alone:
        assert alone
        one.counted(3, NOW)
    two.recount()
    assert not two.touch(other(9), NOW)


def test_one_looks_at_a_time_and_not_too_often(tmp_path: Path) -> None:
    """A clock that was set back keeps nobody from it."""
    one, two = Marks(tmp_path / "sessions"), Marks(tmp_path / "sessions")
    one.begin()
    with one.alone(NOW, 60) as first, two.alone(NOW, 60) as second:
        assert (first, second) == (True, False)
        one.counted(0, NOW)
    found = []
    for now in (NOW + 59, NOW + 60, NOW - 1):
        with two.alone(now, 60) as alone:
            found.append(alone)
    assert found == [False, True, True]
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ValueError), two.alone(NOW + 60, 60):
        raise ValueError("a bug")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_disk_that_refuses_is_a_failure_and_no_error(tmp_path: Path) -> None:
    """A session is served without a mark."""
    marks = Marks(tmp_path / "missing" / "sessions")
    marks.begin()
    assert marks.failure is not None and "No such file" in marks.failure
    assert not marks.touch(MARK, NOW)
    assert list(marks.all()) == [] and marks.used(NAME) is None
    with marks.alone(NOW, 1) as alone:
        assert not alone
    marks.counted(0, NOW)
    marks.recount()
    (tmp_path / "missing").mkdir()
    marks.begin()
    assert marks.touch(MARK, NOW)
    assert marks.failure is None
    (tmp_path / "missing" / "sessions" / ".lock").write_text("nonsense")
    marks.recount()
    assert marks.failure is not None
