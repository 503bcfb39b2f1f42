"""Seals: checkpoints that chain, outlive restarts and failures, and take up a new key at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcpgate.evidence.chain import Tree, leaf
from mcpgate.evidence.checkpoint import FIRST, Checkpoint, hash_of, read_checkpoint
from mcpgate.evidence.keyfile import EvidenceKeyError, KeyFile
from mcpgate.evidence.note import notes_in, read_note
from mcpgate.evidence.seals import Seals

NOW = 1_800_000_000.0
HEAD = leaf(b"{}\n")


def root(size: int) -> bytes:
    tree = Tree()
    for _ in range(size):
        tree.append(HEAD)
    return tree.root()


class Elsewhere:
    """A copy that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.closed = False

    def send(self, name: str, note: bytes) -> None:
        self.sent.append((name, note))

    def facts(self) -> dict[str, Any]:
        return {"to": "elsewhere", "failure": None}

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    file = KeyFile(tmp_path)
    file.begin(NOW)
    return file


@pytest.fixture
def seals(tmp_path: Path, keys: KeyFile) -> Iterator[Seals]:
    seals = made(tmp_path, keys)
    yield seals
    seals.close()


def made(state: Path, keys: KeyFile, worker: int = 0, *copies: Elsewhere) -> Seals:
    return Seals(state / "checkpoints", keys, worker, copies, clock=lambda: NOW)


def seal(seals: Seals, segment: int, size: int, closed: bool = False) -> bool:
    return seals.add(segment, size, root(size), HEAD, closed)


def kept(state: Path, worker: int = 0) -> list[Checkpoint]:
    """All checkpoints of a worker, in their order."""
    files = sorted((state / "checkpoints").glob(f"journal-{worker}-*.checkpoints"))
    notes = [note for file in files for _, note in notes_in(file.read_bytes())]
    keys = KeyFile(state).load()
    assert keys is not None
    for note in notes:
        assert read_note(note).signer(keys.public) is not None
    said = [read_checkpoint(read_note(note).text) for note in notes]
    assert [one.previous for one in said] == [FIRST, *map(hash_of, notes[:-1])]
    return said


def test_each_names_the_one_before_over_segments_and_restarts(tmp_path: Path, keys: KeyFile) -> None:
    seals = made(tmp_path, keys)
    assert seal(seals, 1, 1) and seal(seals, 1, 3, closed=True) and seal(seals, 2, 2)
    seals.close()
    seals = made(tmp_path, keys)
    assert seal(seals, 3, 1) and seal(seals, 3, 2)
    seals.close()
    facts = [(one.segment, one.size, one.closed) for one in kept(tmp_path)]
    assert facts == [(1, 1, False), (1, 3, True), (2, 2, False), (3, 1, False), (3, 2, False)]
    assert kept(tmp_path)[1].root == root(3) and kept(tmp_path)[0].time == "2027-01-15T08:00:00.000000Z"


def test_workers_have_sequences_of_their_own(tmp_path: Path, keys: KeyFile) -> None:
    for worker in (1, 11):
        seals = made(tmp_path, keys, worker)
        assert seal(seals, 1, 1)
        seals.close()
    assert [one.worker for one in kept(tmp_path, 1)] == [1]
    assert [one.worker for one in kept(tmp_path, 11)] == [11]


def test_what_is_sealed_is_not_sealed_again(tmp_path: Path, seals: Seals) -> None:
    """Nor is anything before it."""
    for segment, size, closed in ((2, 2, False), (2, 2, False), (2, 1, False), (1, 9, True), (2, 2, True)):
        assert seal(seals, segment, size, closed)
    assert [(one.size, one.closed) for one in kept(tmp_path)] == [(2, False), (2, True)]


def test_nobody_else_may_read_them(tmp_path: Path, seals: Seals) -> None:
    seal(seals, 1, 1)
    (file,) = (tmp_path / "checkpoints").iterdir()
    assert file.name == "journal-0-00000001.checkpoints"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_new_key_signs_from_the_next_one_on(tmp_path: Path, keys: KeyFile, seals: Seals) -> None:
    seal(seals, 1, 1)
    rotated = keys.rotate(NOW)
    seal(seals, 1, 2)
    (file,) = (tmp_path / "checkpoints").iterdir()
    signers = [read_note(note).signer(rotated.public) for _, note in notes_in(file.read_bytes())]
    assert signers == list(rotated.public)


