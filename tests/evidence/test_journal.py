"""The journal on real files, real full disks and with real second processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.journal import Journal, JournalError, new_id
from mcpgate.evidence.record import parse_line

LINE = b'{"v":1,"type":"test"}\n'


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "state")
    yield journal
    journal.close()


def lines(journal: Journal) -> list[bytes]:
    return journal.path.read_bytes().splitlines(keepends=True)


def test_lines_are_in_the_file_when_append_returns(journal: Journal) -> None:
    journal.append(LINE)
    journal.append(LINE)
    assert lines(journal) == [LINE, LINE]


def test_a_later_journal_goes_on_behind_the_earlier_lines(tmp_path: Path) -> None:
    for _ in range(3):
        journal = Journal(tmp_path)
        journal.append(LINE)
        journal.close()
    assert lines(journal) == [LINE] * 3


@pytest.mark.parametrize("given", [b"", b"\n", b"\n\n", b"no end", b"two\n\nlines\n", b"two\nlines"])
def test_anything_but_whole_lines_is_a_bug(journal: Journal, given: bytes) -> None:
    with pytest.raises(ValueError, match="whole lines"):
        journal.append(given)
    assert lines(journal) == []


def test_several_lines_are_written_in_one_piece(journal: Journal) -> None:
    journal.append(LINE * 3)
    assert lines(journal) == [LINE] * 3


def test_the_directory_and_files_are_private_even_with_an_open_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Journal(tmp_path / "state").close()
    finally:
        os.umask(before)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()} == {0o600}


def test_a_journal_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    (tmp_path / "journal-0.jsonl").write_bytes(LINE)
    (tmp_path / "journal-0.jsonl").chmod(0o644)
    Journal(tmp_path).close()
    assert (tmp_path / "journal-0.jsonl").stat().st_mode & 0o777 == 0o600


# One writer.


def test_a_second_journal_on_the_same_directory_is_refused_and_told_who_has_it(journal: Journal) -> None:
    with pytest.raises(JournalError, match=f"another gate \\(process {os.getpid()}\\) already uses"):
        Journal(journal.path.parent)
    journal.append(LINE)


def test_a_second_process_on_the_same_directory_is_refused(journal: Journal) -> None:
    script = (
        "import sys; from pathlib import Path; from mcpgate.evidence.journal import Journal\n"
        "Journal(Path(sys.argv[1]))"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, str(journal.path.parent)], capture_output=True, text=True, check=False
    )
    assert child.returncode != 0
    assert f"another gate (process {os.getpid()})" in child.stderr


def test_workers_of_one_gate_have_a_journal_each(journal: Journal) -> None:
    other = Journal(journal.path.parent, worker=1)
    other.append(LINE)
    other.close()
    assert (lines(journal), lines(other)) == ([], [LINE])


def test_a_directory_is_free_again_after_close_and_after_a_kill(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from mcpgate.evidence.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1])); journal.append(b'{}\\n'); print('ready', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        child.send_signal(signal.SIGKILL)
    journal = Journal(tmp_path)
    assert lines(journal) == [b"{}\n"]
    journal.close()
    journal.close()
    Journal(tmp_path).close()


def test_an_opening_that_fails_keeps_no_lock(tmp_path: Path) -> None:
    (tmp_path / "journal-0.jsonl").mkdir()
    with pytest.raises(JournalError, match="journal-0.jsonl"):
        Journal(tmp_path)
    (tmp_path / "journal-0.jsonl").rmdir()
    Journal(tmp_path).close()


# A torn tail.


@pytest.mark.parametrize("torn", [b"{", b'{"v":1' * 30_000, b"\0" * 70_000])
@pytest.mark.parametrize("before", [0, 1, 5_000])
def test_a_torn_tail_is_replaced_by_a_line_that_says_so(tmp_path: Path, before: int, torn: bytes) -> None:
    path = tmp_path / "journal-0.jsonl"
    path.write_bytes(LINE * before + torn)
    journal = Journal(tmp_path, clock=lambda: 0.0)
    journal.append(LINE)
    *whole, repair, last = lines(journal)
    assert (whole, last) == ([LINE] * before, LINE)
    record = parse_line(repair)
    assert (record["type"], record["file"], record["dropped"]) == ("repair", path.name, len(torn))
    assert record["time"] == "1970-01-01T00:00:00.000000Z"
    journal.close()
    again = Journal(tmp_path)
    assert lines(again) == [*whole, repair, last]
    again.close()


@given(cut=st.integers(0, 3 * len(LINE)))
def test_wherever_a_file_was_cut_only_whole_lines_remain(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    directory = tmp_path_factory.mktemp("state")
    (directory / "journal-0.jsonl").write_bytes((LINE * 3)[:cut])
    journal = Journal(directory)
    kept = lines(journal)
    journal.close()
    whole, torn = divmod(cut, len(LINE))
    assert kept[:whole] == [LINE] * whole
    assert [parse_line(line)["dropped"] for line in kept[whole:]] == ([torn] if torn else [])


# Rotation.


def test_after_a_rename_lines_go_on_in_a_new_file_and_none_is_lost(journal: Journal) -> None:
    old = journal.path.with_name("journal-0.jsonl.1")
    journal.append(b"1\n")
    journal.path.rename(old)
    journal.append(b"2\n")
    journal.reopen()
    journal.append(b"3\n")
    assert (old.read_bytes(), journal.path.read_bytes()) == (b"1\n2\n", b"3\n")
    with pytest.raises(JournalError):
        Journal(journal.path.parent)


def test_reopening_without_a_rename_changes_nothing(journal: Journal) -> None:
    journal.append(LINE)
    journal.reopen()
    journal.append(LINE)
    assert lines(journal) == [LINE, LINE]


def test_a_reopening_that_fails_leaves_the_old_file_in_use(journal: Journal) -> None:
    old = journal.path.rename(journal.path.with_name("old"))
    journal.path.symlink_to("elsewhere")
    with pytest.raises(JournalError, match="journal-0.jsonl"):
        journal.reopen()
    journal.append(LINE)
    assert old.read_bytes() == LINE
    assert not journal.path.exists()


def test_a_pipe_in_the_place_of_the_journal_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal-0.jsonl")
    with pytest.raises(JournalError, match="not a regular file"):
        Journal(tmp_path)


def test_reopening_leaks_no_descriptor(journal: Journal) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        journal.reopen()
    assert len(os.listdir("/proc/self/fd")) == before


# Full disks.


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
            journal.append(line)
        except JournalError as error:
            assert journal.path.name in str(error)
            return written
    raise AssertionError("the disk never got full")


def test_a_full_disk_refuses_a_line_whole_and_takes_lines_again_when_there_is_room(small_disk: Path) -> None:
    line = b'{"fill":"' + b"x" * 3989 + b'"}\n'  # does not divide the size: the last write is a short one
    (small_disk / "other").write_bytes(bytes(20_000))
    journal = Journal(small_disk)
    count = fill(journal, line)
    assert lines(journal) == [line] * count
    with pytest.raises(JournalError):
        journal.append(line)
    assert lines(journal) == [line] * count
    (small_disk / "other").unlink()
    journal.append(LINE)
    assert lines(journal) == [line] * count + [LINE]
    journal.close()


def test_a_torn_tail_is_repaired_on_a_full_disk_too(small_disk: Path) -> None:
    path = small_disk / "journal-0.jsonl"
    Journal(small_disk).close()
    with path.open("ab") as file, pytest.raises(OSError, match="No space left"):
        file.write(LINE)
        file.write(b"x" * 300_000)
        file.flush()
    torn = path.stat().st_size - len(LINE)
    assert torn > 100_000
    journal = Journal(small_disk)
    first, repair = lines(journal)
    assert (first, parse_line(repair)["dropped"]) == (LINE, torn)
    journal.append(LINE)
    journal.close()


LIMITED = """
import resource, sys
from pathlib import Path
from mcpgate.evidence.journal import Journal, JournalError

