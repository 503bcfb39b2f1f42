"""Who a caller proved to be."""

from __future__ import annotations

from attrs import frozen


@frozen
class Principal:
    """A proved identity: its name, by what it was proved, and until when that holds.

    @ivar name: What records and rules call it; unique only together with C{how}.
    @ivar how: C{token}, C{certificate} or C{anonymous}.
    @ivar id: The proof's own identifier: a token's id, a certificate's SHA-256. Never a secret.
    @ivar expires: Unix seconds; C{None} where the proof has no end.
    """

    name: str
    how: str
    id: str
    expires: float | None
