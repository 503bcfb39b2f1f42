"""Okta, Entra, Google, GitHub Actions and GitLab in issuer, claims and keys, played by real servers on TLS.

A token as each issues it lets its caller in, under the name that rules and records have for them; one of
somebody else's tenant, organisation or repository does not.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
import pytest
from attrs import field, frozen

from mcpgate.testing import LocalCA, write_pair
from tests.e2e.caller import call, headers_of
from tests.e2e.identified import identified, save_ca, shown
from tests.e2e.lab import QUESTIONS, GateProcess, Lab, McpServer, Table
from tests.e2e.providers import (
    APPLICATION,
    BOUND,
    CI,
    OPAQUE,
    OTHER_TENANT,
    PARTNER_TENANT,
    TENANT,
    Providers,
)

OBJECT_ID = "d3b0c1a2-4e5f-4a6b-8c7d-9e0f1a2b3c04"


@frozen
class Issued:
    """
    A token of a provider, and who it makes the caller.

    @ivar table: What is in the C{[[issuer]]} beside where it is and whom to trust.
    @ivar claims: What is said otherwise than usual. C{here} stands for the gate's URL.
    """

    table: Mapping[str, Any]
    principal: str
    claims: Mapping[str, Any] = field(factory=dict)


HERE = "here"

ISSUED = {
    "standard": Issued({}, "standard/ci", {"aud": HERE, "scope": "mcp"}),
    "okta": Issued({"preset": "okta", "audience": ["api://mcp"]}, "okta/jane@acme.example"),
    "entra-v2": Issued(
        {"preset": "entra", "audience": [APPLICATION]}, f"entra-v2/{TENANT}/{OBJECT_ID}"
    ),
    "entra-v1": Issued(
        {"preset": "entra", "audience": ["api://mcp"]}, f"entra-v1/{TENANT}/{OBJECT_ID}"
    ),
    # One table for two tenants; the issuer is the preset's, with a place for them in it.
    "entra-common": Issued(
        {
            "preset": "entra",
            "issuer": None,
            "tenants": [PARTNER_TENANT, "7e5d0c4b-1f2a-4b3c-9d8e-6f5a4b3c2d05"],
            "audience": [APPLICATION],
        },
        f"entra-common/{PARTNER_TENANT}/{OBJECT_ID}",
        {"tid": PARTNER_TENANT, "iss": f"https://login.microsoftonline.com/{PARTNER_TENANT}/v2.0"},
    ),
    "google": Issued(
        {"preset": "google", "issuer": None, "claim.hd": "acme.example"},
        "google/113774264463038321964",
        {"aud": HERE},
    ),
    "github-actions": Issued(
        {"preset": "github-actions", "issuer": None, "claim.repository_owner": "acme"},
        "github-actions/repo:acme/deploy:ref:refs/heads/main",
        {"aud": HERE},
    ),
    "gitlab": Issued(
        {"preset": "gitlab", "issuer": None, "claim.namespace_path": "acme"},
        "gitlab/project_path:acme/deploy:ref_type:branch:ref:main",
        {"aud": HERE},
    ),
}

#: Everybody may ask for the weather; only one repository's jobs may have something repeated.
RULES: list[Table] = [
    {"name": "weather", "on": {"method": "tools/call", "name": "get_weather"}, "verdict": "allow"},
    {
        "name": "deploy-may-echo",
        "who": {"issuer": "github-actions", "claim.repository": "acme/deploy"},
        "on": {"method": "tools/call", "name": "echo"},
        "verdict": "allow",
    },
    QUESTIONS,
]


@pytest.fixture(scope="module")
def gate(
    tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer, providers: Providers
) -> Iterator[GateProcess]:
    """One gate that accepts all of them, and client certificates."""
    lab = Lab(tmp_path_factory.mktemp("issuers"), ca)
    secret = lab.directory / "ci.secret"
    secret.touch(0o600)
    secret.write_text(CI["client_secret"], encoding="ascii")
    asking = {
        "introspection": f"{providers['standard'].issuer}/token/introspection",
        "client_id": CI["client_id"],
        "client_secret": f"file:{secret}",
    }
    issuers = [
        providers[name].table(**one.table, **(asking if name == "standard" else {}))
        for name, one in ISSUED.items()
    ]
    listener = {"client_certificates": "optional", "client_ca": str(save_ca(lab))}
    with identified(lab, weather, issuers, rules=RULES, listener=listener) as running:
        yield running


def minted(gate: GateProcess, providers: Providers, name: str, **claims: object) -> str:
    """A token as that provider issues it, with some claims changed."""
    said = {**ISSUED[name].claims, **claims}
    return providers[name].mint({key: gate.url if value == HERE else value for key, value in said.items()})


@pytest.mark.parametrize("name", ISSUED)
def test_a_token_as_it_is_issued_lets_its_caller_in(
    gate: GateProcess, providers: Providers, name: str
) -> None:
    """The record says who that was, who vouches for them, and how it was proved."""
    token = minted(gate, providers, name)
    seen = shown(gate, token)
    assert (seen.status, seen.text) == (200, "sunny in Oslo")
    record = seen.record
    assert (record["principal"], record["issuer"], record["how"]) == (ISSUED[name].principal, name, "jwt")
    assert record["principal"] == f"{name}/{record['subject']}"
    assert token not in str(gate.journal()) + gate.log()


@pytest.mark.parametrize(
    ("name", "claims", "reason"),
    [
        # Of an account at the same house, but not ours; each is signed by the very keys that sign ours.
        ("okta", {"iss": "https://acme.okta.com/oauth2/hr"}, "auth.issuer"),
        ("okta", {"iss": "https://acme.okta.com"}, "auth.issuer"),
        ("okta", {"aud": "api://payroll"}, "auth.audience"),
        ("entra-v2", {"iss": f"https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"}, "auth.issuer"),
        ("entra-v2", {"tid": OTHER_TENANT}, "auth.issuer"),
        (
            "entra-v2",
            {"tid": OTHER_TENANT, "iss": f"https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"},
            "auth.issuer",
        ),
        ("entra-v1", {"iss": f"https://sts.windows.net/{OTHER_TENANT}/", "tid": OTHER_TENANT}, "auth.issuer"),
        # The slash belongs to it.
        ("entra-v1", {"iss": f"https://sts.windows.net/{TENANT}"}, "auth.issuer"),
        (
            "entra-common",
            {"tid": OTHER_TENANT, "iss": f"https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"},
            "auth.issuer",
        ),
        # One tenant's administrators cannot speak for another.
        ("entra-common", {"tid": TENANT}, "auth.issuer"),
        ("google", {"hd": "evil.example"}, "auth.claim"),
        ("google", {"hd": None}, "auth.claim"),
        ("google", {"aud": "https://other.example/mcp"}, "auth.audience"),
        ("github-actions", {"repository_owner": "mallory"}, "auth.claim"),
        ("github-actions", {"aud": "https://github.com/acme"}, "auth.audience"),
        ("gitlab", {"namespace_path": "mallory"}, "auth.claim"),
        ("standard", {"aud": "https://localhost:1/mcp"}, "auth.audience"),
    ],
)
def test_a_token_of_somebody_else_is_refused(
    gate: GateProcess, providers: Providers, name: str, claims: dict[str, Any], reason: str
) -> None:
    """Whoever signed it: who may call is not who has an account there."""
    seen = shown(gate, minted(gate, providers, name, **claims))
    assert (seen.status, seen.record["reason"], seen.record["outbound"]) == (401, reason, None)


def test_googles_two_spellings_of_itself_are_one(gate: GateProcess, providers: Providers) -> None:
    """Old libraries leave the scheme out."""
    seen = shown(gate, minted(gate, providers, "google", iss="accounts.google.com"))
    assert (seen.status, seen.record["principal"]) == (200, ISSUED["google"].principal)


def test_jobs_of_one_repository_may_and_those_of_another_may_not(
    gate: GateProcess, providers: Providers
) -> None:
    """Both are known by their issuer; what they may do is for rules on what it says of them."""
    deploy = minted(gate, providers, "github-actions")
    seen = shown(gate, deploy, "echo", value="shipped")
    assert (seen.status, seen.text, seen.record["rule"]) == (200, "shipped", "deploy-may-echo")

    site = "repo:acme/site:ref:refs/heads/main"
    other = minted(gate, providers, "github-actions", repository="acme/site", sub=site)
    assert shown(gate, other).text == "sunny in Oslo"
    seen = shown(gate, other, "echo", value="shipped")
    assert seen.message["error"]["message"] == "Unknown tool: echo"
    assert (seen.record["verdict"], seen.record["outbound"]) == ("block", None)
    assert seen.record["principal"] == f"github-actions/{site}"


def test_a_token_that_is_bound_to_a_certificate_needs_it(
    tmp_path_factory: pytest.TempPathFactory, gate: GateProcess, providers: Providers
) -> None:
    """The provider itself binds it (RFC 8705) to the certificate that its client has shown there."""
    lab = gate.lab
    directory = tmp_path_factory.mktemp("bound")
    pairs = {}
    for name in ("own", "another"):
        pairs[name] = (directory / f"{name}.crt", directory / f"{name}.key")
        write_pair(lab.ca.client(f"{name}.example.org", lab.now), *pairs[name])
    token = obtained(providers, gate.url, BOUND, pairs["own"])

    assert bearing(gate, token, pairs["own"]) == (200, None)
    assert bearing(gate, token, pairs["another"]) == (401, "auth.binding")
    assert bearing(gate, token, None) == (401, "auth.binding")


def test_an_opaque_token_is_asked_about_once(gate: GateProcess, providers: Providers) -> None:
    """Of the provider that has issued it; who makes one up is nobody there (RFC 7662)."""
    token = obtained(providers, gate.url, OPAQUE)
    assert "." not in token
    for _ in range(3):
        seen = shown(gate, token)
        assert (seen.status, seen.text) == (200, "sunny in Oslo")
    record = seen.record
    assert (record["principal"], record["issuer"], record["how"]) == ("standard/opaque", "standard", "opaque")
    assert providers["standard"].asked()["/token/introspection"] == 1
    seen = shown(gate, "made-up-" + token)
    assert (seen.status, seen.record["reason"]) == (401, "auth.inactive")
    assert token not in str(gate.journal()) + gate.log()


def test_an_opaque_token_for_another_place_is_refused(gate: GateProcess, providers: Providers) -> None:
    """Also of those that say nothing by themselves it is known for whom they are."""
    seen = shown(gate, obtained(providers, "https://other.example/mcp", OPAQUE))
    assert (seen.status, seen.record["reason"]) == (401, "auth.audience")


def obtained(
    providers: Providers, resource: str, client: Mapping[str, str], pair: tuple[Any, Any] | None = None
) -> str:
    """A token for that resource, from the provider's token endpoint."""
    provider = providers["standard"]
    context = ssl.create_default_context(cafile=str(provider.ca_file))
    if pair is not None:
        context.load_cert_chain(*pair)
    form = {"grant_type": "client_credentials", "resource": resource, "scope": "mcp"}
    with httpx2.Client(verify=context, proxy=providers.proxy) as http:
        url = f"{provider.issuer}/token"
        answer = http.post(url, data=form, auth=(client["client_id"], client["client_secret"]))
    assert answer.status_code == 200, answer.text
    text = answer.json()["access_token"]
    assert isinstance(text, str)
    return text


def bearing(gate: GateProcess, token: str, pair: tuple[Any, Any] | None) -> tuple[int, str | None]:
    """Status and reason of a call with a token, by a client with or without a certificate."""
    context = ssl.create_default_context(cafile=str(gate.lab.ca_file))
    if pair is not None:
        context.load_cert_chain(*pair)
    message = call("get_weather", {"city": "Oslo"})
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        **headers_of(message),
    }
    with httpx2.Client(verify=context, trust_env=False) as client:
        answer = client.post(gate.url, json=message, headers=headers)
    return answer.status_code, answer.json().get("error", {}).get("data", {}).get("reason")
