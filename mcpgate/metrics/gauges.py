"""What a gate says of itself in C{status}, as gauges (pure).

Read leniently: what is not there is not shown, as a gate that is older or younger than this may say less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcpgate.metrics import table
from mcpgate.metrics.certificates import certificates
from mcpgate.metrics.counting import Labels
from mcpgate.metrics.table import Metric

Facts = Mapping[str, Any]
Gauges = dict[Metric, dict[Labels, float]]


def gauges(facts: Facts | None, version: str) -> Gauges:
    """
    Every gauge that can be told.

    @param facts: As the gate has said them; C{None}: it did not answer.
    """
    found: Gauges = {table.ANSWERS: {(): float(facts is not None)}, table.BUILD: {(version,): 1.0}}
    for metric, labels, value in _all(facts or {}):
        if isinstance(value, int | float):
            found.setdefault(metric, {})[labels] = float(value)
    return found


def _all(facts: Facts) -> Iterator[tuple[Metric, Labels, object]]:
    yield table.GENERATION, (), facts.get("generation")
    yield table.DRAINING, (), facts.get("draining")
    if "untaken" in facts:
        yield table.RELOAD_FAILED, (), bool(facts["untaken"])
    callers = _mapping(facts, "callers")
    yield table.CONNECTIONS, (), callers.get("connections")
    yield table.CONNECTIONS_MOST, (), callers.get("most")
    yield table.HANDSHAKES_OPEN, (), callers.get("handshakes")
    yield table.THROTTLED, (), callers.get("throttled")
    yield table.STREAMS, (), callers.get("streams")
    yield table.SESSIONS, (), _mapping(facts, "sessions").get("known")
    yield table.HELD, (), facts.get("held")
    yield table.TOKENS, (), facts.get("tokens")
    yield from _of_journal(facts)
    yield from _of_workers(facts)
    for listener in _rows(facts, "listeners"):
        yield table.LISTENER_CONNECTIONS, (listener["name"],), listener.get("connections")
    for upstream in _rows(facts, "upstreams"):
        counts = _mapping(upstream, "connections")
        for state in ("idle", "leased", "dialing"):
            yield table.POOL, (upstream["name"], state), counts.get(state)
        yield table.POOL_WAITING, (upstream["name"],), counts.get("waiting")
    for issuer in _rows(facts, "issuers"):
        keys = issuer.get("keys")
        yield table.ISSUER_KEYS, (issuer["name"],), len(keys) if isinstance(keys, list) else None
        yield table.ISSUER_COUNTING, (issuer["name"],), issuer.get("counting")
    for budget in _rows(facts, "budgets"):
        yield table.BUDGET_KEYS, (budget["name"],), budget.get("keys")
        yield table.BUDGET_REFUSED, (budget["name"],), budget.get("refused")
    for certificate in certificates(facts):
        # What others show is their own choice, and so would the number of series be.
        ours = certificate.kind in ("listener", "client")
        labels = (certificate.subject, certificate.serial) if ours else ("", "")
        yield table.NOT_AFTER, (certificate.kind, certificate.name, *labels), certificate.not_after


def _of_journal(facts: Facts) -> Iterator[tuple[Metric, Labels, object]]:
    if "ledger" in facts:
        yield table.LEDGER_FAILED, (), _mapping(facts, "ledger").get("failure") is not None
    if "journal" in facts:
        journal = _mapping(facts, "journal")
        yield table.JOURNAL_FAILED, (), journal.get("failure") is not None
        yield table.JOURNAL_OWED, (), journal.get("owed")
        yield table.JOURNAL_DROPPED, (), journal.get("dropped")
        if "seals" in journal:
            yield table.SEALS_FAILED, (), _mapping(journal, "seals").get("failure") is not None
        yield table.JOURNAL_UNSEALED, (), journal.get("unsealed")


def _of_workers(facts: Facts) -> Iterator[tuple[Metric, Labels, object]]:
    states: dict[str, int] = {}
    for worker in _rows(facts, "workers", key="number"):
        state = str(worker.get("state"))
        states[state] = states.get(state, 0) + 1
        yield table.WORKER_RESTARTS, (str(worker["number"]),), worker.get("restarts")
    for state, count in states.items():
        yield table.WORKERS, (state,), count


def _mapping(facts: Facts, key: str) -> Facts:
    value = facts.get(key)
    return value if isinstance(value, Mapping) else {}


def _rows(facts: Facts, name: str, *, key: str = "name") -> Iterator[Facts]:
    rows = facts.get(name)
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and row.get(key) is not None:
            yield row
