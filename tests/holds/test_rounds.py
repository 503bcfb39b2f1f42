"""What tells one call from another, what is asked of its caller, and what a round of ours looks like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from mcpgate.holds import rounds
from tests.wire import json_texts

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"


def body(id: object = 1, method: str = "tools/call", **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "id": id, "method": method, "params": {"name": "delete", **params}}
    return json.dumps(message).encode()


def digest(raw: bytes, method: str = "tools/call") -> str:
    return rounds.digest(method, raw)


def test_the_next_round_of_a_call_is_the_same_call() -> None:
    """Another id, the round's own members, and what is new in each request say nothing of it."""
    first = digest(body(arguments={"path": "/x"}, _meta={"progressToken": 1, "who": "me"}))
    again = body(
        "other",
        arguments={"path": "/x"},
        inputResponses={"approval": {"action": "accept"}},
        requestState="s",
        _meta={"who": "me", "progressToken": 2, "traceparent": "00-1-2-3"},
    )
    assert digest(again) == first


@pytest.mark.parametrize(
    "other",
    [
        body(arguments={"path": "/y"}),
        body(arguments={"path": "/x", "more": 1}),
        body(arguments={"path": "/x"}, more=1),
        body(arguments={"path": "/x"}, _meta={"who": "me"}),
        body(name="other", arguments={"path": "/x"}),
        body(arguments={"path": "/x"}).replace(b'"/x"', b'"\\u002fx"'),
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}',
    ],
)
def test_another_call_is_another(other: bytes) -> None:
    """To the byte: what some reader might take for the same is not what was approved."""
    assert digest(other) != digest(body(arguments={"path": "/x"}))


def test_methods_and_names_of_members_count() -> None:
    """And no text in one place makes up for another in the next."""
    assert digest(body(), "tools/call") != digest(body(), "prompts/get")
    assert digest(body(a="b", c="d")) != digest(body(a="bc", d=""))
    assert digest(body(_meta=5)) != digest(body(_meta=6)) != digest(body())


@given(json_texts.VALUES)
def test_any_params_can_be_told_apart_and_shown(value: bytes) -> None:
    """Whatever JSON they hold."""
    one = b'{"id":1,"params":{"name":"delete","arguments":%b}}'
    assert digest(one % value) == digest((one % value).replace(b'"id":1', b'"id":7', 1))
    assert digest(one % value) != digest(one % (b"[%b]" % value))
    text, cut = rounds.shown(one % value)
    assert cut or text == f'{{"name": "delete", "arguments": {value.strip().decode()}}}'


def test_what_is_shown_is_all_that_is_approved_up_to_a_bound() -> None:
    """As it was written, without what belongs to the protocol."""
    raw = b'{"params":{"name":"d", "arguments":{"n":1.10,"t":"\xc3\xa9"},"_meta":{"progressToken":1}}}'
    assert rounds.shown(raw) == ('{"name": "d", "arguments": {"n":1.10,"t":"é"}}', False)
    text, cut = rounds.shown(body(arguments="x" * 20000))
    assert (len(text), cut) == (16384, True)
    assert rounds.shown(b"{}") == ("{}", False)


def test_only_a_state_of_ours_is_ours() -> None:
    """By what it begins with; that it is real is for whoever opens it."""
    assert rounds.own_state({"requestState": rounds.PREFIX + "abc"}) == "abc"
    assert rounds.own_state({"requestState": "abc"}) is None
    assert rounds.own_state({"requestState": 5}) is None
    assert rounds.own_state({}) is None


@pytest.mark.parametrize(
    ("method", "capabilities", "more", "can"),
    [
        ("tools/call", {"elicitation": {}}, {}, True),
        ("prompts/get", {"elicitation": {"form": {}}}, {}, True),
        ("resources/read", {"elicitation": {"form": {}, "url": {}}}, {}, True),
        ("tools/call", {"elicitation": {"url": {}}}, {}, False),
        ("tools/call", {}, {}, False),
        ("tools/call", {"elicitation": True}, {}, False),
        ("tools/call", "all", {}, False),
        ("completion/complete", {"elicitation": {}}, {}, False),
        ("acme/extra", {"elicitation": {}}, {}, False),
        ("tools/call", {"elicitation": {}}, {"requestState": "theirs"}, False),
        ("tools/call", {"elicitation": {}}, {"inputResponses": {}}, False),
    ],
)
def test_who_can_be_asked_to_come_back(method: str, capabilities: Any, more: Any, can: bool) -> None:
    """Whose method may be answered so, who shows forms, and who is in no round with the upstream."""
    assert rounds.can_return(method, {"_meta": {CAPABILITIES: capabilities}, **more}) is can


def test_without_metadata_nobody_is_asked() -> None:
    """They are required, but not by everybody."""
    assert not rounds.can_return("tools/call", {})
    assert not rounds.can_return("tools/call", {"_meta": 5})


def test_a_user_who_does_not_want_to_wait_says_so() -> None:
    """By the two actions that are no acceptance, to our question."""
    for action, refuses in (("accept", False), ("decline", True), ("cancel", True), (5, False)):
        assert rounds.refuses({"inputResponses": {"approval": {"action": action}}}) is refuses
    assert not rounds.refuses({"inputResponses": {"other": {"action": "decline"}}})
    assert not rounds.refuses({"inputResponses": []})
    assert not rounds.refuses({})


def test_the_question_is_a_form_without_fields() -> None:
    """There is nothing to fill in: to accept it is to wait."""
    result = json.loads(rounds.question("Wait?", "sealed"))
    assert result == {
        "resultType": "input_required",
        "inputRequests": {
            "approval": {
                "method": "elicitation/create",
                "params": {
                    "mode": "form",
                    "message": "Wait?",
                    "requestedSchema": {"type": "object", "properties": {}},
                },
            }
        },
        "requestState": "mcpgate-hold.sealed",
    }


def test_progress_counts_up_to_zero() -> None:
    """So that whatever the upstream begins with is more."""
    told = [json.loads(rounds.progress("t", left, "w"))["params"]["progress"] for left in (300.04, 285, 0)]
    assert told == [-300.0, -285, 0]


def test_a_token_of_progress_is_a_string_or_a_number() -> None:
    """Anything else is none."""
    for token in (0, 7, "", "t"):
        assert rounds.progress_token({"_meta": {"progressToken": token}}) == token
    for token in (True, None, 1.5, []):
        assert rounds.progress_token({"_meta": {"progressToken": token}}) is None
    assert rounds.progress_token({}) is None


def test_what_a_caller_puts_beside_the_arguments_is_shown() -> None:
    """Servers may act on it, and an approval is for it; what every request has is left out."""
    meta = b'{"progressToken":1,"io.modelcontextprotocol/clientCapabilities":{},"x/force": true}'
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":%b}}'
    assert rounds.shown(body % meta) == ('{"name": "x", "_meta": {"x/force":true}}', False)
    assert rounds.shown(body % b'{"progressToken":1}') == ('{"name": "x"}', False)
    assert rounds.shown(body % b"[1]") == ('{"name": "x", "_meta": [1]}', False)
