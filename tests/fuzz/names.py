"""A name in a header is the body's to every reader, or is refused (wire/agreement.py, wire/sentinel.py).

The input is a header's value, a line feed, and the name that the body has.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from mcpgate.reasons import Reason
from mcpgate.wire.agreement import agreement
from mcpgate.wire.http import RequestHead, read_request_head
from mcpgate.wire.jsonrpc import Kind, Message
from mcpgate.wire.revision import Revision
from mcpgate.wire.sentinel import encode
from tests.fuzz.target import Target

_HEAD = (
    b"POST /mcp HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 1\r\n"
    b"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: %b\r\n\r\n"
)
_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
_ENCODED = re.compile(rb"=\?base64\?([A-Za-z0-9+/]*={0,2})\?=")
_MARKED = re.compile(rb"=\?base64\?.*\?=|=\?base64\?=")


def reading(value: bytes) -> str | None:
    """What a value stands for, by the letter of the specification; C{None} if readers may differ on it."""
    if not value.isascii():
        return None
    if not _MARKED.fullmatch(value):
        return value.decode("ascii")
    match = _ENCODED.fullmatch(value)
    if match is None:
        return None
    # Lax in every way that decoders are: what is lost on them shows when it is encoded again.
    digits = match[1].replace(b"=", b"")
    decoded = b64decode(digits[: len(digits) - (len(digits) % 4 == 1)] + b"===")
    try:
        return decoded.decode("utf-8") if b64encode(decoded) == match[1] else None
    except UnicodeDecodeError:
        return None


def check(raw: bytes) -> None:
    """Exactly what has one reading, which is the body's name, passes."""
    value, _, rest = raw.partition(b"\n")
    name = rest.decode("utf-8", "replace")
    head = read_request_head(_HEAD % value)
    if not isinstance(head, RequestHead):
        return
    assert _judged(name, head) is (reading(head.fields[b"mcp-name"]) == name)
    again = read_request_head(_HEAD % encode(name))
    assert isinstance(again, RequestHead)
    assert _judged(name, again)


def _judged(name: str, head: RequestHead) -> bool:
    message = Message(Kind.REQUEST, 1, "tools/call", {"name": name, "_meta": _META})
    refusal = agreement(message, head, Revision.V2026_07_28)
    assert refusal is None or refusal.reason is Reason.MCP_HEADER
    return refusal is None


def seeds() -> list[bytes]:
    """Names plain and encoded, what merely looks encoded, and what decoders differ on."""
    pairs = [
        *((b"get_weather", b"get_weather"), (b"get_weather", b"rm"), (b"", b""), (b"  a b\t", b"a b")),
        *((b"=?base64?cm0=?=", b"rm"), (b"=?base64?cm0=?=", b"=?base64?cm0=?="), (b"=?base64?cm0?=", b"rm")),
        *((b"=?base64?cm1=?=", b"rm"), (b"=?base64?c m0=?=", b"rm"), (b"=?BASE64?cm0=?=", b"rm")),
        *((b"=?BASE64?cm0=?=", b"=?BASE64?cm0=?="), (b"=?base64?cm0=", b"=?base64?cm0=")),
        *((b"=?base64??=", b""), (b"=?base64?=", b"=?base64?=")),
        *((b"=?base64?w7w=?=", "ü".encode()), ("ü".encode(), "ü".encode()), (b"=?base64?/w==?=", b"\xff")),
        *((b" a", b" a"), (b"=?base64?IGE=?=", b" a"), (b"=?base64?cm0=cm0=?=", b"rm"), (b"a, b", b"a, b")),
    ]
    return [value + b"\n" + name for value, name in pairs]


WORDS = (
    *(b"=?base64?", b"?=", b"=?BASE64?", b"cm0=", b"rm", b"==", b"=", b"\n", b"\t", b" "),
    *(b"\xc3\xbc", b"w7w="),
)

TARGET = Target(check, seeds, WORDS, longest=256)
