"""The file that processes share: who has it, what a dead one leaves behind, what a reboot means."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcpgate.budgets import file as file_module
from mcpgate.budgets.file import NAME, NUMBERS, ROWS, SIZE, SLOTS, WAYS, LedgerError, LedgerFile, boot_of

KEY = b"0123456789abcdef"


def test_it_is_its_owners_alone_and_takes_little_of_the_disk(tmp_path: Path) -> None:
    """What is not used yet are holes; no larger than what somebody would wonder about."""
    file = LedgerFile(tmp_path)
    facts = os.stat(tmp_path / NAME)
    assert stat.S_IMODE(facts.st_mode) == 0o600
    assert facts.st_size == SIZE
    assert facts.st_blocks * 512 < 4 << 20
    file.close()


def test_a_key_is_found_only_in_its_place(tmp_path: Path) -> None:
    """Two keys may have a third one between them."""
    file = LedgerFile(tmp_path)
    file.write_key(2 * WAYS, b"x" * 8 + KEY[:8])
    file.write_key(2 * WAYS + 1, KEY[8:] + b"y" * 8)
    assert file.find(2, KEY) == -1
    file.write_key(2 * WAYS + 5, KEY)
    assert (file.find(2, KEY), file.find(3, KEY)) == (2 * WAYS + 5, -1)
    assert file.key(2 * WAYS + 5) == KEY
    file.close()


def test_what_one_writes_the_other_reads_and_still_does_after_both_are_gone(tmp_path: Path) -> None:
    """The numbers of slots are everybody's."""
    one, other = LedgerFile(tmp_path), LedgerFile(tmp_path)
    one.numbers[5 * NUMBERS] = 7
    assert other.numbers[5 * NUMBERS] == 7
    assert one.salt == other.salt
    one.close()
    other.close()
    again = LedgerFile(tmp_path)
    assert again.numbers[5 * NUMBERS] == 7
    again.close()


def test_a_locked_set_is_nobody_elses_and_waiting_for_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other sets are free."""
    monkeypatch.setattr(file_module, "LOCK_MOST", 0.01)
    one, other = LedgerFile(tmp_path), LedgerFile(tmp_path)
    assert one.lock(3)
    assert not other.lock(3)
    assert other.lock(4)
    one.unlock(3)
    assert other.lock(3)
    one.close()
    other.close()


def test_running_calls_are_counted_over_all_processes_until_one_is_gone(tmp_path: Path) -> None:
    """Whoever asks finds out; those that live keep theirs."""
    one, other = LedgerFile(tmp_path), LedgerFile(tmp_path)
    one.mine[9] += 2
    other.mine[9] += 3
    assert one.running(9) == other.running(9) == 5
    assert one.bury() == 0
    other.close()
    assert one.running(9) == 5
    assert one.bury() == 1
    assert one.running(9) == 2
    one.close()


def test_whoever_takes_a_dead_ones_row_begins_with_none(tmp_path: Path) -> None:
    """Also where nobody has noticed the death."""
    one = LedgerFile(tmp_path)
    one.mine[9] += 2
    one.close()
    other = LedgerFile(tmp_path)
    assert other.running(9) == 0
    other.close()


def test_a_process_that_was_killed_has_nothing_any_more(tmp_path: Path) -> None:
    """By kill -9, in the middle of a count: neither its calls nor its lock."""
    program = (
        "import sys, pathlib, mcpgate.budgets.file as f\n"
        "file = f.LedgerFile(pathlib.Path(sys.argv[1]))\n"
        "file.mine[9] += 4\n"
        "file.lock(3)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    ours = LedgerFile(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        assert ours.running(9) == 4
        assert ours.bury() == 0
        child.kill()
        child.wait()
    assert ours.bury() == 1
    assert ours.running(9) == 0
    assert ours.lock(3)
    ours.close()


def test_after_a_reboot_it_begins_anew(tmp_path: Path) -> None:
    """The clock of before is gone, and so is everybody who used it."""
    before = LedgerFile(tmp_path, lambda: b"a" * 16)
    before.numbers[5 * NUMBERS] = 7
    salt = before.salt
    before.close()
    after = LedgerFile(tmp_path, lambda: b"b" * 16)
    assert after.numbers[5 * NUMBERS] == 0
    assert after.salt != salt
    after.close()
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_this_boot_is_known_where_the_system_tells(tmp_path: Path) -> None:
    """Two different ones are told apart; where there is none to be read they are all the same."""
    (tmp_path / "a").write_text("1-2-3\n")
    (tmp_path / "b").write_text("1-2-4\n")
    assert boot_of(tmp_path / "a") != boot_of(tmp_path / "b")
    assert boot_of(tmp_path / "c") == bytes(16)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"x" * 100),
        lambda path: os.truncate(path, SIZE - 1),
        lambda path: path.write_bytes(b"mcpgate budgets0" + path.read_bytes()[16:]),
    ],
)
def test_what_is_no_such_file_is_replaced_and_not_changed(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    """Whoever has the old one mapped goes on with that."""
    LedgerFile(tmp_path).close()
    spoil(tmp_path / NAME)
    before = os.stat(tmp_path / NAME).st_ino
    keep = os.open(tmp_path / NAME, os.O_RDONLY)  # so that the number is not given out again
    file = LedgerFile(tmp_path)
    assert os.stat(tmp_path / NAME).st_ino != before
    assert os.stat(tmp_path / NAME).st_size == SIZE
    file.close()
    os.close(keep)


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    """A link is somebody's trick, a directory nobody's file."""
    with pytest.raises(LedgerError, match="No such file"):
        LedgerFile(tmp_path / "nowhere")
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerError):
        LedgerFile(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found out before anything is mapped: later it would end the process."""

    def full(fd: int, begin: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(LedgerError, match="No space left on device"):
        LedgerFile(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).stat().st_size == 0


def test_the_rows_end_somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process too many is told so, and frees nothing of the others."""
    monkeypatch.setattr(file_module, "ROWS", 2)
    one, other = LedgerFile(tmp_path), LedgerFile(tmp_path)
    with pytest.raises(LedgerError, match="2 processes"):
        LedgerFile(tmp_path)
    one.close()
    LedgerFile(tmp_path).close()
    other.close()
    assert ROWS * SLOTS * 4 < SIZE
