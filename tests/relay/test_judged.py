"""What a call may have is found once for each name, and remembered within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from mcpgate.config.condition import Condition
from mcpgate.config.tables.policy import BudgetTable
from mcpgate.config.tables.route import RouteTable
from mcpgate.config.tables.rule import OnTable, RuleTable, WhereTable, WhoTable
from mcpgate.generation import RouteTerms
from mcpgate.identity.principal import Principal
from mcpgate.policy.budgets import compile_budgets
from mcpgate.policy.rules import Action, Callers, compile_rules
from mcpgate.policy.who import Caller
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import judged as module
from mcpgate.relay.judged import Judged, Undecided, judge
from mcpgate.wire.jsonrpc import Kind, Message
from tests.policy.calling import callers

EVERYBODY = callers(compile_rules([RuleTable(name="some", verdict="allow")]))


@pytest.fixture
def route() -> RouteTerms:
    terms: Any = None
    return RouteTerms("r", RouteTable(path="/r", upstream="r"), terms)


def call(method: str, **params: object) -> Message:
    return Message(Kind.REQUEST, 1, method, params)


def found(message: Message, route: RouteTerms, by: Callers = EVERYBODY) -> Judged:
    answer = judge(message, route, by)
    assert isinstance(answer, Judged)
    return answer


def test_the_same_call_is_judged_once(route: RouteTerms) -> None:
    """Whatever else is in it; another name, or another method with that name, is another call."""
    first = found(call("tools/call", name="a", arguments={"x": 1}), route)
    assert found(call("tools/call", name="a", arguments={"x": 2}), route) is first
    assert first.verdict.action is Action.ALLOW
    assert first.facts == '"method":"tools/call","name":"a","verdict":"allow","rule":"some"'
    for other in (call("tools/call", name="b"), call("prompts/get", name="a"), call("ping")):
        assert found(other, route) is not first


def test_a_call_is_judged_with_the_budgets_that_are_about_it(route: RouteTerms) -> None:
    """Found once, as the verdict is; mostly there are none."""
    patterns = {"x": "a*", "y": "b"}
    budgets = compile_budgets(
        [BudgetTable(name=name, calls=1, on=OnTable(name=(one,))) for name, one in patterns.items()]
    )
    few = WhereTable(conditions=(("arguments.n", Condition(least=2)),))
    rules = [RuleTable(name="some", verdict="allow"), RuleTable(name="not", verdict="block", where=few)]
    by = callers(compile_rules(rules, (), budgets))
    for arguments in ({"n": 1}, {"n": 2}):
        judged = found(call("tools/call", name="a1", arguments=arguments), route, by)
        assert [budget.name for budget in judged.budgets] == ["x"]
    assert found(call("tools/call", name="c"), route, by).budgets == ()
    assert found(call("ping"), route, by).budgets == ()


def test_what_depends_on_more_than_a_name_is_judged_each_time(route: RouteTerms) -> None:
    """A subscription to one resource and one to several have the same method."""
    one = found(call("subscriptions/listen", notifications={"resourceSubscriptions": ["a://b"]}), route)
    assert one.call.name == "a://b"
    both = {"resourceSubscriptions": ["a://b", "c://d"]}
    two = found(call("subscriptions/listen", notifications=both), route)
    assert two.facts == (
        '"method":"subscriptions/listen","name":"a://b c://d","verdict":"allow","rule":"some"'
    )
    assert found(call("subscriptions/listen"), route).call.name is None
    assert not route.judged


def test_a_call_without_its_name_is_refused_and_not_remembered(route: RouteTerms) -> None:
    """The name is looked for anew each time."""
    for params in ({}, {"name": 5}, {"name": None}):
        refusal = judge(call("tools/call", **params), route, EVERYBODY)
        assert isinstance(refusal, Refusal) and refusal.reason is Reason.FRAME_PARAMS
    assert not route.judged


def test_each_class_of_callers_has_its_own_verdicts(route: RouteTerms) -> None:
    """And all callers of one class the same."""
    policy = compile_rules(
        [
            RuleTable(name="dev", verdict="allow", who=WhoTable(group=("dev",))),
            RuleTable(name="b", verdict="hold"),
        ]
    )
    ada, bob = (
        policy.callers(Caller(Principal(name, "token", name, None, groups=("dev",))))
        for name in ("ada", "bob")
    )
    eve = policy.callers(Caller(Principal("eve", "token", "eve", None)))
    message = call("tools/call", name="a")
    found = [judge(message, route, who) for who in (ada, bob, eve)]
    assert found[0] is found[1] and isinstance(found[0], Judged) and isinstance(found[2], Judged)
    assert (found[0].verdict.action, found[2].verdict.action) == (Action.HOLD, Action.BLOCK)


def test_conditions_on_params_are_asked_each_time_and_their_verdicts_remembered(
    route: RouteTerms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as there are ways for the conditions to hold, within bounds."""
    rules = [
        RuleTable(
            name=f"r{number}",
            verdict="allow",
            where=WhereTable(conditions=(("arguments.n", Condition((number,))),)),
        )
        for number in range(9)
    ]
    who = callers(compile_rules(rules))

    def verdict(number: int) -> Judged:
        found = judge(call("tools/call", name="a", arguments={"n": number}), route, who)
        assert isinstance(found, Judged)
        return found

    assert [verdict(number).verdict.rule for number in range(9)] == [f"r{number}" for number in range(9)]
    assert verdict(1) is verdict(1) and verdict(1) is not verdict(2)
    assert verdict(10).verdict.reason is Reason.POLICY_ARGUMENTS
    assert len(route.judged) == 1
    monkeypatch.setattr(module, "VARIANTS_MOST", 4)
    (undecided,) = route.judged.values()
    assert isinstance(undecided, Undecided)
    for number in range(9):
        verdict(number)
        assert len(undecided.variants) <= 11
    undecided.variants.clear()
    for number in range(9):
        verdict(number)
        assert len(undecided.variants) <= 4


def test_a_rule_in_the_shadow_is_on_record(route: RouteTerms) -> None:
    """And a record without one is as it was."""
    policy = compile_rules(
        [RuleTable(name="some", verdict="allow"), RuleTable(name="new", verdict="block", shadow=True)]
    )
    judged = judge(call("tools/call", name="a"), route, callers(policy))
    assert isinstance(judged, Judged)
    assert judged.facts == (
        '"method":"tools/call","name":"a","verdict":"allow","rule":"some","shadow":{"new":"block"}'
    )


def test_what_is_remembered_is_bounded(route: RouteTerms, monkeypatch: pytest.MonkeyPatch) -> None:
    """In number, and in the length of what a caller may choose."""
    monkeypatch.setattr(module, "REMEMBERED", 8)
    for number in range(20):
        found(call("tools/call", name=f"t{number}"), route)
        assert len(route.judged) <= 8
    found(call("tools/call", name="t" * 100_000), route)
    assert all(len(name or "") < 100 for _, (_, name) in route.judged)
