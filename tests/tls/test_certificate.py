"""What the record says of a certificate."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from mcpgate.tls.certificate import describe, moment
from mcpgate.tls.pem import PrivateKey
from tests import pki

ROOT = pki.Authority.root()


def test_a_certificate_is_described_by_what_it_says() -> None:
    pair = ROOT.issue("mcp.test", addresses=["::1"], uris=["spiffe://example.org/ci"], name="ci")
    facts = describe(pair.chain[0])
    assert (facts.subject, facts.issuer) == ("CN=ci", "CN=root")
    assert facts.serial == f"{pair.chain[0].serial_number:x}"
    assert len(facts.sha256) == 64
    assert facts.spki_pin.startswith("sha256/")
    assert facts.key == "EC-secp256r1"
    assert facts.dns_names == ("mcp.test",)
    assert facts.addresses == ("::1",)
    assert facts.uris == ("spiffe://example.org/ci",)
    assert facts.not_before < pki.NOW < facts.not_after


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (pki.rsa_key(2048), "RSA-2048"),
        (ec.generate_private_key(ec.SECP384R1()), "EC-secp384r1"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
    ],
)
def test_keys_are_named_by_kind_and_size(key: PrivateKey, kind: str) -> None:
    assert describe(ROOT.issue("mcp.test", key=key).chain[0]).key == kind


def test_unreadable_names_leave_the_rest_of_the_record() -> None:
    facts = describe(ROOT.issue(raw_san=pki.UNREADABLE_SAN).chain[0])
    assert facts.dns_names == facts.uris == facts.addresses == ()
    assert facts.subject == "CN=leaf"


def test_a_certificate_of_many_names_is_cut_short() -> None:
    """A peer does not decide how long a line of the journal is."""
    facts = describe(ROOT.issue(*(f"host{number}.test" for number in range(500))).chain[0])
    assert len(facts.dns_names) == 100


def test_times_are_to_the_minute_in_utc() -> None:
    assert moment(datetime(2026, 11, 22, 9, 5, 7, tzinfo=UTC)) == "2026-11-22 09:05 UTC"
