"""What rules would say today of what a journal has on record.

A record has no arguments, and of a caller only its name, its proof and who vouched for it. Where rules
look at what is not there, the verdict is looked for twice: as if all of it spoke for the call, and as if
all of it spoke against it. Only if both come out the same is it known; else it is undecidable, and never
guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import Factory, define, evolve, frozen

from mcpgate.identity.principal import Principal
from mcpgate.policy.decide import weigh
from mcpgate.policy.rules import ALLOW, BLOCK, HOLD, Callers, Policy, Rule, Verdict
from mcpgate.policy.who import EVERYBODY, Caller, address_of
from mcpgate.reasons import Reason
from mcpgate.trial.recorded import Recorded
from mcpgate.trial.subject import Subject
from mcpgate.wire.call import COMPLETE, LISTEN, Call, call_of
from mcpgate.wire.jsonrpc import NOTIFICATION, REQUEST, Message
from mcpgate.wire.mcp import Nature, client_request

#: What a record ends in whose text was too long for it.
_CUT = " characters)"
#: Calls of one kind, whose verdict is found once. Beyond it they are judged anew.
REMEMBERED = 100_000

TOOL = "tools/call"

#: How callers prove themselves who have no scopes.
SCOPELESS = frozenset({"certificate", "anonymous"})

_ORDER = {ALLOW: 0, HOLD: 1, BLOCK: 2}


@frozen
class Now:
    """
    What is said of a recorded message today.

    @ivar verdict: C{None} where it cannot be told.
    @ivar unknown: What would have to be known to tell it.
    @ivar masks: The detectors that its answer is subject to for sure.
    @ivar unmasked: Those that have masked something of it, and for sure would not.
    """

    verdict: str | None
    rule: str | None = None
    reason: Reason | None = None
    unknown: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    unmasked: tuple[str, ...] = ()


@frozen
class Kind:
    """Messages that are counted together. C{was}, C{is_now}: verdicts; C{rule}, C{reason}: today's."""

    was: str
    is_now: str
    principal: str
    route: str
    method: str
    name: str | None
    rule: str | None
    reason: str | None
    unknown: tuple[str, ...]
    masks: tuple[str, ...]
    unmasked: tuple[str, ...]


@define
class Count:
    """How often, and when for the first and the last time; C{example}: the exchange of the last one."""

    count: int = 0
    first: str = ""
    last: str = ""
    example: str = ""


@define
class Tally:
    """All that was replayed."""

    messages: int = 0
    kinds: dict[Kind, Count] = Factory(dict)

    def changed(self) -> list[tuple[Kind, Count]]:
        """What would come out differently, most often first."""
        return self._sorted(kind for kind in self.kinds if kind.is_now not in (kind.was, "undecidable"))

    def undecidable(self) -> list[tuple[Kind, Count]]:
        """What cannot be told."""
        return self._sorted(kind for kind in self.kinds if kind.is_now == "undecidable")

    def masked(self) -> list[tuple[Kind, Count]]:
        """What would still be let through, subject to masks."""
        return self._sorted(kind for kind in self.kinds if kind.masks and kind.is_now != "block")

    def unmasked(self) -> list[tuple[Kind, Count]]:
        """Of what something was masked that would pass now."""
        return self._sorted(kind for kind in self.kinds if kind.unmasked)

    def _sorted(self, kinds: Iterable[Kind]) -> list[tuple[Kind, Count]]:
        found = [(kind, self.kinds[kind]) for kind in kinds]
        return sorted(found, key=lambda pair: (-pair[1].count, pair[0].method, pair[0].name or ""))


def replay(subject: Subject, messages: Iterable[Recorded]) -> Tally:
    """Judge all messages of a journal again."""
    tally = Tally()
    known: dict[object, Now] = {}
    regard = subject.policy.regard
    leaving = any(rule.outbound is not None for rule in subject.policy.rules)
    for one in messages:
        leg = one.inbound
        key = (
            *(one.principal, one.how, one.proof, one.route, one.method, one.name, one.masked),
            *(one.issuer, one.subject, one.vouched),
            # Of connections there are many, and few rules look at them.
            leg if regard.address or leg is None else leg.handshake if regard.handshake else None,
            one.outbound if leaving else None,
        )
        now = known.get(key)
        if now is None:
            now = judged_again(subject, one)
            if len(known) >= REMEMBERED:
                known.clear()
            known[key] = now
        tally.messages += 1
        kind = Kind(
            was=one.verdict or "none",
            is_now=now.verdict or "undecidable",
            principal=one.principal or "",
            route=one.route or "",
            method=one.method,
            name=one.name,
            rule=now.rule,
            reason=now.reason.value if now.reason is not None else None,
            unknown=now.unknown,
            masks=now.masks,
            unmasked=now.unmasked,
        )
        count = tally.kinds.setdefault(kind, Count())
        count.count += 1
        count.first = min(count.first, one.time) if count.first else one.time
        if one.time >= count.last:
            count.last, count.example = one.time, one.id
    return tally


