"""Counting: limits hold over processes and windows, and what cannot be counted does not pass."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.budgets import file as file_module
from mcpgate.budgets import ledger as ledger_module
from mcpgate.budgets.file import NAME, SETS, WAYS
from mcpgate.budgets.ledger import Ledger, Taken
from mcpgate.config.tables.policy import BudgetTable
from mcpgate.policy.budgets import SECOND, Budget, compile_budgets
from mcpgate.reasons import Reason, Refusal


class Clock:
    """Nanoseconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 1000 * SECOND

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def begin(tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Ledger]]:
    """Ledgers on one file: each is what one worker has."""
    begun: list[Ledger] = []

    def begin() -> Ledger:
        begun.append(Ledger(tmp_path, clock))
        assert begun[-1].begin()
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def budget(**keys: Any) -> Budget:
    (compiled,) = compile_budgets([BudgetTable(name="b", **keys)])
    return compiled


def taken(found: Taken | Refusal) -> Taken:
    assert isinstance(found, Taken), found
    return found


def refused(found: Taken | Refusal) -> Refusal:
    assert isinstance(found, Refusal), found
    return found


Begin = Callable[[], Ledger]


def test_a_limit_of_calls_is_one_limit_for_all_workers(begin: Begin) -> None:
    """Whoever takes them; each key has its own."""
    one, other, three = begin(), begin(), budget(calls=3)
    for ledger in (one, other, one):
        taken(ledger.take(three, ("k",), 0))
    refusal = refused(other.take(three, ("k",), 0))
    assert (refusal.reason, refusal.detail) == (Reason.POLICY_BUDGET, "b: 3 calls in 60 s are used up")
    taken(other.take(three, ("another",), 0))
    assert (one.refused, other.refused) == ({}, {"b": 1})


def test_whoever_waits_as_long_as_told_may_call_again(begin: Begin, clock: Clock) -> None:
    """A refused call does not count, or trying would keep one out for ever."""
    ledger, two = begin(), budget(calls=2)
    taken(ledger.take(two, ("k",), 0))
    clock.advance(30)
    taken(ledger.take(two, ("k",), 0))
    for _ in range(5):
        refusal = refused(ledger.take(two, ("k",), 0))
    assert 30 <= refusal.retry_after <= 38
    clock.advance(refusal.retry_after)
    taken(ledger.take(two, ("k",), 0))
    refused(ledger.take(two, ("k",), 0))


def test_bytes_of_requests_and_answers_are_used_up(begin: Begin, clock: Clock) -> None:
    """The call that goes beyond is finished; the next one waits."""
    ledger, other, small = begin(), begin(), budget(bytes=1000)
    call = taken(ledger.take(small, ("k",), 100))
    other.charge(call, 5000)
    refusal = refused(ledger.take(small, ("k",), 1))
    assert refusal.reason is Reason.POLICY_BUDGET
    assert "1000 bytes in 60 s" in refusal.detail
    clock.advance(refusal.retry_after)
    taken(ledger.take(small, ("k",), 1000))
    # What never fits is not told to try again.
    assert refused(ledger.take(small, ("k",), 1001)).retry_after == 0


def test_what_is_part_of_a_call_counts_by_its_bytes_alone(begin: Begin) -> None:
    """As the result of a task does: it is no call, and none that runs."""
    ledger, few = begin(), budget(calls=1, bytes=1000, concurrent=1)
    call = taken(ledger.take(few, ("k",), 1))
    part = taken(ledger.take(few, ("k",), 1, calls=0))
    ledger.charge(part, 997)
    ledger.end(part)
    assert refused(ledger.take(few, ("k",), 2, calls=0)).reason is Reason.POLICY_BUDGET
    ledger.undo(taken(ledger.take(few, ("k",), 1, calls=0)), 1)
    assert "1 calls" in refused(ledger.take(few, ("k",), 0)).detail
    ledger.end(call)
    assert ledger._file is not None and ledger._file.running(call.slot) == 0


