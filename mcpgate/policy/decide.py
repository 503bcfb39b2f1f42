"""The decision: may this message go to this route's upstream?

 - What the protocol itself needs is never denied; a client could not even learn why.
 - Lists, and what only follows other messages (logging, progress), need a route that is open at all.
 - Everything else needs a rule that allows it, a name that can be allowed, and no rule that blocks it.

Blocks are looked at first, so that the record names the rule that blocks even where the name could
never be allowed. Verdicts are remembered per route: callers repeat the same few names.
"""

from __future__ import annotations

from mcpgate.policy.names import allowable
from mcpgate.policy.rules import Action, Policy, RouteRules, Verdict
from mcpgate.reasons import Reason
from mcpgate.wire.mcp import Call, Nature

#: Verdicts remembered per route. Servers have tens of tools, some have thousands of resources.
REMEMBERED = 4096
#: Longer methods and names, which a caller may choose freely, are judged anew each time, so that
#: what is remembered stays within a few MiB per route.
REMEMBERED_LENGTH = 256

NEEDED = Verdict(Action.ALLOW, None, None)
UNLISTED = Verdict(Action.BLOCK, None, Reason.POLICY_UNLISTED)


def decide(policy: Policy, route: str, call: Call) -> Verdict:
    """The verdict on one call, whatever the order of the rules.

    @param route: The route's name, as rules write it.
    """
    if call.nature is Nature.PROTOCOL:
        return NEEDED
    here = policy.at(route)
    judged = call.judged_as
    if call.nature is Nature.LIST or (call.nature is Nature.FOLLOWS and judged[1] is None):
        return NEEDED if here.allows else UNLISTED
    verdict = here.found.get(judged)
    if verdict is None:
        verdict = _judge(here, *judged)
        if len(judged[0]) + len(judged[1] or "") <= REMEMBERED_LENGTH:
            if len(here.found) >= REMEMBERED:
                here.found.clear()  # cheaper than counting uses, and a name in use is back at once
            here.found[judged] = verdict
    return verdict


def _judge(here: RouteRules, method: str, name: str | None) -> Verdict:
    for rule in here.blocks:
        if rule.matches(method, name):
            return Verdict(Action.BLOCK, rule.name, Reason.POLICY_BLOCKED)
    if allowable(method, name):
        for rule in here.allows:
            if rule.matches(method, name):
                return Verdict(Action.ALLOW, rule.name, None)
    return UNLISTED


def reaches(policy: Policy, route: str) -> Verdict:
    """The verdict on what names no method: a stream, its end, an answer to the upstream's question.

    It needs a route on which anything at all is allowed.
    """
    return NEEDED if policy.at(route).allows else UNLISTED
