"""Whether an upstream may ask something of a caller: only where a rule names the method."""

from __future__ import annotations

from mcpgate.policy.decide import UNLISTED
from mcpgate.policy.rules import Action, Policy, Rule, Verdict
from mcpgate.reasons import Reason
from mcpgate.wire.questions import CAPABILITIES, Question

#: Of a task that a client keeps (2025-11-25): it is made for one of these, and followed by whoever may
#: ask them.
_TASKS_OF_CLIENTS = frozenset({"tasks/get", "tasks/result", "tasks/cancel", "tasks/list"})
_MAKE_TASKS = ("sampling/createMessage", "elicitation/create")


def decide_question(policy: Policy, route: str, question: Question) -> Verdict:
    """The verdict on one question."""
    if question.method in _TASKS_OF_CLIENTS:
        verdicts = [_judge(policy, route, method) for method in _MAKE_TASKS]
        return min(verdicts, key=lambda verdict: verdict.action is not Action.ALLOW)
    return _judge(policy, route, question.method)


def askable_in(policy: Policy, route: str) -> frozenset[str]:
    """The methods that some rule lets the upstream of a route ask by."""
    return frozenset(
        method
        for method in CAPABILITIES.values()
        if _judge(policy, route, method).action is Action.ALLOW
    )


def _judge(policy: Policy, route: str, method: str) -> Verdict:
    here = policy.at(route)
    for rule in here.blocks:
        if _names(rule, method):
            return Verdict(Action.BLOCK, rule.name, Reason.POLICY_BLOCKED)
    for rule in here.allows:
        if _names(rule, method):
            return Verdict(Action.ALLOW, rule.name, None)
    return UNLISTED


def _names(rule: Rule, method: str) -> bool:
    return not rule.methods.every and rule.methods.match(method) and rule.names.every
