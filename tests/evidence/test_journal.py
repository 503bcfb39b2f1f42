"""The journal on real files, real full disks and with real second processes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence import linefile
from mcpgate.evidence.chain import Tree, leaf
from mcpgate.evidence.journal import LEAVES_MOST, SIZE_MORE, Journal, JournalError
from mcpgate.evidence.sealing import Unsealed
from mcpgate.evidence.segments import segment_name
from mcpgate.evidence.terms import JournalTerms
from tests.evidence.chained import chained, raw_lines, told

LINE = b'{"v":2,"type":"test"}\n'


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "state")
    yield journal
    journal.close()


def types(records: list[dict[str, Any]]) -> list[str]:
    return [record["type"] for record in records]


# Lines.


def test_lines_are_in_the_file_when_append_returns_each_linked_to_the_one_before(journal: Journal) -> None:
    journal.append([LINE])
    journal.append([LINE, LINE])
    (records,) = chained(journal.directory)
    assert types(records) == ["segment", "test", "test", "test"]
    assert journal.lines == 4


def test_the_first_line_says_whose_it_is_and_what_writes_it(journal: Journal) -> None:
    ((first,),) = chained(journal.directory)
    assert (first["gate"], first["worker"], first["segment"]) == ("gate", 0, 1)
    assert first["mcpgate"] and first["openssl"].startswith("OpenSSL ")
    assert list(first) == [
        *("v", "type", "id", "time", "gate", "worker", "segment", "mcpgate", "openssl", "seq", "prev")
    ]


@pytest.mark.parametrize("given", [b"", b"\n", b"{}", b"no end", b"{}\n\n", b'{"a":\n1}\n'])
def test_anything_but_whole_lines_is_a_bug(journal: Journal, given: bytes) -> None:
    with pytest.raises(ValueError, match="whole lines"):
        journal.append([LINE, given])
    assert told(journal.directory) == []


def test_the_directory_and_files_are_private_even_with_an_open_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Journal(tmp_path / "state" / "journal").close()
    finally:
        os.umask(before)
    for directory in (tmp_path / "state", tmp_path / "state" / "journal"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    files = (tmp_path / "state" / "journal").iterdir()
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_workers_of_one_gate_have_a_journal_each(journal: Journal) -> None:
    other = Journal(journal.directory, worker=1)
    other.append([LINE])
    other.close()
    assert (told(journal.directory, 0), types(told(journal.directory, 1))) == ([], ["test"])


def test_a_second_journal_on_the_same_directory_is_refused_and_harms_nothing(journal: Journal) -> None:
    with pytest.raises(JournalError, match=f"another gate \\(process {os.getpid()}\\) already uses"):
        Journal(journal.directory)
    journal.append([LINE])
    assert len(chained(journal.directory)) == 1


def test_a_closed_journal_takes_nothing(journal: Journal) -> None:
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="not written any more"):
        journal.append([LINE])
    journal.look()
    assert len(chained(journal.directory)) == 1


# Each start begins a segment.


def test_a_later_journal_goes_on_with_the_chain_in_a_segment_of_its_own(tmp_path: Path) -> None:
    for _ in range(3):
        journal = Journal(tmp_path)
        journal.append([LINE])
        journal.close()
    assert [types(records) for records in chained(tmp_path)] == [["segment", "test"]] * 3


def test_files_of_versions_before_there_were_segments_are_left_alone(tmp_path: Path) -> None:
    old = tmp_path / "journal-0.jsonl"
    old.write_bytes(b'{"v":1,"type":"open"}\n{"torn')
    Journal(tmp_path).close()
    assert old.read_bytes() == b'{"v":1,"type":"open"}\n{"torn'
    assert len(chained(tmp_path)) == 1


def test_a_number_that_was_sealed_is_not_used_again(tmp_path: Path) -> None:
    """Whoever removed the file of it must not have another of its name made by us."""
    journal = Journal(tmp_path, sealed=7)
    assert journal.path.name == segment_name(0, 8)
    journal.close()


@pytest.mark.parametrize("torn", [b"{", b'{"v":1' * 30_000, b"\0" * 70_000])
@pytest.mark.parametrize("before", [0, 1, 5_000])
def test_a_torn_tail_is_cut_off_and_the_next_segment_says_so(
    tmp_path: Path, before: int, torn: bytes
) -> None:
    journal = Journal(tmp_path)
    if before:
        journal.append([LINE] * before)
    journal.close()
    with journal.path.open("ab") as file:
        file.write(torn)
    journal = Journal(tmp_path, clock=lambda: 0.0)
    journal.append([LINE])
    journal.close()
    first, second = chained(tmp_path)
    assert types(first) == ["segment"] + ["test"] * before
    assert types(second) == ["segment", "repair", "test"]
    repair = second[1]
    assert (repair["what"], repair["file"], repair["dropped"]) == ("torn", segment_name(0, 1), len(torn))
    assert repair["time"] == "1970-01-01T00:00:00.000000Z"
    Journal(tmp_path).close()
    assert types(chained(tmp_path)[2]) == ["segment"]


@given(cut=st.integers(0, 1000))
def test_wherever_a_segment_was_cut_the_chain_goes_on(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    directory = tmp_path_factory.mktemp("state")
    journal = Journal(directory)
    journal.append([LINE] * 3)
    journal.close()
    whole = journal.path.read_bytes()
    cut = min(cut, len(whole))
    os.truncate(journal.path, cut)
    kept = whole[:cut].count(b"\n")
    torn = cut - (whole[:cut].rfind(b"\n") + 1)
    Journal(directory).close()
    found = [record for records in chained(directory) for record in records]
    assert sum(record["type"] == "repair" for record in found) == (1 if torn else 0)
    assert [record["dropped"] for record in found if record["type"] == "repair"] == ([torn] if torn else [])
    assert sum(record["type"] == "test" for record in found) == max(0, kept - 1)


def test_a_crash_between_the_new_segment_and_the_cut_is_told_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.close()
    torn = journal.path
    Journal(tmp_path).close()
    with torn.open("ab") as file:
        file.write(b"{torn")
    Journal(tmp_path).close()
    assert [types(records) for records in chained(tmp_path)] == [["segment"]] * 3


def test_a_pipe_in_the_place_of_a_segment_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / segment_name(0, 1))
    with pytest.raises(JournalError, match=segment_name(0, 1)):
        Journal(tmp_path)
    (tmp_path / segment_name(0, 1)).unlink()
    Journal(tmp_path).close()


# Rotation.


def test_a_segment_that_is_large_enough_is_followed_by_another(tmp_path: Path) -> None:
    journal = Journal(tmp_path, terms=JournalTerms(segment_size=1000))
    for _ in range(50):
        journal.append([LINE])
    journal.close()
    segments = chained(tmp_path)
    assert len(segments) > 3
    assert len(told(tmp_path)) == 50
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("*.jsonl"))]
    assert all(1000 <= size < 1300 for size in sizes[:-1]), sizes


def test_a_segment_that_is_old_enough_is_followed_by_another_unless_it_is_empty(tmp_path: Path) -> None:
    now = [0.0]
    journal = Journal(tmp_path, terms=JournalTerms(segment_age=60), monotonic=lambda: now[0])
    now[0] = 61.0
    journal.look()
    assert journal.segment == 1
    journal.append([LINE])
    journal.look()
    assert journal.segment == 2
    journal.append([LINE])
    now[0] = 120.0
    journal.look()
    assert journal.segment == 2
    journal.close()
    assert [types(records) for records in chained(tmp_path)] == [["segment", "test"]] * 2


def test_where_no_other_segment_can_begin_the_old_one_is_written_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path, terms=JournalTerms(segment_size=500))
    (tmp_path / segment_name(0, 2)).mkdir()
    for _ in range(10):
        journal.append([LINE])
    assert (journal.segment, journal.lines) == (1, 11)
    (tmp_path / segment_name(0, 2)).rmdir()
    journal.append([b'{"v":2,"type":"test","x":"%b"}\n' % (b"x" * SIZE_MORE)])
    journal.append([LINE])
    journal.close()
    assert [len(records) for records in chained(tmp_path)] == [12, 2]


def test_a_hangup_alone_begins_nothing_and_a_segment_that_was_moved_away_is_left(journal: Journal) -> None:
    """Renamed, it is written on until somebody says so: what stays behind in it is linked all the same."""
    journal.append([LINE])
    journal.look(moved=True)
    assert journal.segment == 1
    moved = journal.directory / "moved"
    journal.path.rename(moved)
    journal.look()
    journal.append([LINE])
    assert journal.segment == 1
    journal.look(moved=True)
    journal.append([LINE])
    assert types([json.loads(line) for line in raw_lines(moved)]) == ["segment", "test", "test"]
    assert types([json.loads(line) for line in raw_lines(journal.path)]) == ["segment", "repair", "test"]
    moved.rename(journal.directory / segment_name(0, 1))
    assert told(journal.directory)[2]["what"] == "moved"


def test_moved_away_where_no_other_can_begin_it_is_written_on(journal: Journal) -> None:
    moved = journal.path.rename(journal.directory / "moved")
    (journal.directory / segment_name(0, 2)).mkdir()
    with pytest.raises(JournalError):
        journal.look(moved=True)
    journal.append([LINE])
    assert len(raw_lines(moved)) == 2
    (journal.directory / segment_name(0, 2)).rmdir()
    journal.look(moved=True)
    moved.rename(journal.directory / segment_name(0, 1))
    assert types(told(journal.directory)) == ["test", "repair"]


def test_a_deleted_segment_is_noticed_and_the_next_one_says_so(journal: Journal) -> None:
    """And is linked to the line that nobody can read any more."""
    journal.append([LINE])
    lines = raw_lines(journal.path)
    size = journal.path.stat().st_size
    journal.path.unlink()
    journal.look()
    journal.append([LINE])
    first, repair, _ = (json.loads(line) for line in raw_lines(journal.path))
    assert (first["segment"], first["prev"]) == (2, leaf(lines[-1]).hex())
    assert (repair["what"], repair["file"], repair["dropped"]) == ("deleted", segment_name(0, 1), size)


def test_a_deleted_segment_without_another_takes_nothing_until_there_is_one(journal: Journal) -> None:
    """Fail closed, and recover by itself."""
    journal.path.unlink()
    (journal.directory / segment_name(0, 2)).mkdir()
    for _ in range(2):
        with pytest.raises(JournalError):
            journal.look()
        with pytest.raises(JournalError):
            journal.append([LINE])
    assert not journal.written
    (journal.directory / segment_name(0, 2)).rmdir()
    journal.append([LINE])
    assert types([json.loads(line) for line in raw_lines(journal.path)]) == ["segment", "repair", "test"]


def test_turning_over_leaks_no_descriptor(journal: Journal) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        journal.rotate()
    assert len(os.listdir("/proc/self/fd")) == before


# Checkpoints.


class Noted(Unsealed):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.added: list[tuple[int, int, bytes, bytes, bool]] = []

    def add(self, segment: int, size: int, root: bytes, head: bytes, closed: bool) -> None:
        self.added.append((segment, size, root, head, closed))


def test_what_is_sealed_stands_for_exactly_the_lines_so_far(tmp_path: Path) -> None:
    seals = Noted()
    journal = Journal(tmp_path, seals=seals)
    for count in (1, LEAVES_MOST, 3):
        journal.append([LINE] * count)
        journal.checkpoint()
    journal.checkpoint()
    journal.rotate()
    journal.close()
    lines = raw_lines(tmp_path / segment_name(0, 1))
    sizes = (2, 2 + LEAVES_MOST, 5 + LEAVES_MOST, 5 + LEAVES_MOST)
    for size, closed, (segment, sealed, root, head, is_closed) in zip(
        sizes, (False, False, False, True), seals.added, strict=False
    ):
        tree = Tree()
        for line in lines[:size]:
            tree.append(leaf(line))
        assert (segment, sealed, root, is_closed) == (1, size, tree.root(), closed)
        assert head == leaf(lines[size - 1])
    assert [(one[0], one[1], one[4]) for one in seals.added[4:]] == [(2, 1, True)]


def test_how_long_a_line_has_waited_for_a_checkpoint_is_known(tmp_path: Path) -> None:
    now = [100.0]
    journal = Journal(tmp_path, monotonic=lambda: now[0])
    journal.checkpoint()
    now[0] = 200.0
    assert journal.waits == 0.0
    journal.append([LINE])
    now[0] = 207.0
    journal.append([LINE])
    assert journal.waits == 7.0
    journal.checkpoint()
    assert journal.waits == 0.0
    journal.close()


# The disk.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB; needs to be root in a place where mounting is allowed."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "mcpgate-test", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def fill(journal: Journal, line: bytes) -> int:
    """Append until the journal refuses; how often it did not."""
    for written in range(10_000):
        try:
            journal.append([line])
        except JournalError as error:
            assert error.passes and journal.path.name in str(error)
            return written
    raise AssertionError("the disk never got full")


def test_a_full_disk_refuses_a_line_whole_and_takes_lines_again_when_there_is_room(small_disk: Path) -> None:
    line = b'{"fill":"' + b"x" * 3989 + b'","type":"fill"}\n'  # does not divide the size
    (small_disk / "other").write_bytes(bytes(20_000))
    journal = Journal(small_disk)
    count = fill(journal, line)
    assert len(told(small_disk)) == count
    with pytest.raises(JournalError):
        journal.append([line, line])
    assert len(told(small_disk)) == count
    (small_disk / "other").unlink()
    journal.append([LINE])
    assert types(told(small_disk)) == ["fill"] * count + ["test"]
    journal.close()


def test_a_journal_that_is_opened_on_a_full_disk_goes_on_when_there_is_room(small_disk: Path) -> None:
    """A worker that is restarted then has to come up, to refuse."""
    (small_disk / "other").write_bytes(bytes(20_000))
    journal = Journal(small_disk)
    fill(journal, LINE)
    journal.close()
    journal = Journal(small_disk)
    assert not journal.written
    with pytest.raises(JournalError, match=segment_name(0, 2)):
        journal.append([LINE])
    assert [path.name for path in small_disk.glob("*.jsonl")] == [segment_name(0, 1)]
    (small_disk / "other").unlink()
    journal.append([LINE])
    journal.close()
    assert types(chained(small_disk)[1]) == ["segment", "test"]


def test_a_torn_tail_that_has_filled_the_disk_makes_room_for_its_own_repair(small_disk: Path) -> None:
    journal = Journal(small_disk)
    journal.close()
    with journal.path.open("ab") as file, pytest.raises(OSError, match="No space left"):
        file.write(b"x" * 300_000)
        file.flush()
    journal = Journal(small_disk)
    journal.append([LINE])
    journal.close()
    repair = chained(small_disk)[1][1]
    assert repair["type"] == "repair" and repair["dropped"] > 100_000


LIMITED = """
import resource, sys
from pathlib import Path
from mcpgate.evidence.journal import Journal, JournalError

