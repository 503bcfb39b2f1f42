"""C{[[credential]]}: what an upstream is shown on behalf of whom, and how it is come by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import frozen

from mcpgate.config import forms
from mcpgate.config.tables.option import SHORTEST, option, table
from mcpgate.config.tables.peer import PeerTable
from mcpgate.config.tables.rule import WhoTable

#: RFC 8693 section 3.
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def _bearer(form: forms.Form, places: str) -> Any:
    return option(
        f"Reference to a bearer token: {places}.",
        form,
        default=None,
        example='"file:/etc/mcpgate/secrets/github"',
    )


def _header() -> Any:
    return option(
        "Name of a header to set instead of Authorization.",
        forms.header(),
        default=None,
        example='"X-Api-Key"',
    )


def _value(form: forms.Form) -> Any:
    return option("Reference to that header's value.", form, default=None, example='"credential:github"')


_PLACES = "file:PATH, env:NAME or credential:NAME"


@frozen
class FixedTable:
    """C{credential}: what the gate shows the upstream. The value is a reference, never the secret."""

    bearer: str | None = _bearer(forms.reference(), _PLACES)
    header: str | None = _header()
    value: str | None = _value(forms.reference())


@frozen
class CredentialTable(PeerTable):
    """C{[[credential]]}: what an upstream is shown on behalf of some callers: a secret as it is, or a token
    that is asked for when it is needed. Of the tables for one upstream the first whose C{who} is about the
    caller counts. The keys of the TLS connection are about the token endpoint."""

    name: str = option("The credential's name in messages and records.", forms.name(), example='"github-ci"')
    upstream: str = option("Which upstream it is shown to.", forms.name(), example='"github"')
    who: WhoTable | None = table(
        "On whose behalf; left out, on everybody's.",
        WhoTable,
        default=None,
        example='{ issuer = "okta", group = "developers" }',
    )
    bearer: str | None = _bearer(forms.secret(), f"{_PLACES}, or vault:NAME:MOUNT/PATH#FIELD (see vault)")
    header: str | None = _header()
    value: str | None = _value(forms.secret())
    grant: str | None = option(
        "How a token is asked for: client_credentials (RFC 6749), the gate's own; or token_exchange "
        "(RFC 8693), for the one that the caller has shown.",
        forms.word("grant", ("client_credentials", "token_exchange")),
        default=None,
        example='"client_credentials"',
    )
    token_url: str | None = option(
        "Where tokens are asked for: the token endpoint's https URL.",
        forms.upstream_url(),
        default=None,
        example='"https://login.example.com/oauth2/token"',
    )
    issuer: str | None = option(
        "Instead of token_url: the name of an issuer, whose discovery document names the token endpoint, and "
        "whose TLS keys count for it.",
        forms.name(),
        default=None,
        example='"okta"',
    )
    client_id: str | None = option(
        "Who the gate is at the token endpoint.",
        forms.text("a client id"),
        default=None,
        example='"mcpgate"',
    )
    client_secret: str | None = option(
        "Reference to the client's secret.",
        forms.reference(),
        default=None,
        example='"file:/etc/mcpgate/secrets/login"',
    )
    # RFC 6749 section 2.3.1: every server takes this one, of the two.
    client_secret_in: str = option(
        "Where the client's secret stands: in a header (client_secret_basic) or in the form "
        "(client_secret_post).",
        forms.word("place for a secret", ("header", "form"), quote=False),
        default="header",
        example='"form"',
    )
    assertion_key: Path | None = option(
        "Instead of a secret: PEM file of the key that client assertions are signed with (private_key_jwt, "
        "RFC 7523); RSA from 2048 bits, or P-256 or P-384.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/secrets/login.key"',
    )
    assertion_key_id: str | None = option(
        "The key's id at the token endpoint (kid).",
        forms.text("a key id"),
        default=None,
        example='"2026-11"',
    )
    # RFC 7523 section 3 has the endpoint's URL; since 2025 servers may insist on their own name, so that an
    # assertion that one server is sent can never be shown to another one.
    assertion_audience: str | None = option(
        "Who such an assertion is made out for (aud): the token endpoint's URL, if left out; some servers "
        "want their issuer.",
        forms.uri(),
        default=None,
        example='"https://login.example.com"',
    )
    scope: tuple[str, ...] = option(
        "Scopes that are asked for.",
        forms.many(forms.scope(), lone=True),
        default=(),
        example='["repo:read", "issues:read"]',
    )
    audience: str | None = option(
        "For whom the token is asked for, by name.",
        forms.text("an audience"),
        default=None,
        example='"github-mcp"',
    )
    resource: tuple[str, ...] = option(
        "For which resources the token is asked for, by their URIs, sent as they stand here (RFC 8707).",
        forms.many(forms.uri(), lone=True),
        default=(),
        example='"https://mcp.github.internal/mcp"',
    )
    subject_token_type: str = option(
        "What the endpoint calls the kind of token that callers show, in an exchange.",
        forms.uri(),
        default=ACCESS_TOKEN,
        example='"urn:ietf:params:oauth:token-type:jwt"',
    )
    requested_token_type: str | None = option(
        "Which kind of token is asked for, in an exchange.",
        forms.uri(),
        default=None,
        example='"urn:ietf:params:oauth:token-type:access_token"',
    )
    actor: str | None = option(
        "Reference to a token that says who acts for the caller: the gate, in an exchange.",
        forms.reference(),
        default=None,
        example='"file:/run/secrets/gate-token"',
    )
    actor_token_type: str = option(
        "What the endpoint calls the kind of that token.",
        forms.uri(),
        default=ACCESS_TOKEN,
        example='"urn:ietf:params:oauth:token-type:jwt"',
    )
    # Callers wait for it, some of them with a timeout of 30 s for the whole call.
    answer_timeout: float = option(
        "For a token, from the first packet to the last of the answer.",
        forms.duration(SHORTEST, "1m"),
        default=10.0,
        example='"5s"',
    )
