"""One strict reading of a JSON-RPC 2.0 message, so that nobody behind the gate can read another.

Two parsers agree on a body only if it leaves them no choice: it is UTF-8 without a byte order mark,
no object has two members of one name, and no member's name merely looks like one that the protocol
knows (CVE-2026-27896: C{Method} was read as C{method}). The bytes that were judged here are the
bytes that are forwarded, so all of that is refused, not repaired.

msgspec proves the grammar and builds the value; it keeps the last of duplicate members, like most.
That there were none is proved by encoding the value again: it yields the same bytes, or at least
exactly as many strings as the body had, unless a member was lost on the way (a lost member takes its
name with it). Both are C loops, twice as fast as a hook that sees every object's members.

Limits, each with its reason:
 - 64 levels: parsers that recurse break between 100 and 1000;
 - numbers of 309 digits: a double's range; longer ones cost quadratic time in many parsers;
 - 100 messages in a batch: each may start work of its own behind the gate;
 - ids within +-(2**53 - 1), or printable strings of at most 256 characters: what every language
   holds exactly, and what fits a record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, unique
from json import JSONDecoder
from types import MappingProxyType
from typing import TypeGuard
from unicodedata import category, normalize

import msgspec

from mcpgate.reasons import Reason, Refusal

DEPTH_MOST = 64
DIGITS_MOST = 309
ID_LENGTH = 256
#: Messages in one batch: each is judged and recorded by itself.
BATCH_MOST = 100
ID_MOST = 2**53 - 1
#: No method of MCP is longer than 40 characters.
METHOD_LENGTH = 128

_REQUEST = frozenset({"jsonrpc", "id", "method", "params"})
_RESULT = frozenset({"jsonrpc", "id", "result"})
_ERROR = frozenset({"jsonrpc", "id", "error"})

#: Names that decide what a message means; nothing else may read as one of them.
PROTOCOL_NAMES = frozenset(
    {"jsonrpc", "id", "method", "params", "result", "error"}
    | {"name", "uri", "arguments", "_meta", "ref", "taskId"}
)
#: Other members of params, as most messages have them, which read like none of those: they need no look.
USUAL_NAMES = PROTOCOL_NAMES | frozenset(
    {"progressToken", "progress", "total", "message", "level", "logger", "data", "requestId", "reason"}
    | {"cursor", "protocolVersion", "capabilities", "clientInfo", "inputResponses", "requestState"}
)
_FOLDED_NAMES = frozenset(name.casefold() for name in PROTOCOL_NAMES)
_LONGEST_NAME = max(map(len, PROTOCOL_NAMES))

_decode = msgspec.json.Decoder().decode
_decode_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode

_NO_PARAMS: Mapping[str, object] = MappingProxyType({})
_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * (DIGITS_MOST + 1)
# Of so many bytes one behind the other, one stands at a place that this number divides.
_digit = re.compile(rb"[0-9]").search


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


# Each object becomes a tuple of its members, so that no duplicate is lost; arrays are lists.
_members = JSONDecoder(object_pairs_hook=tuple, parse_constant=_no_constant)


@unique
class Kind(Enum):
    """What a message is, told by the members that it has."""

    REQUEST = "request"
    NOTIFICATION = "notification"
    RESPONSE = "response"


# As in tls/stream.py: a member is read off its class slowly.
REQUEST, NOTIFICATION, RESPONSE = Kind


class Message(msgspec.Struct, frozen=True):
    """
    A message that can be read in one way only. (A struct: one is made for each request.)

    @ivar id: C{None} for a notification, and only there. 0 and "" are ids; 1 and "1" are different.
    @ivar method: C{None} for a response, and only there.
    @ivar params: An empty mapping where the message has none.
    @ivar result: What a response brings, C{None} where it brings an C{error}.
    """

    kind: Kind
    id: int | str | None
    method: str | None
    params: Mapping[str, object]
    result: object = None
    error: Mapping[str, object] | None = None

    def __repr__(self) -> str:
        # What is in params, in a result and in an error may be a secret.
        return f"Message(kind={self.kind!r}, id={self.id!r}, method={self.method!r})"

    def id_json(self) -> bytes:
        """
        The id as JSON, for the answer.

        @raise ValueError: There is none: a notification is not answered.
        """
        if self.id is None:
            raise ValueError("a notification has no id")
        return id_json(self.id)


def id_json(id: int | str) -> bytes:
    """An id as JSON."""
    return _encode(id)


class Batch(msgspec.Struct, frozen=True):
    """
    Several messages in one body, in order: JSON-RPC 2.0 (6), and MCP 2025-03-26 alone.

    @ivar parts: Each message with its bytes, which stand in the body as they are here.
    """

    parts: tuple[tuple[Message, bytes], ...]


def parse(body: bytes) -> Message | Refusal:
    """Read a whole body. Never raises; the caller has capped its size."""
    if len(body) > DIGITS_MOST and _digit(body[:: DIGITS_MOST + 1]) and _has_long_number(_unescaped(body)):
        return Refusal(Reason.FRAME_NUMBER, f"a number of more than {DIGITS_MOST} digits")
    try:
        value: object = _decode(body)
        if body.count(b"[") + body.count(b"{") > DEPTH_MOST and _too_deep(_unescaped(body)):
            return Refusal(Reason.FRAME_DEPTH, f"nested more than {DEPTH_MOST} deep")
        again = _encode(value)
        # The same to the byte, as most senders write JSON as we do; else by the number of strings.
        if again != body and _unescaped(again).count(b'"') != _unescaped(body).count(b'"'):
            return Refusal(Reason.FRAME_DUPLICATE_KEY, "an object has two members of the same name")
    except (msgspec.ValidationError, OverflowError):
        # Decoding to no particular type, all that msgspec validates is the range of numbers.
        return Refusal(Reason.FRAME_NUMBER, "a number is out of range")
    except RecursionError:
        return Refusal(Reason.FRAME_DEPTH, f"nested more than {DEPTH_MOST} deep")
    except (msgspec.MsgspecError, ValueError):
        return Refusal(Reason.FRAME_JSON, "not JSON in UTF-8")
    if type(value) is dict:
        return _message(value)
    if type(value) is list:
        return Refusal(Reason.FRAME_BATCH, "an array of messages")
    return Refusal(Reason.FRAME_ENVELOPE, "not an object")


def parse_batch(body: bytes) -> Batch | Refusal:
    """
    Read an array of messages.

    MCP 2025-03-26 (basic, "Batching"; lifecycle): any but C{initialize}. Two requests, or two responses,
    of one id are refused: their answers could not be told apart.

    @param body: What L{parse} refused with C{frame.batch}, so that its JSON is beyond doubt.
    """
    raws: list[msgspec.Raw] = _decode_raws(body)
    if not 0 < len(raws) <= BATCH_MOST:
        return Refusal(Reason.FRAME_BATCH, f"{len(raws)} messages, and not 1 to {BATCH_MOST}")
    parts = []
    ids: set[tuple[Kind, int | str]] = set()
    for raw in raws:
        one = bytes(raw)
        message = parse(one)
        if isinstance(message, Refusal):
            return message
        if message.method == "initialize":
            return Refusal(Reason.FRAME_BATCH, "initialize stands in a batch")
        if message.id is not None:
            if (message.kind, message.id) in ids:
                return Refusal(Reason.FRAME_BATCH, "two messages of a batch have the same id")
            ids.add((message.kind, message.id))
        parts.append((message, one))
    return Batch(tuple(parts))


def elements(body: bytes) -> list[bytes]:
    """The messages of a body that was read: the elements of an array, or the one that it is."""
    return [bytes(raw) for raw in _decode_raws(body)] if body.lstrip()[:1] == b"[" else [body]


def id_of(body: bytes) -> int | str | None:
    """
    The id of a request that C{parse} refused, for the answer; C{None} when it is not beyond doubt.

    Nothing may be wrong with the envelope's member names, while all else may. Slow, never raises.
    """
    try:
        value: object = _members.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if type(value) is not tuple:
        return None
    envelope = dict(value)
    if len(envelope) != len(value) or any(map(_disguised, envelope)):
        return None
    if type(envelope.get("method")) is not str:
        return None
    identity = envelope.get("id")
    return identity if _is_id(identity) else None


def _message(value: dict[str, object]) -> Message | Refusal:
    """The message that an object is, by exactly the members that JSON-RPC 2.0 gives it."""
    # Nearly every message is a plain request, a result, or a notification; the rest is looked at below.
    if len(value) == 3 and value.get("jsonrpc") == "2.0":
        if "result" in value:
            identity = value.get("id")
            if _is_id(identity):
                return Message(RESPONSE, identity, None, _NO_PARAMS, value["result"])
        else:
            method, params = value.get("method"), value.get("params")
            if (
                type(method) is str
                and len(method) <= METHOD_LENGTH
                and method.isprintable()
                and type(params) is dict
                and params.keys() <= USUAL_NAMES
            ):
                return Message(NOTIFICATION, None, method, params)
    elif len(value) == 4 and value.get("jsonrpc") == "2.0":
        method, identity, params = value.get("method"), value.get("id"), value.get("params")
        if (
            type(method) is str
            and len(method) <= METHOD_LENGTH
            and method.isprintable()
            and type(params) is dict
            and params.keys() <= USUAL_NAMES
            and _is_id(identity)
        ):
            return Message(REQUEST, identity, method, params)
    if value.get("jsonrpc") != "2.0":
        return _not_an_envelope(value, 'jsonrpc is not "2.0"')
    names = value.keys()
    if names <= _REQUEST:
        method = value.get("method")
        if type(method) is not str or len(method) > METHOD_LENGTH or not method.isprintable():
            return Refusal(Reason.FRAME_ENVELOPE, "method is missing or not a short string")
        params = value.get("params", _NO_PARAMS)
        if params is not _NO_PARAMS:
            if type(params) is not dict:
                return Refusal(Reason.FRAME_PARAMS, "params is not an object")
            if not params.keys() <= USUAL_NAMES and any(map(_disguised, params)):
                return Refusal(Reason.FRAME_DUPLICATE_KEY, "a member of params reads like another")
        if "id" not in value:
            return Message(NOTIFICATION, None, method, params)
        identity = value["id"]
        if not _is_id(identity):
            return Refusal(Reason.FRAME_ID, "id is neither a safe integer nor a short printable string")
        return Message(REQUEST, identity, method, params)
    if names == _RESULT or names == _ERROR:
        identity = value["id"]
        if not _is_id(identity):
            return Refusal(Reason.FRAME_ID, "id is neither a safe integer nor a short printable string")
        if "error" in names:
            error = value["error"]
            if type(error) is not dict:
                return Refusal(Reason.FRAME_ENVELOPE, "error is not an object")
            return Message(RESPONSE, identity, None, _NO_PARAMS, None, error)
        return Message(RESPONSE, identity, None, _NO_PARAMS, value["result"])
    return _not_an_envelope(value, "not exactly the members of one message")


def _not_an_envelope(value: Mapping[str, object], why: str) -> Refusal:
    if any(map(_disguised, value)):
        return Refusal(Reason.FRAME_DUPLICATE_KEY, "a member reads like another")
    return Refusal(Reason.FRAME_ENVELOPE, why)


def _is_id(value: object) -> TypeGuard[int | str]:
    # bool is a subclass of int, and true is no id.
    if type(value) is int:
        return -ID_MOST <= value <= ID_MOST
    return type(value) is str and len(value) <= ID_LENGTH and value.isprintable()


def _disguised(name: str) -> bool:
    """Whether a name is none of the protocol's but folds onto one: by case, width, or unseen characters."""
    if name in PROTOCOL_NAMES:
        return False
    if not name.isprintable():
        name = "".join([character for character in name if category(character) not in ("Cc", "Cf")])
    # Folding never makes one ASCII letter out of two characters. Long names are not even folded, as
    # normalisation takes quadratic time on crafted ones.
    if len(name) > _LONGEST_NAME:
        return False
    return normalize("NFKC", normalize("NFKC", name).casefold()) in _FOLDED_NAMES


def _unescaped(json: bytes) -> bytes:
    """Valid JSON without escaped quotes, so that every quote left begins or ends a string."""
    if b"\\" not in json:
        return json
    # Backslashes stand in strings only. Without the pairs, one before a quote escapes it.
    return json.replace(b"\\\\", b"").replace(b'\\"', b"")


def _too_deep(unescaped: bytes) -> bool:
    """Whether brackets are nested deeper than allowed."""
    # Whether a bracket stands in a string is told by the number of quotes before it, odd or even;
    # two quotes in a row change nothing.
    brackets = unescaped.translate(_TO_BRACKETS, _NOT_STRUCTURE).replace(b'""', b"")
    brackets = b"".join(brackets.split(b'"')[::2])
    for _ in range(DEPTH_MOST):
        # The innermost level goes; one pass does not look again at what it joins.
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _has_long_number(unescaped: bytes) -> bool:
    """Whether more digits stand in a row than allowed, strings left out."""
    if _LONG_NUMBER not in unescaped.translate(_DIGITS_TO_ZERO):
        return False
    return any(
        _LONG_NUMBER in piece.translate(_DIGITS_TO_ZERO)
        for piece in unescaped.split(b'"')[::2]
        if len(piece) > DIGITS_MOST
    )
