"""What a message asks for and whether it may have it, found once for each thing that is called.

Callers repeat the same few names, so what was found is remembered with the route, for as long as its
generation: the call, the verdict, and how the record says both.
"""

from __future__ import annotations

from attrs import frozen

from mcpgate.evidence.record import call_facts
from mcpgate.generation import RouteTerms
from mcpgate.policy.budgets import Budget, about
from mcpgate.policy.decide import decide
from mcpgate.policy.rules import Policy, Verdict
from mcpgate.reasons import Refusal
from mcpgate.wire.call import Call, alike, call_of
from mcpgate.wire.jsonrpc import Message

#: Remembered per route. Servers have tens of tools, some have thousands of resources.
REMEMBERED = 4096
#: Longer methods and names, which a caller may choose freely, are judged anew each time, so that
#: what is remembered stays within a few MiB per route.
REMEMBERED_LENGTH = 256


@frozen(eq=False)
class Judged:
    """
    A call with its verdict.

    @ivar facts: The two as part of an C{open} line.
    @ivar budgets: Those that are about it.
    """

    call: Call
    verdict: Verdict
    facts: str
    budgets: tuple[Budget, ...] = ()


def judge(message: Message, route: RouteTerms, policy: Policy) -> Judged | Refusal:
    """Judge a request or notification on a route, by the policy of the route's own generation."""
    key = alike(message)
    if key is not None:
        known = route.judged.get(key)
        if known is not None:
            return known
    call = call_of(message)
    if isinstance(call, Refusal):
        return call
    verdict = decide(policy, route.name, call)
    judged = Judged(call, verdict, call_facts(call.method, call.name, verdict), about(route.budgets, call))
    if key is not None and len(key[0]) + len(key[1] or "") <= REMEMBERED_LENGTH:
        if len(route.judged) >= REMEMBERED:
            route.judged.clear()  # cheaper than counting uses, and a name in use is back at once
        route.judged[key] = judged
    return judged
