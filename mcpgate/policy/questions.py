"""Whether an upstream may ask something of a caller: only where a rule names the method."""

from __future__ import annotations

from mcpgate.policy import decide
from mcpgate.policy.rules import Callers, Verdict
from mcpgate.tls.handshake import Handshake
from mcpgate.wire.questions import CAPABILITIES, Question

#: Of a task that a client keeps (2025-11-25): it is made for one of these, and followed by whoever may
#: ask them.
_TASKS_OF_CLIENTS = frozenset({"tasks/get", "tasks/result", "tasks/cancel", "tasks/list"})
_MAKE_TASKS = ("sampling/createMessage", "elicitation/create")


def decide_question(
    callers: Callers, route: str, question: Question, leg: Handshake | None = None
) -> Verdict:
    """The verdict on one question. C{leg}: the connection to the upstream on which it is asked."""
    if question.method in _TASKS_OF_CLIENTS:
        # Its params say nothing of what made the task: whoever may ask it in some way may follow it.
        may = any(decide.could_ask(callers, route, method) for method in _MAKE_TASKS)
        return decide.NEEDED if may else decide.UNASKED
    return decide.decide_question(callers, route, question.method, question.params, leg)


def askable_in(callers: Callers, route: str) -> frozenset[str]:
    """The methods that some rule lets the upstream of a route ask by, with some params."""
    return frozenset(
        method for method in CAPABILITIES.values() if decide.could_ask(callers, route, method)
    )
