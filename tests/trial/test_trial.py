"""What comes of a case: the same as at a gate."""

from __future__ import annotations

import json
import re
import ssl
from pathlib import Path
from random import Random

import pytest
from attrs import evolve

from mcpgate.config.load import parse_config
from mcpgate.policy.rules import compile_rules
from mcpgate.reasons import Reason
from mcpgate.trial.cases import read_case
from mcpgate.trial.outcome import Outcome
from mcpgate.trial.subject import Subject
from mcpgate.trial.trial import message_of, tried
from tests.running import Request, World, whole
from tests.trial.rules import case, subject

RULES = """
[[rule]]
name = "reads"
verdict = "allow"
who = { token = "ci-*" }
on = { route = "files", method = "tools/call", name = "read_*" }
where = { "arguments.path" = "/srv/*" }

[[rule]]
name = "everything-else-with-a-certificate"
verdict = "allow"
who = { certificate = "spiffe://acme/*", address = "10.0.0.0/8" }
require = { "inbound.version" = "TLSv1.3", "outbound.pinned" = true }

[[rule]]
name = "no-writing"
verdict = "block"
on = { method = "tools/call", name = "write_*" }

[[rule]]
name = "wait"
verdict = "hold"
on = { method = "tools/call", name = "merge" }
wait = "1m"

[[rule]]
name = "tried"
verdict = "block"
on = { method = "tools/call", name = "read_*" }
shadow = true

[[rule]]
name = "ask-roots"
verdict = "allow"
on = { method = "roots/list", direction = "answer" }
"""

CI = 'who = { token = "ci-1" }\nroute = "files"\n'
CERTIFICATE = 'who = { certificate = "spiffe://acme/x", address = "10.1.2.3" }\nroute = "files"\n'
PINNED = "transport = { outbound = { pinned = true } }\n"
READ = 'call = { method = "tools/call", name = "read_file", arguments = { path = "/srv/x" } }\n'


def come(directory: Path, text: str, routes: tuple[str, ...] | None = None) -> Outcome:
    return tried(subject(directory, RULES, routes), case(text))


def summary(outcome: Outcome) -> tuple[str, str | None, str | None]:
    return outcome.verdict, outcome.rule, outcome.reason.value if outcome.reason is not None else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CI + READ, ("allow", "reads", None)),
        (CI + READ.replace("/srv/x", "/etc/x"), ("block", "reads", "policy.arguments")),
        (CI.replace("ci-1", "eve") + READ, ("block", None, "policy.unlisted")),
        (CI.replace("files", "other") + READ, ("block", None, "policy.unlisted")),
        (CERTIFICATE + PINNED + READ, ("allow", "everything-else-with-a-certificate", None)),
        (CERTIFICATE + READ, ("block", "everything-else-with-a-certificate", "policy.transport")),
        (
            CERTIFICATE + 'transport = { inbound = { version = "TLSv1.2" } }\n' + READ,
            ("block", "everything-else-with-a-certificate", "policy.transport"),
        ),
        (CERTIFICATE.replace("10.1.2.3", "192.0.2.1") + PINNED + READ, ("block", None, "policy.unlisted")),
        (
            CERTIFICATE + PINNED + READ.replace("read_file", "write_file"),
            ("block", "no-writing", "policy.blocked"),
        ),
        (CERTIFICATE + PINNED + READ.replace("read_file", "merge"), ("hold", "wait", None)),
        (CI + 'call = { method = "ping" }', ("allow", None, None)),
        (CI + 'call = { method = "tools/list" }', ("allow", None, None)),
        ('route = "files"\ncall = { method = "tools/list" }', ("block", None, "policy.unlisted")),
        (CI + """message = '{"jsonrpc": "2.0", "id": 1, "result": {}}'""", ("allow", None, None)),
        (
            CI + """message = '{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "x"}'""",
            ("block", None, "frame.duplicate_key"),
        ),
        (CI + 'call = { method = "resources/read" }', ("block", None, "frame.params")),
    ],
)
def test_a_case_comes_out_as_at_a_gate(
    tmp_path: Path, text: str, expected: tuple[str, str | None, str | None]
) -> None:
    """By who, route, name, arguments, connections; and what cannot be read is no call."""
    assert summary(come(tmp_path, text)) == expected


def test_what_a_caller_gets_in_place_of_an_answer(tmp_path: Path) -> None:
    """As if there were no such tool; or, of one that it may use, why not like this."""
    unlisted = come(tmp_path, CI + READ.replace("read_file", "drop"))
    assert json.loads(unlisted.answer or b"")["error"]["message"] == "Unknown tool: drop"
    denied = come(tmp_path, CI + READ.replace("/srv/x", "/etc/x"))
    assert json.loads(denied.answer or b"")["result"]["isError"] is True
    assert unlisted.asked is None and denied.asked is None


