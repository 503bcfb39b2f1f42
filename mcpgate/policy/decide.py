"""The decision: may this message go to this route's upstream?

 - What the protocol itself needs is never denied; a client could not even learn why.
 - Lists, and what only follows other messages (logging, progress), need a route that is open at all.
 - Everything else needs a rule that allows it, a name that can be allowed, and no rule that blocks it.
   What is about several things needs that for each of them.

Blocks are looked at first, so that the record names the rule that blocks even where the name could
never be allowed. Nothing is remembered here: C{relay.judged} does that, for each route.
"""

from __future__ import annotations

from mcpgate.policy.names import allowable
from mcpgate.policy.rules import Action, Policy, RouteRules, Verdict
from mcpgate.reasons import Reason
from mcpgate.wire.call import Call
from mcpgate.wire.mcp import Nature

NEEDED = Verdict(Action.ALLOW, None, None)
UNLISTED = Verdict(Action.BLOCK, None, Reason.POLICY_UNLISTED)


def decide(policy: Policy, route: str, call: Call) -> Verdict:
    """The verdict on one call, whatever the order of the rules.

    @param route: The route's name, as rules write it.
    """
    if call.nature is Nature.PROTOCOL:
        return NEEDED
    here = policy.at(route)
    first, *others = call.judged_as
    if call.nature is Nature.LIST or (call.nature is Nature.FOLLOWS and first[1] is None):
        return NEEDED if here.allows else UNLISTED
    verdict = _judge(here, *first)
    for judged in others:
        if verdict.action is Action.BLOCK:
            break
        verdict = _judge(here, *judged)
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


def strictest(policy: Policy, route: str) -> Verdict:
    """The verdict on an answer whose request is not known: what every call on the route is subject to.

    A rule that blocks by method or name has kept its calls from the upstream already; there is no
    answer to them that could come.
    """
    return reaches(policy, route)
