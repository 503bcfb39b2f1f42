"""JSON objects and base64url that others wrote, read so that nobody can read them differently.

Parsers differ on members that stand there twice, on C{NaN}, on halves of surrogate pairs, on numbers that
no double holds, and on how deep they follow; decoders of base64 skip what they do not know, and drop bits
that are left over. What identity rests on has none of that.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from json import JSONDecoder
from math import isfinite

#: Nothing that identity providers write is nested deeper than five; parsers that recurse end at 1000.
DEPTH_MOST = 8
#: What a signed 64-bit number holds: ids of users and projects do not go beyond, and times far from it.
INTEGER_MOST = 2**63 - 1


class DocumentError(ValueError):
    """It is no such object. The message says what is wrong, and quotes nothing of it."""


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DocumentError("an object has two members of the same name")
    return found


def _no_constant(name: str) -> object:
    raise DocumentError("NaN and Infinity are not JSON")


_decode = JSONDecoder(object_pairs_hook=_members, parse_constant=_no_constant).decode


def read_object(raw: bytes) -> dict[str, object]:
    """
    An object, with everything in it. The caller has capped its size.

    @raise DocumentError: it is none, or can be read in more ways than one.
    """
    try:
        value = _decode(raw.decode("utf-8"))
    except DocumentError:
        raise
    except RecursionError:
        raise DocumentError(f"nested more than {DEPTH_MOST} deep") from None
    except ValueError:
        raise DocumentError("not JSON in UTF-8") from None
    if type(value) is not dict:
        raise DocumentError("not an object")
    level: list[object] = [value]
    for _ in range(DEPTH_MOST):
        level = list(_within(level))
        if not level:
            return value
    raise DocumentError(f"nested more than {DEPTH_MOST} deep")


def _within(level: list[object]) -> Iterator[object]:
    """What stands in the objects and arrays of one level that has another below it; the rest is judged."""
    for value in level:
        if type(value) is dict:
            for name in value:
                _judge_text(name)
            yield from value.values()
        elif type(value) is list:
            yield from value
        elif type(value) is str:
            _judge_text(value)
        elif type(value) is int and abs(value) > INTEGER_MOST:
            raise DocumentError("a number is out of range")
        elif type(value) is float and not isfinite(value):
            raise DocumentError("a number is out of range")


def _judge_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise DocumentError("half of a surrogate pair stands by itself") from None


def read_base64url(text: bytes) -> bytes:
    """
    Bytes out of base64url without padding (RFC 7515 section 2), in the one spelling that they have.

    @raise DocumentError: it is another one, or none.
    """
    try:
        raw = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        raise DocumentError("not base64url") from None
    if urlsafe_b64encode(raw).rstrip(b"=") != text:
        raise DocumentError("not canonical base64url")
    return raw
