"""Tokens that must not pass, each with the reason for which it is refused: the attack table.

Nothing here knows how tokens are judged, so the same table goes through the pure files and through a running
gate. There the issuer is C{MINTER} (any L{Minter} with an RSA key k1 and a P-256 key e1), and publishes what
L{published} says: beside its own keys some that nothing may be verified with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from hmac import new as hmac
from typing import Any

from attrs import frozen
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mcpgate.reasons import Reason
from tests.identity.minting import (
    Minter,
    Private,
    base64url,
    compact,
    dumped,
    ec_key,
    jwk,
    rsa_key,
    sign,
)

_B64TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")

Make = Callable[[Minter, float], bytes]

#: Of somebody else; numbers that no other test takes.
FOREIGN, FOREIGN_EC = 90, 91


@frozen
class Hostile:
    """
    A token, and why it is refused.

    @ivar said: What its detail has in it, so that it is refused for what is wrong with it.
    """

    name: str
    reason: Reason
    said: str
    make: Make

    def sendable(self, token: bytes) -> bool:
        """Whether it can be sent as a bearer token at all, as RFC 6750 (2.1) writes one."""
        return _B64TOKEN.fullmatch(token) is not None


def published(minter: Minter) -> bytes:
    """The issuer's key set, with keys in it that are for something else."""
    return minter.jwks(
        jwk(rsa_key(92), "encrypts", use="enc"),
        jwk(rsa_key(93), "wraps", key_ops=["wrapKey"]),
        jwk(rsa_key(94), "sha512", alg="RS512"),
        jwk(rsa_key(95), "pss", alg="PS256"),
        jwk(rsa_key(96, 1024), "short"),
        jwk(rsa_key(97), "tenants", issuer="https://login.example/another-tenant/"),
        jwk(ec_key(98, "P-384"), "p384"),
        {"kty": "oct", "kid": "shared", "k": base64url(b"a secret that everybody may read")},
    )


def _claims(**said: Any) -> Make:
    """A token that is right but for these claims; those that are callable are called with the time."""

    def make(minter: Minter, now: float) -> bytes:
        when = int(now)
        claims = {name: value(when) if callable(value) else value for name, value in said.items()}
        return minter.mint(now=now, **claims)

    return make


def _header(**header: Any) -> Make:
    return lambda minter, now: minter.mint(now=now, header=header)


def _signed_by(key: Callable[[], Private], kid: str | None, alg: str = "RS256") -> Make:
    return lambda minter, now: minter.mint(kid, alg, key=key(), now=now)


def _raw(
    header: Callable[[dict[str, Any]], bytes] | None = None,
    claims: Callable[[dict[str, Any]], bytes] | None = None,
) -> Make:
    """A token whose JSON is written in another way, and signed so."""

    def make(minter: Minter, now: float) -> bytes:
        about = {"alg": "RS256", "typ": "at+jwt", "kid": "k1"}
        return minter.mint(
            raw_header=header(about) if header else None,
            raw_claims=claims(minter.said(now)) if claims else None,
            now=now,
        )

    return make


def _behind(more: str) -> Callable[[dict[str, Any]], bytes]:
    """The usual members, and then more."""
    return lambda usual: dumped(usual)[:-1] + b"," + more.encode() + b"}"


def _before(more: str) -> Callable[[dict[str, Any]], bytes]:
    return lambda usual: b"{" + more.encode() + b"," + dumped(usual)[1:]


def _changed(change: Callable[[list[bytes]], Sequence[bytes]]) -> Make:
    """A good token whose parts were changed after it was signed."""
    return lambda minter, now: b".".join(change(minter.mint(now=now).split(b".")))


def _unsigned(alg: str) -> Make:
    def make(minter: Minter, now: float) -> bytes:
        return compact(
            dumped({"alg": alg, "typ": "at+jwt", "kid": "k1"}), dumped(minter.said(now)), lambda _: b""
        )

    return make


def _shared_secret(secret: Callable[[rsa.RSAPublicKey], bytes]) -> Make:
    """HS256, with something that everybody knows as the secret."""

    def make(minter: Minter, now: float) -> bytes:
        public = minter.keys["k1"].public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        key = secret(public)
        header = dumped({"alg": "HS256", "typ": "at+jwt", "kid": "k1"})
        return compact(header, dumped(minter.said(now)), lambda signed: hmac(key, signed, sha256).digest())

    return make


