"""The keys of an issuer (RFC 7517): a strict reading of its set, and which of them may have signed a token.

A set may hold keys of other kinds and for other uses; those are left out, each with why, so that one key
that we do not know does not take the others away. A set without any key that we can use is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from attrs import field, frozen
from josepy.jwk import JWK, JWKEC, JWKRSA

from mcpgate.identity.document import DocumentError, read_base64url, read_object
from mcpgate.reasons import Reason, Refusal

#: Bytes. Microsoft's is the largest that is common: 20 keys with their certificates, some 30 KiB.
SET_MOST = 262_144
#: A set is searched by id; nobody has as many.
KEYS_MOST = 100
#: A token without a kid costs a verification by each of them.
NAMELESS_MOST = 5
KEY_ID_MOST = 256
#: Bits. Below, a key can be broken; above, one verification costs milliseconds.
RSA_LEAST, RSA_MOST = 2048, 8192
#: The one that all use is 65537; below, signatures were forged; far above, they cost as private ones do.
EXPONENT_LEAST, EXPONENT_MOST = 65537, 2**32

#: What kind of key an algorithm takes: kty, and crv where there are several.
KINDS: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
}
_COORDINATES = {crv: size for crv, size in (("P-256", 32), ("P-384", 48))}


@frozen
class Key:
    """
    A public key that can verify.

    @ivar kid: its id in the set, C{None} where it has none.
    @ivar algorithms: what it may verify, by its kind and by its own C{alg}.
    @ivar issuer: the only issuer whose tokens it signs, where the set says so (Entra); may be a template.
    """

    jwk: JWK = field(repr=False)
    kid: str | None
    algorithms: frozenset[str]
    issuer: str | None = None

    def fits(self, alg: str) -> bool:
        """Whether it may verify signatures of this algorithm."""
        return alg in self.algorithms


@frozen
class KeySet:
    """
    The keys of one reading.

    @ivar left_out: why keys were not taken, one sentence each.
    """

    keys: tuple[Key, ...]
    left_out: tuple[str, ...] = ()

    def knows(self, kid: str | None) -> bool:
        """
        Whether a key has this id; without an id, whether there are keys at all.

        Of a token that was refused although its key is known, no new set could say otherwise.
        """
        return bool(self.keys) if kid is None else any(key.kid == kid for key in self.keys)

    def find(
        self, alg: str, kid: str | None, spelled: Collection[str] = ()
    ) -> tuple[Key, ...] | Refusal:
        """
        The keys that a token may be signed with; never an empty tuple.

        @param spelled: what a key may call its issuer for this token (L{terms.IssuerTerms.spelled}).
        """
        named = self.keys if kid is None else tuple(key for key in self.keys if key.kid == kid)
        if not named:
            return Refusal(Reason.AUTH_KEY, "the token's key is none of its issuer's")
        fit = tuple(key for key in named if key.fits(alg))
        if not fit:
            return Refusal(Reason.AUTH_KEY, f"the issuer's key is not for {alg}")
        own = tuple(key for key in fit if key.issuer is None or key.issuer in spelled)
        if not own:
            return Refusal(Reason.AUTH_KEY, "the key signs for another issuer or tenant than the token's")
        if len(own) > NAMELESS_MOST:
            return Refusal(Reason.AUTH_KEY, f"the token names none of its issuer's {len(own)} keys")
        return own


def read_keys(raw: bytes) -> KeySet:
    """
    Read a set.

    @raise ValueError: it is none, or holds no key that could be used; says why, and may be shown.
    """
    if len(raw) > SET_MOST:
        raise ValueError(f"the key set has {len(raw)} bytes, and {SET_MOST} at most are read")
    try:
        listed = read_object(raw).get("keys")
    except DocumentError as error:
        raise ValueError(f"the key set: {error}") from None
    if type(listed) is not list:
        raise ValueError("the key set has no list of keys")
    if len(listed) > KEYS_MOST:
        raise ValueError(f"the key set has {len(listed)} keys, and {KEYS_MOST} at most are read")
    keys, left_out = [], []
    for number, member in enumerate(listed, 1):
        try:
            keys.append(_key(member))
        except ValueError as error:
            left_out.append(f"key {number} {error}")
    if not keys:
        why = "; ".join(left_out[:3]) or "it is empty"
        raise ValueError(f"the key set has no key that could be used: {why}")
    return KeySet(tuple(keys), tuple(left_out))


def _key(member: object) -> Key:
    """
    One member of a set.

    @raise ValueError: it is nothing to verify with; the rest of a sentence that begins at the key.
    """
    if type(member) is not dict:
        raise ValueError("is not an object")
    kty, kid, alg, use, ops, issuer = map(member.get, ("kty", "kid", "alg", "use", "key_ops", "issuer"))
    for name, value in (("kid", kid), ("alg", alg), ("use", use), ("issuer", issuer)):
        if value is not None and type(value) is not str:
            raise ValueError(f"has a {name} that is no text")
    if kid is not None and not 0 < len(kid) <= KEY_ID_MOST:
        raise ValueError(f"has a kid of {len(kid)} characters")
    if use is not None and use != "sig":
        raise ValueError("is not for signatures (use)")
    if ops is not None and not (type(ops) is list and "verify" in ops):
        raise ValueError("is not for verifying (key_ops)")
    if "d" in member or "k" in member:
        # Whoever publishes it has no secret left.
        raise ValueError("has a private part")
    if kty not in ("RSA", "EC"):
        raise ValueError("is of a kind that is not verified by (kty)")
    crv = member.get("crv") if kty == "EC" else None
    algorithms = frozenset(name for name, kind in KINDS.items() if kind == (kty, crv))
    if not algorithms:
        raise ValueError("is on a curve that is not verified by (crv)")
    if alg is not None:
        algorithms &= {alg}
        if not algorithms:
            raise ValueError("is for an algorithm that is not verified by (alg)")
    jwk = _rsa(member) if kty == "RSA" else _ec(member, _COORDINATES[str(crv)])
    return Key(jwk, kid, algorithms, issuer)


def _rsa(member: Mapping[str, object]) -> JWK:
    n, e = (int.from_bytes(_octets(member, name), "big") for name in ("n", "e"))
    if not RSA_LEAST <= n.bit_length() <= RSA_MOST:
        raise ValueError(f"has {n.bit_length()} bits, and not {RSA_LEAST} to {RSA_MOST}")
    if not (EXPONENT_LEAST <= e <= EXPONENT_MOST and e % 2 and n % 2):
        raise ValueError("has an exponent or a modulus that is not safe")
    return _made(lambda: JWKRSA.from_json(_public(member, ("kty", "n", "e"))))


def _ec(member: Mapping[str, object], size: int) -> JWK:
    if any(len(_octets(member, name)) != size for name in ("x", "y")):
        raise ValueError("has coordinates of another length than its curve's")
    return _made(lambda: JWKEC.from_json(_public(member, ("kty", "crv", "x", "y"))))


def _octets(member: Mapping[str, object], name: str) -> bytes:
    value = member.get(name)
    if type(value) is not str or not value.isascii():
        raise ValueError(f"has no {name}")
    try:
        return read_base64url(value.encode("ascii"))
    except DocumentError as error:
        raise ValueError(f"has a malformed {name}: {error}") from None


def _public(member: Mapping[str, object], names: Iterable[str]) -> dict[str, object]:
    """Only what josepy has to see: it would read a private part, too."""
    return {name: member[name] for name in names}


def _made(make: Callable[[], object]) -> JWK:
    try:
        made = make()
    except Exception as error:
        # josepy's errors and cryptography's, of which there are many: a point beside its curve is one.
        raise ValueError(f"is no key ({type(error).__name__})") from None
    assert isinstance(made, JWK)
    return made
