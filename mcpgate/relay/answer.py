"""The only writer of refusals: a reason becomes HTTP and JSON-RPC here and nowhere else.

What a policy blocks is answered as if it did not exist, byte for byte the same whether a rule
blocks it or none allows it, so that refusals cannot be used to map what is there. No answer repeats
what a caller sent, but for the name or version that the protocol itself repeats, as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from attrs import evolve

from mcpgate.reasons import (
    ANSWERS,
    BELOW,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    PLAINTEXT,
    Answer,
    Reason,
    Refusal,
)
from mcpgate.wire.call import Call
from mcpgate.wire.jsonrpc import Kind, Message, id_json
from mcpgate.wire.mcp import Nature
from mcpgate.wire.oauth import Guide, challenge
from mcpgate.wire.revision import Revision

#: Resource not found, up to 2025-11-25; 2026-07-28 must not emit it (its schema, "Error Codes").
RESOURCE_NOT_FOUND = -32002

_json = msgspec.json.encode

#: What is answered as if there were nothing of that name.
UNKNOWN = frozenset({Reason.POLICY_UNLISTED, Reason.POLICY_BLOCKED})

#: What a POST that carries no request is answered with (streamable HTTP, "Sending Messages").
ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

#: What a challenge says of a token that was shown, where the reason alone does not say it.
_DESCRIPTION = {
    Reason.AUTH_INVALID: "",
    Reason.AUTH_EXPIRED: "expired",
    Reason.AUTH_REVOKED: "revoked",
}

#: What is said instead where a client can get a token by itself.
_SERVERS = "one of the authorization servers that the resource metadata of this URL name"
_GUIDED = {
    Reason.AUTH_MISSING: f"This gate needs a proof of who you are: a bearer token of {_SERVERS}.",
    Reason.AUTH_INVALID: f"The bearer token is not one that this gate accepts. Get one of {_SERVERS}.",
    Reason.AUTH_EXPIRED: "The bearer token or client certificate has expired. Get a new one.",
    Reason.AUTH_REVOKED: "The bearer token was revoked.",
}


def refusal_bytes(
    refusal: Refusal, *, id_json: bytes | None, exchange: str, close: bool, guide: Guide | None = None
) -> bytes:
    """
    The whole answer to a refused request.

    @param id_json: the request's id as JSON; C{None} when it is not known.
    @param exchange: the exchange's id, by which an operator finds the record.
    @param guide: where the caller learns how to get a token, if it can.
    """
    told = ANSWERS[refusal.reason]
    if guide is not None and refusal.reason in _GUIDED:
        told = evolve(told, words=_GUIDED[refusal.reason])
    return _refusal(told, refusal, id_json, exchange, close, guide)


def blocked_bytes(message: Message, call: Call, revision: Revision) -> bytes:
    """The answer to a message about what a caller may not even know of, as from a server that lacks it."""
    if message.kind is not Kind.REQUEST:
        return ACCEPTED
    named = call.nature is Nature.TASK or (call.nature is Nature.NAMED and call.name is not None)
    # 2026-07-28 answers an unknown method with 404 (streamable HTTP, "Status Codes").
    status = 404 if revision.modern and not named else 200
    return _response(status, blocked_json(message, call, revision), [], False)


def blocked_json(message: Message, call: Call, revision: Revision) -> bytes:
    """The same as JSON-RPC alone, for a request."""
    error: dict[str, object]
    if call.nature is Nature.TASK:
        # MCP tasks, "Error Handling", in the words of the official SDKs.
        error = {"code": INVALID_PARAMS, "message": "Failed to retrieve task: Task not found"}
    elif call.nature is not Nature.NAMED or call.name is None:
        error = {"code": METHOD_NOT_FOUND, "message": "Method not found", "data": call.method}
    elif call.method == "tools/call":
        error = {"code": INVALID_PARAMS, "message": f"Unknown tool: {call.name}"}
    elif call.method == "prompts/get":
        error = {"code": INVALID_PARAMS, "message": f"Unknown prompt: {call.name}"}
    else:
        code = INVALID_PARAMS if revision.modern else RESOURCE_NOT_FOUND
        error = {"code": code, "message": "Resource not found", "data": {"uri": call.name}}
    return _envelope(message.id_json(), error)


def policy_bytes(
    message: Message, call: Call, refusal: Refusal, revision: Revision, exchange: str
) -> bytes:
    """The answer to a message that policy does not let through."""
    if refusal.reason in UNKNOWN:
        return blocked_bytes(message, call, revision)
    return denied_bytes(message, refusal, revision, exchange)


def policy_json(message: Message, call: Call, refusal: Refusal, revision: Revision, exchange: str) -> bytes:
    """The same as JSON-RPC alone, for a request."""
    if refusal.reason in UNKNOWN:
        return blocked_json(message, call, revision)
    assert message.id is not None
    return denied_json(message.id, call.method, refusal, revision=revision, exchange=exchange)


def denied_bytes(message: Message, refusal: Refusal, revision: Revision, exchange: str) -> bytes:
    """
    The answer to a message whose caller may know that it exists, but that policy does not let through:
    for its arguments, its connections, a budget, or a person's word.
    """
    if message.kind is not Kind.REQUEST:
        return ACCEPTED
    assert message.id is not None and message.method is not None
    body = denied_json(message.id, message.method, refusal, revision=revision, exchange=exchange)
    return json_bytes(body)


def denied_json(id: int | str, method: str, refusal: Refusal, *, revision: Revision, exchange: str) -> bytes:
    """
    The same as JSON-RPC alone. A tool answers with a result that says why, so that a model can read it
    (MCP server/tools, "Error Handling"); all else with an error.
    """
    if method != "tools/call" or refusal.reason is Reason.AUTH_SCOPE:
        # A scope is no matter of the model's, but of its client's.
        return _envelope(id_json(id), _error(ANSWERS[refusal.reason], refusal, exchange))
    said = ANSWERS[refusal.reason].words
    if refusal.retry_after:
        said += f" Retry after {refusal.retry_after} seconds."
    if refusal.told and "said" in refusal.told:
        # What a person has given as the reason.
        said += f" They said: {refusal.told['said']}"
    said += f" ({refusal.reason.value}, {exchange})"
    result: dict[str, object] = {"content": [{"type": "text", "text": said}], "isError": True}
    if revision.modern:
        result["resultType"] = "complete"
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (id_json(id), _json(result))


def refusal_json(refusal: Refusal, *, id_json: bytes, exchange: str) -> bytes:
    """A refusal as JSON-RPC alone, for an answer whose HTTP status has already gone out."""
    return _envelope(id_json, _error(ANSWERS[refusal.reason], refusal, exchange))


def json_bytes(body: bytes) -> bytes:
    """An answer that was made here, with a body of JSON."""
    return _response(200, body, [], False)


def own_bytes(status: int, members: Mapping[str, object], kept: bytes) -> bytes:
    """
    Something of the gate's own, as JSON.

    @param kept: for how long clients may keep it (C{Cache-Control}).
    """
    return _response(status, _json(members), [], False, kept)


def no_stream_bytes() -> bytes:
    """GET or DELETE where policy lets the caller use nothing: as from a server without streams."""
    error: dict[str, object] = {"code": METHOD_NOT_FOUND, "message": "Method not found"}
    return _response(405, _envelope(None, error), [b"allow: POST"], False)


def plaintext_bytes() -> bytes:
    """To somebody who spoke HTTP in clear to a TLS port."""
    return _refusal(PLAINTEXT, Refusal(Reason.TLS_PLAINTEXT), None, "", True)


def below_bytes(refusal: Refusal) -> bytes:
    """To somebody whose request came by a connection that is not what is demanded of callers."""
    told = evolve(PLAINTEXT, status=BELOW.status) if refusal.reason is Reason.TLS_PLAINTEXT else BELOW
    return _refusal(told, refusal, None, "", True)


def _refusal(
    answer: Answer,
    refusal: Refusal,
    id_json: bytes | None,
    exchange: str,
    close: bool,
    guide: Guide | None = None,
) -> bytes:
    more: list[bytes] = []
    if challenges(refusal.reason):
        more = [b"www-authenticate: " + _challenge(answer, refusal, guide)]
    elif refusal.reason is Reason.MCP_STATELESS:
        more = [b"allow: POST"]
    elif answer.status == 405:
        allow = (refusal.told or {}).get("allow", "POST, GET, DELETE")
        more = [b"allow: " + str(allow).encode()]
    elif answer.status in (429, 503):
        more = [b"retry-after: %d" % (refusal.retry_after or 1)]
    return _response(answer.status, _envelope(id_json, _error(answer, refusal, exchange)), more, close)


def challenges(reason: Reason) -> bool:
    """Whether an answer says how the caller can prove itself, or prove more."""
    return ANSWERS[reason].status == 401 or reason in (Reason.AUTH_SCOPE, Reason.AUTH_HEADER)


def _challenge(answer: Answer, refusal: Refusal, guide: Guide | None) -> bytes:
    if refusal.reason is Reason.AUTH_MISSING:
        # RFC 6750 section 3.1: no error where nothing was shown.
        return challenge(guide).encode("ascii")
    if refusal.reason is Reason.AUTH_SCOPE:
        needed = str((refusal.told or {}).get("scope", ""))
        return challenge(guide, error="insufficient_scope", scope=needed).encode("ascii")
    if refusal.reason is Reason.AUTH_HEADER:
        return challenge(guide, error="invalid_request", description=answer.words).encode("ascii")
    description = _DESCRIPTION.get(refusal.reason, answer.words)
    return challenge(guide, error="invalid_token", description=description).encode("ascii")


def _error(answer: Answer, refusal: Refusal, exchange: str) -> dict[str, object]:
    told = refusal.told or {}
    data = {**told, "reason": refusal.reason.value, "exchange": exchange}
    if refusal.retry_after:
        data["retry_after"] = refusal.retry_after
    return {"code": answer.code, "message": answer.words, "data": data}


def _envelope(id_json: bytes | None, error: dict[str, object]) -> bytes:
    # JSON-RPC 2.0 (5) has null for an id that is not known. Without the member, the official Python
    # client shows a text of its own in place of our words. Only answers that HTTP calls an error may
    # have it: on a 200, a null id answers no request and its caller would wait for ever.
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (id_json or b"null", _json(error))


def _response(
    status: int, body: bytes, more: list[bytes], close: bool, kept: bytes = b"no-store"
) -> bytes:
    lines = [
        b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode()),
        b"content-type: application/json",
        b"cache-control: " + kept,
        b"content-length: %d" % len(body),
        *more,
    ]
    if close:
        lines.append(b"connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
