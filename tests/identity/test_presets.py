"""What is always the same of well-known issuers, and what their tables may not say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mcpgate.identity.presets import PRESETS, Table, faults, terms_of
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from tests.identity.judging import judged
from tests.identity.minting import NOW, Minter

A = "aaaaaaaa-0000-4000-8000-000000000001"
B = "aaaaaaaa-0000-4000-8000-000000000002"
V1, V2 = "https://sts.windows.net/{}/", "https://login.microsoftonline.com/{}/v2.0"
GITHUB = "https://token.actions.githubusercontent.com"


def table(**keys: Any) -> Table:
    """As the file's is read; without a key, as if it did not say."""
    nothing = {"preset": None, "issuer": None, "discovery": None, "jwks": None, "audience": ()}
    nothing |= {"algorithms": (), "max_lifetime": None, "skew": 30.0, "types": (), "id_tokens": False}
    nothing |= {"parties": (), "tenants": (), "groups": None, "claims": (), "stale": 86400.0}
    return SimpleNamespace(**{"name": "login", **nothing, **keys})  # type: ignore[return-value]


def accepts(made: Table, token: bytes) -> str:
    """Whom a table takes a token for, or the reason why not."""
    assert list(faults(made)) == []
    found = judged(token, terms=terms_of(made))
    return found.name if isinstance(found, Principal) else found.reason.value


def test_an_issuer_without_a_preset_needs_only_its_name() -> None:
    terms = terms_of(table(issuer="https://login.example/a"))
    assert terms.issuers == ("https://login.example/a",)
    assert terms.discovery == (
        "https://login.example/a/.well-known/openid-configuration",
        "https://login.example/.well-known/oauth-authorization-server/a",
    )
    assert terms.types == {"at+jwt", "jwt", ""} and not terms.id_tokens
    assert terms.algorithms == {"RS256", "PS256", "ES256", "ES384"}
    assert (terms.max_lifetime, terms.groups) == (3600, ("groups",))


def test_what_the_table_says_is_meant() -> None:
    terms = terms_of(
        table(
            preset="okta",
            issuer="https://acme.okta.com/oauth2/default",
            jwks="https://acme.okta.com/keys",
            audience=("api://mcp",),
            algorithms=("ES256",),
            max_lifetime=60.0,
            skew=5.0,
            types=("application/AT+JWT",),
            id_tokens=True,
            parties=("cli",),
            groups="realm.roles",
            claims=(("a.b", ("x", "y*")),),
            stale=60.0,
        )
    )
    assert (terms.audience, terms.parties) == ({"api://mcp"}, {"cli"})
    assert (terms.algorithms, terms.types, terms.id_tokens) == ({"ES256"}, {"at+jwt"}, True)
    assert (terms.max_lifetime, terms.skew, terms.stale) == (60, 5, 60)
    assert terms.groups == ("realm", "roles")
    ((path, steps, patterns),) = terms.claims
    assert (path, steps) == ("a.b", ("a", "b")) and patterns.match("yes")
    assert (terms.jwks, terms.discovery) == ("https://acme.okta.com/keys", ())


@pytest.mark.parametrize(
    ("keys", "discovery"),
    [
        ({"issuer": "https://a.example", "discovery": "https://b.example/x"}, "https://b.example/x"),
        ({"issuer": "https://a.example/"}, "https://a.example/.well-known/openid-configuration"),
        ({"preset": "entra", "tenants": (A,)}, f"{V2.format(A)}/.well-known/openid-configuration"),
        (
            {"preset": "entra", "tenants": (A, B)},
            f"{V2.format('organizations')}/.well-known/openid-configuration",
        ),
        (
            {"preset": "entra", "issuer": V1.format(A)},
            f"https://sts.windows.net/{A}/.well-known/openid-configuration",
        ),
        ({"preset": "google"}, "https://accounts.google.com/.well-known/openid-configuration"),
        ({"preset": "github-actions"}, f"{GITHUB}/.well-known/openid-configuration"),
    ],
)
def test_where_discovery_is(keys: dict[str, Any], discovery: str) -> None:
    assert terms_of(table(**keys)).discovery[0] == discovery


