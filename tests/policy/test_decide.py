"""The decision, over its algebra and over the corpus of hostile calls."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.condition import Condition, condition
from mcpgate.config.tables.policy import DetectorTable
from mcpgate.config.tables.rule import OnTable, RequireTable, RuleTable, WhereTable, WhoTable
from mcpgate.identity.principal import Principal
from mcpgate.policy import decide as deciding
from mcpgate.policy.decide import UNLISTED, shut_out
from mcpgate.policy.rules import Action, Callers, Policy, Verdict, compile_rules
from mcpgate.policy.who import Caller
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.call import Call, Nature, call_of
from mcpgate.wire.jsonrpc import parse
from tests.policy.calling import caller, callers, handshake

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
        assert decide(policy, "r", listening(*uris)) == Verdict(Action.BLOCK, "secret", Reason.POLICY_BLOCKED)
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


# Who, params, connections, holds, masks, shadow.


def of(*rules: RuleTable, who: Caller | None = None, detectors: Sequence[DetectorTable] = ()) -> Callers:
    return callers(compile_rules(rules, detectors), who)


def where(**conditions: object) -> WhereTable:
    read = condition().read
    named = [(path.replace("__", "."), read(raw, Path())) for path, raw in conditions.items()]
    return WhereTable(conditions=tuple(named))  # type: ignore[arg-type]


def on(*names: str, method: Sequence[str] = ("tools/call",), direction: Sequence[str] = ()) -> OnTable:
    return OnTable(method=tuple(method), name=names, direction=tuple(direction))


def params(**arguments: object) -> dict[str, object]:
    return {"name": "x", "arguments": arguments}


def test_a_rule_about_others_says_nothing() -> None:
    """Also one that blocks; and nothing tells the caller that there are others."""
    rules = [
        RuleTable(name="dev", verdict="allow", who=WhoTable(group=("dev",)), on=on("get")),
        RuleTable(name="eve", verdict="block", who=WhoTable(token=("eve",))),
    ]
    dev = caller(Principal("ada", "token", "1", None, groups=("dev",)))
    eve = caller(Principal("eve", "token", "2", None, groups=("dev",)))
    assert deciding.decide(of(*rules, who=dev), "r", tool("get")).rule == "dev"
    assert deciding.decide(of(*rules, who=eve), "r", tool("get")).rule == "eve"
    nobody = deciding.decide(of(*rules), "r", tool("get"))
    assert nobody == deciding.decide(of(*rules), "r", tool("other")) == UNLISTED
    assert deciding.reaches(of(*rules), "r") == UNLISTED


def test_arguments_decide_where_a_rule_asks_for_them() -> None:
    """The reason says so only to who could use it otherwise."""
    reads = RuleTable(name="reads", verdict="allow", on=on("read"), where=where(arguments__path="/srv/*"))
    secret = RuleTable(name="secret", verdict="block", on=on("read"), where=where(arguments__path="*key*"))
    stray = RuleTable(name="stray", verdict="block", on=on("write"), where=where(arguments__path="*key*"))
    who = of(reads, secret, stray)

    def verdict(name: str, **arguments: object) -> tuple[Action, str | None, Reason | None]:
        found = deciding.decide(who, "r", tool(name), params(**arguments))
        return found.action, found.rule, found.reason

    assert verdict("read", path="/srv/a") == (Action.ALLOW, "reads", None)
    assert verdict("read", path="/etc/a") == (Action.BLOCK, "reads", Reason.POLICY_ARGUMENTS)
    assert verdict("read") == (Action.BLOCK, "reads", Reason.POLICY_ARGUMENTS)
    assert verdict("read", path="/srv/key") == (Action.BLOCK, "secret", Reason.POLICY_ARGUMENTS)
    assert verdict("write", path="key") == (Action.BLOCK, "stray", Reason.POLICY_BLOCKED)
    assert verdict("write", path="a") == (Action.BLOCK, None, Reason.POLICY_UNLISTED)


def test_another_rule_may_allow_what_one_does_not() -> None:
    """And of two that do, the first by its name is recorded."""
    some = RuleTable(name="b", verdict="allow", where=where(arguments__n={"max": 5}), on=on("x"))
    more = RuleTable(name="a", verdict="allow", where=where(arguments__n={"max": 9}), on=on("x"))
    who = of(some, more)
    assert [deciding.decide(who, "r", tool("x"), params(n=n)).rule for n in (3, 7, 11)] == ["a", "a", "a"]
    assert deciding.decide(who, "r", tool("x"), params(n=11)).reason is Reason.POLICY_ARGUMENTS


def test_an_answer_is_judged_again_without_params() -> None:
    """What was allowed by them is not blocked for want of them, and what might mask does."""
    who = of(
        RuleTable(name="a", verdict="allow", on=on("x"), where=where(arguments__n=1)),
        RuleTable(name="b", verdict="block", on=on("x"), where=where(arguments__n=2)),
        RuleTable(name="h", verdict="hold", on=on("x"), where=where(arguments__n=1)),
        RuleTable(name="m", mask=("email",), on=on("x"), where=where(arguments__n=3)),
    )
    again = deciding.decide(who, "r", tool("x"))
    assert again.action is Action.ALLOW and again.masks is not None
    assert deciding.decide(who, "r", tool("x"), params(n=2)).action is Action.BLOCK


def test_what_only_refers_to_a_thing_is_not_asked_for_its_arguments() -> None:
    """A completion has none of its prompt's; whoever may use it in some way may complete for it."""
    who = of(
        RuleTable(
            name="a", verdict="allow", on=on("p", method=["prompts/get"]), where=where(arguments__n="1")
        ),
        RuleTable(
            name="b", verdict="block", on=on("p", method=["prompts/get"]), where=where(arguments__n="2")
        ),
        RuleTable(name="h", verdict="hold", on=on("p", method=["prompts/get"])),
    )
    completion = Call("completion/complete", "p", Nature.FOLLOWS, (("prompts/get", "p"),))
    assert deciding.decide(who, "r", completion, {"argument": {"name": "n", "value": "2"}}).rule == "a"
    prompt = call("prompts/get", "p")
    assert deciding.decide(who, "r", prompt, {"arguments": {"n": "2"}}).action is Action.BLOCK
    assert deciding.decide(who, "r", prompt, {"arguments": {"n": "1"}}).action is Action.HOLD


