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
    @ivar how: C{token}, C{certificate} or C{anonymous}.
    @ivar id: The proof's own identifier: a token's id, a certificate's SHA-256. Never a secret. Two proofs
        of one id say the same.
    @ivar expires: Unix seconds; C{None} where the proof has no end.
    @ivar issuer: Who vouches for it, as rules name it; C{None} where that is the gate, or a CA.
    @ivar subject: What its issuer calls it; C{None} without an issuer.
    @ivar groups: The groups that it is in.
    @ivar claims: What else its issuer says of it, as JSON.
    """

    name: str
    how: str
    id: str
    expires: float | None
    issuer: str | None = None
    subject: str | None = None
    groups: tuple[str, ...] = ()
    claims: Mapping[str, object] = field(default=_NOTHING, repr=False, hash=False)
