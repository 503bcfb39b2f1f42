"""Two ends in memory: what they agree on, and why they do not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mcpgate.reasons import Reason
from mcpgate.testing import LocalCA, TLSPair, tls_pair

#: The pin of nobody.
NOBODY = "sha256/" + "A" * 43 + "="


@pytest.fixture(scope="module")
def ca() -> LocalCA:
    return LocalCA.create("pairs", datetime.now(UTC))


def test_they_agree_and_can_talk(ca: LocalCA) -> None:
    """What was negotiated is there, and more than a record passes each way."""
    pair = tls_pair(ca)
    assert pair.refusal is None
    assert (pair.handshake.version, pair.handshake.post_quantum) == ("TLSv1.3", True)
    assert pair.to_server(b"x" * 50_000) == b"x" * 50_000
    assert pair.to_client(b"y" * 3_000_000) == b"y" * 3_000_000


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (lambda ca: tls_pair(ca, "elsewhere.test", names=["localhost"]), Reason.TLS_NAME),
        (lambda ca: tls_pair(ca, pins=[NOBODY]), Reason.TLS_PIN),
    ],
)
def test_why_they_do_not_is_a_reason(ca: LocalCA, pair: object, reason: Reason) -> None:
    """As a gate would record it; there is no handshake to look at then."""
    found = pair(ca)  # type: ignore[operator]
    assert isinstance(found, TLSPair)
    assert found.refusal is not None and found.refusal.reason is reason
    with pytest.raises(ValueError, match=f"no handshake: {reason}"):
        _ = found.handshake


def test_profiles_and_certificates_are_those_of_a_gate(ca: LocalCA) -> None:
    """A weaker client is met where the stronger server is, and a certificate that is shown is seen."""
    assert tls_pair(ca, profile="modern+pq", client_profile="intermediate").handshake.version == "TLSv1.3"
    alice = ca.client("alice", datetime.now(UTC))
    peer = tls_pair(ca, client=alice).handshake.peer
    assert peer is not None and peer.sha256 == alice.facts.sha256
    shown = tls_pair(ca).handshake.own
    assert shown is not None and tls_pair(ca, pins=[NOBODY]).refusal is not None


def test_a_profile_that_is_misspelt_is_none(ca: LocalCA) -> None:
    """A test that believes it demands post-quantum groups has to demand them."""
    for name in ("modern+qp", "modern+", "modrn", ""):
        with pytest.raises(ValueError, match="modern, intermediate, modern.pq, intermediate.pq"):
            tls_pair(ca, profile=name)
