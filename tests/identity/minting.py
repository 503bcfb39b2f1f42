"""Tokens as an issuer makes them, and as it never would: every part can be said as it is to be.

Keys are made once for all tests; L{Minter.jwks} is what the issuer publishes of its.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from attrs import field, frozen
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

#: The moment of all tokens here, unless they say another.
NOW = 1_800_000_000
ISSUER = "https://login.example/oauth2/default"
RESOURCE = "https://gate.example:8443/github"

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def dumped(value: object) -> bytes:
    """JSON as senders write it. What is not JSON, such as NaN, is written as Python does."""
    return json.dumps(value, separators=(",", ":")).encode()


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The same one for the same arguments: making one takes a tenth of a second."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(number: int = 0, curve: str = "P-256") -> ec.EllipticCurvePrivateKey:
    curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    return ec.generate_private_key(curves[curve])


def jwk(key: Private, kid: str | None = None, **members: Any) -> dict[str, Any]:
    """The public half as a member of a key set."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        found = {
            "kty": "RSA",
            "n": base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
            "e": base64url(numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")),
        }
    else:
        point, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
        found = {
            "kty": "EC",
            "crv": f"P-{key.curve.key_size}",
            "x": base64url(point.x.to_bytes(size, "big")),
            "y": base64url(point.y.to_bytes(size, "big")),
        }
    named = {} if kid is None else {"kid": kid}
    return {**found, **named, **members}


def sign(alg: str, key: Private, signed: bytes) -> bytes:
    """A signature as RFC 7518 says."""
    digest: hashes.HashAlgorithm = hashes.SHA384() if alg.endswith("384") else hashes.SHA256()
    if isinstance(key, rsa.RSAPrivateKey):
        if alg.startswith("PS"):
            salted = padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH)
            return key.sign(signed, salted, digest)
        return key.sign(signed, padding.PKCS1v15(), digest)
    size = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def compact(header: bytes, payload: bytes, signer: Callable[[bytes], bytes]) -> bytes:
    """A token of raw parts, signed as they stand."""
    signed = f"{base64url(header)}.{base64url(payload)}".encode()
    return signed + b"." + base64url(signer(signed)).encode()


@frozen
class Minter:
    """An issuer: what it is called, its keys by their ids, and what its tokens say unless told otherwise."""

    issuer: str = ISSUER
    resource: str = RESOURCE
    keys: Mapping[str, Private] = field(factory=lambda: {"k1": rsa_key(), "e1": ec_key()})
    claims: Mapping[str, Any] = field(factory=dict)
    header: Mapping[str, Any] = field(factory=dict)

    def jwks(self, *more: Mapping[str, Any]) -> bytes:
        """What it publishes, with other members behind."""
        return dumped({"keys": [*(jwk(key, kid) for kid, key in self.keys.items()), *more]})

    def said(self, now: float = NOW, **claims: Any) -> dict[str, Any]:
        """The claims of a token; those that are said to be C{...} are left out."""
        begins = int(now)
        usual = {"iss": self.issuer, "sub": "ada", "aud": self.resource, "iat": begins, "exp": begins + 600}
        return {
            name: value
            for name, value in {**usual, **self.claims, **claims}.items()
            if value is not ...
        }

    def mint(
        self,
        kid: str | None = "k1",
        alg: str = "RS256",
        *,
        key: Private | None = None,
        header: Mapping[str, Any] | None = None,
        raw_header: bytes | None = None,
        raw_claims: bytes | None = None,
        now: float = NOW,
        **claims: Any,
    ) -> bytes:
        """A token; what is left out is as a careful issuer makes it."""
        own = key or self.keys[kid or "k1"]
        named = {} if kid is None else {"kid": kid}
        about = {"alg": alg, "typ": "at+jwt", **named, **self.header, **(header or {})}
        about = {name: value for name, value in about.items() if value is not ...}
        return compact(
            raw_header if raw_header is not None else dumped(about),
            raw_claims if raw_claims is not None else dumped(self.said(now, **claims)),
            lambda signed: sign(alg, own, signed),
        )
