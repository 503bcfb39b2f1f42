"""Records as the journal has them, parsed, for what is counted off them."""

from __future__ import annotations

from typing import Any

from mcpgate.metrics.names import Names

NAMES = Names(
    listeners=frozenset({"public"}),
    upstreams=frozenset({"files"}),
    providers=frozenset({"login"}),
    issuers=frozenset({"login"}),
    routes=frozenset({"files"}),
    rules=frozenset({"shy"}),
    budgets=frozenset({"calls"}),
)


def handshake(**changes: Any) -> dict[str, Any]:
    """A finished one of a caller."""
    record = {
        "type": "handshake",
        "id": "h_1",
        "time": "2026-11-26T09:30:00.000000Z",
        "leg": "inbound",
        "outcome": "ok",
        "where": "public",
        "peer": "192.0.2.1:50000",
        "reason": None,
        "detail": None,
        "handshake": {
            "version": "TLSv1.3",
            "cipher": "TLS_AES_256_GCM_SHA384",
            "group": "X25519MLKEM768",
            "post_quantum": True,
            "pinned": None,
            "milliseconds": 3.0,
        },
        "extra": None,
    }
    return record | changes


def refused(reason: str = "tls.version", **changes: Any) -> dict[str, Any]:
    """One that came to nothing."""
    return handshake(outcome="refused", reason=reason, handshake=None, **changes)


def opened(id: str = "x_1", **changes: Any) -> dict[str, Any]:
    """The beginning of a call."""
    record = {
        "type": "open",
        "id": id,
        "route": "files",
        "http": "POST",
        "method": "tools/call",
        "name": "read_file",
        "verdict": "allow",
        "rule": "all",
    }
    return record | changes


def closed(id: str = "x_1", **changes: Any) -> dict[str, Any]:
    """Its end."""
    record = {
        "type": "close",
        "id": id,
        "outcome": "completed",
        "status": 200,
        "reason": None,
        "detail": None,
        "bytes_in": 100,
        "bytes_out": 300,
        "seconds": 0.02,
        "waited": 0.015,
    }
    return record | changes
