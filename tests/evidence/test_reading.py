"""Reading a journal: what is there, and what is added."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from mcpgate.evidence import reading
from mcpgate.evidence.reading import Follower, Position, ReadingError, alone, lines, segments
from mcpgate.evidence.record import LINE_MOST
from tests.evidence.made import make_journal

Lines = list[bytes]


def write(directory: Path, worker: int, number: int, *lines: bytes) -> Path:
    path = directory / f"journal-{worker}-{number:08d}.jsonl"
    with path.open("ab") as file:
        file.write(b"".join(lines))
    return path


def compress(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


def of(follower: Follower, most: int = 5000) -> Lines:
    return [read.line for read in follower.read(most)]


def test_segments_are_in_their_order(tmp_path: Path) -> None:
    """By worker and number, compressed or not; nothing else in the directory is one."""
    for worker, number in ((1, 1), (0, 10), (0, 9)):
        write(tmp_path, worker, number, b"a\n")
    compress(write(tmp_path, 0, 2, b"a\n"))
    for name in ("journal-0.jsonl", "journal-0.lock", "journal-0-00000001.checkpoints", "journal-0-1.jsonl"):
        (tmp_path / name).touch()
    assert [(one.name, one.compressed) for one in segments(tmp_path)] == [
        ("journal-0-00000002", True),
        ("journal-0-00000009", False),
        ("journal-0-00000010", False),
        ("journal-1-00000001", False),
    ]


def test_one_that_is_there_twice_is_one(tmp_path: Path) -> None:
    """Its compression was interrupted, so it is taken as it was."""
    path = write(tmp_path, 0, 1, b"a\n")
    path.with_name(f"{path.name}.gz").write_bytes(b"\x1f\x8b")
    assert [one.path for one in segments(tmp_path)] == [path]


def test_the_journal_of_a_state_directory_or_a_bundle_is_found(tmp_path: Path) -> None:
    """It is in a directory of its own there."""
    (tmp_path / "journal").mkdir()
    path = write(tmp_path / "journal", 0, 1, b"a\n")
    assert [one.path for one in segments(tmp_path)] == [path]
    with pytest.raises(ReadingError, match="no such directory"):
        segments(tmp_path / "elsewhere")


def test_whole_lines_are_read(tmp_path: Path) -> None:
    """Compressed or not; what follows the last line feed is none."""
    path = write(tmp_path, 0, 1, b"a\n", b"bc\n", b"torn")
    (segment,) = segments(tmp_path)
    assert list(lines(segment)) == [b"a\n", b"bc\n"]
    compress(path)
    (segment,) = segments(tmp_path)
    assert list(lines(segment)) == [b"a\n", b"bc\n"]


def test_a_segment_that_cannot_be_read_to_its_end_is_named(tmp_path: Path) -> None:
    """Rather than taken for a shorter one."""
    path = write(tmp_path, 0, 1, b"a\n", b"x" * LINE_MOST + b"\n", b"b\n")
    (segment,) = segments(tmp_path)
    with pytest.raises(ReadingError, match="00000001.jsonl: behind line 1: a line is longer"):
        list(lines(segment))
    packed = compress(path)
    packed.write_bytes(packed.read_bytes()[:-20])
    (segment,) = segments(tmp_path)
    with pytest.raises(ReadingError, match=r"00000001.jsonl.gz"):
        list(lines(segment))
    packed.unlink()
    with pytest.raises(ReadingError, match="No such file"):
        list(lines(segment))


def test_a_made_journal_is_read_whole(tmp_path: Path) -> None:
    """By both ways of reading."""
    made = make_journal(tmp_path, workers=2, exchanges=300, segment=100, compress=True)
    all_lines = [line for segment in segments(tmp_path) for line in lines(segment)]
    assert len(all_lines) == made.lines
    follower = Follower(tmp_path)
    followed = []
    while some := of(follower, 17):
        followed += some
    assert sorted(followed) == sorted(all_lines)
    assert follower.skipped == [] and follower.behind() == 0


def test_what_is_added_is_read_once_it_is_whole(tmp_path: Path) -> None:
    """Not a beginning of it, and nothing twice."""
    write(tmp_path, 0, 1, b"a\n", b"b")
    follower = Follower(tmp_path)
    assert of(follower) == [b"a\n"]
    assert of(follower) == [] and follower.behind() == 1
    write(tmp_path, 0, 1, b"cd")
    assert of(follower) == []
    write(tmp_path, 0, 1, b"\n", b"e\n")
    assert follower.read() == [(0, 1, 1, b"bcd\n"), (0, 1, 2, b"e\n")]
    assert follower.positions == {0: Position(1, 8, 3)}


def test_the_next_segment_follows_the_end_of_the_one_before(tmp_path: Path) -> None:
    """Also what was added to that meanwhile; a part of a line that a kill left is none."""
    write(tmp_path, 0, 1, b"a\n")
    follower = Follower(tmp_path)
    assert of(follower) == [b"a\n"]
    write(tmp_path, 0, 1, b"b\n", b"torn")
    write(tmp_path, 0, 2, b"c\n")
    assert of(follower) == [b"b\n", b"c\n"]
    assert follower.positions == {0: Position(2, 2, 1)}
    assert follower.skipped == []


def test_a_new_worker_is_found(tmp_path: Path) -> None:
    """Whenever it comes, and whichever directory was not there yet."""
    follower = Follower(tmp_path / "journal")
    assert of(follower) == []
    (tmp_path / "journal").mkdir()
    write(tmp_path / "journal", 3, 1, b"a\n")
    assert of(follower) == [b"a\n"]
    write(tmp_path / "journal", 0, 1, b"b\n")
    assert of(follower) == [b"b\n"]


def test_an_old_directory_is_not_listed_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only when it has changed; what is added to a file that is known is read all the same."""
    write(tmp_path, 0, 1, b"a\n")
    os.utime(tmp_path, (1_000_000, 1_000_000))
    follower = Follower(tmp_path)
    assert of(follower) == [b"a\n"]
    with monkeypatch.context() as patch:
        patch.setattr(reading, "segments", None)
        write(tmp_path, 0, 1, b"b\n")
        assert of(follower) == [b"b\n"]
    write(tmp_path, 0, 2, b"c\n")
    assert of(follower) == [b"c\n"]


