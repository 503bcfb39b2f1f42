"""A JSON document as one text, without parsing it: its escapes taken away, its structure left as it is.

Every string and number of the document stands in it as a reader would have it, between the quotes and
commas that were there. That is enough to ask whether a detector could find anything at all.
"""

from __future__ import annotations

import re

# The escapes of RFC 8259 section 7 with one letter; an escaped backslash first becomes what no document
# holds unescaped, so that what follows it is not taken for an escape.
_ASIDE = b"\x00"
_SHORT = tuple(zip((rb"\n", rb"\"", rb"\/", rb"\t", rb"\r", rb"\b", rb"\f"), b'\n"/\t\r\b\f', strict=True))
_PAIR = re.compile(rb"\\u([dD][89aAbB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})")


def _character(match: re.Match[bytes]) -> bytes:
    high, low, alone = match.groups()
    if alone is not None:
        code = int(alone, 16)
    else:
        code = 0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00
    return chr(code).encode("utf-8", "surrogatepass")


def flat(raw: bytes) -> bytes:
    """The document, or a part of it, without escapes."""
    if b"\\" not in raw:
        return raw
    doubled = rb"\\" in raw
    if doubled:
        raw = raw.replace(rb"\\", _ASIDE)
    for escape, meant in _SHORT:
        raw = raw.replace(escape, bytes((meant,)))
    if rb"\u" in raw:
        raw = _PAIR.sub(_character, raw)
    return raw.replace(_ASIDE, b"\\") if doubled else raw


def members(raw: bytes, name: bytes) -> list[bytes]:
    """
    The strings that are values of members of this name, in order, without escapes.

    @param name: with its quotes.
    """
    found = []
    at = raw.find(name)
    while at >= 0:
        at += len(name)
        opens = _OPENS.match(raw, at)
        if opens is not None:
            begin = at = opens.end()
            while (at := raw.find(b'"', at)) >= 0 and _escaped(raw, begin, at):
                at += 1
            if at < 0:
                break
            found.append(flat(raw[begin:at]))
        at = raw.find(name, at)
    return found


_OPENS = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*"')


def _escaped(raw: bytes, begin: int, at: int) -> bool:
    """Whether an odd number of backslashes stands before a quote."""
    slashes = 0
    while at - slashes > begin and raw[at - slashes - 1] == 92:
        slashes += 1
    return slashes % 2 == 1