def test_a_key_file_that_is_broken_or_gone_changes_nothing(
    tmp_path: Path, keys: KeyFile, seals: Seals
) -> None:
    """But where there was no good one yet."""
    seal(seals, 1, 1)
    raw = keys.path.read_bytes()
    keys.path.write_bytes(b"{}")
    assert seal(seals, 1, 2)
    fresh = made(tmp_path, keys, 1)
    assert not seal(fresh, 1, 1)
    assert fresh.failure is not None and "not an evidence key file" in fresh.failure
    keys.path.unlink()
    assert seal(seals, 1, 3)
    assert not seal(fresh, 1, 1)
    with pytest.raises(EvidenceKeyError, match="it is gone"):
        _ = fresh.gate
    keys.path.write_bytes(raw)
    keys.path.chmod(0o600)
    assert seal(fresh, 1, 1) and fresh.failure is None and fresh.gate == seals.gate
    assert len(kept(tmp_path)) == 3
    fresh.close()


def test_copies_get_what_is_on_the_disk(tmp_path: Path, keys: KeyFile) -> None:
    elsewhere = Elsewhere()
    seals = made(tmp_path, keys, 0, elsewhere)
    seal(seals, 1, 1)
    seal(seals, 1, 1)
    seal(seals, 2, 1)
    assert [name for name, _ in elsewhere.sent] == [
        "journal-0-00000001.checkpoints",
        "journal-0-00000002.checkpoints",
    ]
    files = sorted((tmp_path / "checkpoints").iterdir())
    assert [file.read_bytes() for file in files] == [note + b"\n" for _, note in elsewhere.sent]
    facts = seals.facts()
    assert facts == {
        "last": "2027-01-15T08:00:00.000000Z",
        "failure": None,
        "copies": [{"to": "elsewhere", "failure": None}],
    }
    seals.close()
    assert elsewhere.closed


def test_a_part_of_a_note_that_a_crash_left_is_taken_away(tmp_path: Path, keys: KeyFile) -> None:
    seals = made(tmp_path, keys)
    seal(seals, 1, 1)
    seal(seals, 1, 2)
    seals.close()
    (file,) = (tmp_path / "checkpoints").iterdir()
    whole = file.read_bytes()
    for cut in (1, 2, 40, len(whole) // 2 - 1):
        file.write_bytes(whole[:-cut])
        seals = made(tmp_path, keys)
        assert seal(seals, 1, 3)
        seals.close()
        assert [one.size for one in kept(tmp_path)] == [1, 3]


def test_a_part_of_a_note_is_taken_away_where_nobody_writes_any_more(tmp_path: Path, keys: KeyFile) -> None:
    """The next start begins a segment, and with it a file: what a power cut left in the last ones would look
    like damage for ever."""
    seals = made(tmp_path, keys)
    assert seal(seals, 1, 1)
    seals.close()
    first, second = (tmp_path / "checkpoints" / f"journal-0-0000000{number}.checkpoints" for number in (1, 2))
    whole = first.read_bytes()
    first.write_bytes(whole + whole[: len(whole) // 2])
    second.write_bytes(whole[:20])
    seals = made(tmp_path, keys)
    assert seal(seals, 3, 1)
    seals.close()
    assert (first.read_bytes(), second.read_bytes()) == (whole, b"")
    assert [one.segment for one in kept(tmp_path)] == [1, 3]


def test_a_disk_that_is_full_leaves_no_part_of_a_note(
    tmp_path: Path, seals: Seals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, and tried again; the chain has no gap."""
    seal(seals, 1, 1)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, raw: write(fd, raw[:100]))
    assert not seal(seals, 1, 2)
    assert seals.failure is not None and seals.failure.endswith("checkpoints: the disk is full")
    monkeypatch.undo()
    assert [one.size for one in kept(tmp_path)] == [1]
    assert seal(seals, 1, 3) and seals.failure is None
    assert [one.size for one in kept(tmp_path)] == [1, 3]


def test_a_note_that_the_disk_did_not_take_does_not_count(
    tmp_path: Path, seals: Seals, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(seals, 1, 1)

    def refuse(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    assert not seal(seals, 1, 2)
    monkeypatch.undo()
    assert seal(seals, 1, 3)
    assert [one.size for one in kept(tmp_path)] == [1, 3]


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path, keys: KeyFile) -> None:
    (tmp_path / "checkpoints").write_bytes(b"")
    seals = made(tmp_path, keys)
    assert not seal(seals, 1, 1)
    assert seals.failure is not None and str(tmp_path / "checkpoints") in seals.failure
    (tmp_path / "checkpoints").unlink()
    assert seal(seals, 1, 1)
    seals.close()


def test_a_file_that_is_taken_away_is_missed_and_not_written_on(tmp_path: Path, seals: Seals) -> None:
    """The next goes where it can be seen, and names one that is not there."""
    seal(seals, 1, 1)
    (file,) = (tmp_path / "checkpoints").iterdir()
    first = file.read_bytes()[:-1]
    file.unlink()
    assert seal(seals, 1, 2)
    ((_, note),) = notes_in(file.read_bytes())
    assert read_checkpoint(read_note(note).text).previous == hash_of(first)
