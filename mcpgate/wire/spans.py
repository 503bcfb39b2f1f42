"""Where members and elements stand in the bytes of a JSON text, so that one can be changed or taken out.

To encode a document again would change what nobody asked to change. Here every byte that is not of what
is changed stays: white space, the order of members, the spelling of numbers and of strings. msgspec says
how long each value is, and from that alone follows where it stands (C{wire.jsonrpc} has proved that no
object has two members of one name).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

#: Where something begins in a text, and where it ends.
Span = tuple[int, int]
#: What is replaced, and by what.
Edit = tuple[Span, bytes]

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_space = re.compile(rb"[ \t\n\r]*").match
_name = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"[ \t\n\r]*:[ \t\n\r]*', re.DOTALL).match


def members(document: bytes, at: Span | None = None) -> dict[str, Span]:
    """
    The values of an object's members.

    @param document: JSON that C{wire.jsonrpc.parse} accepted; C{at}: the object in it, or all of it.
    @raise msgspec.ValidationError: There is no object.
    """
    begin, end = at or (0, len(document))
    found = {}
    here = _past(document, begin) + 1
    for name, raw in _members(memoryview(document)[begin:end]).items():
        opening = _name(document, _past(document, here))
        assert opening is not None, "a member has a name"
        here = opening.end()
        found[name] = (here, here + len(raw))
        here = _past(document, here + len(raw)) + 1
    return found


def elements(document: bytes, at: Span) -> list[Span]:
    """
    The elements of an array.

    @raise msgspec.ValidationError: There is no array.
    """
    begin, end = at
    found = []
    here = _past(document, begin) + 1
    for raw in _elements(memoryview(document)[begin:end]):
        here = _past(document, here)
        found.append((here, here + len(raw)))
        here = _past(document, here + len(raw)) + 1
    return found


def found_at(document: bytes, path: Iterable[str]) -> Span:
    """
    The value at a path of members.

    @raise KeyError: There is no such member.
    """
    at: Span | None = None
    for name in path:
        at = members(document, at)[name]
    return at or (0, len(document))


def without(document: bytes, at: Span, going: Sequence[bool]) -> Edit:
    """
    An array without some of its elements; what stands between those that stay, stays with them.

    @param going: Of each element, whether it goes.
    """
    spans = elements(document, at)
    staying = [number for number, goes in enumerate(going) if not goes]
    if not staying:
        return at, b"[]"
    begin, end = at
    pieces = [document[begin : spans[0][0]]]
    for number in staying[:-1]:
        pieces.append(document[spans[number][0] : spans[number + 1][0]])
    pieces.append(document[slice(*spans[staying[-1]])])
    pieces.append(document[spans[-1][1] : end])
    return at, b"".join(pieces)


def edited(document: bytes, edits: Sequence[Edit]) -> bytes:
    """The document with all of this replaced. No two of the edits meet."""
    pieces: list[bytes] = []
    here = 0
    for (begin, end), new in sorted(edits):
        pieces += (document[here:begin], new)
        here = end
    pieces.append(document[here:])
    return b"".join(pieces)


def _past(document: bytes, here: int) -> int:
    """Behind the white space that begins there, if any."""
    space = _space(document, here)
    assert space is not None, "no white space at all is a match as well"
    return space.end()
