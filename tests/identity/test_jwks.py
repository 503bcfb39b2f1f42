"""The keys of an issuer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.identity.jwks import KEYS_MOST, NAMELESS_MOST, SET_MOST, Key, KeySet, read_keys
from mcpgate.reasons import Reason, Refusal
from tests.identity.minting import base64url, dumped, ec_key, jwk, rsa_key

GOOD = jwk(rsa_key(), "k1", alg="RS256", use="sig", x5t="abc", x5c=["MII"])


def keys_of(*members: Any) -> KeySet:
    return read_keys(dumped({"keys": members}))


def test_a_set_as_issuers_publish_it_is_read() -> None:
    keys = keys_of(GOOD, jwk(ec_key(), "e1", key_ops=["verify"]), jwk(ec_key(1, "P-384")))
    assert [(key.kid, sorted(key.algorithms)) for key in keys.keys] == [
        ("k1", ["RS256"]),
        ("e1", ["ES256"]),
        (None, ["ES384"]),
    ]
    assert keys.left_out == ()
    assert sorted(keys_of(jwk(rsa_key())).keys[0].algorithms) == ["PS256", "RS256"]


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (5, "not an object"),
        ({**GOOD, "kty": "oct"}, "kind"),
        ({**GOOD, "kty": 5}, "kind"),
        ({"kty": "oct", "k": "c2VjcmV0", "kid": "h"}, "private part"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}, "kind"),
        ({**GOOD, "d": "AQAB"}, "private part"),
        ({**GOOD, "use": "enc"}, "not for signatures"),
        ({**GOOD, "use": ["sig"]}, "use that is no text"),
        ({**GOOD, "key_ops": ["encrypt"]}, "not for verifying"),
        ({**GOOD, "key_ops": "verify"}, "not for verifying"),
        ({**GOOD, "alg": "RS512"}, "alg"),
        ({**GOOD, "alg": "RSA-OAEP"}, "alg"),
        ({**GOOD, "alg": "ES256"}, "alg"),
        ({**GOOD, "alg": 5}, "alg that is no text"),
        ({**GOOD, "kid": 5}, "kid that is no text"),
        ({**GOOD, "kid": ""}, "kid of 0"),
        ({**GOOD, "kid": "k" * 257}, "kid of 257"),
        ({**GOOD, "issuer": 5}, "issuer that is no text"),
        ({**GOOD, "n": 5}, "no n"),
        ({**GOOD, "n": "é"}, "no n"),
        ({**GOOD, "n": GOOD["n"] + "=="}, "malformed n"),
        ({**GOOD, "n": base64url(b"\xff" * 127)}, "1016 bits"),
        ({**GOOD, "n": base64url(b"\x01" + b"\xff" * 1024)}, "8193 bits"),
        ({**GOOD, "n": base64url(b"\x7f" + b"\xff" * 255)}, "2047 bits"),
        ({**GOOD, "n": base64url(b"\xff" * 255 + b"\xfe")}, "not safe"),
        ({**GOOD, "e": "Aw"}, "not safe"),
        ({**GOOD, "e": "AQAA"}, "not safe"),
        ({**GOOD, "e": base64url(b"\x01\x00\x02")}, "not safe"),
        ({**GOOD, "e": base64url(b"\x01\x00\x00\x00\x01")}, "not safe"),
        ({**GOOD, "e": base64url(b"\x01" + b"\xff" * 8)}, "not safe"),
        (jwk(rsa_key(bits=1024)), "1024 bits"),
        (jwk(ec_key(0, "P-521")), "curve"),
        ({**jwk(ec_key()), "crv": "P-384"}, "another length"),
        ({**jwk(ec_key()), "crv": "secp256k1"}, "curve"),
        ({**jwk(ec_key()), "crv": ["P-256"]}, "curve"),
        ({**jwk(ec_key()), "x": base64url(b"\x01" * 32)}, "is no key"),
        ({**jwk(ec_key()), "x": base64url(b"\x01" * 31)}, "another length"),
        ({**jwk(ec_key()), "y": None}, "no y"),
    ],
)
def test_a_key_that_is_not_to_verify_with_is_left_out_with_why(member: Any, why: str) -> None:
    """And does not take the others away."""
    keys = keys_of(GOOD, member)
    assert [key.kid for key in keys.keys] == ["k1"]
    (said,) = keys.left_out
    assert said.startswith("key 2 ") and why in said
    with pytest.raises(ValueError, match="no key that could be used: key 1 "):
        keys_of(member)


@pytest.mark.parametrize(
    "member",
    [
        {**GOOD, "kid": "k"},
        {**GOOD, "kid": "k" * 256},
        {**GOOD, "n": base64url(b"\xff" * 1024)},
        {**GOOD, "n": base64url(b"\x80" + b"\xff" * 255)},
        {**GOOD, "n": base64url(b"\xff" * 255 + b"\x01")},
        {**GOOD, "e": "AQAB"},
        {**GOOD, "e": base64url(b"\x01\x00\x03")},
        {**GOOD, "e": base64url(b"\xff\xff\xff\xfb")},
        {**GOOD, "key_ops": ["verify", "encrypt"]},
    ],
)
def test_what_is_just_within_the_bounds_is_taken(member: Any) -> None:
    assert keys_of(member).left_out == ()


def test_a_set_may_be_as_large_as_is_said() -> None:
    raw = dumped({"keys": [GOOD] * KEYS_MOST})
    assert len(read_keys(raw + b" " * (SET_MOST - len(raw))).keys) == KEYS_MOST


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"keys":[],"keys":[]}', "two members"),
        (b'{"keys":{}}', "no list"),
        (b"{}", "no list"),
        (b'{"keys":[]}', "it is empty"),
        (dumped({"keys": [GOOD] * (KEYS_MOST + 1)}), "101 keys"),
        (b" " * (SET_MOST + 1), "262145 bytes"),
    ],
)
def test_what_is_no_set_is_an_error_that_may_be_shown(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_keys(raw)


def found(keys: KeySet, alg: str, kid: str | None, *spelled: str) -> tuple[Key, ...] | str:
    outcome = keys.find(alg, kid, spelled)
    if isinstance(outcome, Refusal):
        assert outcome.reason is Reason.AUTH_KEY
        return outcome.detail
    return outcome


def test_a_key_is_found_by_its_id_alone_and_only_for_what_it_is_for() -> None:
    keys = keys_of(GOOD, jwk(ec_key(), "e1"), jwk(rsa_key(1), "k2"))
    first, second, third = keys.keys
    assert found(keys, "RS256", "k1") == (first,)
    assert found(keys, "ES256", "e1") == (second,)
    assert found(keys, "RS256", None) == (first, third)
    assert "not for PS256" in found(keys, "PS256", "k1")
    assert "not for RS256" in found(keys, "RS256", "e1")
    assert "not for ES384" in found(keys, "ES384", None)
    for kid in ("K1", "k1 ", "../k1", "k1' OR '1'='1", "", "k"):
        assert "none of its issuer's" in found(keys, "RS256", kid)
        assert not keys.knows(kid)
    assert keys.knows("k1") and keys.knows(None)


def test_two_keys_of_one_id_are_both_tried() -> None:
    """RFC 7517, 4.5: of different kinds they may have the same."""
    keys = keys_of(jwk(rsa_key(), "k"), jwk(ec_key(), "k"), jwk(rsa_key(1), "k"))
    first, second, third = keys.keys
    assert found(keys, "RS256", "k") == (first, third)
    assert found(keys, "ES256", "k") == (second,)


def test_a_token_without_a_kid_is_not_tried_with_every_key_of_a_large_set() -> None:
    few = [jwk(ec_key(number), str(number)) for number in range(NAMELESS_MOST)]
    assert len(found(keys_of(*few), "ES256", None)) == NAMELESS_MOST
    assert "names none of its issuer's 6 keys" in found(keys_of(*few, jwk(ec_key(9), "9")), "ES256", None)


def test_a_key_that_is_for_one_issuer_signs_for_that_one_alone() -> None:
    """As Entra has it: one set for all tenants, with keys for some of them."""
    keys = keys_of({**GOOD, "issuer": "https://a.example"}, jwk(rsa_key(1), "k2"))
    assert found(keys, "RS256", "k1", "https://a.example", "https://b.example") == keys.keys[:1]
    assert "another issuer" in found(keys, "RS256", "k1", "https://b.example")
    assert "another issuer" in found(keys, "RS256", "k1")
    assert found(keys, "RS256", "k2") == keys.keys[1:]
    assert found(keys, "RS256", None, "https://b.example") == keys.keys[1:]


@given(
    st.dictionaries(
        st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "alg", "use", "key_ops", "issuer"]),
        st.none() | st.integers(-9, 9) | st.text(max_size=9) | st.lists(st.text(max_size=9), max_size=2),
    )
)
def test_whatever_a_key_says_it_is_left_out_or_read(said: dict[str, Any]) -> None:
    for base in (GOOD, jwk(ec_key())):
        keys = keys_of(GOOD, {**base, **said})
        assert len(keys.keys) + len(keys.left_out) == 2
