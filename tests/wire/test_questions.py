"""What is asked of a caller is found wherever it stands, and what nobody may ask is not declared."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.mcp import SERVER_REQUESTS
from mcpgate.wire.questions import (
    CAPABILITIES,
    QUESTIONS_MOST,
    declares,
    notable,
    questions_in,
    without,
)

META = "io.modelcontextprotocol/clientCapabilities"
ALL = frozenset(CAPABILITIES.values())


def message(value: Any) -> Message:
    found = parse(value if isinstance(value, bytes) else json.dumps(value).encode())
    assert isinstance(found, Message), found
    return found


def answer(**inside: Any) -> Message:
    return message({"jsonrpc": "2.0", "id": 1, **inside})


def asked(of: Message) -> list[tuple[str, Any]]:
    found = questions_in(of)
    assert not isinstance(found, Refusal), found
    return [(question.method, dict(question.params)) for question in found]


def test_each_capability_is_of_a_method_that_servers_have() -> None:
    """As the registry knows them: all that 2026-07-28 lets a server ask, and nothing more."""
    assert ALL == {each.method for each in SERVER_REQUESTS.values() if each.embedded}


def test_a_request_asks_what_it_says() -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {"maxTokens": 1}}
    assert asked(message(request)) == [("sampling/createMessage", {"maxTokens": 1})]
    assert asked(message({"jsonrpc": "2.0", "id": 1, "method": "ping"})) == [("ping", {})]


def test_a_result_and_what_is_told_of_a_task_ask_all_that_they_hold() -> None:
    """In their order, with params or without."""
    requests = {
        "a": {"method": "roots/list"},
        "b": {"method": "elicitation/create", "params": {"mode": "url", "url": "https://e.test"}},
    }
    expected = [("roots/list", {}), ("elicitation/create", {"mode": "url", "url": "https://e.test"})]
    result = answer(result={"resultType": "input_required", "inputRequests": requests})
    assert notable(result) and asked(result) == expected
    told = {"jsonrpc": "2.0", "method": "notifications/tasks", "params": {"inputRequests": requests}}
    assert asked(message(told)) == expected


def test_an_error_that_needs_a_url_asks_to_open_each() -> None:
    """It is an elicitation of mode url, whatever it says of itself (2025-11-25)."""
    urls = [{"mode": "form", "url": "https://e.test/1"}, {"elicitationId": "x", "url": "https://e.test/2"}]
    error = answer(error={"code": -32042, "message": "first this", "data": {"elicitations": urls}})
    assert notable(error)
    assert asked(error) == [
        ("elicitation/create", {"mode": "url", "url": "https://e.test/1"}),
        ("elicitation/create", {"mode": "url", "elicitationId": "x", "url": "https://e.test/2"}),
    ]


def test_an_elicitation_of_no_mode_is_a_form() -> None:
    """To every reader; so a rule on the mode needs no other case."""
    request = {"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": {"message": "x"}}
    assert asked(message(request)) == [("elicitation/create", {"message": "x", "mode": "form"})]


@pytest.mark.parametrize(
    "inside",
    [
        {"result": {"content": [], "structuredContent": {"inputRequests": 1}}},
        {"result": "inputRequests"},
        {"result": {"content": [], "resultType": "complete", "x" * 100: 1}},
        {"result": {"inputRequests": None}},
        {"error": {"code": -32602, "message": "-32042", "data": {"elicitations": []}}},
    ],
)
def test_what_asks_nothing_asks_nothing(inside: Any) -> None:
    assert asked(answer(**inside)) == []


@pytest.mark.parametrize(
    "inside",
    [
        {"result": {"inputRequests": [{"method": "roots/list"}]}},
        {"result": {"inputRequests": {"a": "roots/list"}}},
        {"result": {"inputRequests": {"a": {"params": {}}}}},
        {"result": {"inputRequests": {"a": {"method": "roots/list", "params": []}}}},
        {"result": {"inputRequests": {str(n): {"method": "ping"} for n in range(QUESTIONS_MOST + 1)}}},
        {"result": {"inputrequests": {}}},
        {"result": {"inputReque\u017fts": {}}},
        {"result": {"inputRequests": {"a": {"method": "roots/list", "Method": "sampling/createMessage"}}}},
        {"error": {"Code": -32042, "message": "x"}},
        {"error": {"code": -32602, "message": "x", "CODE": -32042}},
        {"error": {"code": -32042, "message": "x"}},
        {"error": {"code": -32042, "message": "x", "data": {"elicitations": []}}},
        {"error": {"code": -32042, "message": "x", "data": {"elicitations": ["https://e.test"]}}},
        {"error": {"code": -32042.0, "message": "x", "data": {"elicitations": {}}}},
    ],
)
def test_what_asks_in_a_form_that_we_do_not_understand_may_not(inside: Any) -> None:
    """Some reader may understand it."""
    of = answer(**inside)
    assert notable(of)
    found = questions_in(of)
    assert isinstance(found, Refusal) and found.reason is Reason.POLICY_QUESTION


def initialize(capabilities: bytes) -> bytes:
    return (
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":%b,'
        b'"protocolVersion":"2025-11-25"}}' % capabilities
    )


def test_what_may_not_be_asked_is_not_declared() -> None:
    """Everything else keeps its bytes: what the gate does not know is not its to change."""
    raw = initialize(b'{"sampling":{"tools":{}},"elicitation":{"form":{}},"any":{"n":1.10},"roots":{}}')
    of = message(raw)
    assert declares(of) == ALL
    kept = without(of, raw, frozenset({"sampling/createMessage", "roots/list"}))
    assert kept == initialize(b'{"elicitation":{"form":{}},"any":{"n":1.10}}')
    assert without(of, raw, ALL) == initialize(b'{"any":{"n":1.10}}')
    assert without(of, raw, frozenset()) is raw


def test_tasks_of_a_client_go_with_what_makes_them() -> None:
    """2025-11-25: a client keeps tasks for sampling and elicitation."""
    raw = initialize(b'{"sampling":{},"elicitation":{},"tasks":{"list":{}}}')
    of = message(raw)
    assert without(of, raw, ALL) == initialize(b"{}")
    assert without(of, raw, frozenset({"elicitation/create"})) == initialize(
        b'{"sampling":{},"tasks":{"list":{}}}'
    )


def test_a_request_of_2026_declares_in_its_meta() -> None:
    """With every request; the header that repeats its name does not repeat this."""
    raw = (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_x","arguments":{"n":1.10},'
        b'"_meta":{"%b":{"elicitation":{},"extensions":{}},"progressToken":7}}}' % META.encode()
    )
    of = message(raw)
    assert declares(of) == {"elicitation/create"}
    assert without(of, raw, ALL) == raw.replace(b'"elicitation":{},', b"")


@pytest.mark.parametrize(
    "params", [{}, {"_meta": None}, {"_meta": {}}, {"_meta": {META: []}}, {"_meta": {META: {"tasks": {}}}}]
)
def test_who_declares_nothing_of_that_declares_nothing(params: Any) -> None:
    assert declares(message({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})) == set()
