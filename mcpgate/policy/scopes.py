"""Scopes: what a caller's token may be used for, as its issuer says (RFC 6749 section 3.3).

No scope is part of another, whatever it is called: issuers have hierarchies, and put what they grant by
them into the token. A token of the gate's own has those that it was issued with; a certificate has none.
"""

from __future__ import annotations

from mcpgate.reasons import Reason, Refusal


def lacking(needed: frozenset[str], had: frozenset[str], who: str) -> Refusal | None:
    """Why what needs these scopes is not to be had, if one of them is missing (L{insufficient})."""
    return None if needed <= had else insufficient(needed, had, who)


def insufficient(needed: frozenset[str], had: frozenset[str], who: str) -> Refusal:
    """
    The refusal of who lacks a scope.

    @param needed: all that the operation needs, so that clients ask for them once.
    @param who: what demands them, for the record.
    """
    detail = f"{who} demands more scopes: {', '.join(sorted(needed - had))}"
    return Refusal(Reason.AUTH_SCOPE, detail, told={"scope": " ".join(sorted(needed))})