def judged_again(subject: Subject, one: Recorded) -> Now:
    """What today's rules say of one message."""
    if one.route is None or subject.missing(one.route) is not None:
        return Now("block", None, Reason.ROUTE_UNKNOWN)
    calls = calls_of(one)
    if not calls:
        return Now(None, unknown=("name",))
    unknown: dict[str, None] = {}
    kindly = [_verdict(subject, one, call, _Doubt(lenient=True), unknown) for call in calls]
    harshly = [_verdict(subject, one, call, _Doubt(lenient=False), unknown) for call in calls]
    lenient, strict = min(kindly, key=_order), max(harshly, key=_order)
    if lenient.action is BLOCK:
        return Now("block", strict.rule, strict.reason)
    masks = tuple(sorted(frozenset.intersection(*map(_detectors, kindly))))
    unmasked: tuple[str, ...] = ()
    if one.masked.difference(masks):
        doubt = _Doubt(lenient=True, masked=True)
        widely = [_verdict(subject, one, call, doubt, unknown) for call in calls]
        unmasked = tuple(sorted(one.masked.difference(*map(_detectors, widely))))
    if lenient.action is strict.action:
        return Now(strict.action.value, strict.rule, strict.reason, (), masks, unmasked)
    if len(calls) > 1:
        unknown["what name refers to"] = None
    return Now(None, None, None, tuple(unknown), masks, unmasked)


def calls_of(one: Recorded) -> list[Call]:
    """What a record can have been; several where it does not say which."""
    if one.name is not None and one.name.endswith(_CUT):
        return []
    if one.method == "notifications/tasks/status":
        # Of a task of the caller's own, for what it was asked (C{relay.tasks}).
        return []
    params: list[dict[str, object]] = [{}]
    known = client_request(one.method)
    if one.method == COMPLETE:
        params = [
            {"ref": {"type": "ref/prompt", "name": one.name}},
            {"ref": {"type": "ref/resource", "uri": one.name}},
        ]
    elif one.method == LISTEN:
        if one.name is None:
            params = [{"notifications": {}}, {"notifications": {"more": True}}]
        else:
            params = [{"notifications": {"resourceSubscriptions": one.name.split(" ")}}]
    elif known is not None and known.name is not None and known.nature is Nature.NAMED:
        params = [{known.name: one.name}]
    kind, id = (NOTIFICATION, None) if known is None else (REQUEST, 1)
    found = [call_of(Message(kind, id, one.method, each)) for each in params]
    return [_followed(call, one) for call in found if isinstance(call, Call)]


def _followed(call: Call, one: Recorded) -> Call:
    """What asks for tasks, as C{relay.tasks} has it: their tools are on record in the place of a name."""
    if call.method == LISTEN and one.name is not None:
        # Every URI has a colon; tools that have some are taken for one.
        known = call.judged_as
        judged = tuple(("resources/read" if ":" in name else TOOL, name) for _, name in known if name)
        return call if judged == known else Call(LISTEN, one.name, Nature.FOLLOWS, judged)
    if call.nature is not Nature.TASK:
        return call
    if call.method == "tasks/list":
        return evolve(call, nature=Nature.LIST)
    if one.name is None:
        # Of nobody's task.
        return call
    tools = tuple((TOOL, name) for name in one.name.split(" "))
    return Call(call.method, one.name, Nature.FOLLOWS, tools)


def caller_of(one: Recorded) -> Caller:
    """The caller, as far as the record tells."""
    principal = Principal(
        one.principal or "",
        one.how or "",
        one.proof or "",
        None,
        issuer=one.issuer,
        subject=one.subject,
        certificate=one.principal if one.how == "certificate" else None,
    )
    if one.inbound is None:
        return Caller(principal)
    address = address_of(f"[{one.inbound.peer}]:0") if one.inbound.peer is not None else None
    return Caller(principal, address, one.inbound.handshake)


@frozen
class _Doubt:
    """
    What is made of that which nobody knows.

    @ivar lenient: Whether it speaks for the call: rules that allow are about it, and no others are.
    @ivar masked: Whether rules of masks are.
    """

    lenient: bool
    masked: bool = False

    def takes(self, rule: Rule) -> bool:
        """Whether a rule is about what it may or may not be about."""
        return self.masked if rule.action is None else (rule.action is ALLOW) is self.lenient