def test_concurrent_calls_are_given_back_at_their_end(begin: Begin) -> None:
    """By whichever worker they run; a budget for them counts no window."""
    one, other, two = begin(), begin(), budget(concurrent=2)
    first, second = taken(one.take(two, ("k",), 0)), taken(other.take(two, ("k",), 0))
    refusal = refused(one.take(two, ("k",), 0))
    assert (refusal.reason, refusal.retry_after) == (Reason.POLICY_CONCURRENT, 0)
    assert refusal.detail == "b: 2 calls run already"
    one.end(first)
    taken(other.take(two, ("k",), 0))
    other.end(second)
    taken(one.take(two, ("k",), 0))


def test_the_calls_of_a_process_that_is_gone_are_given_back(begin: Begin) -> None:
    """As soon as they would keep another one out."""
    one, other, two = begin(), begin(), budget(concurrent=2)
    for _ in range(2):
        taken(other.take(two, ("k",), 0))
    refused(one.take(two, ("k",), 0))
    other.close()
    taken(one.take(two, ("k",), 0))


def test_what_was_used_outlives_those_who_counted(begin: Begin) -> None:
    """A worker's restart frees no window."""
    first, two = begin(), budget(calls=2)
    for _ in range(2):
        taken(first.take(two, ("k",), 0))
    first.close()
    refused(begin().take(two, ("k",), 0))


def test_what_another_budget_refuses_is_given_back(begin: Begin) -> None:
    """The call was not made."""
    ledger, both = begin(), budget(calls=1, bytes=1000, concurrent=1)
    ledger.undo(taken(ledger.take(both, ("k",), 900)), 900)
    again = taken(ledger.take(both, ("k",), 900))
    refused(ledger.take(both, ("k",), 900))
    ledger.end(again)
    assert refused(ledger.take(both, ("k",), 900)).reason is Reason.POLICY_BUDGET


def test_what_is_given_back_goes_to_its_part_of_the_window(begin: Begin, clock: Clock) -> None:
    """Others may have counted in later ones by then; and when it is over, there is nothing to give."""
    ledger, two = begin(), budget(calls=2)
    call = taken(ledger.take(two, ("k",), 0))
    clock.advance(30)
    taken(ledger.take(two, ("k",), 0))
    ledger.undo(call, 0)
    taken(ledger.take(two, ("k",), 0))
    clock.advance(45)
    refused(ledger.take(two, ("k",), 0))
    clock.advance(600)
    for _ in range(2):
        taken(ledger.take(two, ("k",), 0))
    ledger.undo(call, 0)
    refused(ledger.take(two, ("k",), 0))


def test_a_budget_that_only_records_lets_everything_pass(begin: Begin) -> None:
    """And tells what it would have refused; it counts what passes."""
    ledger, watching = begin(), budget(calls=1, concurrent=1, shadow=True)
    assert taken(ledger.take(watching, ("k",), 0)).over is None
    beyond = taken(ledger.take(watching, ("k",), 0))
    assert beyond.over is not None and beyond.over.reason is Reason.POLICY_BUDGET
    assert ledger.refused == {"b": 1}


def test_a_limit_that_was_changed_counts_at_once(begin: Begin) -> None:
    """What was used stays used."""
    ledger = begin()
    for _ in range(3):
        taken(ledger.take(budget(calls=5), ("k",), 0))
    refused(ledger.take(budget(calls=3), ("k",), 0))


# What keeps from counting.


def test_without_its_file_everything_is_refused(tmp_path: Path) -> None:
    """And said once; it goes on when the file can be had."""
    state = tmp_path / "state"
    ledger = Ledger(state)
    assert not ledger.begin()
    assert ledger.failure is not None and "No such file" in ledger.failure
    assert refused(ledger.take(budget(calls=9), ("k",), 0)).detail == "b: it cannot be counted"
    state.mkdir()
    assert ledger.begin() and ledger.failure is None
    call = taken(ledger.take(budget(calls=9), ("k",), 0))
    ledger.close()
    # What ends later finds nothing to count in any more.
    ledger.charge(call, 1)
    ledger.end(call)
    ledger.undo(call, 1)


