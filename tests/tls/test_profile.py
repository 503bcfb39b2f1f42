"""Whether what was observed satisfies what was demanded."""

from __future__ import annotations

import pytest
from attrs import evolve

from mcpgate.reasons import Reason
from mcpgate.tls.certificate import describe
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.profile import PROFILES, judge, judge_key, with_pq
from tests import pki

MODERN, INTERMEDIATE = PROFILES["modern"], PROFILES["intermediate"]
PEER = describe(pki.Authority.root().issue("mcp.test").chain[0])

BEST = Handshake(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    cipher_bits=256,
    group="X25519MLKEM768",
    alpn="http/1.1",
    sni="mcp.test",
    peer=PEER,
    peer_chain_pins=(),
    own=None,
    exporter_sha256="",
    milliseconds=1.0,
)
CLASSICAL = evolve(BEST, version="TLSv1.2", cipher="ECDHE-ECDSA-AES128-GCM-SHA256", group="x25519")


@pytest.mark.parametrize("profile", [*PROFILES.values(), *map(with_pq, PROFILES.values())])
def test_the_best_handshake_satisfies_every_profile(profile: object) -> None:
    assert judge(profile, BEST) is None  # type: ignore[arg-type]


def test_a_classical_handshake_satisfies_intermediate() -> None:
    assert judge(INTERMEDIATE, CLASSICAL) is None


@pytest.mark.parametrize(
    ("profile", "handshake", "reason"),
    [
        (MODERN, CLASSICAL, Reason.TLS_VERSION),
        (INTERMEDIATE, evolve(CLASSICAL, version="TLSv1.1"), Reason.TLS_VERSION),
        (INTERMEDIATE, evolve(CLASSICAL, version=""), Reason.TLS_VERSION),
        (INTERMEDIATE, evolve(CLASSICAL, cipher="ECDHE-ECDSA-AES128-SHA"), Reason.TLS_CIPHER),
        (INTERMEDIATE, evolve(CLASSICAL, cipher=BEST.cipher), Reason.TLS_CIPHER),
        (INTERMEDIATE, evolve(BEST, cipher=CLASSICAL.cipher), Reason.TLS_CIPHER),
        (MODERN, evolve(BEST, cipher="TLS_AES_128_CCM_SHA256"), Reason.TLS_CIPHER),
        (MODERN, evolve(BEST, group=None), Reason.TLS_GROUP),
        (MODERN, evolve(BEST, group="x448"), Reason.TLS_GROUP),
        (MODERN, evolve(BEST, group="secp521r1"), Reason.TLS_GROUP),
        (with_pq(MODERN), evolve(BEST, group="x25519"), Reason.TLS_GROUP),
        (with_pq(INTERMEDIATE), CLASSICAL, Reason.TLS_GROUP),
        (MODERN, evolve(BEST, peer=evolve(PEER, key="RSA-1024")), Reason.TLS_KEY),
        (MODERN, evolve(BEST, peer=evolve(PEER, key="unknown")), Reason.TLS_KEY),
    ],
)
def test_each_shortfall_has_its_own_reason(profile: object, handshake: Handshake, reason: Reason) -> None:
    refusal = judge(profile, handshake)  # type: ignore[arg-type]
    assert refusal is not None
    assert refusal.reason is reason
    assert refusal.detail


def test_a_peer_without_certificate_is_not_judged_by_its_key() -> None:
    assert judge(MODERN, evolve(BEST, peer=None)) is None


@pytest.mark.parametrize(
    "key", ["RSA-2048", "RSA-4096", "EC-secp256r1", "EC-secp384r1", "Ed25519", "ML-DSA-65"]
)
def test_strong_keys_are_accepted(key: str) -> None:
    assert judge_key(MODERN, key) is None


@pytest.mark.parametrize(
    "key", ["RSA-2047", "RSA-", "RSA", "EC-secp224r1", "EC-secp256k1", "DSA", "unknown", ""]
)
def test_weak_and_unknown_keys_are_refused(key: str) -> None:
    refusal = judge_key(MODERN, key)
    assert refusal is not None
    assert refusal.reason is Reason.TLS_KEY
