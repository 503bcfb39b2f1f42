"""Sealed session ids: what a caller holds of an upstream's session (MCP up to 2025-11-25).

A session id is a bearer secret, and an upstream sees one credential for all callers. So a caller never
gets the upstream's id, but a text that only this gate can make and open (AES-256-GCM): inside is the
upstream's id and when the session was opened; authenticated with it are the principal and the place.
Nothing else is kept, so any worker or replica with the same keys serves the session, also after a
restart. It proves nothing by itself: whoever presents it must first prove to be that principal.

The text is base64url of::

    key id (6 bytes)  nonce (12)  { seconds (8), the upstream's id }  tag (16)
"""

from __future__ import annotations

import os
import re
import struct
from binascii import Error as BinasciiError
from binascii import a2b_base64, b2a_base64
from functools import lru_cache
from hashlib import sha256
from typing import Literal

from attrs import field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mcpgate.identity.principal import Principal

#: C{session} seals a Mcp-Session-Id; C{endpoint} the path and query that the old HTTP+SSE transport has
#: callers POST to; C{hold} the id of a call that waits for a person (C{holds.rounds}), which is no session.
Kind = Literal["session", "endpoint", "hold"]

#: Longest id of an upstream: the official SDKs use 32 to 36 characters, and signed ones stay below this.
#: Sealed it takes 1422 characters, well within a head.
UPSTREAM_ID_MOST = 1024
# MCP, "Session Management": visible ASCII only.
_VISIBLE = re.compile(rb"[\x21-\x7e]+")