def test_a_certificate_may_stand_beside_a_token(tmp_path: Path) -> None:
    """Rules that ask for both see both."""
    who = 'who = { token = "ci-*", certificate = "spiffe://acme/*" }'
    rules = f'[[rule]]\nname = "both"\nverdict = "allow"\n{who}'
    there = subject(tmp_path, rules)

    def verdict(who: str) -> str:
        return tried(there, case(f'who = {{ {who} }}\nroute = "files"\n{READ}')).verdict

    assert verdict('token = "ci-1", certificate = "spiffe://acme/x"') == "allow"
    assert verdict('token = "ci-1", certificate = "spiffe://other/x"') == "block"
    assert verdict('token = "ci-1"') == "block"
    assert verdict('certificate = "spiffe://acme/x"') == "block"


def test_scopes_are_those_of_the_case(tmp_path: Path) -> None:
    """What a rule demands, what a route does, and what a caller is told who lacks it."""
    rules = '[[rule]]\nname = "w"\nverdict = "allow"\nrequire = { scope = ["x", "y"] }\n'
    there = evolve(subject(tmp_path, rules), scopes={"files": frozenset({"z"})})

    def with_scopes(*scopes: str) -> Outcome:
        had = json.dumps(list(scopes))
        who = f'who = {{ issuer = "okta", subject = "kim", scope = {had} }}\n' if scopes else ""
        return tried(there, case(f'route = "files"\n{who}{READ}'))

    assert summary(with_scopes("x", "y", "z")) == ("allow", "w", None)
    poor = with_scopes("z", "x")
    assert summary(poor) == ("block", "w", "auth.scope")
    assert poor.detail == "the rule w demands more scopes: y"
    assert json.loads(poor.answer or b"")["error"]["data"]["scope"] == "x y z"
    for scopes in ((), ("x", "y")):
        assert summary(with_scopes(*scopes)) == ("block", None, "auth.scope")


def test_lists_are_filtered(tmp_path: Path) -> None:
    """To what the caller could use."""
    tools = '[{"name": "read_file"}, {"name": "drop"}]'
    listed = f"""answer = '{{"jsonrpc": "2.0", "id": 1, "result": {{"tools": {tools}}}}}'"""
    outcome = come(tmp_path, CI + 'call = { method = "tools/list" }\n' + listed)
    assert b"read_file" in (outcome.answer or b"") and b"drop" not in (outcome.answer or b"")


def test_an_upstream_asks_only_what_a_rule_allows(tmp_path: Path) -> None:
    """Its request is an answer of a kind."""
    ask = """answer = '{"jsonrpc": "2.0", "id": 5, "method": "METHOD"}'"""
    allowed = come(tmp_path, CI + READ + ask.replace("METHOD", "roots/list"))
    assert (allowed.verdict, allowed.answer) == (
        "allow",
        b'{"jsonrpc": "2.0", "id": 5, "method": "roots/list"}',
    )
    refused = come(tmp_path, CI + READ + ask.replace("METHOD", "sampling/createMessage"))
    assert refused.reason is Reason.POLICY_QUESTION


def test_an_answer_that_cannot_be_read_does_not_pass(tmp_path: Path) -> None:
    """No more than at a gate."""
    outcome = come(tmp_path, CI + READ + "answer = '[1'")
    assert outcome.reason is Reason.UPSTREAM_MESSAGE


def test_shadow_rules_only_have_their_say(tmp_path: Path) -> None:
    """It is told, and changes nothing."""
    assert come(tmp_path, CI + READ).shadow == (("tried", "block"),)


def test_a_route_that_is_not_there_is_blocked(tmp_path: Path) -> None:
    """A case about it would prove nothing."""
    outcome = come(tmp_path, CI + READ, ("github",))
    assert outcome.reason is Reason.ROUTE_UNKNOWN


def test_a_call_is_written_as_its_method_has_it(tmp_path: Path) -> None:
    """A resource is named by its URI; without arguments there are none, but for tools and prompts."""
    read = json.loads(message_of(case('call = { method = "resources/read", name = "x://y" }')))
    assert read["params"] == {"uri": "x://y"}
    prompt = json.loads(message_of(case('call = { method = "prompts/get", name = "y" }')))
    assert prompt["params"] == {"name": "y", "arguments": {}}


def test_what_an_upstream_asks_in_a_result_is_asked_as_well(tmp_path: Path) -> None:
    """In 2026-07-28 it has no requests of its own."""
    ask = """revision = "2026-07-28"
answer = '''{"jsonrpc": "2.0", "id": 1, "result": {"resultType": "input_required",
  "inputRequests": {"a": {"method": "METHOD", "params": {}}}}}'''"""
    assert come(tmp_path, CI + READ + ask.replace("METHOD", "roots/list")).verdict == "allow"
    refused = come(tmp_path, CI + READ + ask.replace("METHOD", "sampling/createMessage"))
    assert summary(refused) == ("block", "reads", "policy.question")


