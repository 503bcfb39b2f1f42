"""Filling the index: whatever happens meanwhile, what is in it in the end is what the journal says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mcpgate.evidence.reading import Follower, segments
from mcpgate.evidence.record import timestamp
from mcpgate.index import filling
from mcpgate.index.filling import PAUSE, RETRY, Filler
from mcpgate.index.store import Store, StoreError, Turn, UnfitError
from tests.evidence.made import BEGIN, Made, make_journal, said
from tests.index.conftest import Kept
from tests.index.truth import agree, truth_of
from tests.waiting import eventually

ALWAYS = 1e10


def filler(
    made: Made, kept: Kept, *, batch: int = 97, keep: float = ALWAYS, **more: Callable[[], float]
) -> Filler:
    return Filler(made.directory, None, kept.opened, keep=keep, batch=batch, **more)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A journal of two workers, in several segments."""
    return make_journal(
        tmp_path / "journal", workers=2, exchanges=200, segment=100, compress=True, unfinished=3
    )


@pytest.mark.parametrize("batch", [3, 5000])
def test_the_index_is_what_the_journal_says(made: Made, kept: Kept, batch: int) -> None:
    """However many lines are put in at once, and although an exchange's lines come apart."""
    one = filler(made, kept, batch=batch)
    one.whole()
    agree(truth_of(made.directory), kept.asked)
    assert (one.freshness.lines, one.freshness.faulty) == (made.lines, 0)
    assert (one.freshness.behind, one.freshness.trouble, one.freshness.skips) == (0, None, 0)
    assert one.freshness.last == pytest.approx(made.end, abs=60)
    one.close()


def test_another_goes_on_where_one_has_stopped(made: Made, kept: Kept) -> None:
    """Nothing is put in twice, and nothing that came meanwhile is missing."""
    first = filler(made, kept)
    for _ in range(4):
        first.step()
    first.close()
    second = filler(made, kept)
    second.whole()
    assert second.freshness.lines == made.lines - first.freshness.lines
    agree(truth_of(made.directory), kept.asked)
    second.close()


def test_what_is_added_is_put_in(made: Made, kept: Kept) -> None:
    """Whenever it comes; and it says how far it is behind until then."""
    one = filler(made, kept)
    one.whole()
    last = segments(made.directory)[-1].path
    with last.open("ab") as file:
        file.write(said("gap", "q-1", timestamp(made.end + 60), exchanges=3))
    assert one.step() == 1
    agree(truth_of(made.directory), kept.asked)
    one.close()


def test_two_who_fill_from_one_journal_fill_it_once(made: Made, kept: Kept) -> None:
    """As when somebody calls the command while the gate does it, too."""
    fillers = [filler(made, kept, batch=61) for _ in range(2)]
    while sum(one.step() for one in fillers):
        pass
    agree(truth_of(made.directory), kept.asked)
    threads = [threading.Thread(target=one.whole) for one in fillers]
    fillers[0].rebuild()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    agree(truth_of(made.directory), kept.asked)
    for one in fillers:
        one.close()


def test_it_can_be_made_anew(made: Made, kept: Kept) -> None:
    """From the journal's beginning; of another gate nothing is touched."""
    other = make_journal(made.directory.parent / "other", gate="gate-other", exchanges=20)
    for each in (made, other):
        each_one = filler(each, kept)
        each_one.whole()
        each_one.close()
    one = filler(made, kept)
    one.rebuild()
    assert kept.index.gates() == ("gate-other",)
    one.whole()
    assert kept.index.gates() == ("gate-made", "gate-other")
    agree(truth_of(made.directory, other.directory), kept.asked)
    one.close()


class Fails:
    """A database that is down, until it is not."""

    def __init__(self, opened: Callable[[], Store]) -> None:
        self.down = True
        self._opened = opened

    def __call__(self) -> Store:
        if self.down:
            raise StoreError("the database is down")
        return self._opened()


def test_a_database_that_is_down_costs_freshness(made: Made, sqlite: Kept) -> None:
    """It is tried again, ever more rarely; why it does not get on is said, and gone when it does."""
    opened, stop, waited = Fails(sqlite.opened), threading.Event(), list[float]()
    one = Filler(made.directory, None, opened, keep=ALWAYS)

    def wait(seconds: float) -> None:
        waited.append(seconds)
        assert (one.freshness.trouble == "the database is down") == opened.down
        opened.down = len(waited) < 7
        if seconds == PAUSE:
            stop.set()

    one.run(stop, wait=wait)
    assert waited == [RETRY, 2, 4, 8, 16, 30, 30, PAUSE]
    agree(truth_of(made.directory), sqlite.asked)


@contextmanager
def breaking(store: Store, *, at: int) -> Iterator[None]:
    """Have a store break in one of its next turns, just before that is kept."""
    turns = iter(range(at + 1))
    original = store.turn

    @contextmanager
    def turn(gate: str) -> Iterator[Turn]:
        with original(gate) as one:
            yield one
            if next(turns, None) == at:
                raise StoreError("the connection is lost")

    store.turn = turn  # type: ignore[method-assign]
    yield
    store.turn = original  # type: ignore[method-assign]


@pytest.mark.parametrize("at", [1, 3])
def test_a_turn_that_breaks_off_leaves_nothing(made: Made, kept: Kept, at: int) -> None:
    """So it is done again, whole."""
    store = kept.opened()
    one = Filler(made.directory, None, lambda: store, keep=ALWAYS, batch=100)
    with breaking(store, at=at), pytest.raises(StoreError, match="lost"):
        one.whole()
    store.close()
    assert one.freshness.trouble == "the connection is lost"
    again = filler(made, kept)
    again.whole()
    agree(truth_of(made.directory), kept.asked)
    again.close()


