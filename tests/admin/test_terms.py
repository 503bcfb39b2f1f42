"""What C{[admin]} demands, loaded and judged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcpgate.admin.terms import AdminTerms, load_admin, socket_path, wanted
from mcpgate.config.load import parse_config
from mcpgate.config.problem import ConfigError
from mcpgate.config.tables.admin import AdminTable
from tests.admin.house import House

ISSUER = """
[[issuer]]
name = "okta"
issuer = "https://acme.okta.com/oauth2/default"
trust = "{at}/ca.pem"
max_lifetime = "5m"
parties = "somebody-else"
"""
OIDC = """public_url = "https://dashboard.test"
issuer = "okta"
client_id = "dashboard"
client_secret = "file:{at}/secret"
viewers = "staff"
"""


def loaded(house: House, text: str) -> AdminTerms:
    """The terms of a configuration."""
    config = parse_config(text.encode(), house.directory / "mcpgate.toml")
    return load_admin(config, 7, datetime.now(UTC))


def secret(house: House, mode: int = 0o600) -> Path:
    path = house.directory / "secret"
    path.write_text("hush\n", encoding="ascii")
    path.chmod(mode)
    return path


def test_the_listener_is_judged_as_any_other(house: House) -> None:
    """Its profile, its certificates, and whom client certificates must chain to."""
    terms = loaded(house, house.config(f'client_ca = "{house.authority}"\nviewers = "a.test"'))
    assert terms.listener is not None and terms.path is None
    assert (terms.listener.name, terms.listener.profile.name, terms.listener.generation) == (
        "admin",
        "modern",
        7,
    )
    assert terms.listener.table.client_certificates == "optional"
    assert {"localhost", "dashboard.test"} <= terms.listener.hosts
    assert terms.oidc is None and terms.metrics_token is None


@pytest.mark.parametrize(
    ("key", "file", "path"),
    [
        ("certificates", "", "admin.certificates"),
        ("client_ca", "none.pem", "admin.client_ca"),
        ("metrics_token", "file:none", "admin.metrics_token"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_at_its_key(
    house: House, key: str, file: str, path: str
) -> None:
    """And nothing of it is used."""
    text = house.config(f'{key} = "{file}"\nviewers = "a.test"\nclient_ca = "{house.authority}"')
    if key == "client_ca":
        text = house.config('client_ca = "none.pem"\nviewers = "a.test"')
    if key == "certificates":
        (house.directory / "tls" / "gate.key").unlink()
        text = house.config()
    with pytest.raises(ConfigError) as caught:
        loaded(house, text)
    assert path in [problem.path for problem in caught.value.problems]


def test_a_provider_is_asked_for_id_tokens_of_our_own_client_alone(house: House) -> None:
    """Whatever the same issuer's tokens must be that callers show."""
    secret(house)
    at = house.directory
    terms = loaded(house, house.config(OIDC.format(at=at), ISSUER.format(at=at)))
    assert terms.oidc is not None
    assert terms.oidc.redirect == "https://dashboard.test/login/callback"
    judged = terms.oidc.issuer.terms
    assert judged.audience == {"dashboard"} and judged.id_tokens and not judged.parties
    assert terms.oidc.client.secret == "hush" and "hush" not in repr(terms.oidc)


def test_a_secret_that_everybody_may_read_is_none(house: House) -> None:
    """As for any other."""
    secret(house, 0o644)
    at = house.directory
    with pytest.raises(ConfigError, match="everybody on this machine"):
        loaded(house, house.config(OIDC.format(at=at), ISSUER.format(at=at)))


def test_on_a_socket_there_is_no_tls(house: House) -> None:
    """Nor anything that would be read for it."""
    terms = loaded(house, house.config(listen="unix:/run/x.sock"))
    assert (terms.listener, terms.path) == (None, "/run/x.sock")
    assert socket_path(AdminTable(listen="tcp:1")) is None and socket_path(AdminTable()) is None


def test_alerts_alone_want_a_process(house: House) -> None:
    """Without a dashboard; and without either there is nothing to do."""
    nothing = house.config().replace('listen = "tcp:0:interface=127.0.0.1"\n', "", 1)
    nothing = nothing.replace(f'certificates = "{house.directory}/tls"\n', "", 1)
    alert = '[[alert]]\nname = "log"\nsyslog = "local"\n'
    for text, found in ((house.config(), True), (nothing, False), (nothing + alert, True)):
        assert wanted(parse_config(text.encode(), house.directory / "x.toml")) is found
    terms = loaded(house, nothing + alert)
    assert terms.listener is None and [one.name for one in terms.alerts] == ["log"]
