"""What the relay tells is in the journal, in order, or owed and told later."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcpgate.evidence import commits
from mcpgate.evidence import witness as module
from mcpgate.evidence.exchanges import Outcome, call_facts, caller_facts, close_line, open_line
from mcpgate.evidence.journal import Journal, JournalError
from mcpgate.evidence.record import LINE_MOST
from mcpgate.evidence.terms import JournalTerms
from mcpgate.evidence.witness import PLACE_SIZE, Witness
from mcpgate.reasons import Reason
from tests.evidence.chained import told
from tests.waiting import eventually


class FailingJournal(Journal):
    """A journal whose disk can be filled and emptied."""

    full = False
    room = 1000
    pieces = 0

    def append(self, lines: Any) -> None:
        if self.full or not self.room:
            raise JournalError("the disk is full")
        self.room -= 1
        self.pieces += 1
        super().append(lines)


@pytest.fixture
def journal(tmp_path: Path) -> FailingJournal:
    return FailingJournal(tmp_path)


def lines(journal: Journal) -> list[dict[str, Any]]:
    return [line for line in told(journal.directory) if line["type"] != "repair"]


def ids(journal: Journal) -> list[str]:
    return [line["id"] for line in lines(journal)]


def open_of(witness: Witness, id: str) -> bytes:
    return open_line(
        id,
        time=witness.stamp(),
        inbound="h-0",
        outbound=None,
        caller=caller_facts(None, listener="public", route=None, upstream=None, http="POST"),
        call=call_facts(None, None, None),
    )


def opened(witness: Witness, id: str) -> bool:
    return witness.kept(witness.tell(open_of(witness, id)))


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
    assert ids(journal) == ["x-1", "x-2", "x-3"]
    assert len({line["time"] for line in lines(journal)}) == 1
    closed(witness, "x-4")
    soon.pop()()
    assert ids(journal) == ["x-1", "x-2", "x-3", "x-4"]
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
    journal.full, journal.room = False, 2
    assert not witness.settle()
    assert ids(journal) == ["x-0", "x-1", "x-2"]
    journal.room = 9
    assert witness.settle()
    assert ids(journal) == [f"x-{number}" for number in range(5)]


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
    """Nothing is lost, so there is no gap to tell of, and nothing overtakes."""
    witness = Witness(journal, lambda: 0.0)
    journal.full = True
    assert not opened(witness, "x-1")
    closed(witness, "x-1")
    assert witness.failure == "the disk is full"
    assert (witness.facts()["owed"], witness.facts()["failing_since"][:4]) == (2, "1970")
    assert lines(journal) == []
    journal.full = False
    assert opened(witness, "x-2")
    assert ids(journal) == ["x-1", "x-1", "x-2"]
    assert (witness.failure, witness.facts()["failing_since"]) == (None, None)


def test_the_debt_is_bounded_and_what_is_dropped_is_counted_and_told(
    journal: FailingJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of refusals on a full disk does not fill the memory, and is not forgotten."""
    monkeypatch.setattr(module, "OWED_MOST", 3)
    times = iter(range(100))
    witness = Witness(journal, lambda: float(next(times)))
    journal.full = True
    for number in range(5):
        closed(witness, f"x-{number}")
    assert witness.facts()["dropped"] == 2
    journal.full = False
    witness.close()
    *owed, gap = lines(journal)
    assert [line["id"] for line in owed] == ["x-0", "x-1", "x-2"]
    assert (gap["type"], gap["exchanges"], gap["lines"], gap["why"]) == ("gap", 0, 2, "the disk is full")
    assert gap["since"] < gap["until"]


def test_a_journal_that_failed_is_tried_again_though_nothing_happens(journal: FailingJournal) -> None:
    witness = Witness(journal, lambda: 0.0)
    journal.full = True
    closed(witness, "x-1")
    witness.retry(0.0)
    assert witness.failure is not None
    journal.full = False
    witness.retry(0.5)
    assert (witness.failure, ids(journal)) == (None, ["x-1"])


