"""A token of an issuer: what is believed of it is what every reader finds in it (jose.py and claims.py).

The input is a token as it stands; and, with a line for the header and one for the claims, what an issuer has
signed: a fuzzer cannot make signatures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mcpgate.identity import jose
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Refusal
from tests.fuzz.target import Target
from tests.identity.judging import MINTER, TERMS, judged
from tests.identity.minting import ISSUER, NOW, RESOURCE, base64url, compact, dumped, ec_key, sign


def check(raw: bytes) -> None:
    """Never an exception; and whoever is let in has shown what every reader of the token reads."""
    _shown(judged(raw))
    header, _, claims = raw.partition(b"\n")
    token = compact(header, claims, lambda signed: sign("ES256", ec_key(), signed))
    found = judged(token)
    _shown(found)
    read = jose.read(token)
    if not isinstance(read, Refusal):
        parts = token.split(b".")
        assert [base64url(part).encode() for part in (header, claims, read.signature)] == parts
    if isinstance(found, Principal):
        for about in _readings(header):
            assert about["alg"] == "ES256" and about.keys() <= {"alg", "kid", "typ", "x5t", "x5t#S256"}
            assert about.get("kid", "e1") == "e1"
        for said in _readings(claims):
            assert (said["iss"], said["sub"]) == (ISSUER, found.subject)
            assert RESOURCE in ([said["aud"]] if isinstance(said["aud"], str) else said["aud"])
            assert NOW < said["exp"] + TERMS.skew == found.expires
            assert said["exp"] - said.get("iat", said.get("nbf", NOW)) <= TERMS.max_lifetime
            assert max(said.get("iat", 0), said.get("nbf", 0)) <= NOW + TERMS.skew
            assert "cnf" not in said and "events" not in said


def _shown(found: Principal | Refusal) -> None:
    if isinstance(found, Refusal):
        assert found.detail.isascii() and found.detail.isprintable() and len(found.detail) < 400
    else:
        assert found.name.isprintable()


def _readings(raw: bytes) -> Iterator[dict[str, Any]]:
    """As others read: the last of two members, or the first of them."""
    yield json.loads(raw)
    yield json.loads(raw, object_pairs_hook=lambda pairs: dict(reversed(pairs)))


HEADER = dumped({"alg": "ES256", "typ": "at+jwt", "kid": "e1"})


def seeds() -> Iterator[bytes]:
    """A token, and signed ones of several kinds."""
    yield MINTER.mint("e1", "ES256")
    for header in (HEADER, b'{"alg":"ES256"}', b'{"alg":"ES256","typ":"JWT","x5t":"e1"}'):
        yield header + b"\n" + dumped(MINTER.said())
    for said in (
        {"aud": ["x", RESOURCE], "scope": "a b", "groups": ["dev"], "nbf": NOW},
        {"scp": ["a"], "azp": "cli", "typ": "Bearer", "nonce": "n", "realm": {"roles": ["x"]}},
        {"cnf": {"x5t#S256": "AA"}, "jti": "1"},
    ):
        yield HEADER + b"\n" + dumped(MINTER.said(**said))
    yield HEADER + b"\n" + dumped(MINTER.said())[:-1] + b',"\\u0073ub":"root"}'
    yield HEADER[:-1] + b',"jwk":"e1"}\n' + dumped(MINTER.said())


WORDS = tuple(
    f'"{name}"'.encode()
    for name in "alg typ kid x5t jwk crit iss sub aud exp nbf iat cnf nonce events scope scp groups".split()
) + (b"at+jwt", b"JWT", b"none", b"RS256", b"1800000000", b"null", b"\\u0073ub", b"1e400", b"NaN")

TARGET = Target(check, seeds, WORDS)
