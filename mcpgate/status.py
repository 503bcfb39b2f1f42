"""What C{mcpgate status} shows: the facts of a running gate, as values that JSON can say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from attrs import asdict

from mcpgate.generation import ListenerTerms
from mcpgate.tls.handshake import Certificate, Handshake
from mcpgate.upstream.pool import Pool

if TYPE_CHECKING:
    from mcpgate.gate import Gate


def describe(gate: Gate) -> dict[str, Any]:
    """A running gate. C{problem} is why the last change was not taken, if it was not."""
    force = gate.force
    if force is None:
        return {"running": False}
    return {
        "running": True,
        "process": os.getpid(),
        "draining": force.draining,
        "generation": force.generation.number,
        "problem": "\n".join(gate.problems.values()) or None,
        "configuration": str(gate.config.source) if gate.config.source else None,
        "journal": {"failure": force.witness.failure, "dropped": force.witness.dropped},
        "tokens": len(force.tokens.all()),
        "limits": asdict(gate.config.limits),
        "listeners": [
            {
                **_listener(force.generation.listeners[name]),
                "address": _address(bound.port.getHost()),
                "connections": len(bound.listening.connections),
                "handshakes_in_progress": len(bound.listening.arrivals),
                "handshakes_refused": bound.listening.refused_handshakes,
            }
            for name, bound in gate.bound.items()
        ],
        "upstreams": [_upstream(pool) for pool in force.pools.values()],
    }


def _listener(terms: ListenerTerms) -> dict[str, Any]:
    return {
        "name": terms.name,
        "listen": terms.table.listen,
        "profile": terms.profile.name,
        "require_pq": terms.profile.require_pq,
        "client_certificates": terms.table.client_certificates,
        "certificates": [_certificate(pair.facts) for pair in terms.pairs],
    }


def _upstream(pool: Pool) -> dict[str, Any]:
    terms = pool.terms
    return {
        "name": terms.name,
        "url": terms.table.url,
        "profile": terms.profile.name,
        "require_pq": terms.profile.require_pq,
        "pins": len(terms.table.pins),
        "connections": pool.counts(),
        "last_handshake": _handshake(pool.last_handshake),
        "last_refusal": str(pool.last_refusal) if pool.last_refusal else None,
    }


def _certificate(facts: Certificate) -> dict[str, Any]:
    return {
        "names": [*facts.dns_names, *facts.addresses],
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
    }


def _address(address: Any) -> str:
    host = getattr(address, "host", None)
    return f"{host}:{address.port}" if host is not None else str(address)
