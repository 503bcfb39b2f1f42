"""Where clients are sent for a token."""

from __future__ import annotations

from typing import Any

import pytest

from mcpgate.config.tables.issuer import IssuerTable
from mcpgate.identity.issuer import Issuer
from mcpgate.identity.presets import terms_of
from mcpgate.identity.servers import servers_of

TENANT = "8a9c1d2e-0000-4000-8000-1234567890ab"


def issuer(name: str = "one", **more: Any) -> Issuer:
    table = IssuerTable(name=name, **more)
    # Nobody is asked anything here.
    peer: Any = None
    return Issuer(table=table, terms=terms_of(table), peer=peer, fingerprint=b"")


@pytest.mark.parametrize(
    ("one", "server"),
    [
        (issuer(issuer="https://login.test/realm"), "https://login.test/realm"),
        (issuer(issuer="https://tenant.auth.test/"), "https://tenant.auth.test/"),
        (issuer(issuer="https://a.test", authorization_server="https://b.test"), "https://b.test"),
        (
            issuer(preset="okta", issuer="https://acme.okta.com/oauth2/default"),
            "https://acme.okta.com/oauth2/default",
        ),
        (issuer(preset="google"), "https://accounts.google.com"),
        (issuer(preset="google", issuer="accounts.google.com"), "https://accounts.google.com"),
        (issuer(preset="entra", tenants=(TENANT,)), f"https://login.microsoftonline.com/{TENANT}/v2.0"),
        (
            issuer(preset="entra", issuer=f"https://login.microsoftonline.com/{TENANT}/v2.0"),
            f"https://login.microsoftonline.com/{TENANT}/v2.0",
        ),
        (
            issuer(preset="entra", tenants=(TENANT, TENANT.replace("8a", "9b"))),
            "https://login.microsoftonline.com/organizations/v2.0",
        ),
    ],
)
def test_an_issuers_server_is_itself_or_the_one_that_is_said(one: Issuer, server: str) -> None:
    """As clients look for its own metadata: with the scheme, and of one tenant where there is one."""
    assert servers_of([one]) == (server,)


def test_the_first_is_one_that_clients_can_ask() -> None:
    """In the order in which they were written, but for those of jobs."""
    github = issuer("ci", preset="github-actions")
    first = issuer("a", issuer="https://a.test")
    second = issuer("b", issuer="https://b.test")
    again = issuer("c", issuer="https://c.test", authorization_server="https://a.test")
    assert servers_of([github, second, first, again]) == (
        "https://b.test",
        "https://a.test",
        "https://token.actions.githubusercontent.com",
    )
    assert servers_of([github]) == ("https://token.actions.githubusercontent.com",)


def test_an_issuer_that_is_no_place_is_none_to_go_to() -> None:
    """Clients could do nothing with its name."""
    assert servers_of([issuer(issuer="joe")]) == ()
