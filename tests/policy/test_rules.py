"""Rules as they are compiled."""

from __future__ import annotations

import pytest

from mcpgate.config.tables.rule import OnTable, RuleTable
from mcpgate.policy.rules import Action, compile_rules
from tests.policy.calling import callers


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
