"""What is always the same of well-known issuers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mcpgate.identity.presets import Table, faults, terms_of


def table(**keys: Any) -> Table:
    nothing = {"preset": None, "issuer": None, "discovery": None, "jwks": None, "audience": ()}
    nothing |= {"algorithms": (), "max_lifetime": None, "skew": 30.0, "types": (), "id_tokens": False}
    nothing |= {"parties": (), "tenants": (), "groups": None, "claims": (), "stale": 86400.0}
    return SimpleNamespace(**{"name": "login", **nothing, **keys})  # type: ignore[return-value]


def test_an_issuer_without_a_preset_needs_only_its_name() -> None:
    made = table(issuer="https://login.example/a")
    assert list(faults(made)) == []
    terms = terms_of(made)
    assert terms.issuers == ("https://login.example/a",)
    assert terms.discovery == (
        "https://login.example/a/.well-known/openid-configuration",
        "https://login.example/.well-known/oauth-authorization-server/a",
    )
