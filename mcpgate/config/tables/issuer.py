"""C{[[issuer]]}: whose tokens are accepted, and how the gate verifies them."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from mcpgate.config import forms
from mcpgate.config.condition import read_path
from mcpgate.config.tables.option import option
from mcpgate.config.tables.peer import PeerTable
from mcpgate.identity.presets import ALGORITHMS, PRESETS


def claim_path(given: str) -> str:
    """
    The path of a claim, as it was written.

    @raise ValueError: it is none.
    """
    read_path(given)
    return given


@frozen
class IssuerTable(PeerTable):
    """C{[[issuer]]}: who issues tokens to callers, and what such a token must be. The keys for TLS are about
    all servers that are asked for it: for its discovery document, its keys, and about opaque tokens."""

    name: str = option("What rules (who.issuer) and records call it.", forms.name(), example='"okta"')
    preset: str | None = option(
        "What is always the same of well-known issuers: " + ", ".join(PRESETS) + ".",
        forms.word("preset", tuple(PRESETS)),
        default=None,
        example='"okta"',
    )
    issuer: str | None = option(
        "What its tokens say in iss, to the letter; {tenantid} in it stands for each of the tenants. Entra, "
        "Google, GitHub Actions and GitLab have a default.",
        forms.issuer(),
        default=None,
        example='"https://acme.okta.com/oauth2/default"',
    )
    discovery: str | None = option(
        "Where its discovery document is, if not at /.well-known/openid-configuration below issuer.",
        forms.provider_url(),
        default=None,
        example='"https://login.example.com/openid-configuration"',
    )
    jwks: str | None = option(
        "Where its keys are, instead of a discovery document.",
        forms.provider_url(),
        default=None,
        example='"https://login.example.com/keys"',
    )
    audience: tuple[str, ...] = option(
        "What tokens may be for (aud), beside the URL of the route that they are used on.",
        forms.many(forms.identifier("audience"), lone=True),
        default=(),
        example='["api://mcp"]',
    )
    algorithms: tuple[str, ...] = option(
        "How its tokens may be signed.",
        forms.many(forms.word("signature algorithm", ALGORITHMS), lone=True),
        default=(),
        example='["ES256"]',
    )
    # Nearly all access tokens are made for an hour; a preset knows of those that are not. A token that lives
    # for years is a password.
    max_lifetime: float | None = option(
        "For how long a token may be valid in all; 1h, if neither this nor a preset says else.",
        forms.duration("1s", "30d"),
        default=None,
        example='"15m"',
    )
    # Clocks that NTP keeps are apart by less than a second; virtual machines that slept, by more.
    skew: float = option(
        "By how much its clock and ours may differ.", forms.duration("0s", "1m"), default=30.0, example='"5s"'
    )
    types: tuple[str, ...] = option(
        "What tokens may call themselves (typ), where that is neither at+jwt nor JWT nor left out.",
        forms.many(forms.identifier("type"), lone=True),
        default=(),
        example='"at+jwt"',
    )
    id_tokens: bool = option(
        "Accept ID tokens, too: they say who somebody is, and not that a client may call for them.",
        forms.switch(),
        default=False,
        example="true",
    )
    parties: tuple[str, ...] = option(
        "The clients for which tokens may have been made (azp, client_id); any, if left out.",
        forms.many(forms.identifier("client id"), lone=True),
        default=(),
        example='["0oa1b2c3d4"]',
    )
    tenants: tuple[str, ...] = option(
        "The tenants (tid) whose tokens are accepted, of an issuer that has several.",
        forms.many(forms.identifier("tenant"), lone=True),
        default=(),
        example='["8a9c1d2e-0000-4000-8000-1234567890ab"]',
    )
    groups: str | None = option(
        "The path of the claim that names the caller's groups; groups, if left out.",
        forms.text("a path, such as realm_access.roles", claim_path),
        default=None,
        example='"realm_access.roles"',
    )
    claims: tuple[tuple[str, tuple[str, ...]], ...] = option(
        "What a claim must say for the token to be accepted at all, by its path; of a list, any element.",
        forms.many(forms.pattern(), lone=True),
        key="claim.NAME",
        opens="claim.",
        rest=read_path,
        default=(),
        example='"acme.com"',
    )
    # As long as most providers have had the longest of their outages; keys that were taken back are good
    # for so long only while nobody can be asked.
    stale: float = option(
        "For how long the last good keys count while the issuer cannot be asked for them.",
        forms.duration("5s", "30d"),
        default=86400.0,
        example='"4h"',
    )
    introspection: str | None = option(
        "Where the issuer says whether an opaque token is active (RFC 7662).",
        forms.provider_url(),
        default=None,
        example='"https://login.example.com/introspect"',
    )
    client_id: str | None = option(
        "Who the gate is to the issuer, when it asks about a token.",
        forms.identifier("client id"),
        default=None,
        example='"mcpgate"',
    )
    client_secret: str | None = option(
        "Reference to its secret there: file:PATH, env:NAME or credential:NAME.",
        forms.reference(),
        default=None,
        example='"file:/etc/mcpgate/secrets/okta"',
    )
    assertion_key: Path | None = option(
        "PEM file with the key by which it proves itself there, instead of by a secret (private_key_jwt).",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/okta.key"',
    )
    authorization_server: str | None = option(
        "The authorization server that clients are sent to for a token, where that is not issuer.",
        forms.provider_url(),
        default=None,
        example='"https://login.example.com"',
    )
