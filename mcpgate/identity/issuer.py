"""One issuer in one generation: what its tokens are judged by, and how it is asked about them."""

from __future__ import annotations

from attrs import field, frozen

from mcpgate.config.tables.issuer import IssuerTable
from mcpgate.credentials.terms import Client
from mcpgate.identity.terms import TENANT, IssuerTerms
from mcpgate.upstream.terms import PeerTerms


@frozen(eq=False, kw_only=True)
class Issuer:
    """
    An C{[[issuer]]}, with all that it names loaded.

    @ivar terms: what its tokens are judged by.
    @ivar peer: what its servers are verified by.
    @ivar client: who the gate is to it; C{None} where it is asked for its keys only.
    @ivar fingerprint: covers all by which its keys were found: those that were found otherwise are not its.
    """

    table: IssuerTable
    terms: IssuerTerms
    peer: PeerTerms
    client: Client | None = None
    fingerprint: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """What rules and records call it."""
        return self.table.name


def authorization_server(issuer: Issuer) -> str | None:
    """Where clients get tokens (RFC 9728's C{authorization_servers}), if that is known."""
    if issuer.table.authorization_server is not None:
        return issuer.table.authorization_server
    terms = issuer.terms
    named = terms.issuers[0]
    if not named.startswith("https://"):
        return None
    # Of several tenants: whoever has an account in any can be asked.
    tenant = next(iter(terms.tenants)) if len(terms.tenants) == 1 else "organizations"
    return named.replace(TENANT, tenant)