def test_a_connection_below_what_is_demanded_is_said_to_be() -> None:
    """By the rule's name, where no other rule allows it."""
    rules = [RuleTable(name="new", verdict="allow", require=RequireTable(inbound_version=("TLSv1.3",)))]
    old = caller(handshake=handshake(version="TLSv1.2"))
    new = caller(handshake=handshake())
    assert deciding.decide(of(*rules, who=new), "r", tool("x")).action is Action.ALLOW
    for who in (old, caller()):
        found = deciding.decide(of(*rules, who=who), "r", tool("x"))
        assert (found.rule, found.reason) == ("new", Reason.POLICY_TRANSPORT)
    either = [*rules, RuleTable(name="old", verdict="allow", on=on("x"))]
    assert deciding.decide(of(*either, who=old), "r", tool("x")).rule == "old"
    limited = RuleTable(
        name="a", verdict="allow", on=on("y"), where=where(arguments__n=1), require=rules[0].require
    )
    found = deciding.decide(of(limited, who=old), "r", tool("y"), params(n=2))
    assert found.reason is Reason.POLICY_ARGUMENTS
    found = deciding.decide(of(limited, who=old), "r", tool("y"), params(n=1))
    assert found.reason is Reason.POLICY_TRANSPORT


def test_demands_on_the_upstream_are_alternatives_and_none_where_a_rule_has_none() -> None:
    pinned = RuleTable(name="p", verdict="allow", require=RequireTable(outbound_pinned=True))
    quantum = RuleTable(name="q", verdict="allow", require=RequireTable(outbound_post_quantum=True))
    plain = RuleTable(name="z", verdict="allow", on=on("x"))
    both = deciding.decide(of(pinned, quantum), "r", tool("x")).outbound
    assert [demand.rule for demand in both] == ["p", "q"]
    assert deciding.decide(of(pinned, plain), "r", tool("x")).outbound == ()
    assert deciding.decide(of(pinned, plain), "r", tool("y")).outbound != ()


