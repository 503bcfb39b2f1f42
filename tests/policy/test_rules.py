"""Rules as they are compiled."""

from __future__ import annotations

import pytest
from attrs import evolve

from mcpgate.config.tables.rule import OnTable, RuleTable, WhoTable
from mcpgate.policy.rules import Action, compile_rules
from mcpgate.policy.who import Caller
from tests.policy.calling import CI, callers


def test_a_rule_with_names_is_never_about_a_message_without_one() -> None:
    (rule,) = compile_rules([RuleTable(name="r", verdict="allow", on=OnTable(name=("*",)))]).rules
    assert rule.matches("tools/call", "x")
    assert not rule.matches("ping", None)


def test_an_unknown_verdict_is_an_error_not_a_guess() -> None:
    with pytest.raises(ValueError, match="maybe"):
        compile_rules([RuleTable(name="r", verdict="maybe")])


def test_rules_are_kept_in_the_order_of_their_names_and_found_by_route() -> None:
    policy = compile_rules(
        [
            RuleTable(name="z", verdict="block"),
            RuleTable(name="b", verdict="allow", on=OnTable(route=("git",))),
            RuleTable(name="a", verdict="allow"),
        ]
    )
    everybody = callers(policy)
    assert [rule.name for rule in policy.rules] == ["a", "b", "z"]
    assert [rule.name for rule in everybody.at("git").allows] == ["a", "b"]
    assert [rule.name for rule in everybody.at("mail").allows] == ["a"]
    assert [rule.action for rule in everybody.at("mail").blocks] == [Action.BLOCK]


def test_a_token_that_is_for_some_rules_is_allowed_nothing_by_others() -> None:
    """What blocks, holds or masks counts for it as for anybody."""
    policy = compile_rules(
        [
            RuleTable(name="read", verdict="allow"),
            RuleTable(name="write", verdict="allow"),
            RuleTable(name="never", verdict="block"),
            RuleTable(name="quiet", mask=("email",)),
        ]
    )

    def about(*rules: str) -> list[str]:
        principal = evolve(CI, rules=frozenset(rules) if rules else None)
        return [rule.name for rule in policy.callers(Caller(principal)).rules]

    assert about() == ["never", "quiet", "read", "write"]
    assert about("read", "unknown") == ["never", "quiet", "read"]
    assert about("unknown") == ["never", "quiet"]
    assert about() == ["never", "quiet", "read", "write"]


def test_what_certificate_comes_beside_a_token_is_regarded() -> None:
    """Its proof is the same; whose connection it comes over is not."""
    who = WhoTable(token=("ci",), certificate=("ci.example",))
    policy = compile_rules([RuleTable(name="both", verdict="allow", who=who)])
    assert policy.callers(Caller(CI)).rules == ()
    assert len(policy.callers(Caller(evolve(CI, certificate="ci.example"))).rules) == 1
    assert policy.callers(Caller(CI)).rules == ()


def test_what_an_issuer_says_of_an_opaque_token_may_change() -> None:
    """Whoever loses a role has no use of having had it."""
    who = WhoTable(claims=(("realm.roles", ("admin",)),))
    policy = compile_rules([RuleTable(name="admins", verdict="allow", who=who)])

    def about(*roles: str) -> list[str]:
        claims = {"realm": {"roles": list(roles)}}
        principal = evolve(CI, how="opaque", issuer="login", subject="ada", claims=claims)
        return [rule.name for rule in policy.callers(Caller(principal)).rules]

    assert about("admin", "user") == ["admins"]
    assert about("user") == []
    assert about("admin", "user") == ["admins"]
