"""How often the same is told."""

from __future__ import annotations

import attrs

from mcpgate.alerts import due
from mcpgate.alerts.alert import Severity
from mcpgate.alerts.due import BURST, Due
from mcpgate.config.tables.alert import AlertTable
from tests.alerts.test_alert import ALERT

AGAIN = 3600.0
TABLE = AlertTable(name="ops", syslog="local", again=AGAIN, expiry=14 * 86400.0)
STANDING = attrs.evolve(ALERT, occasion="journal", key="journal:failing", standing=True)
OVER = attrs.evolve(STANDING, severity=Severity.OVER)
EXPIRY = attrs.evolve(
    ALERT, occasion="certificate", key="c", severity=Severity.WARNING, standing=True, until=20 * 86400.0
)


def test_the_same_is_told_once_in_a_while() -> None:
    """With how often it has happened since."""
    one = Due(TABLE)
    assert [one.take(ALERT, now, 0.0) for now in (0.0, 1.0, 2.0, AGAIN - 1)] == [1, 0, 0, 0]
    assert one.take(ALERT, AGAIN, 0.0) == 4
    assert one.take(ALERT, 2 * AGAIN, 0.0) == 1


def test_another_matter_does_not_wait_for_it() -> None:
    """What is the same is said by the key alone."""
    one = Due(TABLE)
    assert one.take(ALERT, 0.0, 0.0) == one.take(attrs.evolve(ALERT, key="other"), 0.0, 0.0) == 1


def test_only_what_was_asked_for_is_told() -> None:
    """C{alert.on}."""
    assert Due(attrs.evolve(TABLE, on=("credential",))).take(ALERT, 0.0, 0.0) == 0


def test_what_goes_on_is_not_counted() -> None:
    """A gate that is asked every few seconds says the same each time."""
    one = Due(TABLE)
    assert [one.take(STANDING, now, 0.0) for now in (0.0, 5.0, AGAIN)] == [1, 0, 1]


def test_an_end_is_told_to_whoever_was_told_of_the_beginning() -> None:
    """And what begins again after that is told again, however soon."""
    one = Due(TABLE)
    assert one.take(OVER, 0.0, 0.0) == 0
    assert [one.take(each, 1.0, 0.0) for each in (STANDING, OVER, OVER, STANDING)] == [1, 1, 0, 1]


def test_a_certificate_is_told_when_its_end_is_near_enough() -> None:
    """Then every day, until the last days."""
    one = Due(TABLE)
    assert one.take(EXPIRY, 0.0, 5 * 86400.0) == 0
    assert one.take(EXPIRY, 0.0, 6 * 86400.0) == 1
    assert one.take(EXPIRY, AGAIN, 6 * 86400.0) == 0
    assert one.take(EXPIRY, due.DAILY, 7 * 86400.0) == 1
    urgent = attrs.evolve(EXPIRY, key="c2", severity=Severity.CRITICAL)
    assert [one.take(urgent, now, 19 * 86400.0) for now in (0.0, AGAIN - 1, AGAIN)] == [1, 0, 1]


def test_a_storm_is_cut_short_and_counted() -> None:
    """A minute later there is room again."""
    one = Due(TABLE)
    many = [attrs.evolve(ALERT, key=str(number)) for number in range(BURST + 7)]
    assert sum(one.take(each, 0.0, 0.0) for each in many) == BURST
    assert one.left_out == 7
    assert one.take(many[-1], 59.0, 0.0) == 0
    assert one.take(many[-1], 60.0, 0.0) == 1


def test_a_storm_buries_nothing_of_another_occasion() -> None:
    """A thousand tools of an upstream that changes them all before it shows a credential."""
    one = Due(TABLE)
    for number in range(1000):
        one.take(attrs.evolve(ALERT, occasion="definition", key=str(number)), 0.0, 0.0)
    assert one.take(attrs.evolve(ALERT, occasion="credential", key="credential"), 0.0, 0.0) == 1


def test_what_is_remembered_is_bounded() -> None:
    """The oldest is forgotten: it may be told once more."""
    one, now = Due(TABLE), 0.0
    for number in range(due.KNOWN_MOST + 1):
        now = number * 10.0
        assert one.take(attrs.evolve(ALERT, key=str(number)), now, 0.0) == 1
    assert len(one._known) == due.KNOWN_MOST