def test_what_is_about_several_things_needs_a_connection_for_each() -> None:
    def reading(name: str, uri: str, **require: Any) -> RuleTable:
        return RuleTable(
            name=name,
            verdict="allow",
            on=on(uri, method=["resources/read"]),
            require=RequireTable(**require),
        )

    who = of(
        reading("a", "a://x", outbound_pinned=True),
        reading("b", "b://x", outbound_version=("TLSv1.3",)),
        reading("c", "c://x"),
    )

    def listening(*uris: str) -> Call:
        judged = tuple(("resources/read", uri) for uri in uris)
        return Call("subscriptions/listen", " ".join(uris), Nature.FOLLOWS, judged)

    (way,) = deciding.decide(who, "r", listening("a://x", "b://x", "c://x")).outbound
    assert way.met_by(handshake(pinned=True))
    assert not way.met_by(handshake()) and not way.met_by(handshake(pinned=True, version="TLSv1.2"))


def test_hold_beats_allow_and_block_beats_hold() -> None:
    """A hold allows nothing by itself; of several the first is named, and the shortest wait counts."""
    allow = RuleTable(name="all", verdict="allow")
    hold = RuleTable(name="wait", verdict="hold", on=on("merge"), wait=60.0, said="two eyes are few")
    longer = RuleTable(name="longer", verdict="hold", on=on("m*"), wait=600.0)
    block = RuleTable(name="never", verdict="block", on=on("merge"))
    found = deciding.decide(of(allow, hold, longer), "r", tool("merge"))
    assert (found.action, found.rule, found.wait, found.reason) == (Action.HOLD, "longer", 60.0, None)
    found = deciding.decide(of(allow, hold), "r", tool("merge"))
    assert (found.wait, found.said) == (60.0, "two eyes are few")
    assert deciding.decide(of(allow, hold, block), "r", tool("merge")).rule == "never"
    assert deciding.decide(of(hold), "r", tool("merge")) == UNLISTED
    assert deciding.decide(of(allow, hold), "r", tool("get")).action is Action.ALLOW


def test_masks_add_up_and_are_for_the_direction_that_they_name() -> None:
    rules = [
        RuleTable(name="all", verdict="allow"),
        RuleTable(name="mail", mask=("email",)),
        RuleTable(name="cards", mask=("card",), on=on("pay", direction=["request", "answer"])),
        RuleTable(name="keys", block=("private-key",), on=OnTable(direction=("request",))),
    ]
    who = of(*rules)
    pay, get = (deciding.decide(who, "r", tool(name)) for name in ("pay", "get"))
    assert pay.masks is not None and pay.asking is not None and get.masks is not None
    assert (pay.masks.mask, pay.masks.block) == (frozenset({"email", "card"}), ())
    assert (pay.asking.mask, pay.asking.block) == (frozenset({"card"}), (("private-key", "keys"),))
    assert (get.masks.mask, get.action) == (frozenset({"email"}), Action.ALLOW)
    assert get.masks is deciding.decide(who, "r", tool("other")).masks
    every = deciding.strictest(who, "r")
    assert every.masks == pay.masks and every.asking == pay.asking


def test_what_must_pass_is_masked_where_it_would_be_blocked() -> None:
    """A key in a server's instructions must not keep its clients away, nor reach them."""
    who = of(
        RuleTable(name="all", verdict="allow"),
        RuleTable(name="keys", block=("private-key",), mask=("email",)),
    )
    opening = deciding.decide(who, "r", call("initialize", None, Nature.PROTOCOL)).masks
    listing = deciding.decide(who, "r", call("tools/list", None, Nature.LIST)).masks
    assert opening is not None and (opening.mask, opening.block) == ({"private-key", "email"}, ())
    assert listing is not None and listing.block == (("private-key", "keys"),)


def test_an_answer_of_which_nobody_knows_what_it_speaks_of_has_all_masks() -> None:
    """Of an unknown method, of a stream; and a rule about what upstreams tell masks what comes along."""
    cards = RuleTable(name="cards", mask=("card",), on=on("pay"))
    open_to = RuleTable(name="all", verdict="allow", on=OnTable(method=("vendor/*", "tools/*")))
    who = of(open_to, cards)
    for asked in (call("vendor/x", None, Nature.OTHER), call("subscriptions/listen", None, Nature.FOLLOWS)):
        assert deciding.decide(who, "r", asked).masks is not None
    assert deciding.decide(who, "r", tool("get")).masks is None
    told = RuleTable(name="log", mask=("email",), on=OnTable(method=("notifications/message",)))
    assert deciding.decide(of(open_to, told), "r", tool("get")).masks is not None
    asks = RuleTable(name="own", mask=("email",), on=OnTable(method=("notifications/progress",)))
    assert deciding.decide(of(open_to, asks), "r", tool("get")).masks is None