def test_a_segment_that_is_gone_for_good_is_a_failure_until_another_one_can_begin(
    journal: FailingJournal,
) -> None:
    """Nothing need be owed for that."""
    witness = Witness(journal, lambda: 0.0)
    journal.path.unlink()
    blocking = journal.directory / "journal-0-00000002.jsonl"
    blocking.mkdir()
    witness.look()
    assert witness.failure is not None
    assert not opened(witness, "x-1")
    blocking.rmdir()
    witness.retry(0.0)
    assert witness.failure is None
    assert opened(witness, "x-2")


# Off the record, where the operator wants that.


def test_off_the_record_it_goes_on_and_the_journal_tells_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OWED_MOST", 3)
    journal = FailingJournal(tmp_path, terms=JournalTerms(unsafe=True))
    witness = Witness(journal, lambda: 0.0)
    assert opened(witness, "x-0")
    journal.full = True
    for number in range(1, 6):
        assert opened(witness, f"x-{number}")
    facts = witness.facts()
    assert (facts["unrecorded"], facts["dropped"], facts["owed"]) == (5, 2, 3)
    assert not witness.settle()
    journal.full = False
    assert opened(witness, "x-6")
    *rest, last = lines(journal)
    gaps = [line for line in [*rest, last] if line["type"] == "gap"]
    assert [(gap["exchanges"], gap["lines"]) for gap in gaps] == [(5, 2)]
    forwarded = [line["id"] for line in [*rest, last] if line["type"] == "open"]
    assert forwarded == ["x-0", "x-1", "x-2", "x-3", "x-6"]
    journal.full = True
    opened(witness, "x-7")
    journal.full = False
    witness.close()
    assert [gap["exchanges"] for gap in lines(journal) if gap["type"] == "gap"] == [5, 1]


# On the disk.


class Turns:
    """What a reactor does with what other threads want, when it is asked."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def back(self, call: Callable[[], None]) -> None:
        self.waiting.append(call)

    def run(self) -> None:
        eventually(lambda: self.waiting, "the thread is done")
        self.waiting.pop(0)()


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def durable(tmp_path: Path, turns: Turns) -> Witness:
    return Witness(FailingJournal(tmp_path, terms=JournalTerms(fsync=True)), lambda: 0.0, back=turns.back)


def ask(witness: Witness, id: str, answers: list[tuple[str, bool]]) -> None:
    """Open an exchange, and see whether it may be forwarded."""
    kept = witness.tell(open_of(witness, id))
    witness.when_kept(lambda: answers.append((id, witness.kept(kept))))


def test_nothing_is_forwarded_before_the_disk_has_it(
    durable: Witness, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes while the disk works waits for its next time, all together."""
    synced: list[list[str]] = []
    journal = durable.journal

    def sync(fd: int) -> None:
        synced.append(ids(journal))

    monkeypatch.setattr(commits.os, "fdatasync", sync)
    answers: list[tuple[str, bool]] = []
    ask(durable, "x-1", answers)
    assert answers == []
    eventually(lambda: turns.waiting, "the first commit")
    ask(durable, "x-2", answers)
    ask(durable, "x-3", answers)
    turns.run()
    assert answers == [("x-1", True)]
    assert len(synced) == 1
    turns.run()
    assert answers == [("x-1", True), ("x-2", True), ("x-3", True)]
    assert synced == [["x-1"], ["x-1", "x-2", "x-3"]] and turns.waiting == []
    durable.close()


