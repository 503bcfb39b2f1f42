"""What every line of evidence is: one record, one line of JSON.

Every line begins with the same four keys: C{v} (the format's version), C{type}, C{id} and C{time} (RFC
3339, UTC, microseconds); the others follow in the order of the classes that make them (C{handshakes},
C{exchanges}, C{events}), C{null} where unknown; its last two, C{seq} and C{prev}, are its place in the
chain (C{chain}). So a line can be read by eye, by C{grep} and by any JSON library.

A line holds printable ASCII only. Everything else is escaped (C{\\u2028} would break lines for some
readers, C{\\u009b} steers terminals), and what is not Unicode at all (a lone surrogate) becomes
C{\\ufffd}. No function that makes one takes a header, an argument of a call or a body: what is not passed
in cannot leak.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

#: The version of these shapes. Version 1 had no chain, and is read as far as it says the same.
VERSION = 2
READABLE = (1, VERSION)
#: Longest text that a peer chose (names, details); the rest is cut and counted. URIs in use are
#: shorter; without a bound one call could fill the disk.
TEXT_LENGTH = 1024
#: And in bytes as it is written, where most characters take six, and some twelve: a batch has 100 calls of
#: two such texts each, and must not make a line that is longer than any that is read.
TEXT_SIZE = 2048
#: A line is at most so long, its place in the chain included; readers and verifiers take no longer one.
LINE_MOST = 1 << 20


def where(address: object) -> str:
    """A socket address as C{host:port}, for records."""
    if not isinstance(address, tuple):
        return str(address or "unix")
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_line(line: bytes) -> Mapping[str, object]:
    """A line as a mapping.

    @raise ValueError: It is not a line of this version.
    """
    record = msgspec.json.decode(line)
    if not isinstance(record, dict) or record.get("v") not in READABLE:
        raise ValueError(f"not a record of version {VERSION}")
    return record


def timestamp(time: float) -> str:
    """Unix seconds as RFC 3339 in UTC, always with six digits of the second."""
    second, micro = divmod(round(time * 1_000_000), 1_000_000)
    return f"{_second(second)}.{micro:06d}Z"


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    # Thousands of lines share a second; formatting it each time would be half of a line's cost.
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


_encode_json = msgspec.json.Encoder().encode


def encoded(line: msgspec.Struct) -> bytes:
    return _ascii(line) + b"\n"


def members(facts: msgspec.Struct) -> str:
    """The members of an object, to be put between others."""
    return _ascii(facts)[1:-1].decode("ascii")


def _ascii(value: msgspec.Struct) -> bytes:
    try:
        raw = _encode_json(value)
    except UnicodeEncodeError:
        raw = b"\x7f"  # a lone surrogate: take the slow way
    if not raw.isascii() or b"\x7f" in raw:
        text = json.dumps(_mended(msgspec.to_builtins(value)), separators=(",", ":"))
        raw = text.replace("\x7f", "\\u007f").encode("ascii")
    return raw


def _mended(value: object) -> object:
    """The same value with every lone surrogate replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(item) for item in value]
    return value


def bounded(text: str | None) -> str | None:
    """A text that a peer chose, cut where it is too long."""
    if text is None or (len(text) <= TEXT_LENGTH and (text.isascii() and text.isprintable())):
        return text
    room, end = TEXT_SIZE, 0
    for char in text[:TEXT_LENGTH]:
        room -= 1 if " " <= char <= "~" else 6 if char <= "\uffff" else 12
        if room < 0:
            break
        end += 1
    return text if end == len(text) else f"{text[:end]}... ({len(text)} characters)"