def test_a_rule_in_the_shadow_changes_nothing_and_is_said() -> None:
    rules = [
        RuleTable(name="all", verdict="allow"),
        RuleTable(name="n1", verdict="block", on=on("rm"), shadow=True),
        RuleTable(name="n2", verdict="hold", on=on("rm"), where=where(arguments__n=1), shadow=True),
        RuleTable(name="n3", mask=("email",), shadow=True),
        RuleTable(
            name="n4", verdict="allow", require=RequireTable(inbound_version=("TLSv1.3",)), shadow=True
        ),
    ]
    found = deciding.decide(of(*rules), "r", tool("rm"), params(n=1))
    assert (found.action, found.rule, found.masks) == (Action.ALLOW, "all", None)
    assert found.shadow == (("n1", "block"), ("n2", "hold"), ("n3", "mask"))
    assert deciding.decide(of(*rules), "r", tool("rm"), params(n=2)).shadow == (
        ("n1", "block"),
        ("n3", "mask"),
    )
    assert deciding.decide(of(*rules), "r", tool("get"), params()).shadow == (("n3", "mask"),)
    blocked = deciding.decide(of(*rules[1:]), "r", tool("rm"), params(n=1))
    assert (blocked.action, blocked.shadow) == (Action.BLOCK, found.shadow)
    assert deciding.decide(of(*rules), "r", call("tools/list", None, Nature.LIST)).shadow == (("n3", "mask"),)
    shaken = of(*rules, who=caller(handshake=handshake()))
    assert deciding.decide(shaken, "r", tool("get"), params()).shadow == (("n3", "mask"), ("n4", "allow"))


def test_lists_show_what_could_be_used_in_some_way() -> None:
    """With some arguments, over some connection, with a person's word; and nothing else."""
    who = of(
        RuleTable(name="a", verdict="allow", on=on("some"), where=where(arguments__n=1)),
        RuleTable(
            name="b", verdict="allow", on=on("new"), require=RequireTable(inbound_version=("TLSv1.3",))
        ),
        RuleTable(name="c", verdict="allow", on=on("held", "gone", "part", "b d")),
        RuleTable(name="d", verdict="hold", on=on("held")),
        RuleTable(name="e", verdict="block", on=on("gone")),
        RuleTable(name="f", verdict="block", on=on("part"), where=where(arguments__n=1)),
        RuleTable(name="g", verdict="hold", on=on("never")),
    )
    shown = [
        name
        for name in ("some", "new", "held", "gone", "part", "never", "other", "b d")
        if deciding.could_use(who, "r", "tools/call", name)
    ]
    assert shown == ["some", "new", "held", "part"]


def test_what_upstreams_ask_needs_a_rule_that_names_it() -> None:
    """A pattern for whatever there may be names nothing; callers cannot ask it at all."""
    ask = "sampling/createMessage"

    def verdict(*rules: RuleTable, **more: object) -> Verdict:
        return deciding.decide_question(of(*rules), "r", ask, more)

    def asking(verdict: str = "allow", *methods: str, **more: Any) -> RuleTable:
        return RuleTable(name=f"ask-{verdict}", verdict=verdict, on=OnTable(method=methods or (ask,)), **more)

    assert verdict(asking()).rule == "ask-allow"
    assert verdict(asking("allow", "sampling/*")).action is Action.ALLOW
    for methods in (("*",), ("*/*",), ("^.*$",), ("tools/*",)):
        assert verdict(asking("allow", *methods)) == Verdict(Action.BLOCK, None, Reason.POLICY_QUESTION)
    assert verdict(asking(), asking("block")).rule == "ask-block"
    assert verdict(asking(), asking("hold")).action is Action.HOLD
    assert verdict(asking(), asking("block", "*")).action is Action.ALLOW
    pinned = asking(require=RequireTable(outbound_pinned=True))
    assert verdict(pinned) == Verdict(Action.BLOCK, None, Reason.POLICY_QUESTION)
    for matched in (True, False, None):
        leg = handshake(pinned=matched)
        found = deciding.decide_question(of(pinned), "r", ask, {}, leg).action
        assert found is (Action.ALLOW if matched else Action.BLOCK)
    small = asking(where=where(maxTokens={"max": 100}))
    assert verdict(small, maxTokens=50).action is Action.ALLOW
    assert verdict(small, maxTokens=500).action is Action.BLOCK
    assert verdict(asking(), asking("block", shadow=True)).shadow == (("ask-block", "block"),)
    mask = RuleTable(name="m", mask=("email",))
    assert verdict(asking(), mask).masks is not None
    assert deciding.decide_question(of(), "r", "ping", {}).action is Action.ALLOW
    from_caller = Call(ask, None, Nature.OTHER, ((ask, None),))
    assert deciding.decide(of(asking()), "r", from_caller) == UNLISTED
    assert deciding.reaches(of(asking()), "r") == UNLISTED
    assert deciding.could_ask(of(small), "r", ask) and not deciding.could_ask(
        of(small, asking("block")), "r", ask
    )
    limited = OnTable(method=(ask, "tools/call"), direction=("request",))
    assert verdict(RuleTable(name="r", verdict="allow", on=limited)).action is Action.BLOCK


