"""The decision: may this message go to this route's upstream?

 - What the protocol itself needs is never denied; a client could not even learn why.
 - Lists, and what only follows other messages (logging, progress), need a route that is open at all.
 - Everything else needs a rule that allows it, a name that can be allowed, and no rule that blocks it.
   What is about several things needs that for each of them.
 - Of the rules about one thing, block beats hold beats allow, whatever their order, and masks add up.
   An allow rule whose scopes the caller's token lacks allows nothing, and nobody is asked about it.
   Rules in the shadow say what they would have said, and change nothing.

A caller that no rule lets use a thing cannot tell it from one that is not there: C{policy.unlisted} and
C{policy.blocked} are answered alike. C{policy.arguments}, C{policy.transport} and C{auth.scope} say that
there is a way, so they are said only to callers whom a rule would let use it, in that way.

Blocks are looked at first, so that the record names the rule that blocks even where the name could
never be allowed. Nothing is remembered here: C{relay.judged} does that, for each route.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from attrs import evolve, frozen

from mcpgate.policy.demand import together
from mcpgate.policy.names import allowable
from mcpgate.policy.rules import ALLOW, BLOCK, HOLD, QUESTIONS, Callers, RouteRules, Rule, Verdict
from mcpgate.reasons import Reason
from mcpgate.tls.handshake import Handshake
from mcpgate.wire.call import LISTEN, Call
from mcpgate.wire.mcp import Nature, server_request

NEEDED = Verdict(ALLOW, None, None)
UNLISTED = Verdict(BLOCK, None, Reason.POLICY_UNLISTED)
UNASKED = Verdict(BLOCK, None, Reason.POLICY_QUESTION)

#: Whether the C{where} of a rule holds.
Holds = Callable[[Rule], bool]


def decide(callers: Callers, route: str, call: Call, params: Mapping[str, object] | None = None) -> Verdict:
    """The verdict on one call, whatever the order of the rules.

    @param route: The route's name, as rules write it.
    @param params: The message's; C{None} where they are not known any more, as when an answer comes long
        after its request: whatever they were, they were judged then.
    """
    found = weigh(callers, route, call)
    if isinstance(found, Verdict):
        return found
    return found.settle(found.holding(params) if params is not None else found.recalled)


def weigh(callers: Callers, route: str, call: Call) -> Verdict | Open:
    """The verdict on all calls like this one, or what is to be asked of the params of each."""
    here = callers.at(route)
    if call.nature is Nature.PROTOCOL:
        return _passing(callers, here, call, gently=True)
    first, *others = call.judged_as
    if call.nature is Nature.LIST or (call.nature is Nature.FOLLOWS and first[1] is None):
        return _passing(callers, here, call) if here.allows else _unlisted(callers, here, call)
    if call.method in QUESTIONS:
        # From a caller they mean nothing; a rule that names one is about what upstreams ask.
        return UNLISTED
    matchings = [_matching(here, *judged) for judged in (first, *others)]
    # The params are those of this method: what only refers to a thing does not say what it is used with.
    asks = call.method == first[0]
    found = Open(callers, here, call, tuple(matchings), _asking(matchings) if asks else ())
    return found if found.asking else found.settle(())


class _Matching(NamedTuple):
    """The rules about one method and name."""

    allows: tuple[Rule, ...]
    blocks: tuple[Rule, ...]
    holds: tuple[Rule, ...]
    masks: tuple[Rule, ...]
    shadows: tuple[Rule, ...]
    records: tuple[Rule, ...]


def _matching(here: RouteRules, method: str, name: str | None) -> _Matching:
    def about(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return tuple(rule for rule in rules if rule.matches(method, name))

    allows = about(here.allows) if allowable(method, name) else ()
    shadows = tuple(rule for rule in about(here.shadows) if rule.requests or rule.action is None)
    blocks, holds, masks = about(here.blocks), about(here.holds), about(here.masks)
    return _Matching(allows, blocks, holds, masks, shadows, about(here.records))


def _asking(matchings: list[_Matching]) -> tuple[Rule, ...]:
    """Rules that look at the params, each once."""
    every = (rule for matching in matchings for rules in matching for rule in rules)
    return tuple(dict.fromkeys(rule for rule in every if rule.where is not None))


@frozen(eq=False)
class Open:
    """What is known of a call before its params are looked at.

    @ivar asking: The rules with conditions on params.
    """

    callers: Callers
    here: RouteRules
    call: Call
    matchings: tuple[_Matching, ...]
    asking: tuple[Rule, ...]

    def holding(self, params: Mapping[str, object]) -> tuple[bool, ...]:
        """Of which of them the conditions hold."""
        return tuple(
            [
                rule.where.holds(params, widely=rule.action is not ALLOW)
                for rule in self.asking
                if rule.where is not None
            ]
        )

    @property
    def recalled(self) -> tuple[bool, ...]:
        """The same where the params are not known: what might allow or mask does, nothing else."""
        return tuple(rule.action is ALLOW or rule.action is None for rule in self.asking)

    def settle(self, holding: tuple[bool, ...]) -> Verdict:
        """The verdict, by which conditions hold."""
        known = {rule.name: held for rule, held in zip(self.asking, holding, strict=True)}

        def holds(rule: Rule) -> bool:
            if rule.where is None:
                return True
            # Not asked: it only refers to what the rule is about.
            return known.get(rule.name, rule.action is ALLOW or rule.action is None)

        verdict = _judge(self, self.matchings[0], holds)
        for matching in self.matchings[1:]:
            if verdict.action is BLOCK and verdict.reason is not Reason.AUTH_SCOPE:
                break
            verdict = _strictest(verdict, _judge(self, matching, holds))
        records = bool(self.here.records) and any(
            holds(rule) for matching in self.matchings for rule in matching.records
        )
        if verdict.action is BLOCK and not self.here.shadows and not records:
            return verdict
        completed = self._completed(verdict, holds, records)
        return evolve(completed, record=True) if records else completed

    def _completed(self, verdict: Verdict, holds: Holds, records: bool) -> Verdict:
        """With its masks, to which what is recorded of it is subject too, and with what rules in the shadow
        say."""
        shadow = dict.fromkeys(rule for matching in self.matchings for rule in matching.shadows)
        said = tuple((rule.name, rule.says) for rule in shadow if holds(rule) and self.here.grants(rule))
        if verdict.action is BLOCK and not records:
            return evolve(verdict, shadow=said) if said else verdict
        if self.call.nature is Nature.OTHER or self.call.method == LISTEN:
            # Nobody knows what its answer speaks of.
            masks = self.here.masks
        else:
            masks = tuple(
                dict.fromkeys(
                    rule for matching in self.matchings for rule in matching.masks if holds(rule)
                )
            )
        return _masked(self.callers, verdict, masks, said)


def _masked(
    callers: Callers,
    verdict: Verdict,
    rules: tuple[Rule, ...],
    said: tuple[tuple[str, str], ...] = (),
    *,
    gently: bool = False,
) -> Verdict:
    if not rules and not said:
        return verdict
    policy = callers.policy
    return evolve(
        verdict,
        masks=policy.masks([rule for rule in rules if rule.answers], gently=gently),
        asking=policy.masks([rule for rule in rules if rule.requests], gently=gently),
        shadow=said,
    )


def _passing(callers: Callers, here: RouteRules, call: Call, *, gently: bool = False) -> Verdict:
    """What passes whatever the verdicts of rules are; its texts are masked like others."""
    ((method, name), *_) = call.judged_as
    rules = here.masks
    if call.method != LISTEN:
        rules = tuple(rule for rule in rules if rule.matches(method, name))
    said = [rule for rule in here.shadows if rule.action is None and rule.matches(method, name)]
    shadow = tuple((rule.name, rule.says) for rule in said)
    return _recorded(_masked(callers, NEEDED, rules, shadow, gently=gently), here, method, name)


def _unlisted(callers: Callers, here: RouteRules, call: Call) -> Verdict:
    """What does not pass; where it is recorded, it is masked as if it did."""
    if not here.records:
        return UNLISTED
    passing = _passing(callers, here, call)
    if not passing.record:
        return UNLISTED
    return evolve(UNLISTED, masks=passing.masks, asking=passing.asking, record=True)


def _recorded(verdict: Verdict, here: RouteRules, method: str, name: str | None) -> Verdict:
    """With whether its bodies are recorded, where no params are looked at."""
    for rule in here.records:
        # One about everything is so here as well, though it may not be for what it allows.
        if rule.matches(method, name) or (rule.methods.every and rule.names.every):
            return evolve(verdict, record=True)
    return verdict


def _judge(found: Open, matching: _Matching, holds: Holds) -> Verdict:
    """The verdict on one thing, without masks."""
    for rule in matching.blocks:
        if rule.where is None:
            return Verdict(BLOCK, rule.name, Reason.POLICY_BLOCKED)
    blocking = next((rule for rule in matching.blocks if holds(rule)), None)
    if blocking is not None:
        reason = Reason.POLICY_ARGUMENTS if matching.allows else Reason.POLICY_BLOCKED
        return Verdict(BLOCK, blocking.name, reason)
    if not matching.allows:
        return UNLISTED
    fit = [rule for rule in matching.allows if holds(rule)]
    if not fit:
        return Verdict(BLOCK, matching.allows[0].name, Reason.POLICY_ARGUMENTS)
    near = [rule for rule in fit if rule.name not in found.here.unmet]
    if not near:
        return Verdict(BLOCK, fit[0].name, Reason.POLICY_TRANSPORT)
    lacking = found.here.lacking
    granting = [rule for rule in near if rule.name not in lacking]
    if not granting:
        nearest = min(near, key=lambda rule: len(lacking[rule.name]))
        return Verdict(BLOCK, nearest.name, Reason.AUTH_SCOPE, scopes=nearest.scopes)
    scopes = granting[0].scopes
    demands = [rule.outbound for rule in granting if rule.outbound is not None]
    outbound = tuple(demands) if len(demands) == len(granting) else ()
    holding = [] if found.call.nature is Nature.FOLLOWS else [rule for rule in matching.holds if holds(rule)]
    if holding:
        first = holding[0]
        wait = min(rule.wait for rule in holding)
        return Verdict(HOLD, first.name, None, outbound=outbound, wait=wait, said=first.said, scopes=scopes)
    return Verdict(ALLOW, granting[0].name, None, outbound=outbound, scopes=scopes)


def _strictest(one: Verdict, other: Verdict) -> Verdict:
    """Of what two things of one message need: both must be allowed, on one connection."""
    if other.action is BLOCK and other.reason is not Reason.AUTH_SCOPE:
        return other
    scopes = one.scopes | other.scopes
    for each in (one, other):
        if each.action is BLOCK:
            # A client asks once, for all that it needs.
            return evolve(each, scopes=scopes)
    outbound = together(one.outbound, other.outbound)
    if outbound is None:
        return Verdict(BLOCK, one.rule, Reason.POLICY_TRANSPORT)
    first = other if other.action is HOLD and one.action is not HOLD else one
    return evolve(first, outbound=outbound, scopes=scopes)


def reaches(callers: Callers, route: str) -> Verdict:
    """The verdict on what names no method: a stream, its end, an answer to the upstream's question.

    It needs a route on which anything at all is allowed, over connections like the caller's, and a caller who
    is not shut out. For want of a scope no stream ends: clients open theirs once, before they learn what they
    have to ask for, and what comes by it is judged by itself.
    """
    here = callers.at(route)
    reached = any(rule.name not in here.unmet for rule in here.allows)
    shut = shut_out(callers, route) if reached else None
    if shut is not None:
        return Verdict(BLOCK, shut, Reason.POLICY_BLOCKED)
    # Nobody knows what will come by it: a rule about some things is not about it.
    records = any(rule.methods.every and rule.names.every for rule in here.records)
    if not reached and not records:
        return UNLISTED
    # What is recorded is masked, whether it passes or not.
    verdict = _masked(callers, NEEDED if reached else UNLISTED, here.masks)
    return evolve(verdict, record=True) if records else verdict


def shut_out(callers: Callers, route: str) -> str | None:
    """The rule, if there is one, that blocks whatever these callers might ask for, as it is they who ask:
    somebody wants them to have nothing more, nor anything that they have asked for already."""
    for rule in callers.at(route).blocks:
        everything = rule.methods.every and rule.names.every and rule.where is None
        if everything and not rule.who.everybody:
            return rule.name
    return None


def strictest(callers: Callers, route: str) -> Verdict:
    """The verdict on an answer whose request is not known: what every call on the route is subject to.

    A rule that blocks by method or name has kept its calls from the upstream already; there is no
    answer to them that could come.
    """
    here = callers.at(route)
    if not any(map(here.grants, here.allows)):
        return UNLISTED
    return reaches(callers, route)


def could_use(callers: Callers, route: str, method: str, name: str | None) -> bool:
    """Whether these callers might use a thing, with some arguments, over some connection, by a token with
    more scopes: whether they may know of it."""
    here = callers.at(route)
    return (
        any(rule.matches(method, name) for rule in here.allows)
        and allowable(method, name)
        and not any(rule.where is None and rule.matches(method, name) for rule in here.blocks)
    )


def could_ask(callers: Callers, route: str, method: str) -> bool:
    """Whether the upstream of a route might ask this of these callers, with some params."""
    here = callers.at(route)
    rules = [rule for rule in here.questions if rule.names_question(method) and rule.names.every]
    return any(rule.action is ALLOW and here.grants(rule) for rule in rules) and not any(
        rule.action in (BLOCK, HOLD) and rule.where is None for rule in rules
    )


def decide_question(
    callers: Callers, route: str, method: str, params: Mapping[str, object], leg: Handshake | None = None
) -> Verdict:
    """The verdict on what the upstream of a route asks of one of these callers.

    Only a rule that names the method is about it. A verdict of HOLD is one for who can wait for it.

    @param leg: the connection on which it is asked; C{None}: one that meets no demand.
    """
    known = server_request(method)
    if known is not None and known.nature is Nature.PROTOCOL:
        return NEEDED
    here = callers.at(route)
    about = [
        rule
        for rule in (*here.questions, *here.shadows)
        if rule.answers
        and rule.names_question(method)
        and rule.names.every
        and (rule.where is None or rule.where.holds(params, widely=rule.action is not ALLOW))
    ]
    shadow = tuple((rule.name, rule.says) for rule in about if rule.shadow and here.grants(rule))
    rules = [rule for rule in about if not rule.shadow]
    verdict = _answered(callers, here, method, rules, leg)
    return evolve(verdict, shadow=shadow) if shadow else verdict


def _answered(
    callers: Callers, here: RouteRules, method: str, rules: list[Rule], leg: Handshake | None
) -> Verdict:
    """The verdict on a question, by the rules about it."""
    blocking = next((rule for rule in rules if rule.action is BLOCK), None)
    if blocking is not None:
        return Verdict(BLOCK, blocking.name, Reason.POLICY_QUESTION)
    granting = [
        rule
        for rule in rules
        if rule.action is ALLOW
        and here.grants(rule)
        and (rule.outbound is None or (leg is not None and rule.outbound.met_by(leg)))
    ]
    if not granting:
        return UNASKED
    masks = tuple(rule for rule in here.masks if rule.matches(method, None))
    holding = [rule for rule in rules if rule.action is HOLD]
    if holding:
        wait = min(rule.wait for rule in holding)
        return _masked(callers, Verdict(HOLD, holding[0].name, None, wait=wait, said=holding[0].said), masks)
    return _masked(callers, Verdict(ALLOW, granting[0].name, None), masks)
