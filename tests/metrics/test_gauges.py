"""What a gate says of itself, as gauges."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mcpgate.metrics import table
from mcpgate.metrics.gauges import gauges

END = datetime(2027, 1, 2, tzinfo=UTC)


def certificate(**changes: Any) -> dict[str, Any]:
    """As status shows one."""
    row = {"names": ["gate.example.com", "b"], "serial": "0a", "not_after": END.isoformat()}
    return row | changes


FACTS: dict[str, Any] = {
    "running": True,
    "generation": 7,
    "draining": False,
    "problem": "worker 2: it does not answer",
    "untaken": [],
    "tokens": 3,
    "held": 1,
    "journal": {"failure": None, "owed": 0, "dropped": 0, "unsealed": 12.5, "seals": {"failure": None}},
    "ledger": {"failure": "no room"},
    "callers": {"connections": 4, "most": 100, "handshakes": 2, "throttled": 1, "streams": 3},
    "sessions": {"known": 5},
    "listeners": [{"name": "public", "connections": 4, "certificates": [certificate()]}],
    "upstreams": [
        {
            "name": "files",
            "connections": {"idle": 1, "leased": 2, "dialing": 0, "waiting": 6},
            "client_certificate": certificate(serial="0b"),
            "last_handshake": {"certificate": certificate(names=["files.example.com"], serial="0c")},
        },
        {"name": "new", "connections": {"idle": 0}, "client_certificate": None, "last_handshake": None},
    ],
    "issuers": [{"name": "login", "keys": ["a", "b"], "counting": True}],
    "budgets": [{"name": "calls", "keys": 9, "refused": 2}],
    "workers": [
        {"number": 0, "state": "serves", "restarts": 1},
        {"number": 1, "state": "serves", "restarts": 0},
        {"number": 2, "state": "is gone", "restarts": 3},
    ],
}


def test_facts_become_gauges() -> None:
    """Each by the name that it has."""
    found = gauges(FACTS, "0.7")
    assert found[table.ANSWERS] == {(): 1}
    assert found[table.BUILD] == {("0.7",): 1}
    assert found[table.GENERATION] == {(): 7}
    assert found[table.RELOAD_FAILED] == found[table.DRAINING] == found[table.JOURNAL_FAILED] == {(): 0}
    assert found[table.SEALS_FAILED] == found[table.JOURNAL_OWED] == {(): 0}
    assert found[table.LEDGER_FAILED] == {(): 1}
    assert found[table.JOURNAL_UNSEALED] == {(): 12.5}
    assert found[table.STREAMS] == {(): 3}
    assert found[table.HELD] == {(): 1}
    assert found[table.POOL] == {
        ("files", "idle"): 1,
        ("files", "leased"): 2,
        ("files", "dialing"): 0,
        ("new", "idle"): 0,
    }
    assert found[table.POOL_WAITING] == {("files",): 6}
    assert found[table.ISSUER_KEYS] == {("login",): 2}
    assert found[table.BUDGET_REFUSED] == {("calls",): 2}
    assert found[table.WORKERS] == {("serves",): 2, ("is gone",): 1}
    assert found[table.WORKER_RESTARTS][("2",)] == 3


def test_certificates_end_at_a_time() -> None:
    """Of an upstream's, only whose it is makes a series: the rest is its own choice."""
    assert gauges(FACTS, "0.7")[table.NOT_AFTER] == {
        ("listener", "public", "gate.example.com", "0a"): END.timestamp(),
        ("client", "files", "gate.example.com", "0b"): END.timestamp(),
        ("upstream", "files", "", ""): END.timestamp(),
    }


JOURNAL = {"failure": "full", "dropped": 4, "seals": {"failure": "no key"}}


def test_trouble_is_one() -> None:
    """A change that was not taken, a journal that cannot be written."""
    found = gauges(FACTS | {"untaken": ["files"], "journal": JOURNAL}, "0.7")
    assert found[table.RELOAD_FAILED] == found[table.JOURNAL_FAILED] == {(): 1}
    assert found[table.JOURNAL_DROPPED] == {(): 4}
    assert found[table.SEALS_FAILED] == {(): 1}
    assert table.JOURNAL_UNSEALED not in found


def test_a_gate_that_does_not_answer_is_down() -> None:
    """And nothing that it said before is shown as if it were so now."""
    assert set(gauges(None, "0.7")) == {table.ANSWERS, table.BUILD}
    assert gauges(None, "0.7")[table.ANSWERS] == {(): 0}


def test_what_is_not_said_is_not_shown() -> None:
    """Another version may say less."""
    assert set(gauges({"running": False}, "0.7")) == {table.ANSWERS, table.BUILD}