GROUPS = ["dev", "ops"]
WHOLE = st.builds(
    lambda verdict, names, groups, values, require, shadow: (
        verdict,
        {
            "on": on(*names),
            "who": WhoTable(group=tuple(groups)),
            "where": where(arguments__n=values) if values else WhereTable(),
            "shadow": shadow,
            **(
                {"require": RequireTable(inbound_version=(require,))}
                if require and verdict == "allow"
                else {}
            ),
        },
    ),
    st.sampled_from(["allow", "allow", "block", "hold", "mask"]),
    st.lists(st.sampled_from([*NAMES, "get*", "*_a", "^r.*$"]), max_size=2),
    st.lists(st.sampled_from(GROUPS), max_size=1),
    st.lists(st.integers(0, 2), max_size=2),
    st.sampled_from([None, "TLSv1.2", "TLSv1.3"]),
    st.sampled_from([False, False, False, True]),
)
CALLERS = st.builds(
    lambda groups, version: caller(
        Principal("ci", "token", "1", None, groups=tuple(groups)), handshake=handshake(version=version)
    ),
    st.lists(st.sampled_from(GROUPS), max_size=2, unique=True),
    st.sampled_from(["TLSv1.2", "TLSv1.3"]),
)
#: What lets less pass is greater.
RANK = {Action.ALLOW: 0, Action.HOLD: 1, Action.BLOCK: 2}


def tables(drawn: list[tuple[str, dict[str, Any]]]) -> list[RuleTable]:
    return [
        RuleTable(name=f"rule-{i}", mask=("email",), **keys)
        if verdict == "mask"
        else RuleTable(name=f"rule-{i}", verdict=verdict, **keys)
        for i, (verdict, keys) in enumerate(drawn)
    ]


@given(st.lists(WHOLE, max_size=5), CALLERS, st.sampled_from(NAMES), st.integers(0, 3), st.randoms())
def test_whatever_rules_ask_their_order_changes_nothing(
    drawn: list[tuple[str, dict[str, Any]]], who: Caller, name: str, n: int, random: Random
) -> None:
    rules = tables(drawn)
    shuffled = random.sample(rules, len(rules))
    one, other = (
        deciding.decide(of(*order, who=who), "r", tool(name), params(n=n)) for order in (rules, shuffled)
    )
    assert one == other


@given(st.lists(WHOLE, max_size=4), WHOLE, CALLERS, st.sampled_from(NAMES), st.integers(0, 3))
def test_one_more_rule_moves_the_verdict_its_own_way_only(
    drawn: list[tuple[str, dict[str, Any]]],
    more: tuple[str, dict[str, Any]],
    who: Caller,
    name: str,
    n: int,
) -> None:
    """A block or a hold never lets more pass, an allow never less; masks and the shadow change neither."""
    before, after = (
        deciding.decide(of(*tables(rules), who=who), "r", tool(name), params(n=n))
        for rules in (drawn, [*drawn, more])
    )
    verdict, keys = more
    if keys["shadow"]:
        assert (after.action, after.rule, after.masks) == (before.action, before.rule, before.masks)
    elif verdict == "mask":
        assert (after.action, after.rule) == (before.action, before.rule)
        assert before.masks is None or after.masks is not None
    elif verdict == "allow":
        assert RANK[after.action] <= RANK[before.action]
    else:
        assert RANK[after.action] >= RANK[before.action]


