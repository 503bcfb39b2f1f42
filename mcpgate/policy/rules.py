"""Rules as compiled values: what an operator wrote, ready to be asked.

A rule is a set of conditions on who calls, on route, method and name, on params and connections, and
what it says: a verdict, or which detectors a message is subject to. Rules have no order: they are kept
sorted by name, so that shuffling the file changes neither a verdict nor the rule it names.

Most of that is found once for all callers that are alike to every rule (L{Callers}), so that what remains
to be asked for a call is its method and name.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from enum import Enum, unique
from functools import cached_property

from attrs import Factory, define, field, frozen

from mcpgate.config.tables.policy import DetectorTable
from mcpgate.config.tables.rule import RuleTable
from mcpgate.policy.budgets import Budget
from mcpgate.policy.demand import Demand, demand_inbound, demand_outbound
from mcpgate.policy.masks import Masks
from mcpgate.policy.patterns import EVERY, Patterns
from mcpgate.policy.where import Where
from mcpgate.policy.who import EVERYBODY, Caller, Regard, Who
from mcpgate.reasons import Reason
from mcpgate.wire.mcp import CLIENT_NOTIFICATIONS, CLIENT_REQUESTS, SERVER_NOTIFICATIONS, SERVER_REQUESTS

#: Callers of whom it is remembered what the rules make of them. Beyond it all are looked at again, which
#: takes a few microseconds for a rule.
CALLERS_MOST = 4096

#: What only upstreams ask: sampling, elicitation, roots.
QUESTIONS = frozenset(SERVER_REQUESTS) - set(CLIENT_REQUESTS)
_TOLD = (*QUESTIONS, *(frozenset(SERVER_NOTIFICATIONS) - set(CLIENT_NOTIFICATIONS)))
_ASKED = (*CLIENT_REQUESTS, *CLIENT_NOTIFICATIONS)
#: What matches this names no method: it is a pattern for whatever there may be.
_ANYTHING = ("any/thing", "anything")


@unique
class Action(Enum):
    """What a rule, or a verdict, says of a message."""

    ALLOW = "allow"
    BLOCK = "block"
    HOLD = "hold"


# As in tls/stream.py: a member is read off its class slowly.
ALLOW, BLOCK, HOLD = Action


@frozen
class Verdict:
    """A decision, the rule that made it, and why not.

    @ivar rule: The name of the rule, or C{None} where no single rule decided.
    @ivar reason: C{None} exactly when the action is not C{BLOCK}.
    @ivar masks: What its answer is subject to, and what an upstream says meanwhile; C{None}: nothing.
    @ivar asking: What it is subject to itself, before it is forwarded; C{None}: nothing.
    @ivar outbound: Demands on the connection to the upstream, one of which must hold; empty: none.
    @ivar wait: Of C{HOLD}: seconds that people have to decide.
    @ivar said: Of C{HOLD}: why it waits, in words safe to show.
    @ivar shadow: Rules that only record, each with what it would have said (C{"block"}).
    @ivar scopes: Those that what was asked for needs, as far as rules say.
    @ivar record: Whether its bodies are recorded, whatever the verdict.
    """

    action: Action
    rule: str | None
    reason: Reason | None
    masks: Masks | None = None
    asking: Masks | None = None
    outbound: tuple[Demand, ...] = ()
    wait: float = 0.0
    said: str = ""
    shadow: tuple[tuple[str, str], ...] = ()
    scopes: frozenset[str] = frozenset()
    record: bool = False


@frozen
class Rule:
    """One rule.

    @ivar action: C{None} for one of masks.
    @ivar questions: The methods that it names, for what upstreams ask: a pattern that matches whatever
        there may be names none.
    @ivar requests: Whether it is about what callers send; C{answers}: about what upstreams send, which
        for a verdict is what they ask.
    @ivar inbound: What it demands of the caller's leg; C{outbound}: of the upstream's.
    @ivar scopes: What it demands of the caller's token.
    @ivar mask: The detectors whose finds are masked; C{block}: those whose finds block the message.
    @ivar streams: Of masks: whether it names what upstreams send of themselves. That comes among answers,
        to whatever was asked, so the rule is about all of it.
    @ivar record: Whether what it is about is recorded with its bodies.
    """

    name: str
    action: Action | None
    routes: frozenset[str] = frozenset()
    methods: Patterns = EVERY
    names: Patterns = EVERY
    questions: Patterns | None = None
    requests: bool = True
    answers: bool = True
    who: Who = EVERYBODY
    where: Where | None = None
    inbound: Demand | None = None
    outbound: Demand | None = None
    scopes: frozenset[str] = frozenset()
    mask: frozenset[str] = frozenset()
    block: frozenset[str] = frozenset()
    wait: float = 0.0
    said: str = ""
    shadow: bool = False
    streams: bool = False
    record: bool = False

    def covers(self, route: str) -> bool:
        """Whether the rule is about this route at all."""
        return not self.routes or route in self.routes

    def matches(self, method: str, name: str | None) -> bool:
        """Whether the rule is about this method and name.

        A message that names nothing (C{None}) and yet needs a rule is of a method that we do not
        know. An allow rule is only about it if it lists methods: "everything" that an operator
        allows is everything known, not what next year's servers do. A block rule may mean both.
        """
        if self.streams:
            return True
        if not self.methods.match(method):
            return False
        if name is None:
            return self.names.every and not (self.methods.every and self.action is Action.ALLOW)
        return self.names.match(name)

    def names_question(self, method: str) -> bool:
        """Whether the rule is about this request of an upstream's."""
        return self.questions is not None and self.questions.match(method)

    @property
    def says(self) -> str:
        """What it says, in a word, for the record."""
        if self.action is not None:
            return self.action.value
        if not self.mask and not self.block:
            return "record"
        return "mask" if self.mask else "block"


