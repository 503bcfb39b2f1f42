"""A generation is built whole from files that hold still, or every reason why not is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from mcpgate import generation as module
from mcpgate.config.load import parse_config
from mcpgate.config.problem import ConfigError
from mcpgate.generation import Builder, Generation
from mcpgate.identity.issuer import Issuer
from mcpgate.reasons import Reason
from mcpgate.sessions.keyfile import KeyFile
from mcpgate.sessions.sealed import place_of
from mcpgate.tls.localca import LocalCA, certificate_pem, write_pair
from mcpgate.upstream.terms import UpstreamTerms

NOW = datetime.now(UTC)


class Files:
    """A directory with everything that a configuration may name, and a configuration that names it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca = LocalCA.create("root", NOW)
        self.other = LocalCA.create("another root", NOW)
        self.ca.save(directory / "ca.pem", directory / "ca.key")
        (directory / "two.pem").write_bytes(certificate_pem(self.ca.certificate, self.other.certificate))
        crl = self.ca.crl([], NOW)
        (directory / "crl.pem").write_bytes(crl.public_bytes(Encoding.PEM))
        (directory / "tls").mkdir()
        self.pair("tls/gate", self.ca.server(["gate.test", "*.wild.test"], NOW))
        for name in ("client", "client2"):
            self.pair(name, self.ca.client(name, NOW))
        for name in ("secret", "secret2"):
            (directory / name).write_text(f"{name}-value\n")
            (directory / name).chmod(0o600)

    def pair(self, name: str, pair: Any) -> None:
        """Write a certificate and its key."""
        write_pair(pair, self.directory / f"{name}.crt", self.directory / f"{name}.key")

    def text(self, *, listener: str = "", upstream: str = "", more: str = "", **named: str) -> str:
        """The configuration, with lines added, and some values changed."""
        value = {"url": "https://up.test/mcp", "trust": "ca.pem", "certificates": "tls", **named}
        return f"""
[gate]
state = "{self.directory}"
[[listener]]
name = "public"
listen = "tcp:0:interface=127.0.0.1"
certificates = "{value["certificates"]}"
{listener}
[[upstream]]
name = "up"
url = "{value["url"]}"
trust = "{value["trust"]}"
{upstream}
[[route]]
path = "/mcp"
upstream = "up"
{more}
"""

    def build(self, text: str | None = None) -> Generation:
        """A generation of it."""
        config = parse_config((text or self.text()).encode(), self.directory / "gate.toml")
        return Builder(config, 3, NOW).build()

    def upstream(self, **named: str) -> UpstreamTerms:
        """The upstream's terms."""
        return self.build(self.text(**named)).upstreams["up"]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def line_of(text: str, words: str) -> int:
    """Where a text has these words first, counted from 1."""
    return text[: text.index(words)].count("\n") + 1


# All or nothing.


def test_every_problem_is_told_at_once_with_its_key_and_line(files: Files) -> None:
    """In a listener, a credential, a client certificate and a trust file, in one go."""
    (files.directory / "empty.pem").write_bytes(b"")
    text = files.text(
        certificates="nowhere",
        upstream='credential = { bearer = "file:no-secret" }\n',
        more="""
[[upstream]]
name = "second"
url = "https://second.test/mcp"
trust = "empty.pem"
[[upstream]]
name = "third"
url = "https://third.test/mcp"
trust = "ca.pem"
client_certificate = "client.crt"
client_key = "client2.key"
""",
    )
    with pytest.raises(ConfigError) as caught:
        files.build(text)
    problems = {problem.path: problem for problem in caught.value.problems}
    assert {path: problem.line for path, problem in problems.items()} == {
        "listener.public.certificates": line_of(text, "certificates ="),
        "upstream.up.credential.bearer": line_of(text, "credential ="),
        "upstream.second.trust": line_of(text, 'trust = "empty.pem"'),
        "upstream.third.client_certificate": line_of(text, "client_certificate ="),
    }
    assert "empty.pem" in problems["upstream.second.trust"].message
    assert caught.value.source == files.directory / "gate.toml"