def test_a_count_that_is_not_to_be_had_in_time_is_a_refusal(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody was stopped in the middle of it."""
    monkeypatch.setattr(file_module, "LOCK_MOST", 0.01)
    one, other, many = begin(), begin(), budget(calls=99, bytes=1000)
    call = taken(one.take(many, ("k",), 0))
    number = int.from_bytes(call.key[:4], "little") % SETS
    assert other._file is not None and other._file.lock(number)
    refusal = refused(one.take(many, ("k",), 0))
    assert (refusal.reason, refusal.retry_after) == (Reason.POLICY_BUDGET, 1)
    # What an answer took is not lost meanwhile.
    one.charge(call, 1000)
    other._file.unlock(number)
    taken(other.take(many, ("k",), 1))
    refused(one.take(many, ("k",), 1))


def test_what_is_owed_is_bounded(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is never had must not fill the memory."""
    monkeypatch.setattr(file_module, "LOCK_MOST", 0.0)
    monkeypatch.setattr(ledger_module, "OWED_MOST", 3)
    one, other, many = begin(), begin(), budget(calls=99, bytes=1000)
    call = taken(one.take(many, ("k",), 0))
    number = int.from_bytes(call.key[:4], "little") % SETS
    assert other._file is not None and other._file.lock(number)
    for _ in range(5):
        one.charge(call, 100)
    other._file.unlock(number)
    taken(one.take(many, ("k",), 0))
    taken(one.take(many, ("k",), 700))
    refused(one.take(many, ("k",), 1))


@pytest.fixture
def one_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """All keys have their place in one set."""
    monkeypatch.setattr(ledger_module, "SETS", 1)


@pytest.mark.usefixtures("one_set")
def test_when_there_is_no_room_the_oldest_count_makes_some(begin: Begin, clock: Clock) -> None:
    """Those that are over first, without a word; then the oldest, which status shows."""
    ledger, one = begin(), budget(calls=1)
    for number in range(WAYS):
        taken(ledger.take(one, (f"k{number}",), 0))
        clock.advance(1)
    taken(ledger.take(one, ("new",), 0))
    assert ledger.forgotten == 1
    refused(ledger.take(one, ("k1",), 0))
    refused(ledger.take(one, ("new",), 0))
    clock.advance(120)
    taken(ledger.take(one, ("newer",), 0))
    assert ledger.forgotten == 1


@pytest.mark.usefixtures("one_set")
def test_a_count_with_running_calls_makes_no_room(begin: Begin) -> None:
    """Or more would run than may; when all have some, the call is refused."""
    ledger, other, two = begin(), begin(), budget(concurrent=2)
    calls = [taken(other.take(two, (f"k{number}",), 0)) for number in range(WAYS)]
    refusal = refused(ledger.take(two, ("new",), 0))
    assert (refusal.reason, refusal.detail) == (Reason.POLICY_BUDGET, "b: there is no room for another count")
    other.end(calls[3])
    running = taken(ledger.take(two, ("new",), 0))
    assert running.slot == calls[3].slot
    other.close()
    # The dead one's are no calls any more.
    taken(ledger.take(two, ("newer",), 0))


@pytest.mark.usefixtures("one_set")
def test_refused_calls_make_nobody_forgotten(begin: Begin) -> None:
    """Or whoever has used up one budget would call by ever new names until its count there is forgotten."""
    ledger, all_calls = begin(), budget(calls=1)
    (by_tool,) = compile_budgets([BudgetTable(name="a", calls=10, bytes=100, concurrent=1, window=86400.0)])
    taken(ledger.take(all_calls, ("me",), 0))
    for number in range(4 * WAYS):
        # Another budget refuses the call; or this one does.
        other = taken(ledger.take(by_tool, ("tool", number), 0))
        refused(ledger.take(all_calls, ("me",), 0))
        ledger.undo(other, 0)
        refused(ledger.take(by_tool, ("large", number), 101))
    assert ledger.forgotten == 0
    # What was given back in part still counts, and what is taken again does.
    one, two = taken(ledger.take(by_tool, ("tool", 1), 1)), budget(calls=2)
    ledger.end(one)
    first, second = taken(ledger.take(two, ("k",), 0)), taken(ledger.take(two, ("k",), 0))
    ledger.undo(second, 0)
    taken(ledger.take(two, ("k",), 0))
    for number in range(4 * WAYS):
        ledger.undo(taken(ledger.take(by_tool, ("more", number), 0)), 0)
    refused(ledger.take(two, ("k",), 0))
    assert first.slot == second.slot and ledger.forgotten == 0


@pytest.mark.usefixtures("one_set")
def test_an_answer_is_charged_also_when_its_count_was_forgotten(begin: Begin, clock: Clock) -> None:
    """As far as anybody can tell by then."""
    ledger, one = begin(), budget(bytes=1000)
    call = taken(ledger.take(one, ("first",), 0))
    for number in range(WAYS):
        clock.advance(1)
        taken(ledger.take(one, (f"k{number}",), 0))
    ledger.charge(call, 1000)
    refused(ledger.take(one, ("first",), 1))


# Facts.


def test_status_counts_the_keys_that_are_in_use(begin: Begin, clock: Clock) -> None:
    """Of each budget, until their windows are over."""
    ledger = begin()
    both = compile_budgets([BudgetTable(name=name, calls=9) for name in ("a", "b")])
    for key in ("a1", "a2", "a2"):
        taken(ledger.take(both[0], key, 0))
    taken(ledger.take(both[1], ("b1",), 0))
    assert ledger.keys(both) == {"a": 2, "b": 1}
    clock.advance(80)
    assert ledger.keys(both) == {"a": 0, "b": 0}


def test_no_name_is_in_the_file(begin: Begin, tmp_path: Path) -> None:
    """It holds digests with a key of its own."""
    ledger = begin()
    taken(ledger.take(budget(calls=9), ("somebody@example.com",), 0))
    raw = (tmp_path / NAME).read_bytes()
    assert b"somebody" not in raw
    assert ledger._file is not None and raw.count(ledger._file.salt) == 1


# All of it at once.


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 900)), max_size=80), st.integers(1, 4))
def test_no_window_holds_more_calls_than_the_limit(steps: list[tuple[int, int]], limit: int) -> None:
    """Whatever worker takes them, and whenever; one of them is replaced now and then."""
    clock, passed = Clock(), []
    one = budget(calls=limit, window=1.0)
    with tempfile.TemporaryDirectory() as directory:
        ledgers = [Ledger(Path(directory), clock) for _ in range(2)]
        for ledger in ledgers:
            ledger.begin()
        for who, milliseconds in steps:
            clock.advance(milliseconds / 1000)
            if who == 2:
                ledgers[0].close()
                ledgers[0] = Ledger(Path(directory), clock)
                ledgers[0].begin()
            elif isinstance(ledgers[who].take(one, ("k",), 0), Taken):
                passed.append(clock.now)
        for ledger in ledgers:
            ledger.close()
    for begin in passed:
        assert sum(begin <= time < begin + SECOND for time in passed) <= limit


WORKER = """
import json, pathlib, sys
from mcpgate.budgets.ledger import Ledger, Taken
from mcpgate.config.tables.policy import BudgetTable
from mcpgate.policy.budgets import compile_budgets
(calls, running) = compile_budgets(
    [BudgetTable(name="calls", calls=500, window=3600.0), BudgetTable(name="running", concurrent=100)])
ledger = Ledger(pathlib.Path(sys.argv[1]))
ledger.begin()
sys.stdin.readline()
passed = sum(isinstance(ledger.take(calls, ("k",), 0), Taken) for _ in range(1000))
runs = sum(isinstance(ledger.take(running, ("r",), 0), Taken) for _ in range(200))
print(json.dumps([passed, runs]), flush=True)
sys.stdin.readline()
"""


def test_processes_that_take_at_the_same_time_never_take_more_than_there_is(tmp_path: Path) -> None:
    """Three of them as fast as they can; and exactly so much is taken."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    try:
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        results = [json.loads(worker.stdout.readline()) for worker in workers if worker.stdout is not None]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    assert sum(passed for passed, _ in results) == 500
    assert sum(runs for _, runs in results) == 100