@frozen
class RouteRules:
    """The rules about one route and one class of callers.

    @ivar allows: All that might allow something, with C{unmet}: those of which the caller's connection
        is not as they demand, and C{lacking}: which scopes the caller's token lacks for which of them.
    @ivar questions: Those about what the upstream asks.
    @ivar shadows: Those that only record what they would say; C{records}: those that have bodies recorded.
    """

    allows: tuple[Rule, ...]
    blocks: tuple[Rule, ...]
    holds: tuple[Rule, ...]
    masks: tuple[Rule, ...]
    questions: tuple[Rule, ...]
    shadows: tuple[Rule, ...]
    records: tuple[Rule, ...]
    unmet: frozenset[str]
    lacking: Mapping[str, frozenset[str]]

    def grants(self, rule: Rule) -> bool:
        """Whether a rule has all that it demands of the caller's leg and token."""
        return rule.name not in self.unmet and rule.name not in self.lacking


@define(eq=False)
class Callers:
    """A class of callers: all to whom the same rules of a policy apply.

    @ivar rules: Those about them, sorted by name; C{budgets} likewise. Of those that allow only the ones
        that their proof is for, if it says so.
    @ivar unmet: The names of those whose inbound demands their connections do not meet.
    @ivar lacking: The scopes that their tokens lack, by the name of the rule that demands them.
    """

    policy: Policy
    rules: tuple[Rule, ...]
    unmet: frozenset[str]
    budgets: tuple[Budget, ...] = ()
    lacking: Mapping[str, frozenset[str]] = field(factory=dict)
    _routes: dict[str, RouteRules] = field(factory=dict, init=False, repr=False)

    def at(self, route: str) -> RouteRules:
        """The rules about a route. Routes come from the configuration, so the table stays small."""
        known = self._routes.get(route)
        if known is None:
            here = [rule for rule in self.rules if rule.covers(route)]
            firm = [rule for rule in here if not rule.shadow]
            asking = [rule for rule in firm if rule.requests]
            known = self._routes[route] = RouteRules(
                allows=tuple(rule for rule in asking if rule.action is ALLOW),
                blocks=tuple(rule for rule in asking if rule.action is BLOCK),
                holds=tuple(rule for rule in asking if rule.action is HOLD),
                masks=tuple(rule for rule in firm if rule.action is None),
                questions=tuple(rule for rule in firm if rule.answers and rule.questions is not None),
                shadows=tuple(rule for rule in here if rule.shadow),
                records=tuple(rule for rule in firm if rule.record),
                unmet=self.unmet,
                lacking=self.lacking,
            )
        return known


