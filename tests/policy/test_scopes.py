"""What a token may be used for, and who is told what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcpgate.config.condition import condition
from mcpgate.config.load import load_policy
from mcpgate.config.problem import ConfigError
from mcpgate.config.tables.rule import OnTable, RequireTable, RuleTable, WhereTable
from mcpgate.identity.principal import Principal
from mcpgate.policy.decide import could_ask, could_use, decide, decide_question, reaches, strictest
from mcpgate.policy.rules import Action, Callers, Policy, Verdict, compile_rules
from mcpgate.policy.scopes import insufficient, lacking
from mcpgate.policy.who import Caller
from mcpgate.reasons import Reason
from mcpgate.wire.call import Call, call_of
from mcpgate.wire.jsonrpc import Message, parse

READ, CALL = "resources/read", "tools/call"


def allow(name: str, *scopes: str, method: str = CALL, names: tuple[str, ...] = (), **more: Any) -> RuleTable:
    on = OnTable(method=(method,), name=names)
    return RuleTable(name=name, verdict="allow", on=on, require=RequireTable(scope=scopes), **more)


def callers(rules: Policy, *scopes: str, how: str = "jwt") -> Callers:
    return rules.callers(Caller(Principal("okta/joe", how, "1", None, scopes=frozenset(scopes))))


def asked(method: str, **params: object) -> tuple[Call, Message]:
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    message = parse(raw.encode())
    assert isinstance(message, Message)
    call = call_of(message)
    assert isinstance(call, Call)
    return call, message


def put(rules: list[RuleTable], *scopes: str, how: str = "jwt", **arguments: object) -> Verdict:
    """The verdict on a call of the tool "put"."""
    call, message = asked(CALL, name="put", arguments=arguments)
    return decide(callers(compile_rules(rules), *scopes, how=how), "route", call, message.params)


def test_who_has_the_scope_may() -> None:
    """All that the rule asks for, whatever else there is."""
    found = put([allow("write", "tools:write", "mcp")], "mcp", "tools:write", "more")
    assert (found.action, found.rule) == (Action.ALLOW, "write")


@pytest.mark.parametrize("had", ["mcp", "tools:writer", "tools", "tools:*", "TOOLS:WRITE", ""])
def test_who_lacks_it_is_told_which_and_no_scope_is_part_of_another(had: str) -> None:
    """Compared whole: a hierarchy is the issuer's."""
    found = put([allow("write", "tools:write")], had)
    assert (found.action, found.rule, found.reason) == (Action.BLOCK, "write", Reason.AUTH_SCOPE)
    assert found.scopes == {"tools:write"}


@pytest.mark.parametrize("how", ["token", "certificate", "anonymous"])
def test_whoever_has_no_scopes_lacks_them_however_it_is_proved(how: str) -> None:
    """A token of the gate's own, or a certificate, is no way around."""
    assert put([allow("write", "tools:write")], how=how).reason is Reason.AUTH_SCOPE


def test_of_several_rules_the_one_that_lacks_least_is_told() -> None:
    """The nearest way, and of two that are as near the first by name."""
    rules = [allow("a", "x", "y", "z"), allow("b", "x", "y"), allow("c", "x", "v")]
    assert put(rules).rule == "b"
    assert put(rules, "y", "z").scopes == {"x", "y", "z"}
    assert put(rules, "v").scopes == {"x", "v"}
    assert put(rules, "v", "x").action is Action.ALLOW


def test_a_rule_without_scopes_is_enough() -> None:
    """Of allow rules any one will do."""
    assert put([allow("a", "x"), allow("b")]).rule == "b"


def test_what_is_blocked_stays_blocked_and_is_not_told_a_scope() -> None:
    """No token opens it, so nobody is sent for one."""
    never = RuleTable(name="never", verdict="block", on=OnTable(name=("put",)))
    for scopes in ((), ("x",)):
        found = put([allow("a", "x"), never], *scopes)
        assert (found.reason, found.scopes) == (Reason.POLICY_BLOCKED, frozenset())
    assert put([allow("a", "x", names=("get",))]).reason is Reason.POLICY_UNLISTED


def test_nobody_is_asked_about_what_the_token_does_not_cover() -> None:
    """A hold begins where an allow rule allows."""
    rules = [allow("a", "x"), RuleTable(name="wait", verdict="hold", on=OnTable(name=("put",)))]
    assert put(rules).reason is Reason.AUTH_SCOPE
    assert put(rules, "x").action is Action.HOLD


def test_arguments_are_judged_before_scopes() -> None:
    """A token helps only where a rule would allow it otherwise."""
    small = condition().read({"max": 5}, Path())
    rules = [allow("a", "x", where=WhereTable(conditions=(("arguments.n", small),)))]
    assert put(rules, n=7).reason is Reason.POLICY_ARGUMENTS
    assert put(rules, n=3).reason is Reason.AUTH_SCOPE
    assert put(rules, "x", n=3).action is Action.ALLOW


