"""What a message asks for and whether it may have it, found once for each thing that is called.

Callers repeat the same few names, so what was found is remembered with the route, for as long as its
generation, for all callers that are alike to the rules: the call, the verdict, and how the record says
both. Only where a rule about the call has conditions on its params (C{where}) are these looked at, each
time; the verdicts that come of it are few, and remembered too.
"""

from __future__ import annotations

from attrs import field, frozen

from mcpgate.evidence.exchanges import call_facts
from mcpgate.generation import RouteTerms
from mcpgate.policy.budgets import Budget, about
from mcpgate.policy.decide import Open, weigh
from mcpgate.policy.rules import Callers, Verdict
from mcpgate.reasons import Refusal
from mcpgate.wire.call import Call, alike, call_of
from mcpgate.wire.jsonrpc import Message

#: Remembered per route. Servers have tens of tools, some have thousands of resources.
REMEMBERED = 4096
#: Longer methods and names, which a caller may choose freely, are judged anew each time, so that
#: what is remembered stays within a few MiB per route.
REMEMBERED_LENGTH = 256


#: Verdicts on calls of one thing that differ by their params. Two rules with conditions make four.
VARIANTS_MOST = 64


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


@frozen(eq=False)
class Undecided:
    """A call whose verdict needs its params, and the verdicts that were found."""

    call: Call
    open: Open
    budgets: tuple[Budget, ...]
    variants: dict[tuple[bool, ...], Judged] = field(factory=dict)

    def by(self, message: Message) -> Judged:
        """The call with the verdict that these params bring."""
        holding = self.open.holding(message.params)
        known = self.variants.get(holding)
        if known is None:
            if len(self.variants) >= VARIANTS_MOST:
                self.variants.clear()
            known = self.variants[holding] = _judged(self.call, self.open.settle(holding), self.budgets)
        return known


def judge(message: Message, route: RouteTerms, callers: Callers) -> Judged | Refusal:
    """Judge a request or notification on a route, by the rules of the route's own generation."""
    asked = alike(message)
    if asked is not None:
        known = route.judged.get((callers, asked))
        if known is not None:
            return known if type(known) is Judged else known.by(message)  # type: ignore[union-attr]
    call = call_of(message)
    if isinstance(call, Refusal):
        return call
    found = weigh(callers, route.name, call)
    budgets = about(callers.budgets, route.name, call)
    judged = Undecided(call, found, budgets) if isinstance(found, Open) else _judged(call, found, budgets)
    if asked is not None and len(asked[0]) + len(asked[1] or "") <= REMEMBERED_LENGTH:
        if len(route.judged) >= REMEMBERED:
            route.judged.clear()  # cheaper than counting uses, and a name in use is back at once
        route.judged[callers, asked] = judged
    return judged.by(message) if isinstance(judged, Undecided) else judged


def _judged(call: Call, verdict: Verdict, budgets: tuple[Budget, ...]) -> Judged:
    return Judged(call, verdict, call_facts(call.method, call.name, verdict), budgets)