journal = Journal(Path(sys.argv[1]))
line = b"x" * 299 + b"\\n"
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 5000))
for expected in (True, True, True, False, False):
    try:
        journal.append(line)
        assert expected
    except JournalError as error:
        assert not expected and "journal-0.jsonl" in str(error)
    assert journal.path.stat().st_size % 300 == 0
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
journal.append(line)
"""


def test_a_file_size_limit_never_leaves_a_part_of_a_line(tmp_path: Path) -> None:
    """What a quota does: a short write first, then an error. Runs without being root."""
    subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], check=True)
    assert (tmp_path / "journal-0.jsonl").read_bytes() == (b"x" * 299 + b"\n") * 4


def test_a_file_emptied_by_somebody_else_is_not_lengthened_again(tmp_path: Path) -> None:
    """C{copytruncate} rotation: what follows begins at the new end."""
    journal = Journal(tmp_path)
    journal.append(LINE)
    os.truncate(journal.path, 0)
    journal.append(LINE)
    assert lines(journal) == [LINE]
    journal.close()


# Identifiers.


def test_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_id("x") for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
    assert all(id.startswith("x-") and id.isascii() and id.isprintable() for id in ids)


def test_a_forked_child_makes_other_ids_than_its_parent() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, new_id("x").encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 100).decode()
    os.close(read)
    os.close(write)
    assert theirs.split("-")[1] != new_id("x").split("-")[1]


def test_the_state_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """The one that is named in the configuration, and the one inside it."""
    old = os.umask(0o022)
    try:
        Journal(tmp_path / "state" / "journal").close()
    finally:
        os.umask(old)
    for directory in (tmp_path / "state", tmp_path / "state" / "journal"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_deleted_journal_is_begun_anew_and_a_renamed_one_is_written_on(tmp_path: Path) -> None:
    """Deleted, its lines would go where nobody can read them; renamed, they are where somebody put them."""
    journal = Journal(tmp_path)
    journal.append(b"{}\n")
    moved = tmp_path / "moved"
    journal.path.rename(moved)
    journal.look()
    journal.append(b"{}\n")
    assert moved.read_bytes() == b"{}\n{}\n"
    moved.unlink()
    journal.look()
    journal.append(b"{}\n")
    assert journal.path.read_bytes() == b"{}\n"
    journal.close()


def test_a_deleted_journal_that_cannot_be_begun_anew_takes_nothing_until_it_can(tmp_path: Path) -> None:
    """Fail closed, and recover by itself."""
    journal = Journal(tmp_path)
    journal.path.unlink()
    journal.path.mkdir()
    with pytest.raises(JournalError):
        journal.look()
    with pytest.raises(JournalError):
        journal.append(b"{}\n")
    journal.path.rmdir()
    journal.look()
    journal.append(b"{}\n")
    assert journal.path.read_bytes() == b"{}\n"
    journal.close()
