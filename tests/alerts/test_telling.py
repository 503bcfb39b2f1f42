"""How alerts get to whoever is told: in order, one at a time, again and again, and never for ever."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mcpgate.alerts import telling
from mcpgate.alerts.sender import Message, NotTold
from mcpgate.alerts.telling import Teller, Telling
from mcpgate.alerts.terms import AlertTerms
from mcpgate.config.tables.alert import AlertTable
from tests.alerts.test_alert import ALERT

TABLE = AlertTable(name="ops", syslog="local")


class Somebody:
    """A sender whose messages arrive when the test says so."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.sent: list[Message] = []
        self.waiting: list[Deferred[None]] = []
        self.at_once = at_once
        self.stopped = False

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if not self.at_once:
            self.waiting.append(Deferred())
            await self.waiting[-1]

    def stop(self) -> None:
        self.stopped = True

    def arrives(self) -> None:
        """The oldest on its way."""
        self.waiting.pop(0).callback(None)

    def fails(self, error: Exception) -> None:
        """It did not arrive."""
        self.waiting.pop(0).errback(Failure(error))


def begun(**changes: Any) -> tuple[Clock, Somebody, Teller]:
    """A table, and somebody to tell."""
    clock, somebody = Clock(), Somebody(**changes)
    return clock, somebody, Teller(clock, AlertTerms(TABLE), somebody)


def different(count: int) -> list[Any]:
    """Alerts about different matters."""
    return [attrs.evolve(ALERT, key=str(number), sentence=f"no. {number}") for number in range(count)]


def test_one_is_on_its_way_at_a_time() -> None:
    """In their order."""
    _, somebody, teller = begun()
    for alert in different(3):
        teller.take(alert, 0.0)
    assert [message.alert.sentence for message in somebody.sent] == ["no. 0"]
    somebody.arrives()
    somebody.arrives()
    assert [message.alert.sentence for message in somebody.sent] == ["no. 0", "no. 1", "no. 2"]
    somebody.arrives()
    assert teller.facts() == {
        "name": "ops",
        "by": "syslog",
        "sent": 3,
        "waiting": 0,
        "failed": 0,
        "dropped": 0,
        "left_out": 0,
        "failure": None,
    }


def test_a_sender_that_is_done_at_once_is_no_trouble() -> None:
    """Each is sent, and the next one after it."""
    _, somebody, teller = begun(at_once=True)
    for alert in different(3):
        teller.take(alert, 0.0)
    assert len(somebody.sent) == teller.sent == 3


def test_what_did_not_arrive_is_sent_again_later_and_later() -> None:
    """As the same message, and before the next one."""
    clock, somebody, teller = begun()
    for alert in different(2):
        teller.take(alert, 0.0)
    for wait in (1, 2, 4, 8):
        somebody.fails(NotTold("it answered 503"))
        assert teller.facts()["failure"] == "it answered 503"
        clock.advance(wait - 0.5)
        assert somebody.waiting == []
        clock.advance(0.5)
        assert len(somebody.waiting) == 1
    assert {message.id for message in somebody.sent} == {somebody.sent[0].id}
    somebody.arrives()
    assert somebody.sent[-1].alert.sentence == "no. 1"
    assert teller.facts()["failure"] is None


def test_the_wait_has_a_bound() -> None:
    """Who comes back is told within minutes."""
    clock, somebody, teller = begun()
    teller.take(ALERT, 0.0)
    for _ in range(20):
        somebody.fails(NotTold("it answered 503"))
        clock.advance(telling.AGAIN_MOST)
    assert len(somebody.sent) == 21


def test_it_is_given_up_after_a_day() -> None:
    """What it said is in the log then."""
    clock, somebody, teller = begun()
    teller.take(ALERT, 0.0)
    clock.advance(telling.LASTS)
    somebody.fails(NotTold("it cannot be reached"))
    assert (teller.failed, len(teller._queue)) == (1, 0)


def test_what_is_refused_is_given_up_soon() -> None:
    """It would keep all others waiting."""
    clock, somebody, teller = begun()
    for alert in different(2):
        teller.take(alert, 0.0)
    for _ in range(telling.REFUSED_MOST):
        somebody.fails(NotTold("it answered 400", refused=True))
        clock.advance(100)
    assert teller.failed == 1
    assert somebody.sent[-1].alert.sentence == "no. 1"


def test_a_bug_of_ours_keeps_nobody_waiting_for_ever() -> None:
    """It is logged, and what it was about is given up like what is refused."""
    clock, somebody, teller = begun()
    teller.log.failure = lambda *_, **__: None  # type: ignore[method-assign]
    teller.take(ALERT, 0.0)
    for _ in range(telling.REFUSED_MOST):
        somebody.fails(ZeroDivisionError())
        clock.advance(100)
    assert teller.failed == 1


def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first are the causes: it is the later ones that go."""
    monkeypatch.setattr(telling, "WAITING_MOST", 2)
    _, _, teller = begun()
    for alert in different(4):
        teller.take(alert, 0.0)
    assert (teller.facts()["waiting"], teller.dropped) == (2, 2)


def test_nothing_is_left_when_it_stops() -> None:
    """Neither a timer nor a message on its way."""
    clock, somebody, teller = begun()
    teller.take(ALERT, 0.0)
    teller.stop()
    assert somebody.waiting[0].called and somebody.stopped
    assert teller.facts()["waiting"] == teller.failed == 0
    assert clock.getDelayedCalls() == []


def test_other_terms_are_tried_at_once() -> None:
    """What was wrong is perhaps mended. What was told is still known."""
    clock, first, teller = begun()
    for alert in different(2):
        teller.take(alert, 0.0)
    first.fails(NotTold("it answered 401"))
    second = Somebody(at_once=True)
    teller.adopt(AlertTerms(attrs.evolve(TABLE, syslog="127.0.0.1:514")), second)
    assert first.stopped
    assert [message.alert.sentence for message in second.sent] == ["no. 0", "no. 1"]
    teller.take(different(1)[0], 0.0)
    assert len(second.sent) == 2 and clock.getDelayedCalls() == []


def test_what_is_on_its_way_may_arrive_by_the_old_terms() -> None:
    """It is not sent twice for a reload."""
    _, first, teller = begun()
    for alert in different(2):
        teller.take(alert, 0.0)
    second = Somebody(at_once=True)
    teller.adopt(AlertTerms(TABLE), second)
    assert not first.stopped and second.sent == []
    first.arrives()
    assert [message.alert.sentence for message in second.sent] == ["no. 1"]


class Told(Telling):
    """All tables, told by senders of the test."""

    def __init__(self) -> None:
        super().__init__(Clock(), None, "gate", lambda: 0.0)  # type: ignore[arg-type]
        self.made: list[Somebody] = []

    def _sender(self, terms: AlertTerms) -> Somebody:
        self.made.append(Somebody(at_once=True))
        return self.made[-1]


def test_each_table_is_told_what_it_is_for() -> None:
    """And one that is gone is told nothing more."""
    told = Told()
    leaks = AlertTerms(AlertTable(name="leaks", syslog="local", on=("credential",)))
    told.adopt([AlertTerms(TABLE), leaks])
    told.tell([ALERT, attrs.evolve(ALERT, occasion="credential", key="credential:files")])
    assert [len(one.sent) for one in told.made] == [2, 1]
    told.adopt([leaks])
    told.tell([ALERT])
    assert [one["name"] for one in told.facts()] == ["leaks"]
    assert [len(one.sent) for one in told.made] == [2, 1, 0]
    assert told.made[0].stopped
    told.stop()
