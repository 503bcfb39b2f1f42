"""Rules that can never do anything: for whoever wrote them to look at, as they are no mistake for sure.

Each is a L{Problem} at the key that somebody would change. C{mcpgate check} shows them as warnings, and
the log has them when a generation comes into force.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from mcpgate.config.expression import is_expression
from mcpgate.config.problem import BARE_KEY, Problem, quoted
from mcpgate.config.schema import Config
from mcpgate.policy.names import allowable
from mcpgate.policy.patterns import is_glob
from mcpgate.policy.rules import ALLOW, BLOCK, HOLD, QUESTIONS, Policy, Rule
from mcpgate.policy.where import Clause, Step
from mcpgate.wire.mcp import (
    CLIENT_NOTIFICATIONS,
    CLIENT_REQUESTS,
    SERVER_NOTIFICATIONS,
    SERVER_REQUESTS,
    Method,
    Nature,
)

#: What clients send. A method that stands for another is judged as that, and never by its own name.
_SENT: Mapping[str, Method] = {**CLIENT_REQUESTS, **CLIENT_NOTIFICATIONS}
_KNOWN = (*_SENT, *QUESTIONS)
_TASKS = re.compile(r"\^?tasks/")
#: The methods by whose names things are judged (C{wire.call}).
_NAMED = frozenset(each.judged for each in _SENT.values() if each.judged is not None)
#: Where most paths begin: what calls of tools, prompts and resources have.
_PARAMS = ("arguments", "name", "uri", "_meta")
#: Methods whose names stand for another's: "judged as".
_FOLLOWING: Mapping[str, str] = {
    each.method: each.judged
    for each in _SENT.values()
    if each.judged is not None and each.judged != each.method
} | {"completion/complete": "prompts/get and resources/read"}


def doubts(config: Config, policy: Policy) -> tuple[Problem, ...]:
    """What there is to say of the rules of a configuration that is good, in the order of their names.

    @param policy: what was made of them.
    """
    found = []
    for rule in policy.rules:
        said = [*_of_itself(rule), *_of_callers(rule, config), *_of_others(rule, policy.rules)]
        found += [config.problem(f"rule.{rule.name}{key}", words) for key, words in said]
    return tuple(found)


#: A key of the rule, with a dot before it, and what is wrong there.
_Said = Iterator[tuple[str, str]]


def _of_itself(rule: Rule) -> _Said:
    """What can be told of a rule alone."""
    for text in rule.methods.texts:
        yield from _of_method(rule, text)
    if rule.action is not None and not rule.methods.every:
        reached = [method for method in _SENT if rule.methods.match(method)]
        natures = {_SENT[method].nature for method in reached}
        asked = [method for method in QUESTIONS if rule.names_question(method)]
        unknown = [text for text in rule.methods.texts if text not in _KNOWN]
        if reached and not asked and not unknown and natures <= {Nature.PROTOCOL, Nature.LIST}:
            what = "the protocol's own is never denied, and lists are filtered by rules on what they list"
            yield ".on.method", f"decides nothing: {what}"
        if asked and rule.action is HOLD:
            yield ".verdict", "is hold: what upstreams ask waits for nobody, so it is refused"
    if rule.action is not None and not rule.requests and not any(map(rule.names_question, QUESTIONS)):
        what = "never matches: of what upstreams send, a verdict is only about what they ask, by its method"
        yield ".on.direction", what
    if not rule.names.every:
        yield from _of_names(rule)
    if rule.where is not None:
        for clause in rule.where.clauses:
            yield from _of_param(clause)


def _of_param(clause: Clause) -> _Said:
    """Whether a path begins at something that messages have. A mask that never matches masks nothing."""
    first = clause.steps[0].name if isinstance(clause.steps[0], Step) else ""
    path = clause.path if BARE_KEY.fullmatch(clause.path) else quoted(clause.path)
    if first == "params" and len(clause.steps) > 1:
        yield f".where.{path}", "begins at the params already: leave params out"
    elif first not in _PARAMS:
        for guess in get_close_matches(first, _PARAMS, 1, 0.7):
            yield f".where.{path}", f"begins at no param that MCP has; did you mean {quoted(guess)}?"


def _of_method(rule: Rule, text: str) -> _Said:
    if rule.action is ALLOW and _TASKS.match(text):
        yield ".on.method", f"{quoted(text)} allows nothing: a task is judged as the tool that made it"
    elif text in _FOLLOWING:
        yield ".on.method", f"{quoted(text)} is judged as {_FOLLOWING[text]}, so name that"
    elif rule.streams and text not in _SENT and text in (*QUESTIONS, *SERVER_NOTIFICATIONS):
        what = "comes among answers to whatever was asked, so the rule masks all that comes from there"
        yield ".on.method", f"{quoted(text)} {what}"
    elif text not in _KNOWN and text not in SERVER_REQUESTS:
        # Without a very near one it may well be an extension's.
        for guess in () if is_expression(text) or is_glob(text) else get_close_matches(text, _KNOWN, 1, 0.85):
            yield ".on.method", f"{quoted(text)} is no method that MCP has; did you mean {quoted(guess)}?"


def _of_names(rule: Rule) -> _Said:
    methods = [method for method in sorted(_NAMED) if rule.methods.match(method)]
    if not methods:
        yield ".on.name", "never matches: what its methods are about has no name"
    elif rule.action is ALLOW:
        for text in rule.names.texts:
            exact = not is_glob(text) and not is_expression(text)
            if exact and not any(allowable(method, text) for method in methods):
                yield ".on.name", f"{quoted(text)} is not in the one plain form that can be allowed"


def _of_callers(rule: Rule, config: Config) -> _Said:
    """Whether anybody can prove to be who the rule is about."""
    who, listeners = rule.who, config.listeners
    if not who.token.every and not any(table.tokens for table in listeners):
        yield ".who.token", "never matches: no listener accepts tokens"
    if not who.certificate.every and all(table.client_certificates == "off" for table in listeners):
        yield ".who.certificate", "never matches: no listener asks for client certificates"
    if not who.token.every and not who.certificate.every:
        if not any(table.tokens and table.client_certificates != "off" for table in listeners):
            yield ".who.token", "never matches together with certificate: no listener accepts both"
    vouching = _vouching(config)
    if not who.issuer.every and not any(map(who.issuer.match, vouching)):
        what = "never matches: no listener accepts tokens of an issuer of that name"
        yield ".who.issuer", what if vouching else "never matches: no listener accepts tokens of issuers"
    if rule.scopes and not vouching and not any(table.tokens for table in listeners):
        yield ".require.scope", "is never met: no listener accepts tokens"
    if rule.inbound is not None and rule.inbound.certificate:
        if all(table.client_certificates == "off" for table in listeners):
            what = "is never met: no listener asks for client certificates"
            yield '.require."inbound.client_certificate"', what
    if rule.outbound is not None and rule.outbound.pinned:
        leads = {table.upstream for table in config.routes if rule.covers(table.name)}
        if not any(table.pins for table in config.upstreams if table.name in leads):
            yield '.require."outbound.pinned"', "is never met: no upstream that it is about has pins"


def _vouching(config: Config) -> list[str]:
    """Who vouches for callers anywhere, as rules name it."""
    tokens = {one.name for one in config.issuers for table in config.listeners if table.accepts(one.name)}
    # Assertions are for the URL of a token endpoint, and without a public_url there is none.
    granting = [table for table in config.listeners if table.public_url is not None]
    granted = {one.name for one in config.samls for table in granting if table.accepts(one.name)}
    return sorted(tokens | granted)


def _of_others(rule: Rule, rules: Sequence[Rule]) -> _Said:
    """What other rules leave of it."""
    if rule.shadow:
        return
    if rule.action in (ALLOW, HOLD):
        for other in rules:
            if other.action is BLOCK and not other.shadow and other.where is None and _covers(other, rule):
                yield ".verdict", f"comes to nothing: {other.name} blocks all that it is about"
                return
    if rule.action is HOLD and rule.requests:
        allows = [other for other in rules if other.action is ALLOW and not other.shadow]
        if not any(not rule.routes or not other.routes or rule.routes & other.routes for other in allows):
            yield ".verdict", "comes to nothing: no rule allows anything there, and holding does not"


def _covers(block: Rule, rule: Rule) -> bool:
    """Whether a block rule is surely about all that another is about, for all its callers."""
    return (
        (block.requests or not rule.requests)
        and not any(map(rule.names_question, QUESTIONS))
        and (not block.routes or (bool(rule.routes) and rule.routes <= block.routes))
        and block.methods.covers(rule.methods)
        and block.names.covers(rule.names)
        and block.who.covers(rule.who)
    )
