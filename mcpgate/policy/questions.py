"""Whether an upstream may ask something of a caller: only where a rule names the method."""

from __future__ import annotations

from mcpgate.policy.decide import decide_question
from mcpgate.policy.rules import ALLOW, BLOCK, Callers, Verdict
from mcpgate.wire.questions import CAPABILITIES, Question

#: Of a task that a client keeps (2025-11-25): it is made for one of these, and followed by whoever may
#: ask them.
_TASKS_OF_CLIENTS = frozenset({"tasks/get", "tasks/result", "tasks/cancel", "tasks/list"})
_MAKE_TASKS = ("sampling/createMessage", "elicitation/create")


def judge_question(callers: Callers, route: str, question: Question) -> Verdict:
    """The verdict on one question to one of these callers."""
    if question.method in _TASKS_OF_CLIENTS:
        verdicts = [decide_question(callers, route, method, {}) for method in _MAKE_TASKS]
        return min(verdicts, key=lambda verdict: verdict.action is not ALLOW)
    return decide_question(callers, route, question.method, question.params)


def askable_in(callers: Callers, route: str) -> frozenset[str]:
    """The methods by which the upstream of a route may ask these callers, whatever it is."""
    return frozenset(method for method in CAPABILITIES.values() if _could_ask(callers, route, method))


def _could_ask(callers: Callers, route: str, method: str) -> bool:
    about = [rule for rule in callers.at(route).questions if rule.names_question(method)]
    return any(rule.action is ALLOW for rule in about) and not any(
        rule.action is BLOCK and rule.where is None for rule in about
    )
