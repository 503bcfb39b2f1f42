"""The only writer of refusals: a reason becomes HTTP and JSON-RPC here and nowhere else.

What a policy blocks is answered as if it did not exist, byte for byte the same whether a rule
blocks it or none allows it, so that refusals cannot be used to map what is there. No answer repeats
what a caller sent, but for the name that the protocol itself repeats, as JSON.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from mcpgate.reasons import ANSWERS, INVALID_PARAMS, METHOD_NOT_FOUND, PLAINTEXT, Answer, Reason, Refusal
from mcpgate.wire.call import Call
from mcpgate.wire.jsonrpc import Kind, Message
from mcpgate.wire.mcp import MODERN, Nature

#: Resource not found, up to 2025-11-25; 2026-07-28 must not emit it (its schema, "Error Codes").
RESOURCE_NOT_FOUND = -32002

_json = msgspec.json.encode

#: What a POST that carries no request is answered with (streamable HTTP, "Sending Messages").
ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_CHALLENGE = {
    Reason.AUTH_MISSING: b'Bearer realm="mcpgate"',
    Reason.AUTH_INVALID: b'Bearer realm="mcpgate", error="invalid_token"',
    Reason.AUTH_EXPIRED: b'Bearer realm="mcpgate", error="invalid_token", error_description="expired"',
    Reason.AUTH_REVOKED: b'Bearer realm="mcpgate", error="invalid_token", error_description="revoked"',
}


def refusal_bytes(refusal: Refusal, *, id_json: bytes | None, exchange: str, close: bool) -> bytes:
    """
    The whole answer to a refused request.

    @param id_json: the request's id as JSON; C{None} when it is not known.
    @param exchange: the exchange's id, by which an operator finds the record.
    """
    answer, wait = ANSWERS[refusal.reason], refusal.retry_after
    return _refusal(answer, refusal.reason, id_json, exchange, close, wait)


def blocked_bytes(message: Message, call: Call, revision: bytes | None) -> bytes:
    """The answer to a message that policy does not let through, as from a server that lacks it.

    @param revision: the request's MCP-Protocol-Version, C{None} where it has none.
    """
    if message.kind is not Kind.REQUEST:
        return ACCEPTED
    modern = revision == MODERN
    status = 200
    error: dict[str, object]
    if call.nature is not Nature.NAMED or call.name is None:
        # 2026-07-28 answers an unknown method with 404 (streamable HTTP, "Status Codes").
        status = 404 if modern else 200
        error = {"code": METHOD_NOT_FOUND, "message": "Method not found", "data": call.method}
    elif call.judged_as[0][0] == "tools/call":
        error = {"code": INVALID_PARAMS, "message": f"Unknown tool: {call.name}"}
    elif call.judged_as[0][0] == "prompts/get":
        error = {"code": INVALID_PARAMS, "message": f"Unknown prompt: {call.name}"}
    else:
        code = INVALID_PARAMS if modern else RESOURCE_NOT_FOUND
        error = {"code": code, "message": "Resource not found", "data": {"uri": call.name}}
    return _response(status, _envelope(message.id_json(), error), [], False)


def no_stream_bytes() -> bytes:
    """GET or DELETE where policy lets the caller use nothing: as from a server without streams."""
    error: dict[str, object] = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
    return _response(405, _envelope(None, error), [b"allow: POST"], False)


def plaintext_bytes() -> bytes:
    """To somebody who spoke HTTP in clear to a TLS port."""
    return _refusal(PLAINTEXT, Reason.TLS_PLAINTEXT, None, "", True)


def _refusal(
    answer: Answer, reason: Reason, id_json: bytes | None, exchange: str, close: bool, wait: int = 0
) -> bytes:
    error = {
        "code": answer.code,
        "message": answer.words,
        "data": {"reason": reason.value, "exchange": exchange},
    }
    more: list[bytes] = []
    if answer.status == 401:
        more = [b"www-authenticate: " + _CHALLENGE[reason]]
    elif answer.status == 405:
        more = [b"allow: POST, GET, DELETE"]
    elif answer.status in (429, 503):
        more = [b"retry-after: %d" % (wait or 1)]
    return _response(answer.status, _envelope(id_json, error), more, close)


def _envelope(id_json: bytes | None, error: dict[str, object]) -> bytes:
    # JSON-RPC 2.0 (5) has null for an id that is not known. Without the member, the official Python
    # client shows a text of its own in place of our words. Only answers that HTTP calls an error may
    # have it: on a 200, a null id answers no request and its caller would wait for ever.
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (id_json or b"null", _json(error))


def _response(status: int, body: bytes, more: list[bytes], close: bool) -> bytes:
    lines = [
        b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode()),
        b"content-type: application/json",
        b"cache-control: no-store",
        b"content-length: %d" % len(body),
        *more,
    ]
    if close:
        lines.append(b"connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
