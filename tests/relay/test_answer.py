"""How refusals are told: every reason has an answer that is well-formed and gives nothing away."""

from __future__ import annotations

import json

import pytest

from mcpgate.reasons import ANSWERS, Reason, Refusal
from mcpgate.relay import answer
from mcpgate.wire.call import Call, call_of
from mcpgate.wire.http import Framing, ResponseHead, read_response_head
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.revision import Revision


def read(raw: bytes) -> tuple[ResponseHead, bytes]:
    end = raw.find(b"\r\n\r\n") + 4
    head = read_response_head(raw[:end], b"POST")
    assert isinstance(head, ResponseHead), head
    assert head.framing is Framing.LENGTH and head.length == len(raw) - end
    return head, raw[end:]


def asked(body: bytes) -> tuple[Message, Call]:
    message = parse(body)
    assert isinstance(message, Message)
    call = call_of(message)
    assert isinstance(call, Call)
    return message, call


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.CLIENT_GONE])
def test_every_reason_has_a_well_formed_answer_without_its_detail(reason: Reason) -> None:
    """The detail is for the record: it may say more than a caller should know."""
    raw = answer.refusal_bytes(Refusal(reason, "inner detail"), id_json=b'"7"', exchange="x-1", close=False)
    head, body = read(raw)
    assert head.status == ANSWERS[reason].status
    error = json.loads(body)
    assert (error["jsonrpc"], error["id"]) == ("2.0", "7")
    assert error["error"]["data"] == {"reason": reason.value, "exchange": "x-1"}
    assert b"inner detail" not in raw
    challenged = head.status == 401 or reason in (Reason.AUTH_SCOPE, Reason.AUTH_HEADER)
    assert (head.get(b"www-authenticate") is not None) is challenged


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (Refusal(Reason.LIMIT_FAILURES, retry_after=17), b"17"),
        (Refusal(Reason.LIMIT_FAILURES), b"1"),
        (Refusal(Reason.UPSTREAM_QUEUE), b"1"),
        (Refusal(Reason.LIMIT_DESCRIPTORS), b"1"),
        (Refusal(Reason.AUTH_INVALID), None),
    ],
)
def test_where_trying_again_helps_it_is_said_when(refusal: Refusal, said: bytes | None) -> None:
    head, _ = read(answer.refusal_bytes(refusal, id_json=None, exchange="x-1", close=True))
    assert head.get(b"retry-after") == said


def test_an_unknown_id_is_null_and_the_end_of_the_connection_is_told() -> None:
    """JSON-RPC 2.0, section 5."""
    head, body = read(
        answer.refusal_bytes(Refusal(Reason.FRAME_JSON), id_json=None, exchange="x-1", close=True)
    )
    assert json.loads(body)["id"] is None
    assert not head.keep_alive


@pytest.mark.parametrize(
    ("body", "revision", "status", "code", "words"),
    [
        (
            b'{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"rm"}}',
            Revision.V2025_11_25,
            200,
            -32602,
            "tool: rm",
        ),
        (
            b'{"jsonrpc":"2.0","id":0,"method":"prompts/get","params":{"name":"p"}}',
            Revision.V2025_11_25,
            200,
            -32602,
            "prompt: p",
        ),
        (
            b'{"jsonrpc":"2.0","id":0,"method":"resources/read","params":{"uri":"a:b"}}',
            Revision.V2025_11_25,
            200,
            -32002,
            "found",
        ),
        (
            b'{"jsonrpc":"2.0","id":0,"method":"resources/read","params":{"uri":"a:b"}}',
            Revision.V2026_07_28,
            200,
            -32602,
            "found",
        ),
        (b'{"jsonrpc":"2.0","id":0,"method":"x/y"}', Revision.V2025_11_25, 200, -32601, "Method not found"),
        (b'{"jsonrpc":"2.0","id":0,"method":"x/y"}', Revision.V2026_07_28, 404, -32601, "Method not found"),
    ],
)
def test_what_is_blocked_is_answered_as_if_it_were_not_there(
    body: bytes, revision: Revision, status: int, code: int, words: str
) -> None:
    """With the request's own id, as each revision's servers say it, and without a word of policy."""
    head, told = read(answer.blocked_bytes(*asked(body), revision))
    error = json.loads(told)
    assert (head.status, error["id"], error["error"]["code"]) == (status, 0, code)
    assert error["error"]["message"].endswith(words)
    assert b"polic" not in told and b"exchange" not in told


def test_a_blocked_notification_is_accepted() -> None:
    """It has no answer in which it could be refused."""
    note = asked(b'{"jsonrpc":"2.0","method":"notifications/x"}')
    head, body = read(answer.blocked_bytes(*note, Revision.V2025_11_25))
    assert (head.status, body) == (202, b"")


def test_a_name_is_repeated_as_json_and_never_as_a_header() -> None:
    """Whatever the caller puts into it."""
    name = 'x"\r\nSet-Cookie: a=b\r\n\r\n<script>'
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}}).encode()
    head, told = read(answer.blocked_bytes(*asked(body), Revision.V2025_11_25))
    assert head.get(b"set-cookie") is None
    assert json.loads(told)["error"]["message"] == f"Unknown tool: {name}"


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.value.startswith("tls.")])
def test_a_connection_that_is_not_good_enough_learns_only_that(reason: Reason) -> None:
    """By a resource there is somebody to tell; clear text is told in words of its own, as it exposes."""
    head, body = read(answer.below_bytes(Refusal(reason, "inner detail")))
    assert head.status == 403 and not head.keep_alive
    error = json.loads(body)["error"]
    assert error["data"]["reason"] == reason.value and "inner detail" not in body.decode()
    assert ("clear text" in error["message"]) is (reason is Reason.TLS_PLAINTEXT)