def test_a_pair_that_cannot_shake_hands_is_told_of_as_a_certificate(files: Files) -> None:
    """Built and tried before anybody depends on it: another key than the certificate's is noticed."""
    (files.directory / "tls/gate.key").write_bytes((files.directory / "client.key").read_bytes())
    with pytest.raises(ConfigError) as caught:
        files.build()
    (problem,) = caught.value.problems
    assert problem.path == "listener.public.certificates"
    assert "gate.key" in problem.message


def test_what_is_wrong_with_a_secret_is_told_without_the_secret(files: Files) -> None:
    (files.directory / "secret").write_text("hush-hush\x00\n")
    with pytest.raises(ConfigError) as caught:
        files.build(files.text(upstream='credential = { header = "X-Key", value = "file:secret" }'))
    (problem,) = caught.value.problems
    assert problem.path == "upstream.up.credential.value"
    assert "hush" not in str(caught.value)


def test_dates_are_judged_at_the_given_moment(files: Files) -> None:
    """Not at that of the clock: a generation is as good as when it was made."""
    config = parse_config(files.text().encode(), files.directory / "gate.toml")
    with pytest.raises(ConfigError, match="expired"):
        Builder(config, 1, NOW + timedelta(days=365)).build()


# Reading twice.


def between(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Do something after everything was read once, and before it is read again."""
    real = module.contexts.client_context

    def client_context(*arguments: Any, **named: Any) -> Any:
        act()
        return real(*arguments, **named)

    monkeypatch.setattr(module.contexts, "client_context", client_context)


@pytest.mark.parametrize("name", ["tls/gate.crt", "tls/gate.key", "ca.pem", "client.crt", "secret"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    files: Files, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whichever it is: what was judged may never have been there together."""
    path = files.directory / name

    def touch() -> None:
        octets = path.read_bytes()
        path.write_bytes(octets + b"\n")

    between(monkeypatch, touch)
    upstream = (
        'client_certificate = "client.crt"\nclient_key = "client.key"\n'
        'credential = { bearer = "file:secret" }'
    )
    with pytest.raises(ConfigError, match="changed while it was being read") as caught:
        files.build(files.text(upstream=upstream))
    assert str(path) in str(caught.value)
    monkeypatch.undo()
    assert files.build(files.text(upstream=upstream)).number == 3


def test_a_file_that_comes_or_goes_while_they_are_read_is_refused(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory of certificates is read as a whole."""
    between(monkeypatch, (files.directory / "tls/new.crt").touch)
    with pytest.raises(ConfigError, match="changed while it was being read"):
        files.build()


def test_a_generation_notices_when_any_of_its_files_changes(files: Files) -> None:
    """Which is what the watch asks it."""
    reading = files.build(files.text(upstream='credential = { bearer = "file:secret" }')).reading
    assert reading.changed() is None
    (files.directory / "secret").write_text("new\n")
    assert reading.changed() == files.directory / "secret"


# The fingerprint of an upstream.

PIN = 'pins = ["sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]'

DEMANDED = {
    "nothing more": {},
    "name": {"url": "https://other.test/mcp"},
    "port": {"url": "https://up.test:8443/mcp"},
    "address": {"upstream": 'address = "127.0.0.1:443"'},
    "trust": {"trust": "two.pem"},
    "crl": {"upstream": 'crl = "crl.pem"'},
    "profile": {"upstream": 'profile = "intermediate"'},
    "post-quantum": {"upstream": "require_pq = true"},
    "pins": {"upstream": PIN},
    "pins that are only reported": {"upstream": f'{PIN}\npin_mode = "report_only"'},
    "pins for the leaf": {"upstream": f'{PIN}\npin_at = "leaf"'},
    "client": {"upstream": 'client_certificate = "client.crt"\nclient_key = "client.key"'},
    "another client": {"upstream": 'client_certificate = "client2.crt"\nclient_key = "client2.key"'},
}


def test_every_demand_on_a_connection_has_its_own_fingerprint(files: Files) -> None:
    """A connection that was verified under one of them is never used under another."""
    found = {name: files.upstream(**named).fingerprint for name, named in DEMANDED.items()}
    assert len(set(found.values())) == len(found), found


@pytest.mark.parametrize(
    "upstream",
    [
        'connect_timeout = "3s"',
        'handshake_timeout = "3s"',
        'answer_timeout = "3s"',
        'keepalive = "3s"',
        "connections = 3",
        'credential = { bearer = "file:secret" }',
    ],
)
def test_time_limits_counts_and_credentials_are_not_demands_on_a_connection(
    files: Files, upstream: str
) -> None:
    """What was verified is still verified; connections are kept over such a reload."""
    assert files.upstream(upstream=upstream).fingerprint == files.upstream().fingerprint


def test_a_path_is_no_demand_on_a_connection(files: Files) -> None:
    terms = files.upstream(url="https://up.test/other")
    assert terms.fingerprint == files.upstream().fingerprint
    assert terms.target == b"/other"


# What an upstream is sent, and where.


@pytest.mark.parametrize(
    ("upstream", "credential"),
    [
        ("", ()),
        ('credential = { bearer = "file:secret" }', ((b"authorization", b"Bearer secret-value"),)),
        ('credential = { header = "X-Key", value = "file:secret2" }', ((b"x-key", b"secret2-value"),)),
    ],
)
def test_a_credential_is_a_header_that_is_ready_to_send(
    files: Files, upstream: str, credential: tuple[tuple[bytes, bytes], ...]
) -> None:
    assert files.upstream(upstream=upstream).credential == credential


def test_an_address_says_where_to_dial_and_the_url_whom_to_expect(files: Files) -> None:
    terms = files.upstream(url="https://up.test:8443/mcp", upstream='address = "127.0.0.1:9"')
    assert (terms.dial_host, terms.dial_port) == ("127.0.0.1", 9)
    assert (terms.host, terms.port, terms.authority) == ("up.test", 8443, b"up.test:8443")


# Routes and hosts.


def test_routes_are_found_by_host_and_exact_path(files: Files) -> None:
    """One that names the host comes first; one that names none is for all."""
    generation = files.build(
        files.text(
            listener='hosts = ["alias.test"]',
            more="""
[[route]]
path = "/mcp"
host = "alias.test"
upstream = "up"
name = "by-host"
[[route]]
path = "/only"
host = "alias.test"
upstream = "up"
name = "only"
""",
        )
    )

    def name(host: str, path: bytes) -> str | None:
        route = generation.route(host, path)
        return route.name if route is not None else None

    assert name("alias.test", b"/mcp") == "by-host"
    assert name("gate.test", b"/mcp") not in (None, "by-host")
    assert name("alias.test", b"/only") == "only"
    for host, path in (
        ("gate.test", b"/only"),
        ("gate.test", b"/mcp/"),
        ("gate.test", b"/MCP"),
        ("gate.test", b"/mcp?"),
        ("gate.test", b"/"),
    ):
        assert name(host, path) is None, (host, path)


def test_a_listener_answers_for_its_certificates_names_its_public_url_and_others_it_is_given(
    files: Files,
) -> None:
    files.pair("tls/second", files.ca.server(["second.test", "127.0.0.1"], NOW))
    lines = 'hosts = ["alias.test"]\npublic_url = "https://second.test:8443"'
    terms = files.build(files.text(listener=lines)).listeners["public"]
    for host in ("gate.test", "second.test", "127.0.0.1", "alias.test", "any.wild.test"):
        assert terms.judge_host(host, None) is None, host
        assert terms.judge_host(host, host) is None, host
    for host in ("wild.test", "two.any.wild.test", "evil.test", "", "127.0.0.2"):
        refusal = terms.judge_host(host, None)
        assert refusal is not None and refusal.reason is Reason.FRAME_MISDIRECTED, host
    assert terms.judge_host("alias.test", "gate.test") is not None


def test_a_listener_serves_the_pages_that_it_names_and_those_of_its_public_url(files: Files) -> None:
    """With the port where it is not the scheme's own, as browsers write it."""
    lines = 'origins = ["http://localhost:80"]\npublic_url = "https://gate.test:443"'
    terms = files.build(files.text(listener=lines)).listeners["public"]
    assert terms.origins.allowed == {b"http://localhost", b"https://gate.test"}
    assert files.build().listeners["public"].origins.allowed == set()


def test_budgets_are_part_of_the_policy(files: Files) -> None:
    """Sorted by name."""
    generation = files.build(
        files.text(
            more="""
[[route]]
path = "/other"
upstream = "up"
name = "other"
[[budget]]
name = "b"
calls = 1
on = { route = "other" }
[[budget]]
name = "a"
concurrent = 1
"""
        )
    )
    assert [one.name for one in generation.policy.budgets] == ["a", "b"]


def test_without_a_server_name_the_public_urls_certificate_is_shown(files: Files) -> None:
    """And with one, that name's; the first of the directory when nothing else is said."""
    files.pair("tls/second", files.ca.server(["second.test"], NOW))
    terms = files.build(files.text(listener='public_url = "https://second.test"')).listeners["public"]
    assert "second.test" in terms.pair_for(None).names
    assert "gate.test" in terms.pair_for("gate.test").names
    assert "gate.test" in terms.pair_for("x.wild.test").names
    assert set(terms.contexts) == set(terms.pairs)
    first = files.build().listeners["public"]
    assert first.pair_for(None) is first.pairs[0]


# Clients who are inside already.


def test_what_is_demanded_of_clients_changes_with_the_mode_and_the_authorities(files: Files) -> None:
    demands = [
        files.build(files.text(listener=lines)).listeners["public"].client_demand
        for lines in (
            "",
            'client_certificates = "optional"\nclient_ca = "ca.pem"',
            'client_certificates = "required"\nclient_ca = "ca.pem"',
            'client_certificates = "required"\nclient_ca = "two.pem"',
        )
    ]
    assert len(set(demands)) == len(demands)


@pytest.mark.parametrize(
    ("mode", "kind", "reason"),
    [
        ("off", "none", None),
        ("off", "strange", None),
        ("optional", "none", None),
        ("optional", "ours", None),
        ("optional", "strange", Reason.TLS_UNKNOWN_CA),
        ("required", "none", Reason.TLS_CLIENT_CERTIFICATE),
        ("required", "ours", None),
        ("required", "strange", Reason.TLS_UNKNOWN_CA),
    ],
)
def test_a_client_stays_if_it_would_be_let_in_now(
    files: Files, mode: str, kind: str, reason: Reason | None
) -> None:
    lines = "" if mode == "off" else f'client_certificates = "{mode}"\nclient_ca = "ca.pem"'
    terms = files.build(files.text(listener=lines)).listeners["public"]
    authority = files.other if kind == "strange" else files.ca
    chain = () if kind == "none" else (*authority.client("c", NOW).chain, authority.certificate)
    refusal = terms.judge_client(chain)
    assert (refusal.reason if refusal is not None else None) is reason


# Session keys.


def key_file(files: Files) -> Path:
    return files.directory / "session-keys.json"


def test_session_keys_are_read_with_the_rest(files: Files) -> None:
    """Before any gate has begun there are none, and their coming is a change like any other."""
    before = files.build()
    assert not before.session_keys and before.reading.changed() is None
    KeyFile(files.directory).begin(NOW.timestamp())
    assert before.reading.changed() == key_file(files)
    after = files.build(files.text(more='[limits]\nsession_lifetime = "2h"'))
    assert (len(after.session_keys), after.session_keys.lifetime) == (1, 7200.0)
    assert after.reading.changed() is None
    KeyFile(files.directory).rotate(NOW.timestamp())
    assert after.reading.changed() == key_file(files)


@pytest.mark.parametrize(("raw", "mode"), [(b"{", 0o600), (None, 0o640)])
def test_a_key_file_that_is_not_good_is_a_problem_that_names_it(
    files: Files, raw: bytes | None, mode: int
) -> None:
    KeyFile(files.directory).begin(NOW.timestamp())
    if raw is not None:
        key_file(files).write_bytes(raw)
    key_file(files).chmod(mode)
    with pytest.raises(ConfigError) as caught:
        files.build()
    (problem,) = caught.value.problems
    assert problem.path == "gate.state" and str(key_file(files)) in problem.message


def test_once_a_gate_has_begun_there_must_be_keys(files: Files) -> None:
    """Without them every session would end, and nobody would know why."""
    config = parse_config(files.text().encode(), files.directory / "gate.toml")
    with pytest.raises(ConfigError, match="session-keys.json: is gone") as caught:
        Builder(config, 3, NOW, claimed=True).build()
    assert "mcpgate session rotate" in str(caught.value)
    KeyFile(files.directory).begin(NOW.timestamp())
    assert len(Builder(config, 3, NOW, claimed=True).build().session_keys) == 1


def test_a_route_is_a_place_of_its_own(files: Files) -> None:
    """Two routes to one upstream are two: other rules may hold there."""
    more = '[[route]]\nname = "other"\npath = "/other"\nupstream = "up"\n'
    routes = files.build(files.text(more=more)).routes.values()
    assert {route.place for route in routes} == {
        place_of("up", b"up.test", b"/mcp"),
        place_of("other", b"up.test", b"/mcp"),
    }


# Issuers.

PUBLIC = 'public_url = "https://gate.test:8443"\n'
OKTA = """
[[issuer]]
name = "okta"
issuer = "https://acme.okta.test/oauth2/default"
trust = "ca.pem"
"""


def issuer(files: Files, lines: str = "", **named: str) -> Issuer:
    """The issuer that it makes."""
    return files.build(files.text(listener=PUBLIC, more=OKTA + lines, **named)).issuers["okta"]


def test_an_issuer_has_its_terms_and_those_of_its_servers(files: Files) -> None:
    """A listener accepts all of them, and says where tokens for its routes are to be had."""
    built = files.build(files.text(listener=PUBLIC, more=OKTA + 'address = "127.0.0.1:8443"\n'))
    made = built.issuers["okta"]
    assert made.terms.issuers == ("https://acme.okta.test/oauth2/default",)
    assert (made.peer.host, made.peer.port, made.peer.dial_port) == ("acme.okta.test", 443, 8443)
    assert made.client is None
    listener = built.listeners["public"]
    assert listener.issuers == (made.terms,)
    assert listener.authorization_servers == ("https://acme.okta.test/oauth2/default",)
    assert listener.resource("gate.test", "/mcp") == "https://gate.test:8443/mcp"


def test_a_listener_accepts_the_issuers_that_it_names(files: Files) -> None:
    second = OKTA.replace('"okta"', '"other"').replace("acme", "beta")
    for lines, accepted in (
        ('issuers = ["other"]\n', ["other"]),
        ('issuers = "none"\n', []),
        ("", ["okta", "other"]),
    ):
        built = files.build(files.text(listener=PUBLIC + lines, more=OKTA + second))
        listener = built.listeners["public"]
        assert [terms.name for terms in listener.issuers] == accepted
        assert len(listener.authorization_servers) == len(accepted)
        assert set(built.issuers) == {"okta", "other"}


@pytest.mark.parametrize(
    ("lines", "same"),
    [
        ('audience = "api://mcp"\nmax_lifetime = "5m"\n', True),
        ('introspection = "https://a.test/i"\nclient_id = "g"\nclient_secret = "file:secret"\n', True),
        ('address = "127.0.0.1:1"\n', False),
        ('profile = "intermediate"\n', False),
        ('jwks = "https://acme.okta.test/keys"\n', False),
        ('pins = ["sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]\n', False),
        ('client_certificate = "client.crt"\nclient_key = "client.key"\n', False),
    ],
)
def test_keys_are_kept_while_they_would_be_found_in_the_same_way(
    files: Files, lines: str, same: bool
) -> None:
    """What is demanded of tokens changes nothing about the keys."""
    assert (issuer(files, lines).fingerprint == issuer(files).fingerprint) is same


def test_keys_that_other_trust_has_vouched_for_are_not_kept(files: Files) -> None:
    before = issuer(files).fingerprint
    trusting = OKTA.replace('"ca.pem"', '"two.pem"')
    after = files.build(files.text(listener=PUBLIC, more=trusting)).issuers["okta"].fingerprint
    assert before != after


def test_who_the_gate_is_to_an_issuer_is_read_with_the_rest(files: Files) -> None:
    """And a secret that is not there is a problem that names its key."""
    lines = 'introspection = "https://a.test/i"\nclient_id = "gate"\n'
    made = issuer(files, lines + 'client_secret = "file:secret"\n').client
    assert made is not None and (made.id, made.secret) == ("gate", "secret-value")
    assert "secret-value" not in repr(made)
    (files.directory / "client.key").chmod(0o600)
    signing = issuer(files, lines + 'assertion_key = "client.key"\n').client
    assert signing is not None and signing.signer is not None
    for line, key in (
        ('client_secret = "file:no-secret"\n', "issuer.okta.client_secret"),
        ('assertion_key = "ca.pem"\n', "issuer.okta.assertion_key"),
    ):
        with pytest.raises(ConfigError) as caught:
            issuer(files, lines + line)
        assert [problem.path for problem in caught.value.problems] == [key]


def test_an_issuer_whose_trust_cannot_be_read_is_a_problem(files: Files) -> None:
    with pytest.raises(ConfigError) as caught:
        files.build(files.text(listener=PUBLIC, more=OKTA.replace('"ca.pem"', '"nowhere.pem"')))
    assert [problem.path for problem in caught.value.problems] == ["issuer.okta.trust"]


# Credentials.

CREDENTIAL = """
[[credential]]
name = "ops"
upstream = "up"
who = { group = "ops", address = "10.0.0.0/8" }
bearer = "file:secret"
[[credential]]
name = "login"
upstream = "up"
grant = "client_credentials"
token_url = "https://login.test:8443/token"
trust = "ca.pem"
client_id = "gate"
client_secret = "file:secret2"
"""


def test_credentials_stand_with_their_upstream_in_the_order_of_the_file(files: Files) -> None:
    """With who they are for, and what a token endpoint is verified by."""
    generation = files.build(files.text(more=CREDENTIAL))
    ops, login = generation.upstreams["up"].mapped
    assert (ops.name, ops.lines, ops.grant) == ("ops", ((b"authorization", b"Bearer secret-value"),), None)
    grant = login.grant
    assert grant is not None and (grant.peer.host, grant.peer.port) == ("login.test", 8443)
    assert (grant.client.id, grant.client.secret, grant.exchange) == ("gate", "secret2-value", False)
    # What a who asks of a caller has to be known wherever one is judged.
    assert generation.policy.regard.address and not files.build().policy.regard.address
    assert "secret-value" not in repr(generation) and "secret2-value" not in repr(generation)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('bearer = "file:secret"', 'bearer = "file:secret2"', True),
        ('client_id = "gate"', 'client_id = "gate"\nconnect_timeout = "1s"', False),
        ('client_secret = "file:secret2"', 'client_secret = "file:secret"', False),
        ('client_id = "gate"', 'client_id = "other"', False),
        ('client_id = "gate"', 'client_id = "gate"\nscope = "a"', False),
        ('trust = "ca.pem"', 'trust = "two.pem"', False),
        ("https://login.test:8443", "https://login.test", False),
        ("client_credentials", "token_exchange", False),
    ],
)
def test_tokens_that_were_got_otherwise_are_others(files: Files, old: str, new: str, same: bool) -> None:
    """A reload keeps those that would be got in the same way, and no others."""
    prints = []
    for text in (CREDENTIAL, CREDENTIAL.replace(old, new)):
        grant = files.build(files.text(more=text)).upstreams["up"].mapped[1].grant
        assert grant is not None
        prints.append(grant.fingerprint)
    assert (prints[0] == prints[1]) is same


