"""Why a call is judged as it is: what each rule says of it, and of a rule that says nothing, what is missing.

The verdict itself is C{policy.decide}'s; here each rule is asked by itself, by its own conditions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve, fields, frozen

from mcpgate.policy.demand import Demand
from mcpgate.policy.names import allowable
from mcpgate.policy.rules import ALLOW, Policy, Rule
from mcpgate.policy.who import EVERYBODY, Caller, Who
from mcpgate.tls.handshake import Handshake
from mcpgate.wire.call import Call
from mcpgate.wire.mcp import Nature


@frozen
class Said:
    """
    What one rule says.

    @ivar says: C{allow}, C{block}, C{hold}, C{mask} or C{record}.
    @ivar matches: Whether it is about the call; C{None} where its arguments would tell, and are not known.
    @ivar missing: The keys that are not fulfilled, as they stand in the file: for an allow rule that
        matches, what its C{require} misses.
    """

    rule: str
    says: str
    matches: bool | None
    missing: tuple[str, ...] = ()
    shadow: bool = False

    def facts(self) -> dict[str, object]:
        """As values that JSON can say."""
        return {
            "rule": self.rule,
            "says": self.says,
            "matches": self.matches,
            "missing": list(self.missing),
            "shadow": self.shadow,
        }


def reasoning(
    policy: Policy,
    caller: Caller,
    route: str,
    call: Call,
    params: Mapping[str, object] | None,
    outbound: Handshake | None,
) -> list[Said]:
    """
    What each rule says of a call, in the order of their names.

    @param params: the message's; C{None} where they are not known.
    @param outbound: the connection to the upstream, where there is one.
    """
    said = []
    for rule in policy.rules:
        apart = [*_who(rule.who, caller), *_on(rule, route, call)]
        if rule.where is not None and call.method == call.judged_as[0][0]:
            if params is None:
                said.append(Said(rule.name, rule.says, False if apart else None, tuple(apart), rule.shadow))
                continue
            apart += _where(rule, params)
        unmet = () if apart else tuple(_require(rule, caller, outbound))
        said.append(Said(rule.name, rule.says, not apart, (*apart, *unmet), rule.shadow))
    return said


def reasoning_of_question(
    policy: Policy,
    caller: Caller,
    route: str,
    method: str,
    params: Mapping[str, object],
    outbound: Handshake | None = None,
) -> list[Said]:
    """What each rule with a verdict says of what an upstream asks of a caller."""
    said = []
    for rule in policy.rules:
        if rule.action is None:
            continue
        apart = [*_who(rule.who, caller)]
        if not rule.covers(route):
            apart.append("on.route")
        if not rule.answers:
            apart.append("on.direction")
        if not rule.names_question(method):
            # A rule that names no such method is not about it, whatever else its methods are.
            apart.append("on.method")
        elif not rule.names.every:
            apart.append("on.name")
        apart += _where(rule, params)
        unmet = () if apart else tuple(_require(rule, caller, outbound))
        said.append(Said(rule.name, rule.says, not apart, (*apart, *unmet), rule.shadow))
    return said


def _where(rule: Rule, params: Mapping[str, object]) -> list[str]:
    return [
        f"where.{clause.path}"
        for clause in (rule.where.clauses if rule.where is not None else ())
        if not clause.holds(params, widely=rule.action is not ALLOW)
    ]


def _who(who: Who, caller: Caller) -> Iterator[str]:
    for attribute in fields(Who):
        name = attribute.name
        if name == "claims" or not attribute.init or name.startswith("_"):
            continue
        if not evolve(EVERYBODY, **{name: getattr(who, name)}).matches(caller):
            yield f"who.{name}"
    for (path, patterns), steps in zip(who.claims, who._steps, strict=True):
        if not evolve(EVERYBODY, claims=((path, patterns),), steps=(steps,)).matches(caller):
            yield f"who.claim.{path}"


def _on(rule: Rule, route: str, call: Call) -> Iterator[str]:
    if not rule.covers(route):
        yield "on.route"
    if rule.action is not None and not rule.requests:
        yield "on.direction"
    if call.nature is Nature.PROTOCOL and rule.action is not None:
        # No verdict of a rule is about what the protocol needs.
        yield "on.method"
        return
    about = [rule.matches(method, name) for method, name in call.judged_as]
    if not any(about):
        method, name = call.judged_as[0]
        if not rule.methods.match(method) or (name is None and rule.methods.every and rule.names.every):
            yield "on.method"
        else:
            yield "on.name"
    elif rule.action is ALLOW and not all(allowable(method, name) for method, name in call.judged_as):
        # It would match, but the name is one that no rule can allow (C{policy.names}).
        yield "on.name"


def _require(rule: Rule, caller: Caller, outbound: Handshake | None) -> Iterator[str]:
    if not rule.scopes <= caller.principal.scopes:
        yield "require.scope"
    if rule.inbound is not None:
        yield from _unmet("inbound", rule.inbound, caller.handshake)
    if rule.outbound is not None:
        yield from _unmet("outbound", rule.outbound, outbound)


_KEYS = {
    "versions": "version",
    "ciphers": "cipher",
    "groups": "group",
    "post_quantum": "post_quantum",
    "pinned": "pinned",
    "certificate": "client_certificate",
    "profile": "profile",
}


def _unmet(leg: str, demand: Demand, handshake: Handshake | None) -> Iterator[str]:
    bare = Demand(demand.rule, inbound=demand.inbound)
    for name, key in _KEYS.items():
        one = evolve(bare, **{name: getattr(demand, name)})
        if one != bare and (handshake is None or not one.met_by(handshake)):
            yield f"require.{leg}.{key}"
