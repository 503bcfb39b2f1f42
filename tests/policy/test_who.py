"""Who a rule is about."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from attrs import evolve

from mcpgate.config.tables.rule import RuleTable, WhoTable
from mcpgate.identity.principal import Principal
from mcpgate.policy.rules import compile_rules
from mcpgate.policy.who import EVERYBODY, VALUES_MOST, Regard, Who, address_of
from tests.policy.calling import CI, caller, handshake

OKTA = Principal(
    "Ada",
    "oidc",
    "jti-1",
    None,
    issuer="okta",
    subject="00u1",
    groups=("dev", "ops"),
    claims={
        "repository": "acme/gate",
        "admin": True,
        "level": 5,
        "roles": ["a", "b", 7],
        "realm": {"roles": ["deep"]},
        "a.b": "dotted",
        "none": None,
        "object": {"x": 1},
    },
)
MACHINE_NAME = "spiffe://example.org/ci/build"
MACHINE = Principal(MACHINE_NAME, "certificate", "ab" * 32, None, certificate=MACHINE_NAME)


def who(**keys: Any) -> Who:
    return Who.compile(WhoTable(**keys))


def claims(**named: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((path.replace("__", "."), (text,)) for path, text in named.items())


@pytest.mark.parametrize(
    ("keys", "principal", "expected"),
    [
        ({}, CI, True),
        ({"token": ("ci",)}, CI, True),
        ({"token": ("c*",)}, CI, True),
        ({"token": ("^c[a-z]$",)}, CI, True),
        ({"token": ("0123456789ab",)}, CI, True),
        ({"token": ("0123456789a*",)}, CI, False),
        ({"token": ("CI",)}, CI, False),
        ({"token": ("*",)}, MACHINE, False),
        ({"certificate": ("spiffe://example.org/ci/*",)}, MACHINE, True),
        ({"certificate": ("spiffe://example.org/ops/*",)}, MACHINE, False),
        ({"certificate": ("*",)}, CI, False),
        ({"certificate": ("ab" * 32,)}, MACHINE, False),
        ({"certificate": (MACHINE_NAME,), "token": ("ci",)}, evolve(CI, certificate=MACHINE_NAME), True),
        ({"certificate": (MACHINE_NAME,), "token": ("eve",)}, evolve(CI, certificate=MACHINE_NAME), False),
        ({"certificate": (MACHINE_NAME,), "token": ("ci",)}, CI, False),
        ({"certificate": (MACHINE_NAME,), "token": ("*",)}, MACHINE, False),
        ({"issuer": ("okta",)}, OKTA, True),
        ({"issuer": ("*",)}, CI, False),
        ({"issuer": ("okta",), "subject": ("00u1",)}, OKTA, True),
        ({"issuer": ("okta",), "subject": ("00u2",)}, OKTA, False),
        ({"issuer": ("okta",), "subject": ("Ada",)}, OKTA, False),
        ({"group": ("ops",)}, OKTA, True),
        ({"group": ("op?", "x")}, OKTA, True),
        ({"group": ("op",)}, OKTA, False),
        ({"group": ("*",)}, CI, False),
        ({"group": ("ops",)}, evolve(CI, groups=("ops",)), True),
        ({"group": ("ops",), "token": ("eve",)}, evolve(CI, groups=("ops",)), False),
    ],
)
def test_all_that_is_asked_must_hold(keys: dict[str, Any], principal: Principal, expected: bool) -> None:
    assert who(**keys).matches(caller(principal)) is expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (claims(repository="acme/*"), True),
        (claims(repository="acme"), False),
        (claims(repository="acme/*", admin="true"), True),
        (claims(repository="acme/*", admin="false"), False),
        (claims(admin="True"), False),
        (claims(level="5"), True),
        (claims(roles="b"), True),
        (claims(roles="7"), True),
        (claims(roles="c"), False),
        (claims(realm__roles="deep"), True),
        (claims(realm="*"), False),
        (claims(object="*"), False),
        (claims(none="*"), False),
        (claims(absent="*"), False),
        (claims(repository__x="*"), False),
        ((('"a.b"', ("dotted",)),), True),
    ],
)
def test_claims_are_read_as_texts_by_their_paths(asked: Any, expected: bool) -> None:
    assert who(claims=asked).matches(caller(OKTA)) is expected


def test_a_long_list_in_a_claim_is_looked_at_so_far() -> None:
    """Nobody is in so many groups; an issuer that says so costs no more."""
    many = evolve(OKTA, claims={"roles": ["x"] * VALUES_MOST + ["last"]})
    assert not who(claims=claims(roles="last")).matches(caller(many))


@pytest.mark.parametrize(
    ("networks", "address", "expected"),
    [
        (["10.0.0.0/8"], "10.1.2.3:5000", True),
        (["10.0.0.0/8"], "11.1.2.3:5000", False),
        (["10.0.0.0/8"], "[::ffff:10.1.2.3]:5000", True),
        (["10.0.0.0/8", "2001:db8::/32"], "[2001:db8::7]:5000", True),
        (["2001:db8::/32"], "10.1.2.3:5000", False),
        (["2001:db8::/32"], "[fe80::1%eth0]:5000", False),
        (["10.0.0.0/8"], "/run/gate.sock", False),
        (["10.0.0.0/8"], "", False),
    ],
)
def test_a_network_holds_addresses_and_nothing_else(
    networks: list[str], address: str, expected: bool
) -> None:
    asked = who(address=tuple(map(ip_network, networks)))
    assert asked.matches(caller(address=address)) is expected


def test_an_address_is_read_off_what_records_show() -> None:
    assert address_of("192.0.2.1:5000") == ip_address("192.0.2.1")
    assert address_of("[2001:db8::1]:443") == ip_address("2001:db8::1")
    assert address_of("[::ffff:192.0.2.1]:443") == ip_address("192.0.2.1")
    assert address_of("unix") is None


def test_everybody_covers_all_and_others_themselves() -> None:
    some = who(token=("ci",))
    assert EVERYBODY.covers(some) and some.covers(who(token=("ci",)))
    assert not some.covers(EVERYBODY) and not some.covers(who(token=("ops",)))


def test_what_no_rule_looks_at_tells_no_callers_apart() -> None:
    """So that thousands of tokens are one class where rules name none."""
    nothing = Regard.of([EVERYBODY], handshake=False)
    assert nothing.key(caller(CI)) == nothing.key(caller(OKTA, address="10.0.0.1:1"))
    assert not nothing.connection
    named = Regard.of([who(token=("ci",))], handshake=False)
    assert named.key(caller(CI)) != named.key(caller(OKTA))
    assert named.key(caller(CI)) == named.key(caller(CI, address="10.0.0.1:1")) and not named.connection
    placed = Regard.of([who(address=(ip_network("10.0.0.0/8"),))], handshake=False)
    assert placed.key(caller(CI)) != placed.key(caller(CI, address="10.0.0.1:1")) and placed.connection
    assert placed.key(caller(CI)) == placed.key(caller(OKTA))
    shaken = Regard.of([EVERYBODY], handshake=True)
    legs = [handshake(), handshake(version="TLSv1.2"), handshake(group="x25519")]
    assert len({shaken.key(caller(handshake=leg)) for leg in legs}) == 3 and shaken.connection
    assert shaken.key(caller(handshake=handshake(milliseconds=5.0))) == shaken.key(
        caller(handshake=handshake())
    )


def test_callers_who_are_alike_to_the_rules_are_one_class() -> None:
    """Whatever else they are."""
    rules = [
        RuleTable(name="a", verdict="allow", who=WhoTable(group=("dev",))),
        RuleTable(name="b", verdict="block", who=WhoTable(token=("x",))),
    ]
    policy = compile_rules(rules)
    ada, bob = (evolve(CI, name=name, id=name, groups=("dev",)) for name in ("ada", "bob"))
    assert policy.callers(caller(ada)) is policy.callers(caller(bob))
    assert policy.callers(caller(ada)) is not policy.callers(caller(CI))
    assert [rule.name for rule in policy.callers(caller(ada)).rules] == ["a"]


def test_what_an_issuer_says_of_an_opaque_token_may_change() -> None:
    """Its id stays; whoever has lost a role at the issuer has not what the role was allowed."""
    rule = RuleTable(name="a", verdict="allow", who=WhoTable(claims=(("role", ("admin",)),)))
    policy = compile_rules([rule])
    before = evolve(OKTA, how="opaque", claims={"role": "admin"})
    assert policy.callers(caller(before)).rules
    assert not policy.callers(caller(evolve(before, claims={"role": "guest"}))).rules


def test_what_is_remembered_of_callers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcpgate.policy.rules.CALLERS_MOST", 8)
    policy = compile_rules([RuleTable(name="a", verdict="allow", who=WhoTable(token=("t*",)))])
    for number in range(30):
        assert policy.callers(caller(evolve(CI, name=f"t{number}", id=f"{number}"))).rules
        assert len(policy._known) <= 8
