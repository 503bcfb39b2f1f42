"""Where clients are sent for a token of an issuer."""

from __future__ import annotations

from typing import Any

import pytest

from mcpgate.config.tables.issuer import IssuerTable
from mcpgate.identity.issuer import Issuer, authorization_server
from mcpgate.identity.presets import terms_of
from tests.provider.asking import Demand

TENANT = "8a9c1d2e-0000-4000-8000-1234567890ab"
ENTRA = "https://login.microsoftonline.com"


@pytest.mark.parametrize(
    ("table", "server"),
    [
        ({"issuer": "https://login.test/a"}, "https://login.test/a"),
        ({"issuer": "https://login.test/a", "authorization_server": "https://b.test"}, "https://b.test"),
        ({"issuer": "our-own-signer", "jwks": "https://login.test/k"}, None),
        ({"preset": "google"}, "https://accounts.google.com"),
        ({"preset": "entra", "tenants": (TENANT,)}, f"{ENTRA}/{TENANT}/v2.0"),
        ({"preset": "entra", "tenants": (TENANT, TENANT[:-1] + "c")}, f"{ENTRA}/organizations/v2.0"),
    ],
)
def test_clients_are_sent_to_the_issuer_or_where_the_table_says(
    table: dict[str, Any], server: str | None
) -> None:
    made = IssuerTable(name="login", **table)
    issuer = Issuer(table=made, terms=terms_of(made), peer=Demand().terms(443), fingerprint=b"")
    assert issuer.name == "login"
    assert authorization_server(issuer) == server
