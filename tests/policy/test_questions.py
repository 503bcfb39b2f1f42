"""An upstream may ask what a rule names, and nothing by rules that are about everything."""

from __future__ import annotations

import pytest

from mcpgate.config.tables.rule import OnTable, RuleTable
from mcpgate.policy.questions import askable_in, decide_question
from mcpgate.policy.rules import Action, Policy, compile_rules
from mcpgate.reasons import Reason
from mcpgate.wire.questions import CAPABILITIES, Question
from tests.policy.calling import callers

SAMPLING, ELICITATION, ROOTS = CAPABILITIES.values()


def rule(name: str, *methods: str, verdict: str = "allow", names: tuple[str, ...] = ()) -> RuleTable:
    return RuleTable(name=name, on=OnTable(method=methods, name=names), verdict=verdict)


def policy(*rules: RuleTable) -> Policy:
    return compile_rules(rules)


def test_everything_that_is_allowed_is_what_callers_may_do() -> None:
    """Nobody who wrote such a rule thought of the other direction."""
    of = policy(rule("all"), rule("tools", "tools/*"))
    assert askable_in(callers(of), "r") == set()
    verdict = decide_question(callers(of), "r", Question(SAMPLING, {}))
    assert (verdict.action, verdict.reason) == (Action.BLOCK, Reason.POLICY_QUESTION)


def test_a_rule_that_names_the_method_allows_it() -> None:
    """Exactly or by a pattern; another method is another question."""
    of = policy(rule("ask", SAMPLING, "roots/*"))
    assert askable_in(callers(of), "r") == {SAMPLING, ROOTS}
    verdict = decide_question(callers(of), "r", Question(SAMPLING, {}))
    assert (verdict.action, verdict.rule) == (Action.ALLOW, "ask")


def test_a_rule_that_names_it_blocks_it_and_one_about_everything_does_not() -> None:
    """Block beats allow here, too."""
    of = policy(rule("ask", SAMPLING, ROOTS), rule("not", ROOTS, verdict="block"))
    assert askable_in(callers(of), "r") == {SAMPLING}
    verdict = decide_question(callers(of), "r", Question(ROOTS, {}))
    assert (verdict.action, verdict.rule, verdict.reason) == (Action.BLOCK, "not", Reason.POLICY_QUESTION)


@pytest.mark.parametrize("method", ["tasks/get", "tasks/result", "tasks/cancel", "tasks/list"])
def test_a_task_of_a_client_is_followed_by_whoever_may_have_it_made(method: str) -> None:
    """A client makes tasks for sampling and elicitation (2025-11-25)."""
    asked = Question(method, {"taskId": "x"})
    assert decide_question(callers(policy(rule("ask", ELICITATION))), "r", asked).action is Action.ALLOW
    other = callers(policy(rule("ask", ROOTS), rule("t", method)))
    assert decide_question(other, "r", asked).action is Action.BLOCK
