"""Tokens that the gate grants for an assertion: sealed, so that nothing is kept of them.

A token is C{mcpgate_s_} and base64url of::

    key id (6 bytes)  nonce (12)  { what is granted, as JSON }  tag (16)

It is sealed (AES-256-GCM) by a key that is derived from a session key (C{sessions.keyfile}), for this purpose
alone: neither can stand for the other. So every worker, and every replica with the same keys, knows it,
also after a restart; it ends by its own time, with its key (C{mcpgate session rotate --now}), or when it is
revoked by its id, which is a hash of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
from attrs import evolve, field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from mcpgate.sessions.sealed import KEY_ID_SIZE, KEY_SIZE, SessionKeys, decoded, encoded

if TYPE_CHECKING:
    # It needs what the extra "saml" installs.
    from mcpgate.identity.saml.terms import Assertions

PREFIX = b"mcpgate_s_"
#: It is sent with each request: balancers before us often take heads of 8 KiB, and heads up to 4 KiB are
#: remembered once they are judged (C{relay.heads}).
TOKEN_MOST = 3 * 1024

# RFC 9110 section 11.1: the scheme is case-insensitive, followed by one or more spaces.
_SHOWN = re.compile(rb"(?i:bearer) +(mcpgate_s_[A-Za-z0-9_-]+)")
_PURPOSE = b"mcpgate granted token 1"
_NONCE_SIZE = 12
_TAG_SIZE = 16

INVALID = Refusal(Reason.AUTH_INVALID, "the token was not granted by this gate, or its key is gone")


class TooLarge(Exception):
    """There is more to say of its subject than a token can hold."""


class Grant(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """
    What is in a token.

    @ivar issuer: What rules call whoever vouched for the subject.
    @ivar expires: Unix seconds.
    @ivar routes: The names of the routes that it is for; C{None}: all that its issuer's table names.
    """

    issuer: str
    subject: str
    expires: float
    groups: tuple[str, ...] = ()
    claims: dict[str, object] = {}
    scopes: tuple[str, ...] = ()
    routes: tuple[str, ...] | None = None


@frozen
class Granting:
    """What a C{[[saml]]} table says of tokens that are granted by it. C{routes}: C{None}: all."""

    name: str
    routes: frozenset[str] | None = None
    scopes: tuple[str, ...] = ()
    lifetime: float = 900.0


@frozen(eq=False)
class Grants:
    """
    Who vouches for callers in one generation, and what seals and opens the tokens that they get for it.

    @ivar granting: By the names of those who vouch.
    @ivar assertions: What judges their assertions.
    """

    keys: SessionKeys
    granting: Mapping[str, Granting]
    assertions: Assertions
    _ciphers: dict[bytes, AESGCM] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        for key in self.keys.all():
            derived = HKDF(algorithm=SHA256(), length=KEY_SIZE, salt=None, info=_PURPOSE).derive(key.secret)
            self._ciphers[key.id] = AESGCM(derived)

    def at(self, accepts: Callable[[str], bool]) -> Grants | None:
        """The same for those who are accepted somewhere, by their names; C{None} where nobody is."""
        granting = {name: one for name, one in self.granting.items() if accepts(name)}
        return evolve(self, granting=granting, assertions=self.assertions.of(granting)) if granting else None

    def seal(self, grant: Grant, now: float) -> bytes:
        """
        The token's text.

        @raise TooLarge: as it says.
        @raise ValueError: there is no key.
        """
        key = self.keys.seals(now)
        nonce = os.urandom(_NONCE_SIZE)
        sealed = self._ciphers[key.id].encrypt(nonce, msgspec.json.encode(grant), _PURPOSE)
        token = PREFIX + encoded(key.id + nonce + sealed)
        if len(token) > TOKEN_MOST:
            raise TooLarge(f"the token would have {len(token)} characters, more than {TOKEN_MOST}")
        return token

    def judge(self, token: bytes, route: str, now: float) -> Principal | Refusal:
        """
        Judge a token's text.

        @param route: the name of the route that it is shown for.
        """
        opened = self._opened(token)
        if opened is None:
            return INVALID
        granting = self.granting.get(opened.issuer)
        if granting is None:
            return Refusal(Reason.AUTH_ISSUER, f"no [[saml]] named {opened.issuer[:64]!a} is accepted here")
        if not now < opened.expires:
            return Refusal(Reason.AUTH_EXPIRED, f"the token {id_of(token)} has expired")
        for routes in (opened.routes, granting.routes):
            if routes is not None and route not in routes:
                return Refusal(Reason.AUTH_AUDIENCE, f"the token {id_of(token)} was granted for other routes")
        return principal_of(opened, token)

    def _opened(self, token: bytes) -> Grant | None:
        if len(token) > TOKEN_MOST or not token.startswith(PREFIX):
            return None
        raw = decoded(token[len(PREFIX) :], TOKEN_MOST)
        cipher = self._ciphers.get(raw[:KEY_ID_SIZE])
        begin = KEY_ID_SIZE + _NONCE_SIZE
        if cipher is None or len(raw) < begin + _TAG_SIZE:
            return None
        try:
            inside = cipher.decrypt(raw[KEY_ID_SIZE:begin], raw[begin:], _PURPOSE)
            return msgspec.json.decode(inside, type=Grant)
        except (InvalidTag, msgspec.MsgspecError):
            return None


def principal_of(grant: Grant, token: bytes) -> Principal:
    """Whom a token stands for."""
    return Principal(
        name=f"{grant.issuer}/{grant.subject}",
        how="saml",
        id=id_of(token),
        expires=grant.expires,
        issuer=grant.issuer,
        subject=grant.subject,
        groups=grant.groups,
        claims=grant.claims,
        scopes=frozenset(grant.scopes),
    )


def id_of(token: bytes) -> str:
    """What records call a token; it gives nothing of it away."""
    return sha256(token).hexdigest()


def granted_token(authorization: bytes) -> bytes | None:
    """The token in an C{Authorization} value, if it looks like one of these."""
    match = _SHOWN.fullmatch(authorization)
    return match[1] if match is not None else None

