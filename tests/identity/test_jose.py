"""Tokens as bytes, and their signatures; and that each hostile one is refused for what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.identity import jose
from mcpgate.identity.jwks import read_keys
from mcpgate.identity.principal import Principal
from mcpgate.reasons import ANSWERS, Refusal
from tests.identity.hostile import HOSTILE, Hostile, published
from tests.identity.judging import MINTER, judged
from tests.identity.minting import NOW, Minter, compact, dumped, ec_key, rsa_key, sign

KEYS = read_keys(published(MINTER))


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_a_hostile_token_is_refused(hostile: Hostile) -> None:
    """With its own reason, as a fault of the caller's, and in words that quote nothing of the token."""
    token = hostile.make(MINTER, NOW)
    refusal = judged(token, keys=KEYS)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, hostile.said in refusal.detail) == (hostile.reason, True), refusal
    assert ANSWERS[refusal.reason].status == 401
    assert refusal.detail.isascii() and refusal.detail.isprintable() and len(refusal.detail) < 400
    assert not any(len(part) > 8 and part.decode("latin-1") in refusal.detail for part in token.split(b"."))


def test_no_two_hostile_tokens_have_the_same_name_and_there_are_enough() -> None:
    assert len({hostile.name for hostile in HOSTILE}) == len(HOSTILE) > 100


def test_what_the_hostile_ones_are_made_of_is_good() -> None:
    """Else they might be refused for something that all have in common."""
    assert isinstance(judged(MINTER.mint(), keys=KEYS), Principal)
    assert isinstance(judged(MINTER.mint("e1", "ES256"), keys=KEYS), Principal)
    assert isinstance(judged(MINTER.mint(kid=None), keys=KEYS), Principal)


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (rsa_key(), "RS256"),
        (rsa_key(), "PS256"),
        (ec_key(), "ES256"),
        (ec_key(1, "P-384"), "ES384"),
    ],
)
def test_a_token_of_its_issuer_is_verified(key: Any, alg: str) -> None:
    minter = Minter(keys={"k1": key})
    keys = read_keys(minter.jwks())
    assert isinstance(judged(minter.mint(alg=alg), keys=keys), Principal)
    for header in ({"typ": "JWT"}, {"typ": ...}, {"typ": "application/at+jwt"}, {"x5t": "abc", "kid": ...}):
        assert isinstance(judged(minter.mint(alg=alg, header=header), keys=keys), Principal)


def test_what_is_just_within_the_bounds_is_read() -> None:
    for kid in ("k", "k" * jose.KEY_ID_MOST):
        found = jose.read(MINTER.mint(header={"kid": kid}))
        assert isinstance(found, jose.Unverified) and found.kid == kid
    claims = dumped(MINTER.said())
    # Base64 has no text of every length; a header of another one makes up for it.
    padded = [b"{" + b" " * (size - len(claims)) + claims[1:] for size in range(5830, 5850)]
    tokens = [
        MINTER.mint(raw_claims=raw, header={"x5t": filled}) for raw in padded for filled in ("", "x", "xx")
    ]
    (largest, *_) = [token for token in tokens if len(token) == jose.TOKEN_MOST]
    assert isinstance(judged(largest), Principal)


def test_what_is_quoted_is_short_and_on_one_line() -> None:
    most = jose.QUOTED_MOST
    assert jose.quoted("x" * most) == repr("x" * most)
    assert jose.quoted("x" * (most + 1)) == repr("x" * (most - 3) + "...")
    assert jose.quoted("a\nb") == r"'a\nb'"
    assert jose.quoted(["secret"]) == "a list"


def test_what_is_signed_has_one_id_whatever_its_signature() -> None:
    """Who has a token by ECDSA or PSS could make others of it that are as good."""
    once, again = (jose.read(MINTER.mint("e1", "ES256")) for _ in range(2))
    other = jose.read(MINTER.mint("e1", "ES256", sub="eve"))
    assert not any(isinstance(found, Refusal) for found in (once, again, other))
    assert once.signature != again.signature and once.id == again.id != other.id  # type: ignore[union-attr]
    assert len(once.id) == 64  # type: ignore[union-attr]


def test_an_unverified_token_shows_nothing_of_itself() -> None:
    """What is logged by mistake is no token."""
    found = jose.read(MINTER.mint(sub="canary-of-the-claims"))
    assert isinstance(found, jose.Unverified)
    assert "canary" not in repr(found) and found.signed.decode() not in repr(found)


class _Failing:
    """In the place of a key of josepy's: whatever comes out of it is no proof."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def verify(self, *args: object) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error", [ValueError("secret"), TypeError("secret"), RecursionError(), MemoryError()]
)
def test_whatever_a_verification_raises_is_a_refusal_and_the_next_key_is_tried(error: Exception) -> None:
    found = jose.read(MINTER.mint())
    assert isinstance(found, jose.Unverified)
    good = read_keys(MINTER.jwks()).keys[0]
    broken: Any = type("Broken", (), {"jwk": type("Jwk", (), {"key": _Failing(error)}), "fits": good.fits})()
    refusal = jose.verify(found, [broken])
    assert isinstance(refusal, Refusal)
    assert type(error).__name__ in refusal.detail and "secret" not in refusal.detail
    assert jose.verify(found, [broken, good]) is None


def test_a_token_is_never_verified_without_a_key_that_is_for_it() -> None:
    found = jose.read(MINTER.mint())
    assert isinstance(found, jose.Unverified)
    for keys in ((), read_keys(MINTER.jwks()).keys[1:]):
        assert str(jose.verify(found, keys)).startswith("auth.key")
    for alg in ("none", "HS256", ""):
        assert str(jose.verify(evolve(found, alg=alg), KEYS.keys)).startswith("auth.algorithm")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(token: bytes) -> None:
    assert isinstance(jose.read(token), Refusal)


HEADERS = st.dictionaries(
    st.sampled_from(["alg", "typ", "kid", "x5t", "jwk", "crit"]),
    st.none() | st.sampled_from(["RS256", "none", "k1", "JWT"]) | st.integers(-9, 9) | st.lists(st.text()),
)
CLAIMS = st.dictionaries(
    st.sampled_from("iss aud exp nbf iat sub cnf groups scope nonce typ tid".split()),
    st.none()
    | st.booleans()
    | st.integers(-9, NOW + 900)
    | st.floats()
    | st.text(max_size=9)
    | st.lists(st.text(max_size=9) | st.integers(-9, 9), max_size=3)
    | st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=2),
)


@given(HEADERS, CLAIMS)
@settings(deadline=None)  # it signs, which takes long on a busy machine
def test_whatever_a_signed_token_says_it_is_judged(header: dict[str, Any], claims: dict[str, Any]) -> None:
    """A principal or a refusal that can be shown, never an exception."""
    said = {**MINTER.said(), **claims}
    about = {"alg": "ES256", "kid": "e1", "typ": "at+jwt", **header}
    token = compact(dumped(about), dumped(said), lambda signed: sign("ES256", ec_key(), signed))
    found = judged(token)
    if isinstance(found, Refusal):
        assert found.detail.isascii() and found.detail.isprintable()
    else:
        assert found.name.isprintable()
