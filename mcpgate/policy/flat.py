"""A JSON document as one text, without parsing it: its escapes taken away, its structure left as it is.

Every string and number of the document stands in it as a reader would have it, between the quotes and
commas that were there. That is enough to ask whether a detector could find anything at all.
"""

from __future__ import annotations

import re

# The escapes of RFC 8259 section 7 with one letter.
_SHORT = dict(zip(b'n"/trbf', (b"\n", b'"', b"/", b"\t", b"\r", b"\b", b"\f"), strict=True))
_U = 0x75


def flat(raw: bytes) -> bytes:
    """The document, or a part of it, without escapes. What is no escape stays as it is."""
    first, *parts = raw.split(b"\\")
    if not parts:
        return raw
    out = [first]
    high = literal = 0
    for part in parts:
        if literal:
            # The backslash before it was escaped itself.
            literal = 0
            out.append(part)
        elif not part:
            literal = 1
            out.append(b"\\")
        elif part[0] != _U:
            out.append(_SHORT.get(part[0], b"\\" + part[:1]))
            out.append(part[1:])
        elif (code := _code(part)) is None:
            out.append(b"\\" + part)
        else:
            if high and 0xDC00 <= code < 0xE000:
                out.pop()
                code += 0x10000 + (high << 10) - 0xDC00
            out.append(chr(code).encode("utf-8", "surrogatepass"))
            high = code - 0xD800 if 0xD800 <= code < 0xDC00 and len(part) == 5 else 0
            if len(part) > 5:
                out.append(part[5:])
            continue
        high = 0
    return b"".join(out)


def _code(part: bytes) -> int | None:
    digits = part[1:5]
    try:
        return int(digits, 16) if len(digits) == 4 and digits.isalnum() else None
    except ValueError:
        return None


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