KEY_ID_SIZE = 6
KEY_SIZE = 32
_NONCE_SIZE = 12
_TAG_SIZE = 16
_SECONDS = struct.Struct(">d")
_LEAST = KEY_ID_SIZE + _NONCE_SIZE + _SECONDS.size + 1 + _TAG_SIZE
_SEALED_MOST = -(-(_LEAST - 1 + UPSTREAM_ID_MOST) * 4 // 3)
# RFC 4648 section 5: the alphabet that needs no escape in headers and queries.
_FROM_URL, _TO_URL = bytes.maketrans(b"-_", b"+/"), bytes.maketrans(b"+/", b"-_")

#: A new key opens at once and seals only when it is this old (seconds): by then every worker has it, and
#: a replica to which the file is copied meanwhile; else one would not know what another has just sealed.
RIPE = 60.0


@frozen
class Session:
    """What was sealed.

    @ivar upstream_id: The upstream's Mcp-Session-Id, or the path and query to POST to. A secret.
    @ivar principal: How and by what name the caller that opened it is known.
    @ivar place: Where it leads, from L{place_of}.
    @ivar opened: Unix seconds.
    @ivar digest: What records may show: it names the sealed text and gives nothing of it away.
    """

    kind: Kind
    upstream_id: bytes = field(repr=False)
    principal: tuple[str, str]
    place: bytes
    opened: float
    digest: str


@frozen
class SessionKey:
    """A key, by its id; C{created} in Unix seconds."""

    id: bytes
    created: float
    secret: bytes = field(repr=False)


class SessionKeys:
    """The keys of one generation. The newest ripe one seals, all open. None at all: nothing can be sealed."""

    def __init__(self, keys: tuple[SessionKey, ...] = (), lifetime: float = 0.0) -> None:
        """
        @param lifetime: seconds after which a session is over, however busy it is.
        """
        self._keys = tuple(sorted(keys, key=lambda key: key.created))
        self._ciphers = {key.id: AESGCM(key.secret) for key in keys}
        self.lifetime = lifetime

    def __len__(self) -> int:
        return len(self._keys)

    def all(self) -> tuple[SessionKey, ...]:
        """The keys in the order of their creation, to derive others from."""
        return self._keys

    def seals(self, now: float) -> SessionKey:
        """The key that seals now: the newest one that is ripe, else the one known longest.

        @raise ValueError: there is none.
        """
        if not self._keys:
            raise ValueError("there is no session key")
        ripe = (key for key in reversed(self._keys) if key.created + RIPE <= now)
        return next(ripe, self._keys[0])

    def seal(self, kind: Kind, upstream_id: bytes, principal: Principal, place: bytes, now: float) -> bytes:
        """The text for the caller.

        @raise ValueError: The upstream's id is too long or not visible ASCII, or there is no key.
        """
        if len(upstream_id) > UPSTREAM_ID_MOST or not _VISIBLE.fullmatch(upstream_id):
            raise ValueError(f"an id of an upstream is 1 to {UPSTREAM_ID_MOST} visible ASCII characters")
        key = self.seals(now)
        nonce = os.urandom(_NONCE_SIZE)
        inside = _SECONDS.pack(now) + upstream_id
        bound = _bound(kind, principal.how, principal.name, place)
        sealed = self._ciphers[key.id].encrypt(nonce, inside, bound)
        return encoded(key.id + nonce + sealed)

    def unseal(
        self, sealed: bytes, principal: Principal, place: bytes, now: float, *, kind: Kind = "session"
    ) -> Session | None:
        """
        What was sealed; C{None} for whatever is not this principal's live session at this place.

        Why is not told, as everybody must be answered alike.
        """
        session = self.opened(sealed, principal, place, kind=kind)
        # Not "older than": a time that is no number is in no case young enough.
        return session if session is not None and now - session.opened < self.lifetime else None

    def opened(
        self, sealed: bytes, principal: Principal, place: bytes, *, kind: Kind = "session"
    ) -> Session | None:
        """As L{unseal}, but also when the session is over: to end it at the upstream, and nothing else."""
        raw = decoded(sealed, _SEALED_MOST)
        cipher = self._ciphers.get(raw[:KEY_ID_SIZE])
        if cipher is None or len(raw) < _LEAST:
            return None
        nonce, rest = raw[KEY_ID_SIZE : KEY_ID_SIZE + _NONCE_SIZE], raw[KEY_ID_SIZE + _NONCE_SIZE :]
        try:
            inside = cipher.decrypt(nonce, rest, _bound(kind, principal.how, principal.name, place))
        except InvalidTag:
            return None
        return Session(
            kind=kind,
            upstream_id=inside[_SECONDS.size :],
            principal=(principal.how, principal.name),
            place=place,
            opened=_SECONDS.unpack_from(inside)[0],
            digest=digest_of(sealed)[:16],
        )


def digest_of(sealed: bytes) -> str:
    """A name for a sealed text that gives nothing of it away. Records show its first 16 characters."""
    return sha256(sealed).hexdigest()


def place_of(route: str, authority: bytes, target: bytes) -> bytes:
    """Where a session leads: by which route, to which upstream's authority and target.

    The same upstream by another route is another place, as other rules may hold there; and so is
    another server under the same name.
    """
    # None of the three can hold a line feed.
    return b"\n".join((route.encode(), authority, target))


def route_in(place: bytes) -> str:
    """The route of a place."""
    return place.partition(b"\n")[0].decode()


def leads_to(place: bytes, authority: bytes, target: bytes) -> bool:
    """Whether a place is at this authority and target, by whichever route."""
    return place.partition(b"\n")[2] == b"%b\n%b" % (authority, target)


# It is needed for each request of a session, and mostly the same.
@lru_cache(maxsize=1024)
def _bound(kind: Kind, how: str, name: str, place: bytes) -> bytes:
    """What is authenticated with a session: each part with its length before it, so that no two readings
    of the same bytes are possible."""
    parts = (b"mcpgate session 1", kind.encode(), how.encode(), name.encode(), place)
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)


def decoded(sealed: bytes, most: int) -> bytes:
    """The bytes of a sealed text; none if it is not written exactly as we write one, or is longer."""
    if len(sealed) > most:
        return b""
    try:
        raw = a2b_base64(sealed.translate(_FROM_URL) + b"=" * (-len(sealed) % 4))
    except BinasciiError:
        return b""
    # Readers of base64 pass over what is none of it, and the last character has spare bits: a session
    # would have many names.
    return raw if encoded(raw) == sealed else b""


def encoded(raw: bytes) -> bytes:
    """Base64url without padding."""
    return b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL)
