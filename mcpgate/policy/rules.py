"""Rules as compiled values: what an operator wrote, ready to be asked.

A rule is a set of patterns on route, method and name, and an action. Rules have no order: they are
kept sorted by name, so that shuffling the file changes neither a verdict nor the rule it names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, unique
from fnmatch import translate

from attrs import Factory, define, field, frozen

from mcpgate.config.schema import RuleTable
from mcpgate.policy.demand import Demand
from mcpgate.policy.masks import Masks
from mcpgate.reasons import Reason


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


def globs(patterns: Sequence[str]) -> re.Pattern[str]:
    """One expression for patterns in which C{*} is any run of characters (C{/} too) and C{?} is any one.

    Nothing else is special. C{fnmatch.translate} makes expressions that never backtrack over an
    earlier C{*}, so a name chosen by a caller cannot make a pattern slow; its third special
    character, C{[}, is taken away by bracketing it.
    """
    return re.compile("|".join(translate(pattern.replace("[", "[[]")) for pattern in patterns))


@frozen
class Patterns:
    """A list of patterns from one field of a rule; an empty list (C{every}) matches anything."""

    every: bool
    exact: frozenset[str]
    loose: re.Pattern[str] | None

    @classmethod
    def compile(cls, texts: Sequence[str]) -> Patterns:
        """Split the patterns into those that are compared and those that are matched."""
        loose = sorted({text for text in texts if "*" in text or "?" in text})
        return cls(not texts, frozenset(texts).difference(loose), globs(loose) if loose else None)

    def match(self, text: str) -> bool:
        """Whether any of the patterns is about this text."""
        if self.every or text in self.exact:
            return True
        return self.loose is not None and self.loose.match(text) is not None


@frozen
class Rule:
    """One rule: it is about a message when route, method and name all match."""

    name: str
    action: Action
    routes: frozenset[str]
    methods: Patterns
    names: Patterns

    def covers(self, route: str) -> bool:
        """Whether the rule is about this route at all."""
        return not self.routes or route in self.routes

    def matches(self, method: str, name: str | None) -> bool:
        """Whether the rule is about this method and name.

        A message that names nothing (C{None}) and yet needs a rule is of a method that we do not
        know. An allow rule is only about it if it lists methods: "everything" that an operator
        allows is everything known, not what next year's servers do. A block rule may mean both.
        """
        if not self.methods.match(method):
            return False
        if name is None:
            return self.names.every and not (self.methods.every and self.action is Action.ALLOW)
        return self.names.match(name)


@frozen
class RouteRules:
    """The rules about one route."""

    allows: tuple[Rule, ...]
    blocks: tuple[Rule, ...]


@define
class Policy:
    """All rules of one generation, sorted by name. Equal rules make equal policies."""

    rules: tuple[Rule, ...]
    _routes: dict[str, RouteRules] = field(default=Factory(dict), init=False, eq=False, repr=False)

    def at(self, route: str) -> RouteRules:
        """The rules about a route. Routes come from the configuration, so the table stays small."""
        known = self._routes.get(route)
        if known is None:
            here = [rule for rule in self.rules if rule.covers(route)]
            known = self._routes[route] = RouteRules(
                tuple(rule for rule in here if rule.action is Action.ALLOW),
                tuple(rule for rule in here if rule.action is Action.BLOCK),
            )
        return known


def compile_rules(rules: Sequence[RuleTable]) -> Policy:
    """Compile the C{[[rule]]} tables.

    @raise ValueError: A verdict is neither C{allow} nor C{block}. C{config.load} reports that with
        its key path long before; a guess here could only open the gate.
    """
    compiled = [
        Rule(
            name=table.name,
            action=Action(table.verdict),
            routes=frozenset(table.on.route),
            methods=Patterns.compile(table.on.method),
            names=Patterns.compile(table.on.name),
        )
        for table in rules
    ]
    return Policy(tuple(sorted(compiled, key=lambda rule: rule.name)))
