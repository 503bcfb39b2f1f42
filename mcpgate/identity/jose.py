"""JSON Web Tokens as bytes: one strict reading, and the signature (RFC 7515, RFC 7519, RFC 8725).

josepy proves signatures and nothing else: it takes keys from the token itself if it is given none, reads
one token in many spellings, and lets foreign exceptions out. So it sees neither the token nor its JSON, but
the signed bytes, the signature, and a key that was chosen out of its issuer's (L{mcpgate.identity.jwks}).

A token names its key by id at most. Headers that bring a key or say where one is (C{jwk}, C{jku}, C{x5c},
C{x5u}), that change what is signed (C{b64}, C{zip}) or how it is to be read (C{crit}, C{cty}) are refused:
with any of them two readers could mean two things.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import copy
from hashlib import sha256
from typing import Final

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256
from josepy import jwa

from mcpgate.identity.document import DocumentError, read_base64url, read_object
from mcpgate.identity.jwks import Key
from mcpgate.reasons import Reason, Refusal

#: Bytes. Entra's with 200 groups are the largest that are common (some 6 KiB); a whole head has 32 KiB.
TOKEN_MOST = 8192
#: Characters. They are hashes, dates and UUIDs.
KEY_ID_MOST = 256
#: What is quoted of a token in a detail, in characters.
QUOTED_MOST = 80

_COMPACT = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
#: All that a header may say. C{x5t} is a hint about the key that we do not take.
_HEADERS = frozenset({"alg", "typ", "kid", "x5t", "x5t#S256"})


def _salted() -> jwa.JWASignature:
    # RFC 7518 section 3.5: the salt is as long as the hash. josepy takes, and makes, any other.
    algorithm = copy(jwa.PS256)
    vars(algorithm)["padding"] = PSS(mgf=MGF1(SHA256()), salt_length=PSS.DIGEST_LENGTH)
    return algorithm


#: All that can be verified. Never C{none}; never C{HS256}, whose key the issuer would have to share.
ALGORITHMS: Final[Mapping[str, jwa.JWASignature]] = {
    "RS256": jwa.RS256,
    "PS256": _salted(),
    "ES256": jwa.ES256,
    "ES384": jwa.ES384,
}


@frozen
class Unverified:
    """
    What a token says of itself, before anybody knows whether it is true.

    @ivar id: The SHA-256 of what is signed. Not of the whole: whoever has a token can make others of it that
        are as good, by another signature of the same (ECDSA).
    """

    header: Mapping[str, object] = field(repr=False)
    claims: Mapping[str, object] = field(repr=False)
    id: str
    alg: str
    kid: str | None
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def read(token: bytes) -> Unverified | Refusal:
    """Read a token in its compact form. Never raises."""
    if len(token) > TOKEN_MOST:
        return _malformed(f"the token has {len(token)} bytes, and {TOKEN_MOST} at most are read")
    match = _COMPACT.fullmatch(token)
    if match is None:
        return _malformed("the token is not three parts in base64url with dots between")
    try:
        header, claims, signature = (read_base64url(part) for part in match.groups())
    except ValueError:
        return _malformed("a part of the token is not in canonical base64url")
    try:
        about = read_object(header)
    except DocumentError as error:
        return _malformed(f"the token's header: {error}")
    refusal = _judge_header(about)
    if refusal is not None:
        return refusal
    try:
        said = read_object(claims)
    except DocumentError as error:
        return _malformed(f"the token's claims: {error}")
    signed = token[: match.end(2)]
    kid = about.get("kid")
    return Unverified(
        header=about,
        claims=said,
        id=sha256(signed).hexdigest(),
        alg=str(about["alg"]),
        kid=None if kid is None else str(kid),
        signed=signed,
        signature=signature,
    )


def verify(token: Unverified, keys: Sequence[Key]) -> Refusal | None:
    """
    Whether one of these keys has signed it. Never raises.

    @param keys: those of the token's issuer that it may be signed with, as L{jwks.KeySet.find} gives them.
    """
    algorithm = ALGORITHMS.get(token.alg)
    if algorithm is None:
        return Refusal(Reason.AUTH_ALGORITHM, f"tokens are not verified by {quoted(token.alg)}")
    fit = [key for key in keys if key.fits(token.alg)]
    if not fit:
        return Refusal(Reason.AUTH_KEY, "none of the issuer's keys is for this token")
    failed = ""
    for key in fit:
        try:
            if algorithm.verify(key.jwk.key, token.signed, token.signature) is True:
                return None
        except Exception as error:
            # Whatever it is, it did not prove the signature; its words may hold what was signed.
            failed = f" ({type(error).__name__})"
    return Refusal(Reason.AUTH_SIGNATURE, f"the signature does not hold by the issuer's key{failed}")


def quoted(text: object) -> str:
    """What a token says, for a detail: on one line, in ASCII, and not all of it."""
    if not isinstance(text, str):
        return f"a {type(text).__name__}"
    return ascii(text if len(text) <= QUOTED_MOST else text[: QUOTED_MOST - 3] + "...")


def _judge_header(header: Mapping[str, object]) -> Refusal | None:
    for name in header:
        if name not in _HEADERS:
            return _malformed(f"the token's header has {quoted(name)}, which is not taken from a token")
    if not all(isinstance(value, str) for value in header.values()):
        return _malformed("the token's header has something else than texts")
    alg, kid = header.get("alg"), header.get("kid")
    if alg is None:
        return _malformed("the token's header has no alg")
    if isinstance(kid, str) and not 0 < len(kid) <= KEY_ID_MOST:
        return _malformed(f"the token's kid has {len(kid)} characters")
    if alg not in ALGORITHMS:
        return Refusal(Reason.AUTH_ALGORITHM, f"tokens are not verified by {quoted(alg)}")
    return None


def _malformed(detail: str) -> Refusal:
    return Refusal(Reason.AUTH_MALFORMED, detail)
