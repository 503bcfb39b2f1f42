"""The decision, over its algebra and over the corpus of hostile calls."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.schema import OnTable, RuleTable
from mcpgate.policy import decide as deciding
from mcpgate.policy.rules import Action, Policy, Verdict, compile_rules
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.call import Call, Nature, call_of
from mcpgate.wire.jsonrpc import parse
from tests.policy.calling import callers

CASES = json.loads((Path(__file__).parent.parent / "vectors" / "requests.json").read_text())


def decide(policy: Policy, route: str, asked: Call) -> Verdict:
    return deciding.decide(callers(policy), route, asked)


def reaches(policy: Policy, route: str) -> Verdict:
    return deciding.reaches(callers(policy), route)


def rule(
    name: str,
    verdict: str,
    *names: str,
    method: Sequence[str] = ("tools/call",),
    route: Sequence[str] = (),
) -> RuleTable:
    return RuleTable(
        name=name, verdict=verdict, on=OnTable(route=tuple(route), method=tuple(method), name=names)
    )


def call(method: str, name: str | None = None, nature: Nature = Nature.NAMED) -> Call:
    return Call(method=method, name=name, nature=nature, judged_as=((method, name),))


def tool(name: str) -> Call:
    return call("tools/call", name)


def allowed(policy: Policy, asked: Call, route: str = "r") -> bool:
    return decide(policy, route, asked).action is Action.ALLOW


#: The policy that the corpus assumes: two tools, and the resources under one directory.
CORPUS = compile_rules(
    [
        rule("tools", "allow", "get_weather", "read_file"),
        rule("files", "allow", "file:///srv/public/*", method=["resources/read"]),
    ]
)
#: The loosest policy that keeps rm and the private directory away; none of the ways around may work.
LOOSE = compile_rules(
    [
        rule("all", "allow", method=["tools/call", "resources/read"]),
        rule("not-rm", "block", "rm", "*/rm", "admin_delete"),
        rule("not-private", "block", "file:///srv/private*", "http://*", "data:*", method=["resources/read"]),
    ]
)


def judged(policy: Policy, case: dict[str, str]) -> bool:
    message = parse(b64decode(case["body"]))
    if isinstance(message, Refusal):
        return False
    asked = call_of(message)
    return not isinstance(asked, Refusal) and allowed(policy, asked)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case["group"] in ("sanity", "tool-name", "method-name", "resource-uri")],
    ids=lambda case: case["id"],
)
def test_the_corpus_is_judged_as_expected(case: dict[str, str]) -> None:
    assert judged(CORPUS, case) is (case["expect"] == "F")


# Left out: names that are other names than rm to every reader, which only an allow list keeps away.
@pytest.mark.parametrize(
    "case",
    [
        case
        for case in CASES
        if case["group"] in ("tool-name", "method-name", "resource-uri")
        and case["id"] not in ("N-01", "N-09")
    ],
    ids=lambda case: case["id"],
)
def test_not_even_a_policy_that_allows_all_but_a_few_is_got_around(case: dict[str, str]) -> None:
    assert not judged(LOOSE, case)


def test_what_no_rule_allows_is_unlisted() -> None:
    assert decide(compile_rules([]), "r", tool("x")) == decide(CORPUS, "r", tool("x"))
    assert decide(CORPUS, "r", tool("x")).reason is Reason.POLICY_UNLISTED


def test_the_verdict_names_the_rule_that_made_it() -> None:
    policy = compile_rules([rule("reads", "allow", "get_*"), rule("secrets", "block", "*_secret")])
    yes, no = decide(policy, "r", tool("get_x")), decide(policy, "r", tool("get_secret"))
    assert (yes.action, yes.rule, yes.reason) == (Action.ALLOW, "reads", None)
    assert (no.action, no.rule, no.reason) == (Action.BLOCK, "secrets", Reason.POLICY_BLOCKED)


def test_a_block_is_named_even_where_the_name_could_never_be_allowed() -> None:
    policy = compile_rules([rule("all", "allow"), rule("never", "block", "rm*")])
    assert decide(policy, "r", tool("rm\0")).rule == "never"


def test_a_block_rule_alone_allows_nothing() -> None:
    assert not allowed(compile_rules([rule("b", "block", "rm")]), tool("get"))


def test_a_rule_about_one_route_says_nothing_of_another() -> None:
    policy = compile_rules([rule("a", "allow", route=["git"])])
    assert allowed(policy, tool("x"), "git")
    assert not allowed(policy, tool("x"), "mail")
    assert reaches(policy, "git").action is Action.ALLOW
    assert reaches(policy, "mail").action is Action.BLOCK


def test_what_the_protocol_needs_is_never_denied() -> None:
    policy = compile_rules([rule("b", "block", method=["*"])])
    verdict = decide(policy, "r", call("initialize", None, Nature.PROTOCOL))
    assert (verdict.action, verdict.rule) == (Action.ALLOW, None)


@pytest.mark.parametrize("nature", [Nature.LIST, Nature.FOLLOWS])
def test_lists_and_what_follows_need_a_route_that_is_open_at_all(nature: Nature) -> None:
    policy = compile_rules([rule("a", "allow", "x", route=["git"])])
    assert allowed(policy, call("m", None, nature), "git")
    assert not allowed(policy, call("m", None, nature), "mail")


def test_what_refers_to_something_is_judged_as_that() -> None:
    policy = compile_rules([rule("a", "allow", "greet", method=["prompts/get"])])

    def completion(name: str) -> Call:
        return Call("completion/complete", name, Nature.FOLLOWS, (("prompts/get", name),))

    assert allowed(policy, completion("greet"))
    assert not allowed(policy, completion("other"))


def test_what_is_about_several_things_needs_each_of_them_allowed() -> None:
    """Whichever comes first; and the verdict is that on the thing that is not allowed."""
    policy = compile_rules(
        [
            rule("public", "allow", "file:///srv/*", method=["resources/read"]),
            rule("secret", "block", "file:///srv/secret/*", method=["resources/read"]),
        ]
    )

    def listening(*uris: str) -> Call:
        judged = tuple(("resources/read", uri) for uri in uris)
        return Call("subscriptions/listen", " ".join(uris), Nature.FOLLOWS, judged)

    a, b, secret, other = "file:///srv/a", "file:///srv/b", "file:///srv/secret/c", "file:///etc/d"
    assert decide(policy, "r", listening(a, b)) == Verdict(Action.ALLOW, "public", None)
    for uris in permutations([a, b, secret]):
        assert decide(policy, "r", listening(*uris)) == Verdict(
            Action.BLOCK, "secret", Reason.POLICY_BLOCKED
        )
    for uris in permutations([a, b, other]):
        assert decide(policy, "r", listening(*uris)).reason is Reason.POLICY_UNLISTED
    assert decide(policy, "r", listening(a, f"{b} {b}")).reason is Reason.POLICY_UNLISTED


def test_other_methods_need_a_rule_that_matches_their_method() -> None:
    policy = compile_rules([rule("a", "allow", method=["skills/*"])])
    assert allowed(policy, call("skills/list", None, Nature.OTHER))
    assert not allowed(policy, call("skill", None, Nature.OTHER))


def test_allowing_everything_does_not_allow_methods_that_nobody_knows_yet() -> None:
    everything = RuleTable(name="a", verdict="allow")
    unknown = call("vendor/shell", None, Nature.OTHER)
    assert allowed(compile_rules([everything]), tool("x"))
    assert not allowed(compile_rules([everything]), unknown)
    assert allowed(compile_rules([everything, rule("v", "allow", method=["vendor/*"])]), unknown)
    assert not allowed(
        compile_rules([rule("v", "allow", method=["*"]), RuleTable(name="b", verdict="block")]), unknown
    )


NAMES = ["get", "get_a", "rm", "rm_a"]
TABLES = st.builds(
    lambda verdict, names, routes: (verdict, tuple(names), tuple(routes)),
    st.sampled_from(["allow", "block"]),
    st.lists(st.sampled_from([*NAMES, "get*", "*_a", "r?", "*"]), max_size=3),
    st.lists(st.sampled_from(["r", "s"]), max_size=2),
)


@given(st.lists(TABLES, max_size=4), st.sampled_from(NAMES))
def test_the_order_of_rules_changes_nothing_and_block_beats_allow(
    tables: list[tuple[str, tuple[str, ...], tuple[str, ...]]], name: str
) -> None:
    rules = [rule(f"rule-{i}", v, *names, route=routes) for i, (v, names, routes) in enumerate(tables)]
    policies = [compile_rules(order) for order in permutations(rules)]
    assert all(policy == policies[0] for policy in policies)
    verdicts = {decide(policy, "r", tool(name)) for policy in policies}
    assert len(verdicts) == 1
    matching = {r.action for r in policies[0].rules if r.covers("r") and r.matches("tools/call", name)}
    assert verdicts.pop().action is (Action.ALLOW if matching == {Action.ALLOW} else Action.BLOCK)
