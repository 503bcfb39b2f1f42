"""Pins: their written form, and where they must be found."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.reasons import Reason
from mcpgate.tls.pem import PrivateKey
from mcpgate.tls.pins import PinRule, parse_pin, spki_pin
from tests import pki

ROOT = pki.Authority.root()
MIDDLE = ROOT.intermediate()
LEAF = MIDDLE.issue("mcp.test").chain[0]
CHAIN = (LEAF, MIDDLE.certificate, ROOT.certificate)


@given(st.binary(min_size=32, max_size=32))
def test_a_pin_is_its_own_canonical_form(digest: bytes) -> None:
    """Also as curl writes it, with two slashes."""
    encoded = base64.b64encode(digest).decode()
    assert parse_pin(f"sha256/{encoded}") == f"sha256/{encoded}"
    assert parse_pin(f"sha256//{encoded}") == f"sha256/{encoded}"


@given(st.text(max_size=60))
def test_any_text_is_a_pin_or_a_value_error(text: str) -> None:
    for written in (text, f"sha256/{text}"):
        try:
            assert len(parse_pin(written)) == len("sha256/") + 44
        except ValueError as error:
            assert "pin" in str(error)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is written sha256/"),
        ("sha1/AAAA", "is written sha256/"),
        ("SHA256/" + "A" * 43 + "=", "is written sha256/"),
        ("sha256/not base64!", "is not base64"),
        ("sha256/AAAA", "holds 32 bytes, and this one 3"),
        ("sha256/" + "0" * 64, "holds 32 bytes, and this one 48"),
        (" sha256/" + "A" * 43 + "=", "is written sha256/"),
    ],
)
def test_what_is_no_pin_is_explained(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_pin(text)


@pytest.mark.parametrize("key", [pki.ec_key(), pki.rsa_key(2048)], ids=["EC", "RSA"])
def test_a_pin_is_the_hash_of_the_public_key_info(key: PrivateKey) -> None:
    """The same as `openssl pkey -pubin -outform der | sha256`, read from the certificate's own bytes."""
    leaf = ROOT.issue("mcp.test", key=key).chain[0]
    encoded = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert spki_pin(leaf) == "sha256/" + base64.b64encode(hashlib.sha256(encoded).digest()).decode()


def test_a_renewed_certificate_with_the_same_key_keeps_its_pin() -> None:
    key = pki.ec_key()
    one, two = ROOT.issue("mcp.test", key=key), pki.Authority.root().issue("other.test", key=key)
    assert one.facts.spki_pin == two.facts.spki_pin
    assert one.facts.sha256 != two.facts.sha256


@pytest.mark.parametrize(
    ("at", "matching"),
    [("leaf", {LEAF}), ("issuer", {MIDDLE.certificate, ROOT.certificate}), ("any", set(CHAIN))],
)
def test_a_pin_matches_only_where_it_is_looked_for(at: str, matching: set[object]) -> None:
    for certificate in CHAIN:
        refusal = PinRule(frozenset({spki_pin(certificate)}), at).judge(CHAIN)
        assert (refusal is None) == (certificate in matching)


def test_one_of_several_pins_is_enough() -> None:
    backup = spki_pin(pki.Authority.root().certificate)
    assert PinRule(frozenset({backup, spki_pin(LEAF)}), "leaf").judge(CHAIN) is None


def test_an_empty_chain_matches_nothing() -> None:
    refusal = PinRule(frozenset({spki_pin(LEAF)})).judge(())
    assert refusal is not None
    assert refusal.reason is Reason.TLS_PIN
    assert refusal.detail == "none of 1 pins matches at any; seen: none"


def test_a_rule_without_pins_or_with_an_unknown_place_cannot_be_made() -> None:
    """Both would mean that nothing is pinned although somebody asked for it."""
    with pytest.raises(ValueError):
        PinRule(frozenset())
    with pytest.raises(ValueError):
        PinRule(frozenset({spki_pin(LEAF)}), "root")
