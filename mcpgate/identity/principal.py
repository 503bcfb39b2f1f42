"""Who a caller proved to be."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import field, frozen

_NOTHING: Mapping[str, object] = MappingProxyType({})


@frozen
class Principal:
    """A proved identity: its name, by what it was proved, and until when that holds.

    @ivar name: What records and rules call it; unique only together with C{how}.
    @ivar how: C{token} (this gate issued it), C{jwt} or C{opaque} (an issuer did, and it was verified here,
        or there), C{saml}, C{certificate} or C{anonymous}.
    @ivar id: The proof's own identifier: a token's id, or the hash of what is signed in it; a certificate's
        SHA-256. Never a secret. Two proofs of one id say the same, but for opaque tokens: of those their
        issuer may say something else each time.
    @ivar expires: Unix seconds; C{None} where the proof has no end.
    @ivar issuer: Who vouches for it, as rules name it; C{None} where that is the gate, or a CA.
    @ivar subject: What its issuer calls it; C{None} without an issuer.
    @ivar groups: The groups that it is in.
    @ivar claims: What else its issuer says of it, as JSON.
    @ivar scopes: What the proof may be used for, as its issuer says (RFC 6749 section 3.3).
    @ivar certificate: The identity in the client certificate, where there was one, whatever proved the rest.
    @ivar rules: The only rules that may allow it anything; C{None}: all.
    """

    name: str
    how: str
    id: str
    expires: float | None
    issuer: str | None = None
    subject: str | None = None
    groups: tuple[str, ...] = ()
    claims: Mapping[str, object] = field(default=_NOTHING, repr=False, hash=False)
    scopes: frozenset[str] = frozenset()
    certificate: str | None = None
    rules: frozenset[str] | None = None
