"""What 2026-07-28 has for a call that must wait: the caller is asked, and comes back (pure).

A server may answer a request with questions (C{resultType} C{input_required}) and a C{requestState}; the
client makes the request again, under another id, with its answers and that very state (MCP basic,
"Multi Round-Trip Requests"). So a held call need not keep its connection: its caller is asked to wait
and to come back, and the state that it brings is sealed by the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from mcpgate.holds.held import SHOWN_MOST
from mcpgate.wire.agreement import CAPABILITIES
from mcpgate.wire.mcp import client_request

#: What a requestState of ours begins with. An upstream's that did would be refused, and harm only itself.
PREFIX = "mcpgate-hold."
#: The params of another round, which are ours where the state is.
ROUND = frozenset({"inputResponses", "requestState"})
#: The key of our one question.
QUESTION = "approval"

#: Members of C{_meta} that are new in each round, and mean nothing to what is called.
_NEW = frozenset({"progressToken", "traceparent", "tracestate", "baggage"})

# What 2026-07-28 has of its own in every request.
_PROTOCOL = "io.modelcontextprotocol/"

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def digest(method: str, body: bytes) -> str:
    """
    What tells a call from every other: its method and params, to the byte, but for what is new in each round.

    @param body: A request that C{wire.jsonrpc.parse} accepted.
    """
    message = _members(body)
    params = dict(_members(message["params"])) if "params" in message else {}
    meta = params.pop("_meta", None)
    parts = [method.encode(), *_written(params, ROUND)]
    if meta is not None:
        # Before 2026-07-28 nobody has looked whether it is an object.
        is_object = bytes(meta).startswith(b"{")
        parts += [b"_meta", *(_written(_members(meta), _NEW) if is_object else [bytes(meta)])]
    # Each part with its length before it: no two calls have the same parts.
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()


def _written(members: Mapping[str, msgspec.Raw], without: frozenset[str]) -> list[bytes]:
    return [
        part
        for name, raw in sorted(members.items())
        if name not in without
        for part in (_encode(name), bytes(raw))
    ]


def shown(body: bytes) -> tuple[str, bool]:
    """
    What whoever decides sees of a request: its params, as they are; and whether that is not all. Of C{_meta},
    which servers may read as they do arguments, what is no matter of the protocol's.
    """
    message = _members(body)
    params = dict(_members(message["params"])) if "params" in message else {}
    meta = params.pop("_meta", None)
    if meta is not None and bytes(meta).startswith(b"{"):
        rest = {name: raw for name, raw in _members(meta).items() if not _is_known(name)}
        meta = msgspec.Raw(_encode(rest)) if rest else None
    if meta is not None:
        params["_meta"] = meta
    text = b"{%b}" % b", ".join(b"%b: %b" % (_encode(name), bytes(raw)) for name, raw in params.items())
    whole = text.decode()
    return whole[:SHOWN_MOST], len(whole) > SHOWN_MOST


def _is_known(name: str) -> bool:
    return name in _NEW or name.startswith(_PROTOCOL)


def own_state(params: Mapping[str, object]) -> str | None:
    """The sealed text in a requestState of ours, if it has one."""
    state = params.get("requestState")
    return state.removeprefix(PREFIX) if type(state) is str and state.startswith(PREFIX) else None


def can_return(method: str, params: Mapping[str, object]) -> bool:
    """
    Whether a caller of 2026-07-28 can be asked: the method may be answered with questions, the client
    shows forms, and no round with the upstream is under way, whose state would be lost.
    """
    known = client_request(method)
    if known is None or not known.input_required or not ROUND.isdisjoint(params):
        return False
    match params.get("_meta"):
        case {**meta} if CAPABILITIES in meta:
            match meta[CAPABILITIES]:
                case {"elicitation": dict() as elicitation}:
                    # Without members it is forms, as it was when there was nothing else.
                    return not elicitation or "form" in elicitation
    return False


def refuses(params: Mapping[str, object]) -> bool:
    """Whether the caller's user does not want to wait any more."""
    match params.get("inputResponses"):
        case {"approval": {"action": "decline" | "cancel"}}:
            return True
    return False


def question(text: str, state: str) -> bytes:
    """The result that asks a caller to come back. C{state}: sealed."""
    form: dict[str, object] = {
        "mode": "form",
        "message": text,
        "requestedSchema": {"type": "object", "properties": {}},
    }
    return _encode(
        {
            "resultType": "input_required",
            "inputRequests": {QUESTION: {"method": "elicitation/create", "params": form}},
            "requestState": PREFIX + state,
        }
    )


def progress(token: int | str, left: float, text: str) -> bytes:
    """
    That a call still waits, as progress (all revisions).

    Progress must increase, and the upstream's own will mostly begin at 0: ours are the seconds that are left,
    below zero.
    """
    params = {"progressToken": token, "progress": -round(left, 1), "message": text}
    return _encode({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})


def progress_token(params: Mapping[str, object]) -> int | str | None:
    """By which a caller wants to hear of progress, if it does."""
    match params.get("_meta"):
        case {"progressToken": int() | str() as token} if type(token) is not bool:
            return token
    return None
