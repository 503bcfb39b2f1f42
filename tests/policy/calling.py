"""Callers for the tests of rules."""

from __future__ import annotations

from typing import Any

from mcpgate.identity.principal import Principal
from mcpgate.policy.rules import Callers, Policy
from mcpgate.policy.who import Caller, address_of
from mcpgate.tls.handshake import Handshake

CI = Principal("ci", "token", "0123456789ab", None)


def caller(
    principal: Principal = CI, *, address: str = "192.0.2.1:5000", handshake: Handshake | None = None
) -> Caller:
    return Caller(principal, address_of(address), handshake)


def callers(policy: Policy, who: Caller | None = None) -> Callers:
    """The class of a caller; of one that rules cannot tell from others, where none is given."""
    return policy.callers(who or caller())


def handshake(**more: Any) -> Handshake:
    """What a good leg negotiates today."""
    facts: dict[str, Any] = {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "cipher_bits": 256,
        "group": "X25519MLKEM768",
        "alpn": "http/1.1",
        "sni": "gate.test",
        "peer": None,
        "peer_chain_pins": (),
        "own": None,
        "exporter_sha256": "0" * 64,
        "milliseconds": 1.0,
    }
    return Handshake(**{**facts, **more})