def _curve(signer: Callable[[ec.EllipticCurvePrivateKey, bytes], bytes]) -> Make:
    """ES256, with a signature that is made in another way."""

    def make(minter: Minter, now: float) -> bytes:
        key = minter.keys["e1"]
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        header = dumped({"alg": "ES256", "typ": "at+jwt", "kid": "e1"})
        return compact(header, dumped(minter.said(now)), lambda signed: signer(key, signed))

    return make


def _own_key(minter: Minter, now: float) -> bytes:
    """It brings the key that it is signed with."""
    return minter.mint(key=rsa_key(FOREIGN), header={"jwk": jwk(rsa_key(FOREIGN), "k1")}, now=now)


def _largest_salt(minter: Minter, now: float) -> bytes:
    def signer(signed: bytes) -> bytes:
        key = minter.keys["k1"]
        assert isinstance(key, rsa.RSAPrivateKey)
        salted = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
        return key.sign(signed, salted, hashes.SHA256())

    return compact(dumped({"alg": "PS256", "typ": "at+jwt", "kid": "k1"}), dumped(minter.said(now)), signer)


def _larger_alphabet(parts: list[bytes]) -> list[bytes]:
    # A signature of 256 bytes has one of the two letters in it but for one time in 40,000.
    assert b"-" in parts[2] or b"_" in parts[2]
    return [*parts[:2], parts[2].replace(b"-", b"+").replace(b"_", b"/")]


def _spare_bits(parts: list[bytes]) -> list[bytes]:
    # 256 bytes leave four bits over in the last letter.
    return [*parts[:2], parts[2][:-1] + bytes([parts[2][-1] + 1])]


_DEEP = "[" * 2000 + "]" * 2000
_PEM = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
_YEARS = 10 * 365 * 86400
_CERTIFICATE = base64url(sha256(b"the certificate of somebody else").digest())

_MALFORMED, _ALGORITHM, _KEY = Reason.AUTH_MALFORMED, Reason.AUTH_ALGORITHM, Reason.AUTH_KEY
_SIGNATURE, _TYPE, _ISSUER = Reason.AUTH_SIGNATURE, Reason.AUTH_TYPE, Reason.AUTH_ISSUER
_AUDIENCE, _EXPIRED, _EARLY = Reason.AUTH_AUDIENCE, Reason.AUTH_EXPIRED, Reason.AUTH_EARLY
_LIFETIME, _CLAIM, _BINDING = Reason.AUTH_LIFETIME, Reason.AUTH_CLAIM, Reason.AUTH_BINDING