def _verdict(subject: Subject, one: Recorded, call: Call, doubt: _Doubt, unknown: dict[str, None]) -> Verdict:
    """The verdict, in one way to settle what is in doubt. C{unknown}: gets what that is."""
    assert one.route is not None
    policy = subject.policy
    itself = call_of(Message(REQUEST, 1, call.method, {}))
    if isinstance(itself, Call) and itself.nature is Nature.TASK and call.nature is not Nature.TASK:
        # A rule that blocks the method of tasks does so whatever the tool.
        blocked = _judged(_callers(policy, one, itself, doubt, unknown), one.route, itself, doubt, unknown)
        if blocked.action is BLOCK and blocked.rule is not None:
            return blocked
    if subject.scopes.get(one.route) and not _has_scopes(one, doubt, unknown):
        return Verdict(BLOCK, None, Reason.AUTH_SCOPE)
    verdict = _judged(_callers(policy, one, call, doubt, unknown), one.route, call, doubt, unknown)
    if verdict.action is not BLOCK and verdict.outbound:
        leg = one.outbound
        if leg is None:
            unknown["outbound connection"] = None
        met = (
            doubt.lenient if leg is None else any(demand.met_by(leg.handshake) for demand in verdict.outbound)
        )
        if not met:
            return Verdict(BLOCK, verdict.outbound[0].rule, Reason.POLICY_TRANSPORT)
    return verdict


def _judged(callers: Callers, route: str, call: Call, doubt: _Doubt, unknown: dict[str, None]) -> Verdict:
    found = weigh(callers, route, call)
    if isinstance(found, Verdict):
        return found
    unknown["arguments"] = None
    return found.settle(tuple(map(doubt.takes, found.asking)))


def _callers(policy: Policy, one: Recorded, call: Call, doubt: _Doubt, unknown: dict[str, None]) -> Callers:
    """The rules about a caller, with those of which nobody can say whether they are."""
    caller = caller_of(one)
    about: list[Rule] = []
    unmet: set[str] = set()
    lacking: dict[str, frozenset[str]] = {}
    for rule in policy.rules:
        sure = _is_about(rule, one, caller)
        relevant = any(rule.matches(method, name) for method, name in call.judged_as)
        if sure is None:
            if relevant and rule.covers(one.route or ""):
                unknown["more of the caller"] = None
            sure = doubt.takes(rule)
        if not sure:
            continue
        about.append(rule)
        if rule.inbound is not None:
            if caller.handshake is None:
                if relevant:
                    unknown["inbound connection"] = None
                met = doubt.lenient
            else:
                met = rule.inbound.met_by(caller.handshake)
            if not met:
                unmet.add(rule.name)
        if rule.scopes and not _has_scopes(one, doubt, unknown if relevant else {}):
            lacking[rule.name] = rule.scopes
    return Callers(policy, tuple(about), frozenset(unmet), lacking=lacking)


def _has_scopes(one: Recorded, doubt: _Doubt, unknown: dict[str, None]) -> bool:
    """Whether a caller's token had the scopes that are demanded. No record says which it had."""
    if one.how in SCOPELESS:
        return False
    unknown["scopes"] = None
    return doubt.lenient


def _is_about(rule: Rule, one: Recorded, caller: Caller) -> bool | None:
    """Whether a rule is about the caller; C{None} where the record does not tell."""
    who = rule.who
    told = evolve(who, group=EVERYBODY.group, claims=(), steps=())
    if not one.vouched:
        told = evolve(told, issuer=EVERYBODY.issuer, subject=EVERYBODY.subject)
    if one.inbound is None:
        told = evolve(told, address=())
    if one.how != "certificate" and (one.inbound is None or one.inbound.handshake.peer is not None):
        # Who a certificate named that was shown beside another proof is not on record.
        told = evolve(told, certificate=EVERYBODY.certificate)
    if not told.matches(caller):
        return False
    return True if told == who else None


def _detectors(verdict: Verdict) -> frozenset[str]:
    both = [masks for masks in (verdict.masks, verdict.asking) if masks is not None]
    return frozenset(name for masks in both for name in (*masks.mask, *dict(masks.block)))


def _order(verdict: Verdict) -> int:
    return _ORDER[verdict.action]


def newly(tally: Tally) -> Iterator[tuple[str, list[tuple[Kind, Count]]]]:
    """What changes, by what it changes to."""
    changed = tally.changed()
    for verdict in ("block", "hold", "allow"):
        yield verdict, [(kind, count) for kind, count in changed if kind.is_now == verdict]