def test_a_disk_that_fails_has_nothing_forwarded_until_it_can_again(
    durable: Witness, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another segment then: of this one nobody knows what the disk has."""

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    answers: list[tuple[str, bool]] = []
    with monkeypatch.context() as patched:
        patched.setattr(commits.os, "fdatasync", broken)
        ask(durable, "x-1", answers)
        turns.run()
        assert answers == [("x-1", False)]
        assert durable.failure is not None and "Input/output error" in durable.failure
    ask(durable, "x-2", answers)
    turns.run()
    assert answers[-1] == ("x-2", True)
    assert (durable.failure, durable.journal.segment) == (None, 2)
    durable.close()


def test_a_disk_that_is_full_is_not_waited_for(durable: Witness, turns: Turns) -> None:
    journal = durable.journal
    assert isinstance(journal, FailingJournal)
    journal.full = True
    answers: list[tuple[str, bool]] = []
    ask(durable, "x-1", answers)
    assert answers == [("x-1", False)] and turns.waiting == []
    journal.full = False
    durable.retry(0.0)
    turns.run()
    assert durable.failure is None
    durable.close()


def test_a_disk_that_does_not_answer_is_a_failure_until_it_does(
    durable: Witness, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    monkeypatch.setattr(commits.os, "fdatasync", held.append)
    answers: list[tuple[str, bool]] = []
    ask(durable, "x-1", answers)
    eventually(lambda: held, "the disk was asked")
    durable.retry(time.monotonic())
    assert answers == []
    durable.retry(time.monotonic() + commits.COMMIT_MOST)
    assert answers == [("x-1", False)]
    assert durable.failure is not None and "does not answer" in durable.failure
    ask(durable, "x-2", answers)
    assert answers[-1] == ("x-2", False)
    turns.run()
    assert durable.failure is None
    ask(durable, "x-3", answers)
    turns.run()
    assert answers[-1] == ("x-3", True)
    durable.close()


def test_who_cannot_wait_has_the_disk_at_once(durable: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for what is granted, or decided by a person."""
    synced: list[int] = []
    monkeypatch.setattr(commits.os, "fdatasync", synced.append)
    closed(durable, "x-1")
    assert durable.settle()
    assert len(synced) == 1
    durable.close()


def test_who_cannot_wait_does_not_wait_for_a_disk_that_does_not_answer(
    durable: Witness, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hold up everybody."""
    held: list[int] = []
    monkeypatch.setattr(commits.os, "fdatasync", held.append)
    ask(durable, "x-1", [])
    eventually(lambda: held, "the disk was asked")
    durable.retry(time.monotonic())
    durable.retry(time.monotonic() + commits.COMMIT_MOST)
    monkeypatch.setattr(durable.journal, "sync", lambda: pytest.fail("it waits"))
    assert not durable.settle()
    monkeypatch.undo()
    turns.run()
    assert durable.settle()
    durable.close()


def test_an_end_says_what_it_takes_along(journal: FailingJournal) -> None:
    """What was counted for the journal to tell is told in the log, as the journal never will."""
    witness = Witness(journal, lambda: 0.0)
    journal.terms = JournalTerms(unsafe=True)
    journal.full = True
    assert opened(witness, "x-1")
    told_of: list[tuple[int, int]] = []
    witness.log = Told(told_of)  # type: ignore[assignment]
    witness.close()
    assert told_of == [(1, 1)]


class Told:
    """Takes what a log is told."""

    def __init__(self, told_of: list[tuple[int, int]]) -> None:
        self._told = told_of

    def error(self, words: str, **facts: Any) -> None:
        self._told.append((facts["lines"], facts["exchanges"]))


def test_a_line_that_nobody_could_read_is_not_written_and_missed(journal: FailingJournal) -> None:
    """Verification would call it a forgery, and no reader would go on behind it."""
    witness = Witness(journal, lambda: 0.0)
    assert not witness.tell(b'{"v":2,"type":"open","x":"%b"}\n' % (b"x" * LINE_MOST))
    assert witness.tell(b'{"v":2,"type":"open","x":"%b"}\n' % (b"x" * (LINE_MOST - PLACE_SIZE - 30)))
    witness.close()
    gap, kept = lines(journal)
    assert (gap["type"], gap["lines"], gap["exchanges"]) == ("gap", 1, 0) and witness.dropped == 1
    assert max(map(len, journal.path.read_bytes().splitlines(keepends=True))) <= LINE_MOST


# Floods.


def test_what_was_counted_of_a_flood_is_told_in_one_line(journal: FailingJournal) -> None:
    witness = Witness(journal, lambda: 0.0)
    for number in range(100):
        witness.floods.whole("public", Reason.TLS_VERSION, f"192.0.2.{number % 3}:{number}", 1000.0)
    witness.tell_floods(1001.0)
    witness.tell_floods(1002.0)
    witness.close()
    (line,) = lines(journal)
    assert (line["type"], line["leg"], line["where"], line["reason"]) == (
        *("handshakes", "inbound", "public"), Reason.TLS_VERSION.value,
    )  # fmt: skip
    assert (line["count"], line["addresses"], line["seconds"]) == (90, 3, 1.0)
    assert line["example"].startswith("192.0.2.")
