"""What proves who a caller is, at one moment: replaced whole when tokens or keys change.

Whoever remembers a judgement compares by identity: the same object says the same of the same proof, until
what it was judged to be is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

from mcpgate.identity.issued import IssuedTokens

if TYPE_CHECKING:
    from mcpgate.identity.issuers import Issuers


@frozen(eq=False)
class Accepts:
    """All that tokens are judged by."""

    issued: IssuedTokens = Factory(IssuedTokens)
    #: What is known of issuers; C{None} where nobody could be asked.
    issuers: Issuers | None = None


@frozen(eq=False)
class Pending:
    """
    Nobody can say yet who calls: somebody else has to be asked (keys of an issuer, an opaque token).

    C{begin} asks, and calls what it is given once, never before it returns, when judging the same again will
    give an answer, whatever it is.

    C{stranger}: the proof was never seen to be good, so it may well be made up, and nobody is asked for
    whoever makes up too many.
    """

    #: It knows the proof, which is a secret.
    begin: Callable[[Callable[[], None]], None] = field(repr=False)
    stranger: bool = False
