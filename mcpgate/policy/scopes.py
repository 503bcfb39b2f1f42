"""Scopes: what a caller's token may be used for, as its issuer says (RFC 6749 section 3.3).

No scope is part of another, whatever it is called: issuers have hierarchies, and put what they grant by
them into the token. What this gate issued itself, and certificates, have none.
"""

from __future__ import annotations

from collections.abc import Iterable

from mcpgate.reasons import Reason, Refusal


def lacking(needed: frozenset[str], had: frozenset[str], who: str) -> Refusal | None:
    """
    Why what needs these scopes is not to be had, if one of them is missing.

    @param who: what demands them, for the record.
    """
    if needed <= had:
        return None
    missing = ", ".join(sorted(needed - had))
    return insufficient(needed, f"{who} demands more scopes: {missing}")


def insufficient(needed: Iterable[str], detail: str) -> Refusal:
    """The refusal that says so. C{needed}: all that the operation needs, so that clients ask once."""
    return Refusal(Reason.AUTH_SCOPE, detail, told={"scope": " ".join(sorted(set(needed)))})
