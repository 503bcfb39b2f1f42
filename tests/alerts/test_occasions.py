"""What needs a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.alerts.alert import Alert, Severity
from mcpgate.alerts.occasions import UNSEALED_MOST, Occasions
from mcpgate.config.tables.alert import OCCASIONS
from tests.metrics.records import handshake, opened, refused

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "running": True,
    "untaken": [],
    "journal": {"failure": None, "dropped": 0, "unsealed": 3.0},
    "listeners": [],
    "upstreams": [],
}
LEAK = {
    "type": "echo",
    "id": "e_1",
    "time": "2026-11-26T09:30:00.000000Z",
    "exchange": "x_1",
    "upstream": "files",
    "what": "masked",
    "where": "body",
}
CHANGE = {
    "type": "definition",
    "id": "n_1",
    "time": "2026-11-26T09:30:00.000000Z",
    "exchange": "x_1",
    "upstream": "files",
    "tool": "read\u001b[2Jfile",
    "what": "changed",
}
RELOAD = {
    "type": "reload",
    "id": "r_1",
    "time": "2026-11-26T09:30:00.000000Z",
    "what": "configuration",
    "problem": "s3cret",
}


def told(*records: dict[str, Any]) -> list[Alert]:
    """By a fresh judge."""
    return Occasions().of_records(records)


def facts(**changes: Any) -> list[Alert]:
    """What a gate is told for that says this of itself."""
    return Occasions().of_facts(GOOD | changes, NOW.timestamp())


def test_nothing_is_told_when_all_is_well() -> None:
    """Nor of refusals that are the gate's daily work."""
    assert told(handshake(), opened(), refused(), refused("tls.plaintext", extra=None)) == []
    assert facts() == []


def test_a_pin_that_does_not_match_is_told() -> None:
    """With the handshake that says which key it was."""
    (alert,) = told(refused("tls.pin", id="h_9", leg="outbound", where="files"))
    assert (alert.occasion, alert.severity, alert.evidence) == ("pin", Severity.CRITICAL, "h_9")
    assert alert.sentence == "files proved itself by a key that is not pinned; the connection was refused"


def test_one_that_is_only_reported_is_told_apart() -> None:
    """The connection is there, so it is another matter."""
    seen = handshake()["handshake"] | {"pinned": False}
    (went_on,) = told(handshake(leg="outbound", where="files", handshake=seen))
    (stopped,) = told(refused("tls.pin", leg="outbound", where="files"))
    assert "was not refused" in went_on.sentence
    assert went_on.key != stopped.key


def test_a_credential_in_clear_text_is_told_and_a_mere_mistake_is_not() -> None:
    """Whoever sent none has only the wrong URL."""
    (alert,) = told(refused("tls.plaintext", extra={"credential_exposed": True}))
    assert (alert.occasion, alert.about) == (
        "plaintext",
        {"listener": "public", "peer": "192.0.2.1:50000"},
    )
    assert told(refused("tls.plaintext", extra={"credential_exposed": False})) == []


def test_many_who_do_so_are_one_matter() -> None:
    """Who commands many addresses does not make many alerts."""
    exposed = {"credential_exposed": True}
    alerts = told(*(refused("tls.plaintext", peer=f"192.0.2.{n}:1", extra=exposed) for n in range(9)))
    assert len({alert.key for alert in alerts}) == 1


def test_a_leak_is_told() -> None:
    """And what to do."""
    (alert,) = told(LEAK)
    assert (alert.occasion, alert.evidence, alert.about["exchange"]) == ("credential", "e_1", "x_1")
    assert "renew it" in alert.sentence


def test_a_tool_that_changes_is_told_by_its_name() -> None:
    """As far as it can be printed."""
    (alert,) = told(CHANGE)
    assert alert.occasion == "definition"
    assert r"the tool read\x1b[2Jfile" in alert.sentence
    assert told({**CHANGE, "what": "first"}) == told({**CHANGE, "what": "accepted"}) == []
    (key,) = told({**CHANGE, "what": "key", "tool": None})
    assert key.severity is Severity.WARNING


def test_a_reload_that_failed_is_told_without_saying_why() -> None:
    """The reason may quote the file; C{mcpgate status} has it."""
    (alert,) = told(RELOAD)
    assert alert.occasion == "reload" and alert.evidence == "r_1"
    assert "a change of the configuration was not taken" in alert.sentence
    assert "s3cret" not in repr(alert)


