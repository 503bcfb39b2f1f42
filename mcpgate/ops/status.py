"""What C{mcpgate status} shows: the facts of a running gate, as values that JSON can say."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Any

from attrs import asdict

from mcpgate.config.tables.upstream import UpstreamTable
from mcpgate.relay.entry import Entry
from mcpgate.relay.force import InForce
from mcpgate.tls.handshake import Certificate, Handshake
from mcpgate.upstream.pool import Pool

#: What bounds the use of an upstream, of the keys of its table.
UPSTREAM_LIMITS = (
    "connect_timeout",
    "handshake_timeout",
    "answer_timeout",
    "quiet_timeout",
    "keepalive",
    "connections",
    "queue",
)

#: Names of one certificate that are shown; those of hosting companies have a hundred.
NAMES_SHOWN = 16


def describe(
    force: InForce, listening: Iterable[Entry], problems: Iterable[str], source: Path | None
) -> dict[str, Any]:
    """
    A running gate.

    @param problems: why the last change of each kind was not taken, where it was not.
    @param source: the configuration file.
    """
    listening = tuple(listening)
    return {
        "running": True,
        "process": os.getpid(),
        "draining": force.draining,
        "generation": force.generation.number,
        "problem": "\n".join(problems) or None,
        "configuration": str(source) if source else None,
        "journal": force.witness.facts(),
        "tokens": len(force.accepts.issued.all()),
        "sessions": {**force.sessions.counts(), "failure": force.sessions.marks.failure},
        "limits": asdict(force.generation.config.limits),
        "saml": _vouching(force),
        "issuers": force.accepts.issuers.facts() if force.accepts.issuers is not None else [],
        "budgets": _budgets(force),
        "ledger": _ledger(force),
        "callers": _callers(force, listening),
        "refused": {reason.value: count for reason, count in sorted(force.crowd.tally.counts.items())},
        "listeners": [_listener(one) for one in listening],
        "upstreams": [_upstream(pool, force) for pool in force.pools.values()],
        "credentials": force.credentials.facts() if force.credentials is not None else [],
    }


def _callers(force: InForce, listening: Iterable[Entry]) -> dict[str, Any]:
    """Who is connected, against what there is room for: C{most} is the bound in effect."""
    crowd, config = force.crowd, force.generation.config
    limits = config.limits
    return {
        "connections": crowd.total,
        "most": crowd.room(config),
        "descriptors": crowd.descriptors or None,
        "addresses": crowd.addresses,
        "most_of_one_address": crowd.busiest,
        "handshakes": crowd.unfinished,
        "streams": sum(one.streams for each in listening for one in each.connections),
        "throttled": crowd.throttle.count(monotonic(), limits.failures, limits.failures_period),
    }


def _budgets(force: InForce) -> list[dict[str, Any]]:
    """
    For each budget: C{keys}, of how many callers, routes or tools (or what else it is counted by) it
    counts something, in all workers; and how many calls it refused in this one.
    """
    budgets, ledger = force.generation.policy.budgets, force.ledger
    keys = ledger.keys(budgets) if ledger is not None else {}
    refused = ledger.refused if ledger is not None else {}
    return [
        {"name": budget.name, "keys": keys.get(budget.name, 0), "refused": refused.get(budget.name, 0)}
        for budget in budgets
    ]


def _vouching(force: InForce) -> list[dict[str, Any]]:
    """Who vouches for callers by SAML assertions, by which certificates."""
    grants = force.generation.grants
    return grants.assertions.facts(force.wall()) if grants is not None else []


def _ledger(force: InForce) -> dict[str, Any]:
    """What keeps budgets from counting, if anything does, and the counts that had to make room for others."""
    ledger = force.ledger
    if ledger is None:
        return {"failure": None, "forgotten": 0}
    return {"failure": ledger.failure, "forgotten": ledger.forgotten}


def _limits(table: UpstreamTable) -> dict[str, Any]:
    return {key: getattr(table, key) for key in UPSTREAM_LIMITS}


def _listener(listening: Entry) -> dict[str, Any]:
    terms = listening.terms
    return {
        "name": terms.name,
        "listen": terms.table.listen,
        "profile": terms.profile.name,
        "require_pq": terms.profile.require_pq,
        "client_certificates": terms.table.client_certificates,
        "certificates": [_certificate(pair.facts) for pair in terms.pairs],
        "address": listening.address,
        "connections": len(listening.connections),
        "handshakes_in_progress": len(listening.arrivals),
        "handshakes_refused": listening.refused_handshakes,
    }


def _upstream(pool: Pool, force: InForce) -> dict[str, Any]:
    terms = pool.terms
    guard = force.guards.of(terms.name)
    return {
        "name": terms.name,
        "url": terms.table.url,
        "profile": terms.profile.name,
        "require_pq": terms.profile.require_pq,
        "pins": len(terms.table.pins),
        "connections": pool.counts(),
        "definitions": guard.counts() if guard is not None else None,
        "limits": _limits(terms.table),
        # How often it has shown the gate's own credential.
        "echoed": force.alarm.counts.get(terms.name, 0),
        "client_certificate": _certificate(terms.own) if terms.own is not None else None,
        "last_handshake": _handshake(pool.last_handshake),
        "last_refusal": str(pool.last_refusal) if pool.last_refusal else None,
    }


def _certificate(facts: Certificate) -> dict[str, Any]:
    return {
        "names": [*facts.dns_names, *facts.addresses][:NAMES_SHOWN],
        "serial": facts.serial,
        "issuer": facts.issuer,
        "not_after": facts.not_after.isoformat(),
        "pin": facts.spki_pin,
    }


def _handshake(handshake: Handshake | None) -> dict[str, Any] | None:
    if handshake is None:
        return None
    return {
        "version": handshake.version,
        "cipher": handshake.cipher,
        "group": handshake.group,
        "post_quantum": handshake.post_quantum,
        "pinned": handshake.pinned,
        "certificate": _certificate(handshake.peer) if handshake.peer is not None else None,
    }

