"""How an alert is written down."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mcpgate.alerts.alert import VALUE_MOST, Alert, Severity, document, line, plain

ALERT = Alert(
    occasion="pin",
    severity=Severity.CRITICAL,
    key="pin:outbound:files:True",
    sentence="files proved itself by a key that is not pinned; the connection was refused",
    evidence="h_1",
    time="2026-11-26T09:30:00.000000Z",
    about={"leg": "outbound"},
)


def test_a_program_gets_all_of_it() -> None:
    """By the names that the documentation has."""
    assert json.loads(document(ALERT, id="a_1", gate="gate-1", to="ops", times=3)) == {
        "id": "a_1",
        "gate": "gate-1",
        "alert": "ops",
        "occasion": "pin",
        "severity": "critical",
        "sentence": ALERT.sentence,
        "evidence": "h_1",
        "time": "2026-11-26T09:30:00.000000Z",
        "times": 3,
        "about": {"leg": "outbound"},
    }


def test_a_person_gets_one_line() -> None:
    """With how often, and where to look it up."""
    assert line(ALERT, 1) == f"critical: pin: {ALERT.sentence} [h_1]"
    assert line(ALERT, 4) == f"critical: pin: {ALERT.sentence} (4 times) [h_1]"


@given(st.text(max_size=500))
def test_what_a_peer_chose_stays_on_its_line(text: str) -> None:
    """Bounded, and nothing in it steers a terminal."""
    shown = plain(text)
    assert shown.isprintable()
    assert len(shown) <= 10 * VALUE_MOST + 3