@given(st.lists(WHOLE, max_size=4), CALLERS, st.sampled_from(NAMES), st.integers(0, 3))
def test_what_passes_is_shown_in_lists_and_nothing_that_never_can(
    drawn: list[tuple[str, dict[str, Any]]], who: Caller, name: str, n: int
) -> None:
    """And who is told of arguments or connections could have known of it."""
    here = of(*tables(drawn), who=who)
    verdict = deciding.decide(here, "r", tool(name), params(n=n))
    shown = deciding.could_use(here, "r", "tools/call", name)
    if verdict.reason in (Reason.POLICY_UNLISTED, Reason.POLICY_BLOCKED):
        assert verdict.reason is Reason.POLICY_BLOCKED or not shown
    else:
        assert shown


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"who": WhoTable(token=("ci",))}, "r"),
        ({"who": WhoTable(token=("eve",))}, None),
        ({}, None),
        ({"who": WhoTable(token=("ci",)), "shadow": True}, None),
        ({"who": WhoTable(token=("ci",)), "on": OnTable(name=("x",))}, None),
        ({"who": WhoTable(token=("ci",)), "on": OnTable(route=("git",))}, "r"),
        ({"who": WhoTable(token=("ci",)), "on": OnTable(route=("mail",))}, None),
    ],
)
def test_who_is_shut_out_is_blocked_by_name_from_everything(
    rule: dict[str, Any], expected: str | None
) -> None:
    """A rule about some calls, or about everybody's, is for what is asked next."""
    everything = RuleTable(name="all", verdict="allow")
    policy = compile_rules([everything, RuleTable(name="r", verdict="block", **rule)])
    assert shut_out(callers(policy, caller()), "git") == expected
    assert (reaches(policy, "git").action is Action.BLOCK) is (expected is not None)


def test_bodies_are_recorded_whatever_the_verdict_where_any_rule_about_them_says_so() -> None:
    """What is blocked knows its masks then, as they are for the record too."""
    large = WhereTable(conditions=(("arguments.size", Condition(least=10)),))
    calls = OnTable(method=("tools/call",), name=("get_x",))
    policy = compile_rules(
        [
            rule("calls", "allow", "get_*", "rm"),
            evolve(rule("never", "block", "rm"), record="masked"),
            RuleTable(name="large", on=calls, where=large, record="masked"),
            RuleTable(name="mail", on=OnTable(direction=("request",)), mask=("email",)),
        ]
    )
    assert not reaches(policy, "r").record
    for name, params, record in (
        ("rm", {}, True),
        ("get_x", {"arguments": {"size": 10}}, True),
        ("get_x", {"arguments": {"size": 9}}, False),
        ("get_y", {}, False),
    ):
        verdict = deciding.decide(callers(policy), "r", tool(name), params)
        assert verdict.record is record
        assert verdict.asking is not None
    plain = compile_rules([rule("never", "block", "rm"), RuleTable(name="m", mask=("email",))])
    assert decide(plain, "r", tool("rm")).masks is None
    everything = compile_rules([evolve(rule("all", "allow", method=()), record="masked")])
    for verdict in (reaches(everything, "r"), decide(everything, "r", tool("x"))):
        assert verdict.record and verdict.action is Action.ALLOW
    assert decide(everything, "r", call("initialize", nature=Nature.PROTOCOL)).record


def test_what_nothing_allows_is_masked_where_it_is_recorded() -> None:
    """A list, and an answer to what an upstream asked: whether they pass or not, all of it is on record."""
    policy = compile_rules(
        [
            RuleTable(name="record", record="masked"),
            RuleTable(name="mail", on=OnTable(direction=("request",)), mask=("email",)),
        ]
    )
    for verdict in (decide(policy, "r", call("tools/list", nature=Nature.LIST)), reaches(policy, "r")):
        assert (verdict.action, verdict.record) == (Action.BLOCK, True)
        assert verdict.asking is not None