def test_what_may_not_be_asked_is_not_declared(tmp_path: Path) -> None:
    """So that a server does not ask in the first place."""
    outcome = come(
        tmp_path,
        CI
        + """message = '''{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
  "protocolVersion": "2025-11-25", "capabilities": {"roots": {}, "sampling": {}},
  "clientInfo": {"name": "x", "version": "1"}}}'''""",
    )
    assert b"roots" in (outcome.asked or b"") and b"sampling" not in (outcome.asked or b"")


def test_masks_reach_both_directions(tmp_path: Path) -> None:
    """Counted together; what blocks says so, and by which detector."""
    rules = """
[[rule]]
name = "all"
verdict = "allow"

[[rule]]
name = "no-mail"
on = { direction = ["request", "answer"] }
mask = ["email"]
block = ["aws-key"]
"""
    text = """call = { method = "tools/call", name = "x", arguments = { to = "kim@example.com" } }
answer = '{"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "TEXT"}]}}'"""
    masked = tried(subject(tmp_path, rules), case(text.replace("TEXT", "lee@example.com")))
    assert (masked.verdict, masked.masked) == ("allow", {"email": 2})
    assert b"kim@" not in (masked.asked or b"") and b"lee@" not in (masked.answer or b"")
    blocked = tried(subject(tmp_path, rules), case(text.replace("TEXT", "AKIAIOSFODNN7EXAMPLE")))
    assert (blocked.verdict, blocked.reason) == ("block", Reason.POLICY_CONTENT)
    assert "AKIA" not in blocked.detail + str(blocked.answer) and "aws-key" in blocked.detail


def test_an_answer_keeps_to_the_form_that_was_promised(tmp_path: Path) -> None:
    """Or says that it cannot."""
    rules = '[[rule]]\nname = "all"\nverdict = "allow"\n[[rule]]\nname = "no-cards"\nmask = ["card"]\n'
    text = """call = { method = "tools/call", name = "x" }
answer = '''{"jsonrpc": "2.0", "id": 1,
  "result": {"content": [], "structuredContent": {"card": 4111111111111111}}}'''
output_schema = '{"type": "object", "properties": {"card": SCHEMA}}'
"""
    kept = tried(subject(tmp_path, rules), case(text.replace("SCHEMA", '{"type": "integer"}')))
    result = json.loads(kept.answer or b"")["result"]
    assert kept.verdict == "allow" and type(result["structuredContent"]["card"]) is int
    fixed = tried(subject(tmp_path, rules), case(text.replace("SCHEMA", '{"const": 4111111111111111}')))
    assert (fixed.verdict, fixed.reason) == ("block", Reason.POLICY_SCHEMA)


def test_what_an_upstream_asks_is_masked_as_its_answer_would_be(tmp_path: Path) -> None:
    """So are its log messages."""
    rules = """
[[rule]]
name = "all"
verdict = "allow"

[[rule]]
name = "may-ask"
verdict = "allow"
on = { method = "elicitation/create" }

[[rule]]
name = "no-mail"
mask = ["email"]
"""
    call = 'call = { method = "tools/call", name = "x" }\n'
    for message in (
        '"id": 2, "method": "elicitation/create", "params": {"message": "is it kim@example.com?"}',
        '"method": "notifications/message", "params": {"level": "info", "data": "for kim@example.com"}',
    ):
        text = f"""{call}answer = '{{"jsonrpc": "2.0", {message}}}'"""
        outcome = tried(subject(tmp_path, rules), case(text))
        assert (outcome.verdict, outcome.masked) == ("allow", {"email": 1})
        assert b"kim@" not in (outcome.answer or b"")


# The same as at a gate, for whatever rules.

