"""All that tokens of one issuer are judged by, as values.

What operators write is in C{config/tables/issuer.py}, and what presets add in L{mcpgate.identity.presets}.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from mcpgate.policy.patterns import Patterns

#: What stands for the tenant in an issuer of many, as Entra writes it in its discovery documents.
TENANT = "{tenantid}"


@frozen
class IssuerTerms:
    """
    What is accepted of one issuer.

    @ivar name: What rules and records call it.
    @ivar issuers: What C{iss} may be, to the letter; with C{{tenantid}} in it, one for each tenant.
    @ivar tenants: The tenants (C{tid}) whose tokens are accepted, where an issuer has them.
    @ivar key_issuers: What else a key may say that it signs for, as templates (L{jwks.Key.issuer}).
    @ivar audience: What C{aud} may be instead of the resource that is asked for.
    @ivar types: The C{typ} that headers may have, in lower case; "" where they may have none.
    @ivar id_tokens: Whether ID tokens count, too.
    @ivar parties: The clients that a token may have been made for; empty: any.
    @ivar groups: The path of the claim with groups.
    @ivar claims: What claims must say: path, its steps, patterns of which one must match.
    @ivar subject: The claims that together name the subject.
    @ivar scopes: The claims that scopes are in.
    @ivar discovery: Where the discovery document may be, in the order in which to ask; none where C{jwks}
        says where the keys are.
    @ivar stale: Seconds for which the last good keys count while the issuer cannot be reached.
    """

    name: str
    issuers: tuple[str, ...]
    audience: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    key_issuers: tuple[str, ...] = ()
    algorithms: frozenset[str] = frozenset({"RS256", "PS256", "ES256", "ES384"})
    max_lifetime: float = 3600.0
    skew: float = 30.0
    types: frozenset[str] = frozenset({"at+jwt", "jwt", ""})
    id_tokens: bool = False
    parties: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ("groups",)
    claims: tuple[tuple[str, tuple[str, ...], Patterns], ...] = ()
    subject: tuple[str, ...] = ("sub",)
    scopes: tuple[str, ...] = ("scope", "scp")
    discovery: tuple[str, ...] = ()
    jwks: str | None = None
    stale: float = 86400.0

    def is_of(self, claims: Mapping[str, object]) -> bool:
        """Whether a token says that it is of this issuer, and of one of its tenants."""
        iss = claims.get("iss")
        return type(iss) is str and any(
            iss == self._of_tenant(issuer, claims) for issuer in self.issuers
        )

    def spelled(self, claims: Mapping[str, object]) -> frozenset[str]:
        """
        What a key may call its issuer, to sign this token.

        @param claims: of a token that is of this issuer (L{is_of}).
        """
        templates = (*self.issuers, *self.key_issuers)
        made = (self._of_tenant(template, claims) for template in templates)
        return frozenset(templates).union(issuer for issuer in made if issuer is not None)

    def discovered_as(self, issuer: object) -> bool:
        """Whether a discovery document may call itself so (OpenID Connect Discovery, section 4.3)."""
        templates = (*self.issuers, *self.key_issuers)
        return issuer in templates or any(
            issuer == template.replace(TENANT, tenant) for template in templates for tenant in self.tenants
        )

    def _of_tenant(self, issuer: str, claims: Mapping[str, object]) -> str | None:
        """An issuer for the tenant that a token names; C{None} where that is not one of ours."""
        if TENANT not in issuer:
            return issuer
        tenant = claims.get("tid")
        return issuer.replace(TENANT, tenant) if type(tenant) is str and tenant in self.tenants else None
