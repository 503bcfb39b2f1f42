"""The whole way of a token through the pure files, as those who have the issuer's keys go it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcpgate.identity import claims, jose
from mcpgate.identity.jwks import KeySet, read_keys
from mcpgate.identity.principal import Principal
from mcpgate.identity.terms import IssuerTerms
from mcpgate.reasons import Refusal
from mcpgate.tls.handshake import Certificate
from tests.identity.minting import ISSUER, NOW, RESOURCE, Minter

MINTER = Minter()
TERMS = IssuerTerms("login", (ISSUER,))
KEYS = read_keys(MINTER.jwks())


def judged(
    token: bytes,
    *,
    terms: IssuerTerms | Sequence[IssuerTerms] = TERMS,
    keys: KeySet = KEYS,
    resource: str = RESOURCE,
    now: float = NOW,
    certificate: Certificate | None = None,
    **more: Any,
) -> Principal | Refusal:
    """Who shows this token."""
    found = jose.read(token)
    if isinstance(found, Refusal):
        return found
    issuers = [terms] if isinstance(terms, IssuerTerms) else terms
    issuer = claims.issuer_of(found, issuers)
    if isinstance(issuer, Refusal):
        return issuer
    candidates = keys.find(found.alg, found.kid, issuer.spelled(found.claims))
    if isinstance(candidates, Refusal):
        return candidates
    return jose.verify(found, candidates) or claims.judge(
        found.claims,
        found.header,
        issuer,
        id=found.id,
        resource=resource,
        now=now,
        certificate=certificate,
        **more,
    )
