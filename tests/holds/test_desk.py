"""A worker's desk: who is woken, and what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcpgate.evidence.journal import Journal
from mcpgate.evidence.witness import Witness
from mcpgate.holds.desk import Desk
from mcpgate.holds.held import Decision, Taken, Word
from mcpgate.holds.office import Office
from tests.evidence.chained import told
from tests.holds.test_docket import held
from tests.holds.test_office import done


class Waiter:
    woken_times = 0

    def woken(self) -> None:
        self.woken_times += 1


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def desk(office: Office, tmp_path: Path) -> Desk:
    return Desk(office, Witness(Journal(tmp_path), lambda: 0.0))


def records(directory: Path) -> list[Any]:
    return told(directory)


def result(deferred: Any) -> Any:
    found: list[Any] = []
    deferred.addBoth(found.append)
    return found[0]


def test_whoever_waits_is_woken_and_takes_it(desk: Desk, office: Office, tmp_path: Path) -> None:
    """Nobody else is; who has left is not there any more."""
    waiter, other = Waiter(), Waiter()
    assert result(desk.place(held(), waiter)) is None
    assert result(desk.place(held("w-2"), other)) is None
    done(office.approve("w-1", "alice (uid 1)", "fine"))
    assert (waiter.woken_times, other.woken_times) == (1, 0)
    assert result(desk.take("w-1", "p")) == Taken(True, Decision(Word.APPROVED, "alice (uid 1)", "fine"))
    desk.leave("w-2", other)
    desk.leave("w-2", other)
    assert done(desk.wake("w-2")) is False
    (record,) = records(tmp_path)
    assert {name: record[name] for name in ("type", "hold", "exchange", "decided", "by", "why")} == {
        "type": "decision",
        "hold": "w-1",
        "exchange": "x-1",
        "decided": "approved",
        "by": "alice (uid 1)",
        "why": "fine",
    }


def test_two_may_wait_for_one_word(desk: Desk) -> None:
    """A caller that came back twice: both are woken, and one of them takes it."""
    waiters = [Waiter(), Waiter()]
    desk.place(held(), waiters[0])
    desk.wait("w-1", waiters[1])
    assert done(desk.wake("w-1")) is True
    assert [waiter.woken_times for waiter in waiters] == [1, 1]
    desk.leave("w-1", waiters[0])
    assert done(desk.wake("w-1")) is True
    assert [waiter.woken_times for waiter in waiters] == [1, 2]


def test_a_user_who_declined_is_recorded(desk: Desk, office: Office, tmp_path: Path) -> None:
    """With the exchange by which the caller came back."""
    desk.place(held(returns=True), Waiter())
    desk.refused("w-1", "x-9")
    assert office.held() == {"held": []}
    (record,) = records(tmp_path)
    assert (record["exchange"], record["decided"], record["by"], record["why"]) == (
        "x-9",
        "withdrawn",
        "the caller",
        None,
    )


def test_what_is_withdrawn_or_cancelled_is_gone_from_the_office(desk: Desk, office: Office) -> None:
    """And its waiter hears of the latter."""
    waiter = Waiter()
    desk.place(held(), waiter)
    desk.place(held("w-2", request="2"), Waiter())
    desk.withdraw("w-2")
    desk.cancelled("token", "ci", "r", None, "1")
    assert waiter.woken_times == 1
    decision = result(desk.take("w-1", "p")).decision
    assert decision.word is Word.WITHDRAWN
    assert office.held() == {"held": []}