def test_only_entra_has_tenants_where_nobody_says_so() -> None:
    """An id in the issuer's path is nothing but a part of its name elsewhere."""
    terms = terms_of(table(issuer=f"https://login.example/{A}"))
    assert (terms.issuers, terms.tenants) == ((f"https://login.example/{A}",), frozenset())
    template = {"issuer": "https://login.example/{tenantid}", "tenants": ("a", "b")}
    for place in ("jwks", "discovery"):
        assert list(faults(table(**template, **{place: "https://login.example/x"}))) == []
    assert list(faults(table(issuer="https://login.example/{tenantid}", tenants=("a",)))) == []


def test_okta_is_one_of_its_authorization_servers() -> None:
    issuer = "https://acme.okta.com/oauth2/default"
    minter = Minter(issuer=issuer, header={"typ": ...}, claims={"cid": "0oa1", "scp": ["mcp"], "uid": "00u1"})
    made = table(preset="okta", issuer=issuer)
    assert accepts(made, minter.mint()) == "login/ada"
    assert accepts(made, minter.mint(iss="https://acme.okta.com")) == "auth.issuer"
    assert accepts(made, minter.mint(iss="https://acme.okta.com/oauth2/aus1")) == "auth.issuer"
    assert accepts(made, minter.mint("e1", "ES256")) == "auth.algorithm"


def entra(form: str, tenant: str, /, **more: Any) -> bytes:
    """As Entra makes them: five minutes back, for a while that chance decides."""
    said = {"tid": tenant, "oid": "0b1d", "iat": NOW - 300, "nbf": NOW - 300, "exp": NOW + 5400}
    return Minter(issuer=form.format(tenant), header={"typ": "JWT", "x5t": "k1"}).mint(**{**said, **more})


def test_entra_is_its_tenants_in_both_versions() -> None:
    made = table(preset="entra", tenants=(A, B))
    assert accepts(made, entra(V2, A)) == f"login/{A}/0b1d"
    assert accepts(made, entra(V1, B)) == f"login/{B}/0b1d"
    assert accepts(made, entra(V2, A.replace("1", "3"))) == "auth.issuer"
    assert accepts(made, entra(V2, A, iss=V2.format(B))) == "auth.issuer"
    assert accepts(made, entra(V2, A, iss=V2.format("{tenantid}"))) == "auth.issuer"
    assert accepts(made, entra(V2, A, oid=...)) == "auth.claim"
    found = judged(entra(V2, A, roles=["Tasks.Run"], scp="a b"), terms=terms_of(made))
    assert isinstance(found, Principal) and found.scopes == {"Tasks.Run", "a", "b"}


@pytest.mark.parametrize(("form", "other"), [(V1, V2), (V2, V1)])
def test_entra_by_one_issuer_is_that_tenant_in_that_version(form: str, other: str) -> None:
    made = table(preset="entra", issuer=form.format(A))
    assert accepts(made, entra(form, A)) == f"login/{A}/0b1d"
    assert accepts(made, entra(other, A)) == "auth.issuer"
    assert accepts(made, entra(form, B)) == "auth.issuer"
    # Its keys may be for one tenant: who says one in iss says the same in tid.
    assert accepts(made, entra(form, A, tid=B)) == "auth.issuer"
    terms = terms_of(made)
    assert V2.format(A) in terms.spelled({"iss": form.format(A), "tid": A})
    assert V2.format(B) not in terms.spelled({"iss": form.format(A), "tid": A})
    assert terms.discovered_as(form.format(A)) and not terms.discovered_as(form.format(B))


def test_entra_by_a_template_is_that_version_of_the_tenants() -> None:
    made = table(preset="entra", issuer=V2.format("{tenantid}"), tenants=(A,))
    assert accepts(made, entra(V2, A)) == f"login/{A}/0b1d"
    assert accepts(made, entra(V1, A)) == "auth.issuer"
    assert accepts(made, entra(V2, B)) == "auth.issuer"


def test_google_has_two_spellings_and_id_tokens() -> None:
    demanded = (("hd", ("acme.com",)),)
    spellings = ("https://accounts.google.com", "accounts.google.com")
    for issuer in spellings:
        minter = Minter(issuer=issuer, header={"typ": "JWT"}, claims={"hd": "acme.com", "at_hash": "x"})
        for said in (None, *spellings):
            each = table(preset="google", issuer=said, claims=demanded)
            assert accepts(each, minter.mint()) == "login/ada"
            assert accepts(each, minter.mint(hd=...)) == "auth.claim"
            assert accepts(each, minter.mint(hd="evil.com")) == "auth.claim"
            assert accepts(each, minter.mint(iss="https://accounts.google.com/")) == "auth.issuer"
    other = table(preset="google", issuer="https://accounts.example", claims=demanded)
    assert terms_of(other).issuers == ("https://accounts.example",)