HOSTILE = (
    # Its form.
    Hostile("two parts", _MALFORMED, "three parts", _changed(lambda parts: parts[:2])),
    Hostile("four parts", _MALFORMED, "three parts", _changed(lambda parts: [*parts, parts[2]])),
    Hostile(
        "five parts, as encrypted ones",
        _MALFORMED,
        "three parts",
        _changed(lambda parts: [*parts, b"", b"AA"]),
    ),
    Hostile("no header", _MALFORMED, "three parts", _changed(lambda parts: [b"", *parts[1:]])),
    Hostile("no claims", _MALFORMED, "three parts", _changed(lambda parts: [parts[0], b"", parts[2]])),
    Hostile(
        "junk in the signature",
        _MALFORMED,
        "three parts",
        _changed(lambda parts: [*parts[:2], parts[2] + b"!"]),
    ),
    Hostile(
        "a newline in the claims",
        _MALFORMED,
        "three parts",
        _changed(lambda parts: [parts[0], parts[1][:9] + b"\n" + parts[1][9:], parts[2]]),
    ),
    Hostile(
        "padding kept", _MALFORMED, "three parts", _changed(lambda parts: [*parts[:2], parts[2] + b"=="])
    ),
    Hostile("the other alphabet", _MALFORMED, "three parts", _changed(_larger_alphabet)),
    Hostile("spare bits in the signature", _MALFORMED, "canonical", _changed(_spare_bits)),
    Hostile(
        "one letter too few", _MALFORMED, "canonical", _changed(lambda parts: [*parts[:2], parts[2][:-1]])
    ),
    Hostile("oversize", _MALFORMED, "bytes", _claims(padding="x" * 8192)),
    # Its JSON.
    Hostile(
        "a header that is no JSON", _MALFORMED, "header: not JSON", _raw(header=lambda usual: b"alg=RS256")
    ),
    Hostile(
        "a header that is a list",
        _MALFORMED,
        "header: not an object",
        _raw(header=lambda usual: b'["RS256"]'),
    ),
    Hostile("a deeply nested header", _MALFORMED, "header: nested", _raw(header=_behind(f'"x5t":{_DEEP}'))),
    Hostile(
        "duplicate alg, none last",
        _MALFORMED,
        "header: an object has two",
        _raw(header=_behind('"alg":"none"')),
    ),
    Hostile(
        "duplicate alg, none first",
        _MALFORMED,
        "header: an object has two",
        _raw(header=_before('"alg":"none"')),
    ),
    Hostile("claims that are no JSON", _MALFORMED, "claims: not JSON", _raw(claims=lambda usual: b"sub=ada")),
    Hostile(
        "claims that are a list",
        _MALFORMED,
        "claims: not an object",
        _raw(claims=lambda usual: dumped([usual])),
    ),
    Hostile(
        "duplicate aud",
        _MALFORMED,
        "claims: an object has two",
        _raw(claims=_before('"aud":"https://evil.example"')),
    ),
    Hostile(
        "duplicate sub, escaped",
        _MALFORMED,
        "claims: an object has two",
        _raw(claims=_behind('"s\\u0075b":"root"')),
    ),
    Hostile(
        "duplicates below", _MALFORMED, "claims: an object has two", _raw(claims=_behind('"x":{"y":1,"y":2}'))
    ),
    Hostile(
        "a byte order mark",
        _MALFORMED,
        "claims: not JSON",
        _raw(claims=lambda usual: b"\xef\xbb\xbf" + dumped(usual)),
    ),
    Hostile(
        "UTF-16",
        _MALFORMED,
        "claims: not JSON",
        _raw(claims=lambda usual: json.dumps(usual).encode("utf-16")),
    ),
    Hostile("half of a surrogate pair", _MALFORMED, "claims: half", _raw(claims=_behind('"x":"\\ud800"'))),
    Hostile("exp that is NaN", _MALFORMED, "claims: NaN", _claims(exp=float("nan"))),
    Hostile(
        "exp beyond doubles",
        _MALFORMED,
        "claims: a number is out of range",
        _raw(claims=lambda usual: dumped({**usual, "exp": 0}).replace(b'"exp":0', b'"exp":1e400')),
    ),
    Hostile("exp of a hundred digits", _MALFORMED, "claims: a number is out of range", _claims(exp=10**100)),
    # What its header says.
    Hostile("its own key in jwk", _MALFORMED, "'jwk'", _own_key),
    Hostile("jku", _MALFORMED, "'jku'", _header(jku="https://evil.example/keys")),
    Hostile("x5u", _MALFORMED, "'x5u'", _header(x5u="https://evil.example/chain.pem")),
    Hostile("x5c", _MALFORMED, "'x5c'", _header(x5c=["MIIB"])),
    Hostile("crit", _MALFORMED, "'crit'", _header(crit=["exp"])),
    Hostile("b64 switched off", _MALFORMED, "'b64'", _header(b64=False)),
    Hostile("zip", _MALFORMED, "'zip'", _header(zip="DEF")),
    Hostile("a token within", _MALFORMED, "'cty'", _header(cty="JWT")),
    Hostile("alg that is a list", _MALFORMED, "something else than texts", _header(alg=["RS256"])),
    Hostile("kid that is a number", _MALFORMED, "something else than texts", _header(kid=1)),
    Hostile("kid that is empty", _MALFORMED, "kid has 0", _header(kid="")),
    Hostile("kid of a thousand characters", _MALFORMED, "kid has 1000", _header(kid="k" * 1000)),
    Hostile("no alg", _MALFORMED, "no alg", _header(alg=...)),
    Hostile("alg none", _ALGORITHM, "'none'", _unsigned("none")),
    Hostile("alg None", _ALGORITHM, "'None'", _unsigned("None")),
    Hostile("alg none, with a signature", _ALGORITHM, "'none'", _header(alg="none")),
    Hostile(
        "HS256 with the public key as PEM",
        _ALGORITHM,
        "'HS256'",
        _shared_secret(lambda key: key.public_bytes(*_PEM)),
    ),
    Hostile(
        "HS256 with the modulus",
        _ALGORITHM,
        "'HS256'",
        _shared_secret(lambda key: key.public_numbers().n.to_bytes(256, "big")),
    ),
    Hostile("HS256 with nothing", _ALGORITHM, "'HS256'", _shared_secret(lambda key: b"")),
    Hostile("RS512", _ALGORITHM, "'RS512'", _header(alg="RS512")),
    Hostile("alg in lower case", _ALGORITHM, "'rs256'", _header(alg="rs256")),
    # Which key it names.
    Hostile("kid that is a path", _KEY, "none of its issuer's", _header(kid="../../../../dev/null")),
    Hostile("kid that is SQL", _KEY, "none of its issuer's", _header(kid="k1' UNION SELECT 'secret' -- ")),
    Hostile("kid that is a URL", _KEY, "none of its issuer's", _header(kid="https://evil.example/k1")),
    Hostile("kid in the other case", _KEY, "none of its issuer's", _header(kid="K1")),
    Hostile(
        "a key of another issuer",
        _KEY,
        "none of its issuer's",
        _signed_by(lambda: rsa_key(FOREIGN), "foreign"),
    ),
    Hostile(
        "a key for encryption", _KEY, "none of its issuer's", _signed_by(lambda: rsa_key(92), "encrypts")
    ),
    Hostile("a key for wrapping", _KEY, "none of its issuer's", _signed_by(lambda: rsa_key(93), "wraps")),
    Hostile("a key for RS512", _KEY, "none of its issuer's", _signed_by(lambda: rsa_key(94), "sha512")),
    Hostile(
        "a key of 1024 bits", _KEY, "none of its issuer's", _signed_by(lambda: rsa_key(96, 1024), "short")
    ),
    Hostile("a key for PS256 alone", _KEY, "not for RS256", _signed_by(lambda: rsa_key(95), "pss")),
    Hostile(
        "a key for another tenant",
        _KEY,
        "another issuer or tenant",
        _signed_by(lambda: rsa_key(97), "tenants"),
    ),
    Hostile(
        "ES256 by a P-384 key",
        _KEY,
        "not for ES256",
        _signed_by(lambda: ec_key(98, "P-384"), "p384", "ES256"),
    ),
    Hostile("RS256 by an EC key's name", _KEY, "not for RS256", _header(kid="e1")),
    # Its signature.
    Hostile(
        "another key under the same name",
        _SIGNATURE,
        "does not hold",
        _signed_by(lambda: rsa_key(FOREIGN), "k1"),
    ),
    Hostile(
        "another key, and none is named",
        _SIGNATURE,
        "does not hold",
        _signed_by(lambda: rsa_key(FOREIGN), None),
    ),
    Hostile("no signature", _SIGNATURE, "does not hold", _changed(lambda parts: [*parts[:2], b""])),
    Hostile(
        "a short signature", _SIGNATURE, "does not hold", _changed(lambda parts: [*parts[:2], parts[2][:-2]])
    ),
    Hostile(
        "claims of another token",
        _SIGNATURE,
        "does not hold",
        lambda minter, now: b".".join(
            [
                minter.mint(now=now).split(b".")[0],
                minter.mint(now=now, sub="root").split(b".")[1],
                minter.mint(now=now).split(b".")[2],
            ]
        ),
    ),
    Hostile(
        "ES256 with DER",
        _SIGNATURE,
        "does not hold",
        _curve(lambda key, signed: key.sign(signed, ec.ECDSA(hashes.SHA256()))),
    ),
    Hostile("ES256 with zeros", _SIGNATURE, "does not hold", _curve(lambda key, signed: bytes(64))),
    Hostile(
        "ES256 by another", _SIGNATURE, "does not hold", _signed_by(lambda: ec_key(FOREIGN_EC), "e1", "ES256")
    ),
    Hostile(
        "PS256 signed as RS256",
        _SIGNATURE,
        "does not hold",
        lambda minter, now: compact(
            dumped({"alg": "PS256", "kid": "k1"}),
            dumped(minter.said(now)),
            lambda signed: sign("RS256", minter.keys["k1"], signed),
        ),
    ),
    Hostile("PS256 with the largest salt", _SIGNATURE, "does not hold", _largest_salt),
    # What kind of token it is.
    Hostile(
        "an ID token by its nonce",
        _TYPE,
        "has nonce",
        lambda minter, now: minter.mint(now=now, header={"typ": "JWT"}, nonce="n"),
    ),
    Hostile(
        "an ID token by its at_hash",
        _TYPE,
        "has at_hash",
        lambda minter, now: minter.mint(now=now, header={"typ": ...}, at_hash="h"),
    ),
    Hostile(
        "an ID token of Keycloak's",
        _TYPE,
        "'ID'",
        lambda minter, now: minter.mint(now=now, header={"typ": "JWT"}, typ="ID"),
    ),
    Hostile(
        "an ID token of Cognito's",
        _TYPE,
        "'id'",
        lambda minter, now: minter.mint(now=now, header={"typ": ...}, token_use="id"),
    ),
    Hostile(
        "a refresh token",
        _TYPE,
        "'Refresh'",
        lambda minter, now: minter.mint(now=now, header={"typ": "JWT"}, typ="Refresh"),
    ),
    Hostile("a logout token", _TYPE, "'logout+jwt'", _header(typ="logout+jwt")),
    Hostile(
        "a logout token without a typ",
        _TYPE,
        "events",
        lambda minter, now: minter.mint(
            now=now, header={"typ": "JWT"}, events={"http://schemas.openid.net/event/backchannel-logout": {}}
        ),
    ),
    Hostile("a DPoP proof", _TYPE, "'dpop+jwt'", _header(typ="dpop+jwt")),
    Hostile(
        "an assertion for a token (ID-JAG)", _TYPE, "'oauth-id-jag+jwt'", _header(typ="oauth-id-jag+jwt")
    ),
    # Whose it is.
    Hostile("no iss", _ISSUER, "no iss", _claims(iss=...)),
    Hostile(
        "iss that is a list", _ISSUER, "a list", lambda minter, now: minter.mint(now=now, iss=[minter.issuer])
    ),
    Hostile(
        "iss with a slash more",
        _ISSUER,
        "spelled",
        lambda minter, now: minter.mint(now=now, iss=minter.issuer + "/"),
    ),
    Hostile(
        "iss in capitals",
        _ISSUER,
        "spelled",
        lambda minter, now: minter.mint(now=now, iss=minter.issuer.upper()),
    ),
    Hostile(
        "iss over http",
        _ISSUER,
        "spelled",
        lambda minter, now: minter.mint(now=now, iss=minter.issuer.replace("https:", "http:")),
    ),
    Hostile(
        "another tenant",
        _ISSUER,
        "spelled",
        lambda minter, now: minter.mint(now=now, iss=minter.issuer + "-2", tid="another"),
    ),
    Hostile(
        "unicode issuer, of the same looks",
        _ISSUER,
        "\\u043e",
        lambda minter, now: minter.mint(now=now, iss=minter.issuer.replace("o", "\u043e")),
    ),
    Hostile(
        "unicode issuer, of another width",
        _ISSUER,
        "\\uff0e",
        lambda minter, now: minter.mint(now=now, iss=minter.issuer.replace(".", "\uff0e")),
    ),
    Hostile(
        "iss with a null character",
        _ISSUER,
        "\\x00",
        lambda minter, now: minter.mint(now=now, iss=minter.issuer + "\0.evil.example"),
    ),
    Hostile("iss of three thousand characters", _ISSUER, "...", _claims(iss="https://" + "a" * 3000)),
    # For whom it is.
    Hostile("no aud", _AUDIENCE, "no aud", _claims(aud=...)),
    Hostile(
        "another audience", _AUDIENCE, "it is for 'https://api.example'", _claims(aud="https://api.example")
    ),
    Hostile("other audiences", _AUDIENCE, "it is for", _claims(aud=["https://api.example", "account"])),
    Hostile(
        "an audience that begins alike",
        _AUDIENCE,
        "it is for",
        lambda minter, now: minter.mint(now=now, aud=minter.resource + ".evil.example"),
    ),
    Hostile(
        "an audience that is a part of ours",
        _AUDIENCE,
        "it is for",
        lambda minter, now: minter.mint(now=now, aud=minter.resource[:-1]),
    ),
    Hostile(
        "an audience with a slash more",
        _AUDIENCE,
        "it is for",
        lambda minter, now: minter.mint(now=now, aud=minter.resource + "/"),
    ),
    Hostile(
        "aud that is an object",
        _AUDIENCE,
        "neither",
        lambda minter, now: minter.mint(now=now, aud={minter.resource: True}),
    ),
    Hostile(
        "aud with a number in it",
        _AUDIENCE,
        "neither",
        lambda minter, now: minter.mint(now=now, aud=[minter.resource, 1]),
    ),
    Hostile("aud that is empty", _AUDIENCE, "nobody", _claims(aud=[])),
    Hostile(
        "for everybody at once",
        _AUDIENCE,
        "33 audiences",
        lambda minter, now: minter.mint(now=now, aud=[minter.resource] * 33),
    ),
    # When it holds.
    Hostile("expired", _EXPIRED, "expired", _claims(iat=lambda now: now - 600, exp=lambda now: now - 60)),
    Hostile("expired long ago", _EXPIRED, "expired", _claims(iat=100, exp=200)),
    Hostile("not yet valid", _EARLY, "nbf", _claims(nbf=lambda now: now + 300)),
    Hostile("made in the future", _EARLY, "iat", _claims(iat=lambda now: now + 300)),
    Hostile("ten-year lifetime", _LIFETIME, "315360000 s", _claims(exp=lambda now: now + _YEARS)),
    Hostile(
        "ten-year lifetime, by nbf",
        _LIFETIME,
        "it holds for",
        _claims(iat=..., nbf=lambda now: now, exp=lambda now: now + _YEARS),
    ),
    Hostile(
        "ten-year lifetime, without a beginning",
        _LIFETIME,
        "it holds for",
        _claims(iat=..., exp=lambda now: now + _YEARS),
    ),
    Hostile("as old as the epoch, and still good", _LIFETIME, "it holds for", _claims(iat=0)),
    Hostile("exp in milliseconds", _LIFETIME, "it holds for", _claims(exp=lambda now: (now + 600) * 1000)),
    Hostile("no exp", _CLAIM, "no exp", _claims(exp=...)),
    Hostile("exp that is a text", _CLAIM, "exp is not", _claims(exp=lambda now: str(now + 600))),
    Hostile("exp that is true", _CLAIM, "exp is not", _claims(exp=True)),
    Hostile("exp that is null", _CLAIM, "exp is not", _claims(exp=None)),
    Hostile("exp with a fraction", _CLAIM, "exp is not", _claims(exp=lambda now: now + 600.5)),
    Hostile("exp below zero", _CLAIM, "exp is not", _claims(exp=-1)),
    Hostile("nbf that is a text", _CLAIM, "nbf is not", _claims(nbf="0")),
    Hostile("iat that is a list", _CLAIM, "iat is not", _claims(iat=[0])),
    # Whom it is about.
    Hostile("no sub", _CLAIM, "sub is missing", _claims(sub=...)),
    Hostile("sub that is a number", _CLAIM, "sub is missing or no text", _claims(sub=5)),
    Hostile("sub that is empty", _CLAIM, "sub is missing", _claims(sub="")),
    Hostile("sub with a newline", _CLAIM, "sub is too long, or", _claims(sub="ada\n{}")),
    Hostile("sub that turns the line around", _CLAIM, "sub is too long, or", _claims(sub="ada\u202e")),
    Hostile("sub of a thousand characters", _CLAIM, "sub is too long", _claims(sub="a" * 1000)),
    Hostile("groups that are a number", _CLAIM, "groups is no list", _claims(groups=5)),
    Hostile("groups with a number in them", _CLAIM, "groups is no list", _claims(groups=["dev", 5])),
    Hostile("groups elsewhere", _CLAIM, "more groups", _claims(_claim_names={"groups": "src1"})),
    Hostile("scope that is an object", _CLAIM, "scope is neither", _claims(scope={"admin": True})),
    Hostile("scope with a quote in it", _CLAIM, "no scope", _claims(scope='read", error="')),
    # To what it is bound.
    Hostile("cnf of another certificate", _BINDING, "certificate", _claims(cnf={"x5t#S256": _CERTIFICATE})),
    Hostile("cnf of a DPoP key", _BINDING, "something else", _claims(cnf={"jkt": _CERTIFICATE})),
    Hostile(
        "cnf of a key",
        _BINDING,
        "something else",
        lambda minter, now: minter.mint(now=now, cnf={"jwk": jwk(rsa_key())}),
    ),
    Hostile("cnf that is empty", _BINDING, "something else", _claims(cnf={})),
    Hostile("cnf that is null", _BINDING, "something else", _claims(cnf=None)),
    Hostile("cnf that is a text", _BINDING, "something else", _claims(cnf=_CERTIFICATE)),
    Hostile("cnf of two things", _BINDING, "'jkt'", _claims(cnf={"x5t#S256": _CERTIFICATE, "jkt": "x"})),
)
