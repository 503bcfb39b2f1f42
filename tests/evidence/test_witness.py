"""What the relay tells is in the journal, in order, or owed and told later."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcpgate.evidence import witness as module
from mcpgate.evidence.exchanges import Outcome, call_facts, caller_facts, close_line, open_line
from mcpgate.evidence.journal import Journal, JournalError
from mcpgate.evidence.witness import Witness


class FailingJournal(Journal):
    """A journal whose disk can be filled and emptied."""

    full = False
    room = 1000
    pieces = 0

    def append(self, lines: bytes) -> None:
        if self.full or not self.room:
            raise JournalError("the disk is full")
        self.room -= 1
        self.pieces += 1
        super().append(lines)


@pytest.fixture
def journal(tmp_path: Path) -> FailingJournal:
    return FailingJournal(tmp_path)


def lines(journal: Journal) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.path.read_bytes().splitlines()]


def opened(witness: Witness, id: str) -> bool:
    line = open_line(
        id,
        time=witness.stamp(),
        inbound="h-0",
        outbound=None,
        caller=caller_facts(None, listener="public", route=None, upstream=None, http="POST"),
        call=call_facts(None, None, None),
    )
    witness.tell(line)
    return witness.settle()


def closed(witness: Witness, id: str) -> None:
    line = close_line(
        id,
        time=witness.stamp(),
        inbound="h-0",
        outbound=None,
        outcome=Outcome.COMPLETED,
        status=200,
        refusal=None,
        bytes_in=0,
        bytes_out=0,
        seconds=0.0,
        waited=None,
    )
    witness.tell(line)


def test_the_lines_of_a_turn_are_written_in_one_piece_at_its_end(journal: FailingJournal) -> None:
    """With one time; what must be there earlier is asked for, and nothing overtakes it."""
    soon: list[Callable[[], object]] = []
    times = iter([1.0, 2.0])
    witness = Witness(journal, lambda: next(times), soon=soon.append)
    for id in ("x-1", "x-2"):
        closed(witness, id)
    assert lines(journal) == [] and len(soon) == 1
    assert opened(witness, "x-3")
    assert journal.pieces == 1
    assert [line["id"] for line in lines(journal)] == ["x-1", "x-2", "x-3"]
    assert len({line["time"] for line in lines(journal)}) == 1
    closed(witness, "x-4")
    soon.pop()()
    assert [line["id"] for line in lines(journal)] == ["x-1", "x-2", "x-3", "x-4"]
    closed(witness, "x-5")
    soon.pop()()
    assert lines(journal)[-1]["time"].endswith("00:00:02.000000Z")


def test_what_is_owed_is_written_as_far_as_there_is_room(
    journal: FailingJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Piece by piece: a disk with a little room is used, and the order stays."""
    monkeypatch.setattr(module, "BATCH", 2)
    witness = Witness(journal, lambda: 0.0)
    journal.full = True
    for number in range(5):
        closed(witness, f"x-{number}")
    journal.full, journal.room = False, 1
    assert not witness.settle()
    assert [line["id"] for line in lines(journal)] == ["x-0", "x-1"]
    journal.room = 9
    assert witness.settle()
    assert [line["id"] for line in lines(journal)] == [f"x-{number}" for number in range(5)]


def test_what_is_told_is_written_in_order(journal: FailingJournal) -> None:
    """With the time of the wall, and an id that the caller may name."""
    witness = Witness(journal, lambda: 0.0)
    id = witness.handshake(leg="inbound", where="public", peer="a:1", local="b:2")
    assert opened(witness, "x-1")
    closed(witness, "x-1")
    written = lines(journal)
    assert [line["type"] for line in written] == ["handshake", "open", "close"]
    assert written[0]["id"] == id
    assert written[0]["time"].startswith("1970-01-01T00:00:00")
    assert witness.failure is None


def test_what_cannot_be_written_is_owed_and_nothing_is_opened_meanwhile(journal: FailingJournal) -> None:
    """Nothing is lost, and nothing overtakes."""
    witness = Witness(journal, lambda: 0.0)
    journal.full = True
    assert not opened(witness, "x-1")
    closed(witness, "x-1")
    assert witness.failure == "the disk is full"
    assert lines(journal) == []
    journal.full = False
    assert opened(witness, "x-2")
    assert [line["id"] for line in lines(journal)] == ["x-1", "x-1", "x-2"]
    assert witness.failure is None


def test_the_debt_is_bounded_and_what_is_dropped_is_counted(
    journal: FailingJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of refusals on a full disk does not fill the memory."""
    monkeypatch.setattr(module, "OWED_MOST", 3)
    witness = Witness(journal, lambda: 0.0)
    journal.full = True
    for number in range(5):
        closed(witness, f"x-{number}")
    assert witness.dropped == 2
    journal.full = False
    witness.close()
    assert [line["id"] for line in lines(journal)] == ["x-0", "x-1", "x-2"]