@define(slots=False)
class Policy:
    """All rules of one generation, sorted by name. Equal rules make equal policies.

    @ivar detectors: Those that have tables of their own.
    @ivar others: What else of a generation asks who a caller is: whatever it looks at has to be known.
    """

    rules: tuple[Rule, ...]
    detectors: tuple[DetectorTable, ...] = ()
    budgets: tuple[Budget, ...] = field(default=(), eq=False)
    others: tuple[Who, ...] = field(default=(), eq=False)
    _known: dict[Hashable, Callers] = field(default=Factory(dict), init=False, eq=False, repr=False)
    _alike: dict[Hashable, Callers] = field(default=Factory(dict), init=False, eq=False, repr=False)
    _masks: dict[Hashable, Masks] = field(default=Factory(dict), init=False, eq=False, repr=False)

    @cached_property
    def regard(self) -> Regard:
        """What rules and budgets look at in callers."""
        whos = [*(rule.who for rule in self.rules), *(budget.who for budget in self.budgets), *self.others]
        scopes = frozenset(scope for rule in self.rules for scope in rule.scopes)
        handshake = any(rule.inbound is not None for rule in self.rules)
        return Regard.of(whos, handshake=handshake, scopes=scopes)

    def scopes_at(self, route: str) -> frozenset[str]:
        """The scopes that rules about a route demand."""
        firm = (rule for rule in self.rules if rule.covers(route) and not rule.shadow)
        return frozenset(scope for rule in firm for scope in rule.scopes)

    def callers(self, caller: Caller) -> Callers:
        """The class of a caller."""
        key = self.regard.key(caller)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= CALLERS_MOST:
                self._known.clear()
                self._alike.clear()
            known = self._known[key] = self._found(caller)
        return known

    def _found(self, caller: Caller) -> Callers:
        only = caller.principal.rules
        about = tuple(
            rule
            for rule in self.rules
            if rule.who.matches(caller) and (only is None or rule.action is not ALLOW or rule.name in only)
        )
        unmet = frozenset(
            rule.name
            for rule in about
            if rule.inbound is not None
            and (caller.handshake is None or not rule.inbound.met_by(caller.handshake))
        )
        had = caller.principal.scopes
        lacking = {rule.name: rule.scopes - had for rule in about if not rule.scopes <= had}
        budgets = tuple(budget for budget in self.budgets if budget.who.matches(caller))
        names = tuple(rule.name for rule in about), tuple(budget.name for budget in budgets)
        key = (*names, unmet, frozenset(lacking.items()))
        return self._alike.setdefault(key, Callers(self, about, unmet, budgets, lacking))

    def masks(self, rules: Iterable[Rule], *, gently: bool = False) -> Masks | None:
        """What these rules together subject a message to.

        @param gently: what would block a message is masked instead: the message must pass.
        """
        mask: dict[str, str] = {}
        block: dict[str, str] = {}
        for rule in rules:
            mask |= {name: rule.name for name in rule.mask if name not in mask}
            block |= {name: rule.name for name in rule.block if name not in block}
        if gently:
            mask, block = {**block, **mask}, {}
        if not mask and not block:
            return None
        key = tuple(sorted(mask.items())), tuple(sorted(block.items()))
        known = self._masks.get(key)
        if known is None:
            known = self._masks[key] = Masks.compile(
                mask=frozenset(mask),
                block=block,
                custom={one.name: one.regex for one in self.detectors if one.regex is not None},
                paths={one.name: one.path for one in self.detectors if one.path is not None},
            )
        return known


def compile_rules(
    rules: Sequence[RuleTable],
    detectors: Sequence[DetectorTable] = (),
    budgets: Sequence[Budget] = (),
    others: Sequence[Who] = (),
) -> Policy:
    """Compile the C{[[rule]]} tables.

    @param detectors: the C{[[detector]]} tables.
    @param budgets: as from L{compile_budgets}, in their order.
    @param others: what else asks who a caller is (C{Policy.others}).
    @raise ValueError: A verdict is none that there is, or a detector is no good. C{config.load} reports
        that with its key path long before; a guess here could only open the gate.
    """
    compiled = [_compile(table) for table in rules]
    ordered = tuple(sorted(compiled, key=lambda rule: rule.name))
    policy = Policy(ordered, tuple(detectors), tuple(budgets), tuple(others))
    for rule in policy.rules:
        # Now, and not when the first call comes: a detector may be no good, and takes its time.
        policy.masks([rule])
    return policy


def _compile(table: RuleTable) -> Rule:
    action = Action(table.verdict) if table.verdict is not None else None
    if action is None and not table.mask and not table.block and table.record is None:
        raise ValueError(f"the rule {table.name} says nothing")
    methods = Patterns.compile(table.on.method)
    named = [text for text in table.on.method if not any(map(Patterns.compile((text,)).match, _ANYTHING))]
    direction = table.on.direction
    if action is None:
        requests, answers = "request" in direction, not direction or "answer" in direction
    else:
        # One that names only what upstreams ask opens nothing to what callers send.
        sends = methods.every or not any(map(methods.match, QUESTIONS)) or any(map(methods.match, _ASKED))
        requests = sends if not direction else "request" in direction
        answers = not direction or "answer" in direction
    return Rule(
        name=table.name,
        action=action,
        routes=frozenset(table.on.route),
        methods=methods,
        names=Patterns.compile(table.on.name),
        questions=Patterns.compile(named) if named and action is not None else None,
        requests=requests,
        answers=answers,
        who=Who.compile(table.who),
        where=Where.compile(table.where),
        inbound=demand_inbound(table.name, table.require),
        outbound=demand_outbound(table.name, table.require),
        scopes=frozenset(table.require.scope),
        mask=frozenset(table.mask),
        block=frozenset(table.block),
        wait=table.wait,
        said=table.said,
        shadow=table.shadow,
        record=table.record is not None,
        streams=action is None and not methods.every and not table.on.name and any(map(methods.match, _TOLD)),
    )
