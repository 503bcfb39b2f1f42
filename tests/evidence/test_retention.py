"""Closed segments are compressed and removed in their order, and what is left of them is known."""

from __future__ import annotations

import gzip
import os
import stat
from pathlib import Path

import pytest

from mcpgate.evidence import retention
from mcpgate.evidence.chain import Tree, leaf
from mcpgate.evidence.journal import Journal
from mcpgate.evidence.retention import compress, leaving, remove
from mcpgate.evidence.segments import segment_files, segment_name
from mcpgate.evidence.terms import JournalTerms
from tests.evidence.chained import chained, raw_lines

LINE = b'{"v":2,"type":"test"}\n'
NOW = 1_800_000_000.0
DAY = 86400.0


def made(directory: Path, segments: int, worker: int = 0, *, age: float = 0.0) -> Path:
    """A journal of so many segments, each written a day after the one before, the last C{age} ago."""
    for number in range(1, segments + 1):
        at = NOW - age - (segments - number) * DAY
        journal = Journal(directory, worker, clock=lambda at=at: at)  # type: ignore[misc]
        journal.append([LINE] * 50)
        journal.close()
        os.utime(directory / segment_name(worker, number), (at, at))
    return directory


def names(directory: Path) -> list[str]:
    return [file.path.name for file in segment_files(directory)]


def test_what_is_closed_is_compressed_and_says_the_same(tmp_path: Path) -> None:
    made(tmp_path, 3)
    made(tmp_path, 2, worker=1)
    before = chained(tmp_path)
    times = (tmp_path / segment_name(0, 1)).stat().st_mtime
    assert compress(tmp_path, 0) == 2
    assert compress(tmp_path, 0) == 0
    packed = tmp_path / (segment_name(0, 1) + ".gz")
    assert names(tmp_path) == [
        *(segment_name(0, 1) + ".gz", segment_name(0, 2) + ".gz", segment_name(0, 3)),
        *(segment_name(1, 1), segment_name(1, 2)),
    ]
    assert chained(tmp_path) == before
    assert stat.S_IMODE(packed.stat().st_mode) == 0o600
    assert packed.stat().st_mtime == times
    Journal(tmp_path).close()
    assert len(chained(tmp_path)) == 4


def test_what_cannot_be_compressed_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves nothing behind; nor does what a kill left."""
    made(tmp_path, 2)
    before = sorted(path.name for path in tmp_path.iterdir())

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(retention.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            compress(tmp_path, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    with monkeypatch.context() as patched:
        patched.setattr(retention.gzip, "open", lambda path: gzip.GzipFile(tmp_path / "other"))
        (tmp_path / "other").write_bytes(gzip.compress(b"something else"))
        with pytest.raises(OSError, match="does not hold what"):
            compress(tmp_path, 0)
        (tmp_path / "other").unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    left = tmp_path / (segment_name(0, 1) + ".gz.fresh")
    left.write_bytes(b"half")
    assert compress(tmp_path, 0) == 1
    assert not left.exists()


def test_what_is_older_than_is_kept_goes_but_never_the_last_of_a_worker(tmp_path: Path) -> None:
    made(tmp_path, 5)
    made(tmp_path, 2, worker=1, age=100 * DAY)
    compress(tmp_path, 0)
    lines = raw_lines(tmp_path / (segment_name(0, 1) + ".gz"))
    going = leaving(tmp_path, JournalTerms(keep=2.5 * DAY), NOW)
    assert [(one.file.worker, one.file.number) for one in going] == [(1, 1), (0, 1), (0, 2)]
    tree = Tree()
    for line in lines:
        tree.append(leaf(line))
    assert (going[1].lines, going[1].root) == (51, tree.root().hex())
    remove(one.file for one in going)
    remove(one.file for one in going)
    assert names(tmp_path) == [
        *(segment_name(0, 3) + ".gz", segment_name(0, 4) + ".gz", segment_name(0, 5), segment_name(1, 2)),
    ]


def test_what_is_more_than_is_kept_goes_the_oldest_first_and_without_holes(tmp_path: Path) -> None:
    made(tmp_path, 4)
    made(tmp_path, 4, worker=1, age=0.5 * DAY)
    size = (tmp_path / segment_name(0, 1)).stat().st_size
    terms = JournalTerms(keep_size=3 * size + 100)
    going = leaving(tmp_path, terms, NOW)
    assert [(one.file.worker, one.file.number) for one in going] == [(1, 1), (0, 1), (1, 2)]
    # A younger one before an older one of the same worker, as after a copy: what is kept has no holes.
    os.utime(tmp_path / segment_name(0, 1), (NOW, NOW))
    going = leaving(tmp_path, terms, NOW)
    assert all(one.file.worker == 1 for one in going)
    assert leaving(tmp_path, JournalTerms(), NOW) == []


def test_a_segment_is_not_older_than_its_lines_say(tmp_path: Path) -> None:
    """Whoever sets the time of a file back has no evidence removed, and signed for as expired."""
    made(tmp_path, 3)
    compress(tmp_path, 0)
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    assert leaving(tmp_path, JournalTerms(keep=100 * DAY), NOW) == []
    assert len(leaving(tmp_path, JournalTerms(keep=1.5 * DAY), NOW)) == 1
    # Where there is no room, the oldest go all the same; and a line of a clock that was wrong keeps nothing.
    assert len(leaving(tmp_path, JournalTerms(keep=100 * DAY, keep_size=1), NOW)) == 2
    assert len(leaving(tmp_path, JournalTerms(keep=100 * DAY), NOW - 1000 * DAY)) == 2


def test_what_another_worker_has_removed_meanwhile_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All look after all; each goes on with what is left."""
    made(tmp_path, 3)
    made(tmp_path, 3, worker=1)
    files = list(retention.closed(tmp_path))
    monkeypatch.setattr(retention, "closed", lambda directory: iter(files))
    (tmp_path / segment_name(0, 1)).unlink()
    going = leaving(tmp_path, JournalTerms(keep=1.5 * DAY), NOW)
    assert [(one.file.worker, one.file.number) for one in going] == [(1, 1)]