@pytest.mark.parametrize(
    ("more", "file"),
    [
        (CREDENTIAL.replace("client_credentials", "token_exchange") + 'actor = "file:renewed"\n', "actor"),
        (
            CREDENTIAL.replace('"file:secret"', '"vault:main:secret/mcp#token"')
            + '[[vault]]\nname = "main"\nurl = "https://vault.test"\ntrust = "ca.pem"\n'
            + 'token = "file:renewed"\n',
            "token",
        ),
    ],
    ids=["actor", "vault"],
)
def test_a_token_of_the_gates_own_that_is_renewed_changes_nothing(files: Files, more: str, file: str) -> None:
    """Agents renew them every few minutes; what was got by the one before is still good."""
    found = []
    for text in ("first", "second"):
        (files.directory / "renewed").write_text(text)
        (files.directory / "renewed").chmod(0o600)
        grants = [each.grant for each in files.build(files.text(more=more)).upstreams["up"].mapped]
        found.append(next(grant for grant in grants if getattr(grant, file, None) is not None))
    assert found[0].fingerprint == found[1].fingerprint
    assert [getattr(grant, file) for grant in found] == ["first", "second"]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ('bearer = "file:secret"', 'bearer = "file:gone"', "credential.ops.bearer"),
        ('client_secret = "file:secret2"', 'client_secret = "file:gone"', "credential.login.client_secret"),
        ('client_secret = "file:secret2"', 'assertion_key = "client.crt"', "credential.login.assertion_key"),
        ('client_secret = "file:secret2"', 'assertion_key = "gone"', "credential.login.assertion_key"),
        ('trust = "ca.pem"', 'trust = "gone"', "credential.login.trust"),
    ],
)
def test_what_is_wrong_with_a_credential_is_told_at_its_key(
    files: Files, old: str, new: str, path: str
) -> None:
    """And nothing of the generation is used."""
    with pytest.raises(ConfigError) as caught:
        files.build(files.text(more=CREDENTIAL.replace(old, new)))
    assert [problem.path for problem in caught.value.problems] == [path]


def test_what_is_wrong_with_a_vault_is_told_once(files: Files) -> None:
    """However many credentials are in it."""
    more = CREDENTIAL.replace('"file:secret"', '"vault:main:secret/a#b"')
    more += '[[credential]]\nname = "all"\nupstream = "up"\nwho = { token = "ci" }\n'
    more += 'bearer = "vault:main:secret/c#d"\n'
    more = more.replace('name = "login"\n', 'name = "login"\nwho = { token = "login" }\n')
    more += '[[vault]]\nname = "main"\nurl = "https://vault.test"\ntrust = "gone"\ntoken = "file:gone"\n'
    with pytest.raises(ConfigError) as caught:
        files.build(files.text(more=more))
    paths = sorted(problem.path for problem in caught.value.problems)
    assert paths == ["vault.main.token", "vault.main.trust"]
