"""Who looks at a gate from beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mcpgate.alerts.lookout import APART, Lookout
from mcpgate.alerts.terms import AlertTerms
from mcpgate.config.load import load_config
from mcpgate.config.tables.alert import AlertTable
from mcpgate.metrics import table
from tests.alerts.test_occasions import GOOD, LEAK
from tests.alerts.test_telling import Somebody
from tests.metrics.records import closed, handshake, opened

SAMPLE = Path(__file__).resolve().parents[2] / "etc" / "mcpgate.toml"
NOW = 1_795_685_405.0  # five seconds after the time of the records


class Gate:
    """What it says of itself."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] | None = dict(GOOD)
        self.asked = 0
        self.answer: Deferred[None] | None = None
        self.shown: list[Any] = []

    async def ask(self) -> dict[str, Any] | None:
        self.asked += 1
        if self.answer is not None:
            await self.answer
        return self.facts


def looking(monkeypatch: pytest.MonkeyPatch) -> tuple[Clock, Gate, Somebody, Lookout]:
    """At a gate, with somebody to tell."""
    clock, gate, somebody = Clock(), Gate(), Somebody(at_once=True)
    show = gate.shown.append
    lookout = Lookout(clock, None, gate.ask, "gate-1", lambda: NOW, show)  # type: ignore[arg-type]
    monkeypatch.setattr(lookout.telling, "_sender", lambda terms: somebody)
    lookout.adopt(load_config(SAMPLE), [AlertTerms(AlertTable(name="ops", syslog="local"))])
    lookout.start()
    return clock, gate, somebody, lookout


def page(lookout: Lookout) -> str:
    """What a monitoring system reads now."""
    found: list[tuple[str, bytes]] = []
    Deferred.fromCoroutine(lookout.page("")).addCallback(found.append)
    return found[0][1].decode()


def test_records_are_counted_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them."""
    _, _, somebody, lookout = looking(monkeypatch)
    lookout.take([LEAK, opened(route="github"), closed()])
    assert [message.alert.occasion for message in somebody.sent] == ["credential"]
    shown = page(lookout)
    assert 'mcpgate_echoes_total{upstream="other",what="masked"} 1.0' in shown
    assert 'outcome="completed",route="github",verdict="allow"} 1.0' in shown
    assert 'mcpgate_alerts_total{alert="ops",outcome="sent"} 1.0' in shown
    assert "mcpgate_up 1.0" in shown


def test_a_gate_is_asked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its trouble is told, and the end of that."""
    clock, gate, somebody, lookout = looking(monkeypatch)
    gate.facts = GOOD | {"journal": {"failure": "full"}}
    clock.advance(APART)
    gate.facts = dict(GOOD)
    clock.advance(APART)
    assert gate.asked == 3
    assert [[row["sent"] for row in rows] for rows in gate.shown] == [[0], [1], [2]]
    assert [message.alert.severity.value for message in somebody.sent] == ["critical", "over"]
    lookout.stop()
    clock.advance(10 * APART)
    assert gate.asked == 3


def test_a_slow_gate_is_asked_one_thing_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And given up with the process."""
    clock, gate, _, lookout = looking(monkeypatch)
    gate.answer = Deferred()
    clock.pump([APART] * 5)
    assert gate.asked == 2
    lookout.stop()
    assert gate.answer.called


def test_what_whoever_else_is_asked_has_shown_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its last handshake, and for as long as it is configured: nobody else makes series by a name."""
    clock, _, somebody, lookout = looking(monkeypatch)
    provider = sorted(lookout.metrics.counting.names.providers)[0]
    end = datetime.fromtimestamp(NOW + 86400, UTC).isoformat()
    seen = {**handshake()["handshake"], "peer": {"dns_names": ["x"], "serial": "1", "not_after": end}}
    lookout.take([handshake(leg="provider", where=where, handshake=seen) for where in (provider, "stranger")])
    shown = f'kind="provider",name="{provider}",serial="",subject=""}}'
    assert shown in page(lookout) and "stranger" not in page(lookout)
    clock.advance(APART)
    assert [message.alert.about["name"] for message in somebody.sent] == [provider]
    config = attrs.evolve(load_config(SAMPLE), issuers=(), credentials=(), vaults=())
    lookout.adopt(config, [])
    assert shown not in page(lookout)


def test_what_cannot_be_read_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a gate that does not answer is down."""
    _, gate, _, lookout = looking(monkeypatch)
    lookout.unreadable(3)
    gate.facts = None
    shown = page(lookout)
    assert f"{table.UNREADABLE.name} 3.0" in shown
    assert "mcpgate_up 0.0" in shown