def test_all_workers_get_their_turn(tmp_path: Path) -> None:
    """Even where one has more than is ever read at once."""
    write(tmp_path, 0, 1, b"a\n" * 100)
    write(tmp_path, 1, 1, b"b\n")
    write(tmp_path, 2, 1, b"c\n")
    found = Follower(tmp_path).read(10)
    assert {read.worker for read in found} == {0, 1, 2}
    assert len(found) <= 10


@pytest.mark.parametrize("packed", [False, True])
def test_another_goes_on_where_one_has_stopped(tmp_path: Path, packed: bool) -> None:
    """By its positions, also in a segment that was compressed meanwhile."""
    path = write(tmp_path, 0, 1, b"a\n", b"b\n", b"c\n")
    first = Follower(tmp_path)
    assert of(first, 2) == [b"a\n", b"b\n"]
    first.close()
    assert first.positions == {0: Position(1, 4, 2)}
    if packed:
        compress(path)
        write(tmp_path, 0, 2, b"d\n")
    second = Follower(tmp_path, first.positions)
    assert second.read()[0] == (0, 1, 2, b"c\n")
    assert second.skipped == []


def test_what_is_compressed_or_expires_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    """It is held open."""
    path = write(tmp_path, 0, 1, b"a\n", b"b\n")
    follower = Follower(tmp_path)
    assert of(follower, 1) == [b"a\n"]
    compress(path).unlink()
    write(tmp_path, 0, 2, b"c\n")
    assert of(follower) == [b"b\n", b"c\n"]
    assert follower.skipped == []


