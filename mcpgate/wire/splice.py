"""One member of a JSON text replaced, or some of it left out; every other value keeps its bytes.

To encode a whole document again would change what nobody asked to change: 1.10, 1e2, and integers that
few languages hold (C{wire.jsonrpc} has proved that no member stands there twice).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def replaced(document: bytes, path: Sequence[str], value: object) -> bytes:
    """
    The document with another value at a path of members; white space between members may go.

    @param document: JSON that C{wire.jsonrpc.parse} accepted.
    @raise KeyError: there is no such member.
    @raise msgspec.ValidationError: what the path leads through is not an object.
    """
    members: dict[str, bytes | msgspec.Raw] = _members(document)  # type: ignore[assignment]
    first, *rest = path
    old = members[first]
    members[first] = replaced(bytes(old), rest, value) if rest else _encode(value)
    return _joined(members)


def removed(document: bytes, path: Sequence[str], names: Collection[str]) -> bytes:
    """
    The document without the members of these names in the object at a path; they need not be there.

    It raises what L{replaced} raises.
    """
    members: dict[str, bytes | msgspec.Raw] = _members(document)  # type: ignore[assignment]
    if not path:
        return _joined({name: raw for name, raw in members.items() if name not in names})
    first, *rest = path
    members[first] = removed(bytes(members[first]), rest, names)
    return _joined(members)


def kept(document: bytes, path: Sequence[str], which: Sequence[bool]) -> bytes:
    """
    The document with only those elements of the array at a path that C{which} says, in their order.

    It raises what L{replaced} raises.
    """
    if not path:
        raws: list[msgspec.Raw] = _elements(document)
        return b"[%b]" % b",".join(bytes(raw) for raw, stays in zip(raws, which, strict=True) if stays)
    members: dict[str, bytes | msgspec.Raw] = _members(document)  # type: ignore[assignment]
    first, *rest = path
    members[first] = kept(bytes(members[first]), rest, which)
    return _joined(members)


def _joined(members: Mapping[str, bytes | msgspec.Raw]) -> bytes:
    return b"{%b}" % b",".join(b"%b:%b" % (_encode(name), bytes(raw)) for name, raw in members.items())