def test_what_is_about_several_things_is_told_all_scopes_at_once() -> None:
    """So that a client asks once; also those that it has, as the next token replaces this one."""
    rules = compile_rules(
        [
            allow("a", "read:a", method=READ, names=("note://a",)),
            allow("b", "read:b", method=READ, names=("note://b",)),
            allow("c", method=READ, names=("note://c",)),
        ]
    )

    def listen(*notes: str, scopes: tuple[str, ...] = ()) -> Verdict:
        uris = [f"note://{note}" for note in notes]
        call, message = asked("subscriptions/listen", notifications={"resourceSubscriptions": uris})
        return decide(callers(rules, *scopes), "route", call, message.params)

    for notes in ("ab", "bca"):
        assert listen(*notes).scopes == {"read:a", "read:b"}
        assert listen(*notes, scopes=("read:a",)).scopes == {"read:a", "read:b"}
        assert listen(*notes, scopes=("read:a", "read:b")).action is Action.ALLOW
    assert listen(*"ad").reason is Reason.POLICY_UNLISTED
    assert listen(*"da").reason is Reason.POLICY_UNLISTED


def test_lists_and_streams_show_what_another_token_could_use() -> None:
    """Else no client would learn what to ask for. Answers to requests that nobody knows need all of it."""
    rules = compile_rules([allow("a", "x")])
    poor, rich = callers(rules), callers(rules, "x")
    assert could_use(poor, "route", CALL, "put")
    assert reaches(poor, "route").action is Action.ALLOW
    assert strictest(poor, "route").action is Action.BLOCK
    assert strictest(rich, "route").action is Action.ALLOW


def test_an_upstream_may_ask_only_those_whose_token_covers_it() -> None:
    """Sampling, elicitation, roots: by a rule that names them."""
    rules = compile_rules([allow("roots", "x", method="roots/list")])
    for scopes, may in (((), False), (("x",), True)):
        who = callers(rules, *scopes)
        assert could_ask(who, "route", "roots/list") is may
        assert (decide_question(who, "route", "roots/list", {}).action is Action.ALLOW) is may


def test_callers_whose_tokens_differ_in_what_counts_are_other_classes() -> None:
    """And no others: what is remembered of a class is found by one look."""
    rules = compile_rules([allow("a", "x")])
    assert callers(rules) is callers(rules, "y")
    assert callers(rules, "x") is callers(rules, "x", "y")
    assert callers(rules) is not callers(rules, "x")
    assert compile_rules([allow("a")]).regard.scopes == frozenset()


def test_a_rule_in_the_shadow_says_what_it_would_have_said_for_this_token() -> None:
    """Whose scopes are not enough, it would have allowed nothing."""
    rules = [allow("a"), allow("b", "x", shadow=True)]
    assert put(rules).shadow == ()
    assert put(rules, "x").shadow == (("b", "allow"),)
    assert compile_rules(rules).scopes_at("route") == frozenset()


def test_the_scopes_of_a_route_are_those_of_the_rules_about_it() -> None:
    """For its metadata."""
    elsewhere = RuleTable(
        name="b", verdict="allow", on=OnTable(route=("other",)), require=RequireTable(scope=("z",))
    )
    rules = compile_rules([allow("a", "x", "y"), elsewhere])
    assert rules.scopes_at("route") == {"x", "y"}
    assert rules.scopes_at("other") == {"x", "y", "z"}


def test_the_refusal_names_all_that_is_needed_and_the_record_what_is_missing() -> None:
    """Sorted, so that the same need is always the same challenge."""
    refusal = lacking(frozenset({"b", "a"}), frozenset({"a"}), "the route mcp")
    assert refusal is not None and refusal.told == {"scope": "a b"}
    assert refusal.detail == "the route mcp demands more scopes: b"
    assert lacking(frozenset({"a"}), frozenset({"a", "b"}), "x") is None
    assert insufficient(frozenset({"a", "b"}), frozenset(), "the rule r").told == {"scope": "a b"}


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ('"a b"', "is several scopes; write them as a list"),
        ("'a\"b'", "is no scope"),
        ("'a\\b'", "is no scope"),
        ('"ü"', "is no scope"),
        ('""', "is empty"),
        ("[]", "is an empty list"),
    ],
)
def test_what_is_no_scope_is_refused(tmp_path: Path, scope: str, why: str) -> None:
    """It would stand between the quotes of a challenge."""
    file = tmp_path / "rules.toml"
    file.write_text(f'[[rule]]\nname = "a"\nverdict = "allow"\nrequire = {{ scope = {scope} }}\n')
    with pytest.raises(ConfigError, match=why):
        load_policy(file)