def test_lines_that_do_not_fit_are_counted_and_named(made: Made, kept: Kept) -> None:
    """They keep nobody from the others."""
    last = segments(made.directory)[-1]
    with last.path.open("ab") as file:
        file.write(
            b"nothing of the kind\n" + b'{"v":99,"type":"open"}\n' + said("gap", "q-1", timestamp(BEGIN))
        )
    one = filler(made, kept)
    one.whole()
    assert (one.freshness.lines, one.freshness.faulty) == (made.lines + 3, 2)
    faults = kept.index.faults()
    assert len(faults) == 2 and {fault.segment for fault in faults} == {last.number}
    assert "version 99" in faults[1].why
    assert [event.id for event in kept.index.events("gap").rows] == ["q-1"]
    assert sum(filled.faulty for filled in kept.index.filled()) == 2
    one.close()


def test_rows_that_the_database_does_not_take_are_found(
    made: Made, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By halves; all others of their batch are put in."""
    put = Turn.put
    bad = sorted(truth_of(made.directory).opened)[5:7]

    def picky(self: Turn, table: object, rows: object) -> None:
        found = list(rows)  # type: ignore[call-overload]
        if any(row.get("id") in bad for row in found):
            raise UnfitError("not this one")
        put(self, table, found)  # type: ignore[arg-type]

    monkeypatch.setattr(Turn, "put", picky)
    one = filler(made, kept, batch=200)
    one.whole()
    truth = truth_of(made.directory)
    assert one.freshness.faulty == 4 and one.freshness.lines == made.lines
    assert {fault.why for fault in kept.index.faults()} == {"not this one"}
    for id in bad:
        del truth.opened[id], truth.closed[id]
    agree(truth, kept.asked)
    one.close()


def test_rows_that_are_not_taken_together_do_not_stop_it(
    made: Made, sqlite: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are all given up, rather than tried for ever."""
    put = Turn.put

    def picky(self: Turn, table: object, rows: object) -> None:
        found = list(rows)  # type: ignore[call-overload]
        if sum("method" in row for row in found) > 1:
            raise UnfitError("not together")
        put(self, table, found)  # type: ignore[arg-type]

    monkeypatch.setattr(Turn, "put", picky)
    one = filler(made, sqlite, batch=50)
    one.whole()
    assert one.freshness.lines == made.lines and one.freshness.faulty > made.lines // 2
    one.close()


def test_what_is_too_old_is_removed(made: Made, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is old when it is read is not put in; connections that are still in use stay."""
    monkeypatch.setattr(filling, "PRUNED", 50)
    now = [made.end]
    one = filler(made, kept, keep=made.end - BEGIN + 60, clock=lambda: now[0])
    one.whole()
    agree(truth_of(made.directory), kept.asked)
    half = (BEGIN + made.end) / 2
    now[0] = made.end + (half - BEGIN) + 60
    one.step()
    ((first, exchanges),) = kept.asked.ask("SELECT MIN(time), COUNT(*) FROM exchange")
    assert int(first or 0) / 1e6 >= half and 0 < int(exchanges or 0) < 150
    legs = "SELECT inbound FROM exchange UNION SELECT outbound FROM exchange"
    ((missing,),) = kept.asked.ask(
        f"SELECT COUNT(*) FROM ({legs}) AS legs WHERE inbound IS NOT NULL "
        "AND inbound NOT IN (SELECT id FROM handshake)"
    )
    assert missing == 0
    # Of those that had begun before, only the end is put in.
    whole = "SELECT COUNT(*) FROM exchange WHERE segment IS NOT NULL"
    before = kept.asked.ask(whole)
    one.rebuild()
    one.whole()
    assert kept.asked.ask(whole) == before
    now[0] += 1e6
    one.step()
    for table in ("exchange", "handshake", "session", "traffic", "calls", "refusal"):
        assert kept.asked.ask(f"SELECT COUNT(*) FROM {table}") == [(0,)], table
    # Until there is another one, it is the one that is in force.
    assert {event.type for event in kept.index.events().rows} == {"generation"}
    one.close()


def test_a_thread_fills_it_until_it_is_told_to_stop(made: Made, sqlite: Kept) -> None:
    """It is there soon after it was written, and the thread ends at once."""
    stop = threading.Event()
    one = filler(made, sqlite)
    thread = threading.Thread(target=one.run, args=(stop,))
    thread.start()
    eventually(lambda: one.freshness.lines == made.lines, "all of it is in the index")
    stop.set()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert one.freshness.lag(made.end + 60) == 0.0


def test_a_defect_is_said_and_does_not_end_it(
    made: Made, sqlite: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that had ended would look like an index that is up to date."""
    one, stop, told = filler(made, sqlite), threading.Event(), list[str | None]()

    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    def wait(seconds: float) -> None:
        told.append(one.freshness.trouble)
        monkeypatch.undo()
        if seconds == PAUSE:
            stop.set()

    monkeypatch.setattr(Turn, "touch", broken)
    one.run(stop, wait=wait)
    assert told == ["ZeroDivisionError: by nought", None]
    agree(truth_of(made.directory), sqlite.asked)


def test_a_journal_that_cannot_be_read_is_said(tmp_path: Path, sqlite: Kept) -> None:
    """And read on when it can; one that is not there yet is empty."""
    one = Filler(tmp_path / "later", None, sqlite.opened, keep=ALWAYS)
    assert one.step() == 0
    made = make_journal(tmp_path / "later", gate="gate", exchanges=3)
    assert Follower(made.directory).behind() > 0
    one.whole()
    assert one.freshness.lines == made.lines
    one.close()