def test_what_went_past_the_record_is_told() -> None:
    """How much it was."""
    (alert,) = told({"type": "gap", "id": "g", "time": "t", "exchanges": 12, "lines": 3})
    assert alert.occasion == "journal" and "12 exchanges" in alert.sentence


def test_a_file_of_the_journal_that_is_gone_is_told_and_a_torn_line_is_not() -> None:
    """The one is somebody's work, the other a crash's."""
    line = {"type": "repair", "id": "r", "time": "t", "file": "journal-0-00000001.jsonl", "dropped": 77}
    (alert,) = told({**line, "what": "deleted"})
    assert alert.occasion == "journal" and "journal-0-00000001.jsonl" in alert.sentence
    assert told({**line, "what": "torn"}) == []


@pytest.mark.parametrize(
    ("changes", "occasion", "words"),
    [
        ({"untaken": ["files"]}, "reload", "the files that the configuration names"),
        ({"journal": {"failure": "/s/journal: No space left"}}, "journal", "No space left"),
        ({"journal": {"failure": None, "unsealed": UNSEALED_MOST + 1}}, "journal", "checkpoint for 121 s"),
        (
            {"journal": {"failure": None, "unsealed": 500, "seals": {"failure": "no key"}}},
            "journal",
            "for 500 s: no key",
        ),
    ],
)
def test_a_gate_that_is_in_trouble_is_told_of(changes: dict[str, Any], occasion: str, words: str) -> None:
    """Again and again, as it says so: who is told how often is another's matter."""
    (alert,) = facts(**changes)
    assert alert.occasion == occasion and words in alert.sentence
    assert alert.standing and alert.severity is Severity.CRITICAL


def test_the_end_of_trouble_is_told_once() -> None:
    """Under the key by which its beginning was."""
    occasions = Occasions()
    (began,) = occasions.of_facts(GOOD | {"journal": {"failure": "full"}}, NOW.timestamp())
    (ended,) = occasions.of_facts(GOOD, NOW.timestamp())
    assert (ended.key, ended.severity) == (began.key, Severity.OVER)
    assert ended.sentence == "the journal can be written again"
    assert occasions.of_facts(GOOD, NOW.timestamp()) == []


def test_only_the_gate_says_that_a_reload_is_in_force_after_all() -> None:
    """What it says may be older than the record that it was not: so it has to have said that, too."""
    occasions = Occasions()
    (began,) = occasions.of_records([RELOAD])
    assert occasions.of_facts(GOOD, NOW.timestamp()) == []
    (still,) = occasions.of_facts(GOOD | {"untaken": ["configuration"]}, NOW.timestamp())
    assert occasions.of_facts(None, NOW.timestamp()) == []
    (ended,) = occasions.of_facts(GOOD, NOW.timestamp())
    assert began.key == still.key == ended.key
    assert (ended.occasion, ended.severity) == ("reload", Severity.OVER)


def test_certificates_are_told_with_the_time_that_is_left() -> None:
    """All of them: each C{[[alert]]} says how early it wants to know."""

    def certificate(left: timedelta) -> dict[str, Any]:
        end = (NOW + left).isoformat()
        return {"names": ["gate.test"], "serial": "0a", "not_after": end}

    rows = [certificate(timedelta(days=days)) for days in (400, 10, 2, -1)]
    alerts = facts(listeners=[{"name": "public", "certificates": rows}])
    assert [alert.severity.value for alert in alerts] == ["warning", "warning", "critical", "critical"]
    assert all(alert.until is not None and alert.standing for alert in alerts)
    assert alerts[1].sentence == (
        "the certificate of the listener public (gate.test) ends in 10 days, on 2026-12-06 09:30 UTC"
    )
    assert "in 48 hours" in alerts[2].sentence
    assert "has ended on 2026-11-25" in alerts[3].sentence


def test_a_gate_that_does_not_answer_says_nothing() -> None:
    """Whoever watches that it runs is somebody else: the admin process ends with it."""
    assert Occasions().of_facts(None, 0.0) == Occasions().of_facts({"running": False}, 0.0) == []


anything = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text()))


@given(
    st.sampled_from([handshake(), refused("tls.pin"), LEAK, CHANGE, RELOAD]),
    st.dictionaries(
        st.sampled_from(["leg", "where", "reason", "extra", "handshake", "upstream", "what", "tool"]),
        anything,
    ),
)
def test_no_record_makes_it_fail(record: dict[str, Any], changes: dict[str, Any]) -> None:
    """And what it tells is of a kind that can be asked for, and can be printed."""
    for alert in told(record | changes):
        assert alert.occasion in OCCASIONS
        assert alert.sentence.isprintable()
