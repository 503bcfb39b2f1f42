"""One way to come by each credential, and none that stands in the file in vain."""

import pytest

from mcpgate.config.tables.credential import ACCESS_TOKEN
from tests.config.test_judge import UPSTREAM, judged

FIXED = {"name": "ci", "upstream": "git", "bearer": "env:CI"}
GRANT = {
    "name": "ci",
    "upstream": "git",
    "grant": "client_credentials",
    "token_url": "https://login/token",
    "client_id": "gate",
    "client_secret": "env:SECRET",
}
EXCHANGE = {**GRANT, "grant": "token_exchange"}
SIGNED = {key: value for key, value in GRANT.items() if key != "client_secret"} | {"assertion_key": "key.pem"}
OKTA = {"name": "okta", "issuer": "https://okta.test"}
FOUND = {key: value for key, value in GRANT.items() if key != "token_url"} | {"issuer": "okta"}
CI = {"token": "ci-*"}


def without(table: dict[str, object], key: str) -> dict[str, object]:
    """The table without one of its keys."""
    return {other: value for other, value in table.items() if other != key}


@pytest.mark.parametrize(
    ("tables", "paths"),
    [
        ([FIXED], []),
        ([{**without(FIXED, "bearer"), "header": "X-Key", "value": "env:A"}], []),
        ([GRANT], []),
        ([EXCHANGE], []),
        ([SIGNED], []),
        ([{**without(GRANT, "client_secret"), "client_certificate": "gate.pem"}], []),
        ([{**EXCHANGE, "actor": "env:ACTOR", "actor_token_type": ACCESS_TOKEN}], []),
        ([without(FIXED, "bearer")], ["credential[0]"]),
        ([{**FIXED, "header": "X-Key", "value": "env:A"}], ["credential[0]"]),
        ([{**without(FIXED, "bearer"), "header": "X-Key"}], ["credential[0]"]),
        ([{**GRANT, "bearer": "env:A"}], ["credential[0]"]),
        ([{**FIXED, "upstream": "gti"}], ["credential[0].upstream"]),
        ([{**FIXED, "scope": "a"}], ["credential[0].scope"]),
        ([{**FIXED, "token_url": "https://login/token"}], ["credential[0].token_url"]),
        ([{**FIXED, "require_pq": True}], ["credential[0].require_pq"]),
        ([{**FIXED, "actor": "env:A"}], ["credential[0].actor"]),
        ([{**GRANT, "actor": "env:A"}], ["credential[0].actor"]),
        ([{**GRANT, "requested_token_type": ACCESS_TOKEN}], ["credential[0].requested_token_type"]),
        ([{**EXCHANGE, "actor_token_type": ACCESS_TOKEN}], ["credential[0].actor_token_type"]),
        ([without(GRANT, "token_url")], ["credential[0].token_url"]),
        ([without(GRANT, "client_id")], ["credential[0].client_id"]),
        ([without(GRANT, "client_secret")], ["credential[0].client_secret"]),
        ([{**GRANT, "assertion_key": "key.pem"}], ["credential[0].assertion_key"]),
        ([{**SIGNED, "client_secret_in": "form"}], ["credential[0].client_secret_in"]),
        ([{**GRANT, "assertion_key_id": "1"}], ["credential[0].assertion_key_id"]),
        ([{**GRANT, "assertion_audience": "urn:a"}], ["credential[0].assertion_audience"]),
        ([{**GRANT, "client_key": "gate.key"}], ["credential[0].client_key"]),
        ([{**FIXED, "who": {"subject": "s"}}], ["credential[0].who.subject"]),
        ([FIXED, {**FIXED, "who": CI}], ["credential[1].name", "credential[1]"]),
        ([{**FIXED, "who": CI}, {**FIXED, "name": "all"}], []),
        ([FIXED, {**FIXED, "name": "all"}], ["credential[1]"]),
    ],
)
def test_what_is_wrong_is_told_at_the_key_that_somebody_would_change(
    tables: list[dict[str, object]], paths: list[str]
) -> None:
    """Each by itself; what is right has no problems."""
    assert sorted(judged(credential=tables)) == sorted(paths)


def test_an_upstreams_own_credential_that_no_caller_needs_is_a_mistake() -> None:
    """It is for those whom no table is about, and there are none."""
    own = {**UPSTREAM, "credential": {"bearer": "env:A"}}
    assert judged(upstream=[own], credential=[{**FIXED, "who": CI}]) == []
    assert judged(upstream=[own], credential=[FIXED]) == ["upstream[0].credential"]


@pytest.mark.parametrize(
    ("table", "issuer", "paths"),
    [
        (FOUND, OKTA, []),
        (without(FOUND, "client_secret"), OKTA, []),
        ({**FOUND, "issuer": "otka"}, OKTA, ["credential[0].issuer"]),
        ({**FOUND, "token_url": "https://login/token"}, OKTA, ["credential[0].token_url"]),
        ({**FOUND, "trust": "ca.pem"}, OKTA, ["credential[0].trust"]),
        (FOUND, {**OKTA, "jwks": "https://okta.test/keys"}, ["credential[0].issuer"]),
    ],
)
def test_an_issuer_says_where_its_token_endpoint_is(
    table: dict[str, object], issuer: dict[str, object], paths: list[str]
) -> None:
    """If it is there and has a discovery document; then its own keys for TLS count."""
    listener = {"name": "public", "listen": "tcp:1", "certificates": "tls", "public_url": "https://gate.test"}
    assert judged(listener=[listener], credential=[table], issuer=[issuer]) == paths


def test_a_vault_that_is_referred_to_is_there() -> None:
    """By its name."""
    vault = {"name": "main", "url": "https://vault.test", "token": "env:TOKEN"}
    inside = {**FIXED, "bearer": "vault:main:secret/mcp#token"}
    assert judged(credential=[inside], vault=[vault]) == []
    other = {**FIXED, "bearer": "vault:mian:secret/mcp#token"}
    assert judged(credential=[other], vault=[vault]) == ["credential[0].bearer"]