def test_what_has_expired_unread_is_said(tmp_path: Path) -> None:
    """How many segments that was, and what is there is read."""
    write(tmp_path, 0, 5, b"e\n")
    follower = Follower(tmp_path, {0: Position(2, 100, 7)})
    assert of(follower) == [b"e\n"]
    assert [(one.segment, one.why) for one in follower.skipped] == [
        (2, "3 segments are gone before journal-0-00000005")
    ]


def test_a_journal_that_begins_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    """As somebody has taken the old one away; and that is said."""
    write(tmp_path, 0, 1, b"a\n")
    follower = Follower(tmp_path, {0: Position(7, 100, 7)})
    assert of(follower) == [b"a\n"]
    assert "begun anew" in follower.skipped[0].why


def test_at_the_end_there_is_only_what_is_new(tmp_path: Path) -> None:
    """Of all workers that have lines already; their place is known."""
    write(tmp_path, 0, 1, b"a\n")
    write(tmp_path, 0, 2, b"b\n", b"c")
    follower = Follower(tmp_path, at_end=True)
    assert of(follower) == []
    write(tmp_path, 0, 2, b"d\n")
    write(tmp_path, 1, 1, b"e\n")
    assert sorted(follower.read()) == [(0, 2, 1, b"cd\n"), (1, 1, 0, b"e\n")]


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    """It is said, and counted; what follows it is read."""
    write(tmp_path, 0, 1, b"a\n", b"x" * (3 * LINE_MOST) + b"\n", b"b\n")
    follower = Follower(tmp_path)
    assert follower.read() == [(0, 1, 0, b"a\n"), (0, 1, 2, b"b\n")]
    assert follower.skips == 1 and "line 1 is longer" in follower.skipped[0].why


def test_a_segment_that_has_become_shorter_is_gone_on_from_its_end(tmp_path: Path) -> None:
    """A short write on a full disk is undone; what comes in its place is read."""
    path = write(tmp_path, 0, 1, b"a\n", b"b\n")
    follower = Follower(tmp_path)
    assert of(follower) == [b"a\n", b"b\n"]
    os.truncate(path, 2)
    assert of(follower) == []
    write(tmp_path, 0, 1, b"c\n")
    assert follower.read() == [(0, 1, 1, b"c\n")]
    assert follower.skips == 1
    assert Follower(tmp_path, {0: Position(1, 400, 9)}).read() == []


def test_a_damaged_segment_does_not_keep_from_the_next(tmp_path: Path) -> None:
    """As much of it is read as can be."""
    packed = compress(write(tmp_path, 0, 1, *[b"%030d\n" % number for number in range(1000)]))
    packed.write_bytes(packed.read_bytes()[:-20])
    write(tmp_path, 0, 2, b"z\n")
    write(tmp_path, 0, 3).with_name("journal-0-00000003.jsonl.gz").write_bytes(b"nothing of the kind")
    (tmp_path / "journal-0-00000003.jsonl").unlink()
    write(tmp_path, 0, 4, b"end\n")
    follower = Follower(tmp_path)
    found: Lines = []
    for _ in range(10):
        found += of(follower)
    assert b"z\n" in found and found[-1] == b"end\n"
    assert [one.segment for one in follower.skipped] == [1, 3]


def test_what_is_skipped_is_remembered_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is counted."""
    monkeypatch.setattr(reading, "LINE_MOST", 10)
    monkeypatch.setattr(reading, "SKIPPED_MOST", 3)
    write(tmp_path, 0, 1, *[b"x" * 20 + b"\n"] * 9)
    follower = Follower(tmp_path)
    assert of(follower) == []
    assert follower.skips == 9 and len(follower.skipped) == 3


def test_a_file_that_is_named_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    """A segment is known as one."""
    path = compress(write(tmp_path, 3, 7, b"a\n"))
    assert (alone(path).name, alone(path).compressed) == ("journal-3-00000007", True)
    other = path.rename(tmp_path / "some.gz")
    assert list(lines(alone(other))) == [b"a\n"]