NAMES = ("get_x", "rm", "greet", "ge\u200bt")
URIS = ("note://1", "file:///x", "note://../x")
ARGUMENTS: tuple[dict[str, object], ...] = (
    {},
    {"path": "/srv/x"},
    {"path": "/srv/../x", "n": 3},
    {"path": "/etc/x", "n": 7, "f": None},
    {"mail": "kim@example.com", "card": "4111111111111111"},
)
ASKED: tuple[tuple[str, tuple[dict[str, object], ...]], ...] = (
    ("tools/call", tuple({"name": name, "arguments": each} for name in NAMES for each in ARGUMENTS)),
    ("prompts/get", tuple({"name": name} for name in NAMES)),
    ("resources/read", tuple({"uri": uri} for uri in URIS)),
    ("resources/subscribe", tuple({"uri": uri} for uri in URIS)),
    (
        "completion/complete",
        ({"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "a", "value": "k@b.com"}},),
    ),
    *((method, ({},)) for method in ("tools/list", "resources/list", "prompts/list", "ping", "foo/bar")),
    *((method, ({},)) for method in ("logging/setLevel", "notifications/progress", "notifications/x")),
    ("elicitation/create", ({},)),
)
ANSWERS: tuple[dict[str, object], ...] = (
    {"result": {"content": [{"type": "text", "text": "kim@example.com 4111111111111111"}]}},
    {"result": {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in NAMES[:3]]}},
    {"result": {"resources": [{"uri": uri, "name": "kim@example.com"} for uri in URIS[:2]]}},
    {"error": {"code": -32000, "message": "kim@example.com", "data": {"x": "4111111111111111"}}},
)
SAYS = ("allow", "allow", "allow", "block", "mask", "find")
KNOWN = ("tools/call", "resources/read", "prompts/get", "completion/complete", "tools/list")
OTHER = ("foo/bar", "notifications/*", "elicitation/create", "logging/setLevel")
ON = (*KNOWN, *OTHER, "*", "tools/*", "^.*list$")
WHERE = ('"arguments.path" = "/srv/*"', '"arguments.n" = { max = 5 }', '"arguments.f" = { present = false }')
REQUIRE = ('"outbound.pinned" = true', '"inbound.version" = "TLSv1.3"', '"inbound.client_certificate" = true')


def some_rule(random: Random, name: str) -> str:
    """Any rule."""

    def maybe(key: str, of: tuple[str, ...], often: float) -> str:
        some = json.dumps(random.sample(of, random.randint(1, 2)))
        return f"{key} = {some}" if random.random() < often else ""

    says = random.choice(SAYS)
    heads = {"mask": 'mask = ["email"]', "find": 'block = ["card"]'}
    on = (
        maybe("method", ON, 0.7),
        maybe("name", ("get_*", "rm", "note://*", "*", "greet"), 0.5),
        maybe("direction", ("request", "answer"), 0.3),
    )
    lines = [f'[[rule]]\nname = "{name}"', heads.get(says, f'verdict = "{says}"')]
    lines.append(f"on = {{ {', '.join(filter(None, on))} }}")
    if random.random() < 0.3:
        lines.append(f"where = {{ {random.choice(WHERE)} }}")
    if says == "allow" and random.random() < 0.3:
        lines.append(f"require = {{ {random.choice(REQUIRE)} }}")
    if random.random() < 0.15:
        lines.append("shadow = true")
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_rules_are_a_gate_does_the_same(seed: int, world: World, tmp_path: Path) -> None:
    """What the upstream gets, and what the caller gets, to the byte."""
    random = Random(seed)
    rules = "\n".join(some_rule(random, f"r{number}") for number in range(random.randint(1, 6)))
    text = world.config().partition("[[rule]]")[0] + rules
    config = parse_config(text.encode(), tmp_path / "gate.toml")
    policy = compile_rules(config.rules, config.detectors)
    world.start(text)
    got: list[bytes] = []
    answer = b""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        got.append(request.body)
        accepted = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
        sock.sendall(whole(answer) if b'"id"' in request.body else accepted)

    world.upstream.behave = behave
    with world.caller() as caller:
        for _ in range(25):
            method, params = random.choice(ASKED)
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": random.choice(params)}
            if method.startswith("notifications/"):
                del message["id"]
            raw = json.dumps(message).encode()
            answer = json.dumps({"jsonrpc": "2.0", "id": 1, **random.choice(ANSWERS)}).encode()
            one: dict[str, object] = {"name": "x", "expect": {"verdict": "allow"}, "route": "server"}
            one |= {"who": {"token": "ci"}, "message": raw.decode()}
            if "id" in message:
                one["answer"] = answer.decode()
            found = tried(Subject(tmp_path, policy), read_case(one))
            got.clear()
            body = caller.post(raw, "MCP-Protocol-Version: 2025-11-25").answer()[2]
            assert got == ([found.asked] if found.asked is not None else []), (rules, message)
            assert _unnamed(body) == _unnamed(found.answer or b""), (rules, message)


def _unnamed(body: bytes) -> bytes:
    """Without the id of the exchange."""
    return re.sub(rb"x-[0-9a-f-]{20,}|x_trial", b"x", body)


def test_what_cannot_wait_is_not_held(tmp_path: Path) -> None:
    """A notification has no answer, so a rule that holds it drops it."""
    hold = '[[rule]]\nname = "h"\nverdict = "hold"\non = { method = "notifications/x" }\n'
    rules = hold + hold.replace('"h"', '"a"').replace("hold", "allow")
    one = case('route = "files"\nmessage = \'{"jsonrpc": "2.0", "method": "notifications/x"}\'')
    found = tried(subject(tmp_path, rules), one)
    assert (found.verdict, found.reason, found.asked) == ("block", Reason.POLICY_UNDECIDED, None)