def test_github_and_gitlab_are_whose_jobs_the_table_names() -> None:
    for preset, issuer, claim in (
        ("github-actions", GITHUB, "repository_owner_id"),
        ("gitlab", "https://gitlab.com", "namespace_id"),
    ):
        made = table(preset=preset, claims=((claim, ("4711",)),))
        minter = Minter(issuer=issuer, header={"typ": "JWT"}, claims={claim: "4711"})
        assert accepts(made, minter.mint(sub="repo:acme/gate:ref:refs/heads/main")).startswith("login/repo:")
        assert accepts(made, minter.mint(**{claim: "4712"})) == "auth.claim"
        own = table(preset=preset, issuer="https://git.acme.example/_services/token")
        assert accepts(own, Minter(issuer="https://git.acme.example/_services/token").mint()) == "login/ada"


@pytest.mark.parametrize(
    ("keys", "at", "why"),
    [
        ({}, "issuer", "is missing; a table without a preset"),
        ({"preset": "okta"}, "issuer", "is missing; the preset okta"),
        ({"preset": "okta", "issuer": "https://acme.okta.com"}, "issuer", "custom authorization server"),
        ({"preset": "entra"}, "tenants", "is missing"),
        ({"preset": "entra", "tenants": ("acme.com",)}, "tenants", "no tenant's id"),
        ({"preset": "entra", "issuer": V2.format("{tenantid}")}, "tenants", "is missing"),
        ({"preset": "entra", "issuer": V2.format(A), "tenants": (B,)}, "tenants", "is only for"),
        ({"issuer": "https://a.example", "tenants": (A,)}, "tenants", "is only for"),
        ({"issuer": "https://a.example/{tenantid}"}, "tenants", "is missing"),
        (
            {"issuer": "https://a.example/{tenantid}", "tenants": ("a", "b")},
            "discovery",
            "is missing",
        ),
        ({"preset": "google"}, "preset", "by one of claim.hd, claim.sub"),
        ({"preset": "github-actions"}, "preset", "claim.repository_owner_id"),
        ({"preset": "github-actions", "issuer": GITHUB}, "preset", "anybody"),
        ({"preset": "github-actions", "claims": (("actor", ("ada",)),)}, "preset", "anybody"),
        ({"preset": "gitlab"}, "preset", "claim.namespace_id"),
        ({"preset": "google", "issuer": "accounts.google.com"}, "preset", "by one of claim.hd, claim.sub"),
        ({"issuer": "https://accounts.google.com"}, "issuer", "by one of claim.hd, claim.sub"),
        ({"issuer": GITHUB}, "issuer", "anybody"),
        ({"preset": "google", "claims": (("hd", ("acme.com", "*")),)}, "preset", "anybody"),
        ({"issuer": "https://gitlab.com", "claims": (("aud", ("x",)),)}, "issuer", "anybody"),
        ({"preset": "entra", "issuer": V2.format("common")}, "issuer", "of no token"),
        ({"preset": "entra", "issuer": V2.format("acme.onmicrosoft.com")}, "issuer", "of no token"),
        ({"preset": "entra", "issuer": V2.format(A.upper())}, "issuer", "lower case"),
        (
            {
                "preset": "github-actions",
                "claims": (("repository", ("acme/*",)),),
                "audience": ("https://github.com/acme",),
            },
            "audience",
            "by itself",
        ),
    ],
)
def test_what_is_a_mistake_with_this_issuer_is_said(keys: dict[str, Any], at: str, why: str) -> None:
    ((key, sentence),) = faults(table(**keys))
    assert key == at and why in sentence


def test_no_preset_takes_what_its_issuer_would_never_sign() -> None:
    assert all(set(preset.algorithms) == {"RS256"} for preset in PRESETS.values())
    refused = judged(entra(V2, A, exp=NOW + 86400), terms=terms_of(table(preset="entra", tenants=(A,))))
    assert isinstance(refused, Refusal) and refused.reason is Reason.AUTH_LIFETIME
