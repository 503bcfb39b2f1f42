"""What a caller sends is masked as its answers are, and its headers go with it."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve

from mcpgate.config.tables.rule import OnTable, RuleTable
from mcpgate.policy.rules import compile_rules
from mcpgate.reasons import Reason
from mcpgate.relay.asking import Asking, Turned, ask
from tests.relay.test_asking import admission, error_in

RULES = compile_rules(
    [
        RuleTable(name="all", verdict="allow", on=OnTable(method=("tools/call", "prompts/get"))),
        RuleTable(name="mask", on=OnTable(direction=("request",)), mask=("email",)),
        RuleTable(name="no-keys", on=OnTable(direction=("request",)), block=("aws-key",)),
    ]
)
MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
SCHEMA = {"type": "object", "properties": {"to": {"type": "string", "x-mcp-header": "To"}}}


def call(arguments: object, method: str = "tools/call", **more: object) -> bytes:
    params = {"name": "send", "arguments": arguments, **more}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


def asked(body: bytes, **headers: str) -> Asking:
    of = admission(MODERN if headers else None, policy=RULES, **headers)
    if headers:
        lines = b"".join(b"%b: %b\r\n" % (name.replace("_", "-").lower().encode(), value.encode())
                         for name, value in headers.items())
        of = evolve(of, forward=b"POST / HTTP/1.1\r\n" + lines)
        of.route.mirrors.learn([{"name": "send", "inputSchema": SCHEMA}])
    found = ask(body, of, "x1")
    assert isinstance(found, Asking), found
    return found


def test_arguments_are_masked_and_nothing_else_changes() -> None:
    params = b'{"name":"send", "arguments":{"n":1.10,"to":"a@x.org"}}'
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%b}' % params
    found = asked(body)
    assert found.body == body.replace(b"a@x.org", found.body[found.body.index(b'"to":"') + 6 : -4])
    assert b"a@x.org" not in found.body and b'"n":1.10' in found.body
    assert '"masked":{"email":1}' in found.facts


def test_what_holds_nothing_is_forwarded_in_its_own_bytes() -> None:
    body = call({"to": "nobody"})
    found = asked(body)
    assert found.body is body and "masked" not in found.facts


def test_headers_that_repeat_arguments_say_what_these_are_now() -> None:
    """Or the upstream, which compares them, would refuse the call (-32020)."""
    found = asked(
        call({"to": "a@x.org"}, _meta=META), Mcp_Method="tools/call", Mcp_Name="send", Mcp_Param_To="a@x.org"
    )
    now = json.loads(found.body)["params"]["arguments"]["to"]
    assert found.forward is not None and b"a@x.org" not in found.forward
    assert f"mcp-param-to: {now}\r\n".encode() in found.forward
    assert b"mcp-name: send\r\n" in found.forward


def test_it_is_the_callers_own_headers_that_must_say_what_its_body_says() -> None:
    of = admission(
        MODERN, policy=RULES, Mcp_Method="tools/call", Mcp_Name="send", Mcp_Param_To="b@x.org"
    )
    of.route.mirrors.learn([{"name": "send", "inputSchema": SCHEMA}])
    found = ask(call({"to": "a@x.org"}, _meta=META), of, "x1")
    assert isinstance(found, Turned) and found.refusal.reason is Reason.MCP_HEADER


def test_a_request_that_holds_what_a_rule_blocks_is_not_forwarded() -> None:
    """A tool says so in a result, which a model can read; the value is nowhere."""
    key = "AKIAIOSFODNN7EXAMPLE"
    found = ask(call({"to": key}), admission(policy=RULES), "x1")
    assert isinstance(found, Turned) and found.refusal.reason is Reason.POLICY_CONTENT
    told: Any = error_in(found.answer or b"")
    assert told["id"] == 1 and told["result"]["isError"] is True
    assert key not in f"{found.answer!r}{found.facts}{found.refusal}"
    assert '"verdict":"block","rule":"all"' in found.facts
    other = ask(call({"to": key}, "prompts/get"), admission(policy=RULES), "x1")
    assert isinstance(other, Turned)
    assert error_in(other.answer or b"")["error"]["data"]["reason"] == "policy.content"


def test_a_name_that_holds_what_is_masked_is_in_no_record() -> None:
    """It cannot be changed, so its message does not pass; and no record has what was found, alone or in a
    batch."""
    for name, known in (("get.kim@example.com", "masked.invalid"), ("AKIAIOSFODNN7EXAMPL2", None)):
        body = json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}}
        ).encode()
        for revision, raw in ((None, body), ("2025-03-26", b"[%b]" % body)):
            found = ask(raw, admission(revision, policy=RULES), "x1")
            assert isinstance(found, Turned) and found.refusal.reason is Reason.POLICY_CONTENT
            assert "kim" not in found.facts and "AKIA" not in found.facts
            assert known is None or known in found.facts
            assert '"rule":"all"' in found.facts
