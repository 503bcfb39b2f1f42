"""Bodies: one strict reading of a message, and a true reason where there is none (wire/jsonrpc.py)."""

from __future__ import annotations

import json
import re

import msgspec

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import DEPTH_MOST, DIGITS_MOST, ID_MOST, PROTOCOL_NAMES, Kind, Message, parse
from tests.fuzz.strict_json import Twice, depth, lax, looks_like, same, strict
from tests.fuzz.target import Target
from tests.fuzz.vectors import bodies


def check(body: bytes) -> None:
    """A message is what every reader finds; a refusal gives a reason that is true."""
    found = parse(body)
    if isinstance(found, Refusal):
        return _true(found.reason, body)
    value = strict(body)
    assert depth(value) <= DEPTH_MOST
    assert value["jsonrpc"] == "2.0"
    for reading in lax(body):
        _agrees(found, reading)
    again = parse(msgspec.json.encode(value))
    assert not isinstance(again, Refusal), again
    assert (again.kind, again.id, again.method) == (found.kind, found.id, found.method)
    assert same(dict(again.params), dict(found.params))
    if found.id is not None:
        assert type(found.id) is str or abs(found.id) <= ID_MOST
        assert same(json.loads(found.id_json()), found.id)


def _agrees(message: Message, reading: dict[str, object]) -> None:
    assert reading.get("method") == message.method
    assert same(reading.get("id"), message.id)
    assert same(reading.get("params", {}), dict(message.params))
    response = "result" in reading or "error" in reading
    assert message.kind is (
        Kind.RESPONSE if response else Kind.REQUEST if "id" in reading else Kind.NOTIFICATION
    )


def _true(reason: Reason, body: bytes) -> None:
    """Whether the body is at fault as it is told. Where readers differ on that, it is at fault anyway."""
    try:
        value = strict(body)
    except Twice:
        # Other faults may be told first, but none that has to do with what the message is.
        wrong = {Reason.FRAME_DUPLICATE_KEY, Reason.FRAME_JSON, Reason.FRAME_NUMBER, Reason.FRAME_DEPTH}
        assert reason in wrong, reason
        return
    except RecursionError:
        assert reason in (Reason.FRAME_DEPTH, Reason.FRAME_JSON, Reason.FRAME_NUMBER), reason
        return
    except ValueError:
        # Depth and numbers may be told of what is no JSON either, as they are seen first.
        wrong = {Reason.FRAME_JSON, Reason.FRAME_NUMBER, Reason.FRAME_DEPTH}
        assert reason in wrong, reason
        return
    if reason is Reason.FRAME_JSON:
        # The standard library takes halves of surrogate pairs, which are no UTF-8.
        assert re.search(rb"\\u[dD][89a-fA-F]", body), "JSON was refused as none"
    elif reason is Reason.FRAME_DEPTH:
        assert depth(value) > DEPTH_MOST
    elif reason is Reason.FRAME_NUMBER:
        long = re.search(rb"[0-9]{%d}" % (DIGITS_MOST + 1), body)
        assert long or re.search(rb"[0-9][eE][+-]?[0-9]{2}", body) or re.search(rb"[0-9]{309}", body)
    elif reason is Reason.FRAME_BATCH:
        assert type(value) is list
    elif reason is Reason.FRAME_DUPLICATE_KEY:
        params = value.get("params")
        names = [*value, *(params if type(params) is dict else ())]
        known = {looks_like(name) for name in PROTOCOL_NAMES}
        assert any(name not in PROTOCOL_NAMES and looks_like(name) in known for name in names)
    elif reason is Reason.FRAME_PARAMS:
        assert type(value.get("params", {})) is not dict
    elif reason is Reason.FRAME_ID:
        identity = value["id"]
        assert type(identity) not in (int, str) or len(str(identity)) > 15 or not str(identity).isprintable()
    else:
        assert reason is Reason.FRAME_ENVELOPE, reason


def seeds() -> list[bytes]:
    """The corpus, names in disguise, and what is just deep and long enough."""
    message = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x",%b}}'
    members = [
        *(
            b'"Name":"y"',
            b'"\\u006eame":"y"',
            b'"n\xe2\x80\x8bame":"y"',
            b'"\xef\xbd\x8eame":"y"',
            b'"other":"\\""',
        ),
        *(b'"a":' + b"[" * deep + b"]" * deep for deep in (62, 63)),
        *(b'"a":' + b"1" * digits for digits in (308, 309, 310)),
        *(b'"a":{"b":1,"b":1}', b'"a":[1.5e3,-0,1e999,18446744073709551616]', b'"a":"[[{\\\\"'),
    ]
    envelopes = (b'{"jsonrpc":"2.0","id":1,"error":1}', b'{"jsonrpc":"2.0","id":1,"ID":2,"method":"ping"}')
    return [*bodies(), *envelopes, *(message % member for member in members)]


WORDS = (
    *(b'{"jsonrpc":"2.0","id":1,"method":"', b'"jsonrpc":"2.0",', b'"id":', b'"method":', b'"params":{'),
    *(
        b'"name":"x"',
        b'"uri":"x"',
        b'"arguments":{}',
        b'"_meta":{}',
        b'"result":{}',
        b'"error":{}',
        b'"ref":{',
    ),
    *(b'"Method":', b'"\\u006dethod":', b'"\xc5\xbfe"', b"\\ud800", b"\\udc00", b"\\u0000", b"\\\\", b'\\"'),
    *(b"[[[[[[[[", b"]]]]]]]]", b"{}", b"null", b"true", b"1e400", b"-0", b"9007199254740992", b"0" * 310),
    *(b"\xef\xbb\xbf", b"\xe2\x80\x8b", b"tools/call", b"resources/read", b"NaN", b"\xef\xbd\x8d", b"1.5"),
)

TARGET = Target(check, seeds, WORDS)
