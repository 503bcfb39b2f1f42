"""What a verified token says, and whether it is enough."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from attrs import evolve

from mcpgate.identity import claims
from mcpgate.identity.principal import Principal
from mcpgate.identity.terms import IssuerTerms
from mcpgate.policy.patterns import Patterns
from mcpgate.policy.who import VALUES_MOST, Caller, Who
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate
from tests.identity.judging import KEYS, MINTER, TERMS, judged
from tests.identity.minting import ISSUER, NOW, RESOURCE, Minter, base64url

A, B, C = ("aaaaaaaa-0000-4000-8000-00000000000" + digit for digit in "123")
TENANTS = IssuerTerms(
    "entra", ("https://login.example/{tenantid}/v2.0",), tenants=frozenset({A, B}), subject=("tid", "oid")
)
DIGEST = sha256(b"a certificate").digest()
CERTIFICATE = Certificate(
    subject="CN=ci",
    issuer="CN=ca",
    serial="01",
    sha256=DIGEST.hex(),
    spki_pin="sha256/x",
    not_before=datetime(2020, 1, 1, tzinfo=UTC),
    not_after=datetime(2030, 1, 1, tzinfo=UTC),
    key="EC P-256",
)


def good(token: bytes, **more: Any) -> Principal:
    found = judged(token, **more)
    assert isinstance(found, Principal), found
    return found


def bad(token: bytes, reason: Reason, said: str, **more: Any) -> None:
    found = judged(token, **more)
    assert isinstance(found, Refusal)
    assert found.reason is reason and said in found.detail, found


def terms(**changed: Any) -> IssuerTerms:
    return evolve(TERMS, **changed)


def test_a_principal_is_what_its_issuer_says() -> None:
    principal = good(MINTER.mint(groups=["dev", "ops"], scope="read write", level=5, realm={"roles": ["x"]}))
    assert (principal.name, principal.how) == ("login/ada", "jwt")
    assert (principal.issuer, principal.subject) == ("login", "ada")
    assert principal.groups == ("dev", "ops")
    assert principal.scopes == {"read", "write"}
    assert principal.expires == NOW + 630
    assert principal.certificate is principal.rules is None
    caller = Caller(principal)
    for path, text in (("level", "5"), ("realm.roles", "x"), ("aud", RESOURCE)):
        steps = tuple(path.split("."))
        assert Who(claims=((path, Patterns.compile((text,))),), steps=(steps,)).matches(caller)


def test_what_is_not_said_is_not_there() -> None:
    principal = good(MINTER.mint())
    assert principal.groups == () and principal.scopes == frozenset()


def test_its_claims_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        good(MINTER.mint()).claims["sub"] = "root"  # type: ignore[index]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"scope": "a b  a"}, {"a", "b"}),
        ({"scope": ""}, set()),
        ({"scp": ["a", "b"]}, {"a", "b"}),
        ({"scp": "a b", "scope": "c"}, {"a", "b", "c"}),
    ],
)
def test_scopes_are_read_in_every_form_that_issuers_write(said: dict[str, Any], expected: set[str]) -> None:
    assert good(MINTER.mint(**said)).scopes == expected


@pytest.mark.parametrize("space", ["\t", "\n", "\x1f", "\x85", "\u00a0", "\u2003"])
def test_what_is_no_space_to_everybody_is_none_between_scopes(space: str) -> None:
    """RFC 6749 has one: what another reader takes for a single name is not two."""
    bad(MINTER.mint(scope=f"read{space}admin"), Reason.AUTH_CLAIM, "is no scope")


def test_groups_are_where_the_table_says() -> None:
    token = MINTER.mint(groups=["no"], resource_access={"gate": {"roles": ["dev"]}}, team="ops")
    assert good(token, terms=terms(groups=("resource_access", "gate", "roles"))).groups == ("dev",)
    assert good(token, terms=terms(groups=("team",))).groups == ("ops",)
    assert good(token, terms=terms(groups=("resource_access", "other", "roles"))).groups == ()
    assert good(token, terms=terms(groups=())).groups == ()


def test_what_is_just_within_the_bounds_is_taken() -> None:
    """A token that is large in only one way."""
    assert good(MINTER.mint(sub="a" * 512)).subject == "a" * 512
    assert len(good(MINTER.mint(groups=["g"] * VALUES_MOST)).groups) == VALUES_MOST
    assert good(MINTER.mint(aud=[RESOURCE] * 32))
    assert good(MINTER.mint(iat=0, exp=NOW + 1), terms=terms(max_lifetime=2e9))
    bad(MINTER.mint(sub="a" * 513), Reason.AUTH_CLAIM, "sub is too long")


def test_groups_that_are_not_all_there_are_none_to_go_by() -> None:
    """A rule that blocks a group would not hold for who is in it."""
    many = [str(number) for number in range(VALUES_MOST)]
    issuer = terms(max_lifetime=1e9)
    found = claims.judge(
        MINTER.said(groups=[*many, "x"]), {}, issuer, id="1", resource=RESOURCE, now=NOW, certificate=None
    )
    assert isinstance(found, Refusal) and "1025 groups" in found.detail
    bad(MINTER.mint(hasgroups=True), Reason.AUTH_CLAIM, "more groups")
    bad(MINTER.mint(_claim_names={"groups": "src1"}), Reason.AUTH_CLAIM, "more groups")
    assert good(MINTER.mint(_claim_names={"address": "src1"}))


@pytest.mark.parametrize("aud", [RESOURCE, [RESOURCE], ["x", RESOURCE], "api://gate", ["x", "api://gate"]])
def test_a_token_is_for_the_resource_or_for_what_the_table_adds(aud: object) -> None:
    assert good(MINTER.mint(aud=aud), terms=terms(audience=frozenset({"api://gate"})))


def test_a_token_for_one_route_is_none_for_another() -> None:
    bad(MINTER.mint(), Reason.AUTH_AUDIENCE, "not for", resource="https://gate.example:8443/jira")


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW - 31, Reason.AUTH_EARLY),
        (NOW - 30, None),
        (NOW + 600, None),
        (NOW + 629.9, None),
        (NOW + 630, Reason.AUTH_EXPIRED),
    ],
)
def test_a_token_holds_for_its_time_and_a_little_more(now: float, reason: Reason | None) -> None:
    found = judged(MINTER.mint(), now=now)
    assert (found.reason if isinstance(found, Refusal) else None) is reason
    # What remembers it until then has not forgotten it before, and no longer.
    assert isinstance(found, Refusal) or found.expires == NOW + 630


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"exp": NOW + 3600}, None),
        ({"exp": NOW + 3601}, Reason.AUTH_LIFETIME),
        ({"iat": NOW - 3000, "exp": NOW + 601}, Reason.AUTH_LIFETIME),
        ({"iat": ..., "nbf": NOW - 3000, "exp": NOW + 601}, Reason.AUTH_LIFETIME),
        ({"iat": ..., "nbf": NOW - 3000, "exp": NOW + 600}, None),
        ({"nbf": NOW - 9000, "exp": NOW + 600}, None),
        ({"iat": ..., "exp": NOW + 3600}, None),
        ({"iat": ..., "exp": NOW + 3601}, Reason.AUTH_LIFETIME),
    ],
)
def test_a_token_that_lives_for_too_long_is_none(said: dict[str, Any], reason: Reason | None) -> None:
    found = judged(MINTER.mint(**said))
    assert (found.reason if isinstance(found, Refusal) else None) is reason


@pytest.mark.parametrize(
    ("header", "said", "changed", "accepted"),
    [
        ({"typ": "at+jwt"}, {"nonce": "n"}, {}, True),
        ({"typ": "AT+JWT"}, {}, {}, True),
        ({"typ": "JWT"}, {"typ": "Bearer", "nonce": "n"}, {}, True),
        ({"typ": "JWT"}, {"token_use": "access", "nonce": "n"}, {}, True),
        ({"typ": "JWT"}, {"typ": 5}, {}, False),
        ({"typ": "at+jwt"}, {"typ": "ID"}, {}, False),
        ({"typ": "JWT"}, {"nonce": "n"}, {"id_tokens": True}, True),
        ({"typ": "JWT"}, {"typ": "ID"}, {"id_tokens": True}, True),
        ({"typ": "JWT"}, {"typ": "Refresh"}, {"id_tokens": True}, False),
        ({"typ": "JWT"}, {"events": {}}, {"id_tokens": True}, False),
        ({"typ": "JWT"}, {}, {"types": frozenset({"at+jwt"})}, False),
        ({"typ": ...}, {}, {"types": frozenset({"at+jwt"})}, False),
        ({"typ": "at+jwt"}, {}, {"types": frozenset({"at+jwt"})}, True),
        ({"typ": "logout+jwt"}, {}, {"types": frozenset({"logout+jwt"})}, True),
    ],
)
def test_what_counts_as_an_access_token(
    header: dict[str, Any], said: dict[str, Any], changed: dict[str, Any], accepted: bool
) -> None:
    token = MINTER.mint(header=header, **said)
    if accepted:
        assert good(token, terms=terms(**changed))
    else:
        bad(token, Reason.AUTH_TYPE, "", terms=terms(**changed))


@pytest.mark.parametrize(
    ("said", "accepted"),
    [
        ({"azp": "cli"}, True),
        ({"client_id": "cli"}, True),
        ({"appid": "cli"}, True),
        ({"cid": "cli"}, True),
        ({"azp": "cli", "client_id": "evil"}, False),
        ({"azp": "evil"}, False),
        ({"azp": ["cli"]}, False),
        ({}, False),
    ],
)
def test_with_parties_only_their_tokens_count(said: dict[str, Any], accepted: bool) -> None:
    token = MINTER.mint(**said)
    assert good(token)
    parties = terms(parties=frozenset({"cli"}))
    if accepted:
        assert good(token, terms=parties)
    else:
        bad(token, Reason.AUTH_CLAIM, "", terms=parties)


def demanding(**named: str) -> IssuerTerms:
    return terms(
        claims=tuple((path, (path,), Patterns.compile((text,))) for path, text in named.items())
    )


def test_demanded_claims_say_what_the_table_says() -> None:
    hosted = demanding(hd="acme.com", email_verified="true")
    assert good(MINTER.mint(hd="acme.com", email_verified=True), terms=hosted)
    bad(MINTER.mint(hd="acme.com"), Reason.AUTH_CLAIM, "email_verified is missing", terms=hosted)
    foreign = MINTER.mint(hd="evil.com", email_verified=True)
    bad(foreign, Reason.AUTH_CLAIM, "claim hd says something else", terms=hosted)
    assert good(MINTER.mint(hd=["x", "acme.com"], email_verified="true"), terms=hosted)


def test_a_token_of_an_algorithm_that_its_issuer_does_not_use_is_refused() -> None:
    only = terms(algorithms=frozenset({"ES256"}))
    bad(MINTER.mint(), Reason.AUTH_ALGORITHM, "RS256 is not among the algorithms of login", terms=only)
    assert good(MINTER.mint("e1", "ES256"), terms=only)


def test_each_issuers_tokens_are_judged_by_its_own_terms() -> None:
    other = IssuerTerms("other", ("https://other.example",), audience=frozenset({"x"}))
    assert good(MINTER.mint(), terms=[other, TERMS]).issuer == "login"
    bad(MINTER.mint(aud="x"), Reason.AUTH_AUDIENCE, "", terms=[other, TERMS])
    assert good(MINTER.mint(iss="https://other.example", aud="x"), terms=[TERMS, other]).issuer == "other"
    bad(MINTER.mint(), Reason.AUTH_ISSUER, "spelled", terms=[other])
    bad(MINTER.mint(), Reason.AUTH_ISSUER, "spelled", terms=[])
    found = claims.judge(
        MINTER.said(), {}, other, id="1", resource=RESOURCE, now=NOW, certificate=None
    )
    assert isinstance(found, Refusal) and found.reason is Reason.AUTH_ISSUER


def tenant(tid: object, iss: str = A, **more: Any) -> bytes:
    issuer = f"https://login.example/{iss}/v2.0"
    return Minter(issuer=issuer).mint(**{"tid": tid, "oid": "11", **more})


def test_tokens_of_the_named_tenants_alone_are_accepted() -> None:
    assert good(tenant(A), terms=TENANTS).name == f"entra/{A}/11"
    assert good(tenant(B, B), terms=TENANTS).subject == f"{B}/11"
    for tid, iss in ((C, C), (B, A), (C, A), ([A], A), (..., A), ("{tenantid}", "{tenantid}")):
        bad(tenant(tid, iss), Reason.AUTH_ISSUER, "spelled", terms=TENANTS)
    bad(tenant(A, oid=None), Reason.AUTH_CLAIM, "oid is missing", terms=TENANTS)


@pytest.mark.parametrize(
    ("issuer", "accepted"),
    [
        (None, True),
        ("https://login.example/{tenantid}/v2.0", True),
        (f"https://login.example/{A}/v2.0", True),
        (f"https://login.example/{B}/v2.0", False),
        ("https://keys.example/{tenantid}", True),
        (f"https://keys.example/{A}", True),
        (f"https://keys.example/{B}", False),
        ("https://elsewhere.example", False),
    ],
)
def test_a_tenants_key_signs_for_that_tenant_alone(issuer: str | None, accepted: bool) -> None:
    """One set has keys for all tenants; a key of another one must not make tokens of ours."""
    terms = evolve(TENANTS, key_issuers=("https://keys.example/{tenantid}",))
    keys = evolve(KEYS, keys=tuple(evolve(key, issuer=issuer) for key in KEYS.keys))
    if accepted:
        assert good(tenant(A), terms=terms, keys=keys)
    else:
        bad(tenant(A), Reason.AUTH_KEY, "another issuer or tenant", terms=terms, keys=keys)


def test_a_discovery_document_calls_itself_as_its_issuer_does() -> None:
    assert TERMS.discovered_as(ISSUER)
    assert not any(map(TERMS.discovered_as, (ISSUER + "/", "https://evil.example", None, [ISSUER])))
    assert TENANTS.discovered_as("https://login.example/{tenantid}/v2.0")
    assert TENANTS.discovered_as(f"https://login.example/{A}/v2.0")
    assert not TENANTS.discovered_as(f"https://login.example/{C}/v2.0")


def test_a_token_that_is_bound_to_a_certificate_is_good_with_that_one_alone() -> None:
    token = MINTER.mint(cnf={"x5t#S256": base64url(DIGEST)})
    assert good(token, certificate=CERTIFICATE)
    assert good(token, certificate=CERTIFICATE, bound=True)
    other = evolve(CERTIFICATE, sha256="00" * 32)
    bad(token, Reason.AUTH_BINDING, "another certificate", certificate=other)
    bad(token, Reason.AUTH_BINDING, "there is none", certificate=None)
    for value in (base64url(DIGEST) + "=", base64url(DIGEST)[:-1], DIGEST.hex(), "é", 5, None, ""):
        token = MINTER.mint(cnf={"x5t#S256": value})
        bad(token, Reason.AUTH_BINDING, "another certificate", certificate=CERTIFICATE)


def test_where_a_route_demands_it_a_token_that_is_bound_to_nothing_is_refused() -> None:
    bad(MINTER.mint(), Reason.AUTH_BINDING, "demands", certificate=CERTIFICATE, bound=True)
    assert good(MINTER.mint(), certificate=CERTIFICATE)


def test_an_opaque_token_is_judged_by_what_its_issuer_tells_of_it() -> None:
    """The same rules, but for the header that it does not have."""
    known: dict[str, Any] = {"id": "ab", "how": "opaque", "resource": RESOURCE, "now": NOW}
    known["certificate"] = None
    found = claims.judge(MINTER.said(token_type="Bearer", active=True), None, TERMS, **known)
    assert isinstance(found, Principal)
    assert (found.how, found.id, found.name) == ("opaque", "ab", "login/ada")
    refused = claims.judge(MINTER.said(aud="x"), None, TERMS, **known)
    assert isinstance(refused, Refusal) and refused.reason is Reason.AUTH_AUDIENCE
