"""What the files of a journal are called, and how one ends, wherever it was cut."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.segments import (
    SegmentFile,
    Torn,
    ending,
    find_end,
    highest_sealed,
    segment_file,
    segment_files,
    segment_name,
)


@given(st.integers(0, 999_999), st.integers(1, 99_999_999))
def test_a_name_says_what_it_was_made_of(worker: int, number: int) -> None:
    path = Path("d") / segment_name(worker, number)
    assert segment_file(path) == SegmentFile(worker, number, False, path)
    packed = path.with_name(path.name + ".gz")
    assert segment_file(packed) == SegmentFile(worker, number, True, packed)


@pytest.mark.parametrize(
    "name",
    [
        *("journal-0.jsonl", "journal-0.lock", "journal-01-00000001.jsonl", "journal-0-1.jsonl"),
        "journal-0-00000000.jsonl",
        *("journal-0-00000001.jsonl.gz.fresh", "journal-0-00000001.checkpoints"),
        "journal-0-0000000\u0661.jsonl",
        *("xjournal-0-00000001.jsonl", "journal-0-00000001.jsonl\n", "journal--1-00000001.jsonl"),
    ],
)
def test_what_is_called_otherwise_is_no_segment(name: str) -> None:
    assert segment_file(Path(name)) is None


def test_all_of_a_directory_are_by_worker_and_number(tmp_path: Path) -> None:
    for worker, number, more in ((1, 2, ""), (0, 10, ""), (0, 9, ".gz"), (0, 10, ".gz"), (10, 1, "")):
        (tmp_path / (segment_name(worker, number) + more)).touch()
    (tmp_path / "journal-0.jsonl").touch()
    found = [(file.worker, file.number, file.compressed) for file in segment_files(tmp_path)]
    assert found == [(0, 9, True), (0, 10, False), (0, 10, True), (1, 2, False), (10, 1, False)]


def test_the_highest_sealed_number_is_told_by_checkpoints(tmp_path: Path) -> None:
    assert highest_sealed(tmp_path / "none", 0) == highest_sealed(tmp_path, 0) == 0
    for worker, number in ((0, 3), (0, 12), (1, 40)):
        (tmp_path / f"journal-{worker}-{number:08d}.checkpoints").touch()
    assert [highest_sealed(tmp_path, worker) for worker in range(3)] == [12, 40, 0]


@given(st.lists(st.binary(max_size=80).filter(lambda each: b"\n" not in each)), st.binary(max_size=50))
def test_the_last_whole_line_is_found_from_the_end(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], torn: bytes
) -> None:
    path = tmp_path_factory.mktemp("ending") / "file"
    torn = torn.replace(b"\n", b"")
    whole = b"".join(line + b"\n" for line in lines)
    path.write_bytes(whole + torn)
    fd = os.open(path, os.O_RDONLY)
    found = ending(fd)
    os.close(fd)
    assert (found.whole, found.end) == (len(whole), len(whole + torn))
    assert found.last == (lines[-1] + b"\n" if lines else None)


def test_a_line_longer_than_what_is_read_at_once_is_found_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"first\n" + b"x" * 200_000 + b"\n" + b"y" * 100_000)
    fd = os.open(path, os.O_RDONLY)
    assert ending(fd).last == b"x" * 200_000 + b"\n"
    os.close(fd)


def test_a_journal_ends_in_its_last_segment_with_a_line(tmp_path: Path) -> None:
    for number, raw in ((1, b"a\nt"), (2, b"b\nt"), (3, b"c\nt"), (4, b"t"), (5, b"")):
        (tmp_path / segment_name(0, number)).write_bytes(raw)
    (tmp_path / segment_name(1, 9)).write_bytes(b"other\n")
    end = find_end(tmp_path, 0)
    assert (end.number, end.last) == (3, b"c\n")
    assert end.torn == (
        Torn(tmp_path / segment_name(0, 4), 0, 1, told=False),
        Torn(tmp_path / segment_name(0, 3), 2, 3, told=False),
        Torn(tmp_path / segment_name(0, 2), 2, 3, told=True),
    )
    empty = find_end(tmp_path, 2)
    assert (empty.number, empty.last, empty.torn) == (0, None, ())


def test_a_journal_may_end_in_a_compressed_segment_and_in_one_that_is_broken(tmp_path: Path) -> None:
    packed = tmp_path / (segment_name(0, 7) + ".gz")
    packed.write_bytes(gzip.compress(b"a\nb\n"))
    assert (find_end(tmp_path, 0).number, find_end(tmp_path, 0).last) == (7, b"b\n")
    (tmp_path / segment_name(0, 6)).write_bytes(b"before\n")
    for broken in (b"no gzip", gzip.compress(os.urandom(1000))[:500]):
        packed.write_bytes(broken)
        assert (find_end(tmp_path, 0).number, find_end(tmp_path, 0).last) == (7, None)