journal = Journal(Path(sys.argv[1]))
line = b'{"x":"' + b"x" * 300 + b'"}\\n'
begun = journal.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (begun + 1000, 9000))
for expected in (True, True, False, False):
    try:
        journal.append([line])
        assert expected
    except JournalError as error:
        assert not expected and journal.path.name in str(error)
    assert journal.path.read_bytes().endswith(b"}\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
journal.append([line])
"""


def test_a_file_size_limit_never_leaves_a_part_of_a_line(tmp_path: Path) -> None:
    """What a quota does: a short write first, then an error. Runs without being root."""
    subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], check=True)
    assert len(chained(tmp_path)[0]) == 4


def test_a_file_emptied_by_somebody_else_is_not_lengthened_again(journal: Journal) -> None:
    """C{copytruncate} rotation: what follows begins at the new end."""
    journal.append([LINE])
    os.truncate(journal.path, 0)
    journal.append([LINE])
    assert len(raw_lines(journal.path)) == 1


def test_a_disk_that_cannot_sync_is_not_trusted_with_the_same_file_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again it may say that all is well, and have forgotten the lines."""
    journal.append([LINE])

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(linefile.os, "fdatasync", broken)
        with pytest.raises(JournalError, match="Input/output error"):
            journal.sync()
    journal.append([LINE])
    journal.sync()
    assert [types(records) for records in chained(journal.directory)] == [
        ["segment", "test"], ["segment", "repair", "test"]
    ]  # fmt: skip
    assert told(journal.directory)[1]["what"] == "unsynced"


def test_on_the_disk_means_the_directory_too_and_the_old_segment_at_a_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def note(fd: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)

    monkeypatch.setattr(linefile.os, "fdatasync", note)
    monkeypatch.setattr(linefile.os, "fsync", note)
    journal = Journal(tmp_path, terms=JournalTerms(fsync=True))
    assert synced == [segment_name(0, 1), tmp_path.name]
    journal.append([LINE])
    journal.rotate()
    assert synced[2:] == [segment_name(0, 2), tmp_path.name, segment_name(0, 1)]
    journal.close()


def test_there_is_no_segment_that_nobody_would_find(tmp_path: Path) -> None:
    """Behind the last number that has a name; somebody has put a file of that number there."""
    with pytest.raises(JournalError, match="no number for another segment"):
        Journal(tmp_path, sealed=99_999_999)
    assert [path.name for path in tmp_path.iterdir()] == ["journal-0.lock"]


def test_every_segment_begins_with_what_is_in_force(tmp_path: Path) -> None:
    """Linked as any line is; who has only this segment knows by what its lines were judged."""
    journal = Journal(tmp_path, terms=JournalTerms(segment_size=1000))
    journal.preface = lambda: [b'{"v":2,"type":"generation","big":"%b"}\n' % (b"x" * 5000)]
    journal.rotate()
    for _ in range(12):
        journal.append([LINE])
    journal.close()
    several = [
        [json.loads(line) for line in path.read_bytes().splitlines()]
        for path in sorted(tmp_path.glob("*.jsonl"))[1:]
    ]
    assert len(several) > 1
    for records in several:
        assert [record["type"] for record in records[:2]] == ["segment", "generation"]
        assert [record["seq"] for record in records] == list(range(len(records)))
    # However large that is, there is room for what happens.
    assert max(map(len, several)) > 5


def test_what_a_segment_began_with_makes_it_no_older(tmp_path: Path) -> None:
    """An idle gate does not begin one after the other."""
    now = [0.0]
    journal = Journal(tmp_path, terms=JournalTerms(segment_age=60), monotonic=lambda: now[0])
    journal.preface = lambda: [LINE]
    journal.rotate()
    now[0] = 100.0
    journal.look()
    assert journal.segment == 2
    journal.append([LINE])
    journal.look()
    journal.append([LINE])
    assert journal.segment == 3
    journal.close()
