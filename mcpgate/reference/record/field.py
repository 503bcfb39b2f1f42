"""How a field of a record is described, and what all lines have (pure).

A kind is written C{string}, C{integer}, C{number}, C{boolean}, C{list of KIND}, C{map of KIND} (an object
whose names somebody has chosen) or C{object} (with the fields below it), C{?} behind it where C{null} may
stand instead: what is not known, or does not apply.
"""

from __future__ import annotations

from attrs import frozen

from mcpgate.evidence.record import VERSION


@frozen
class Field:
    """
    One member of an object.

    @ivar kind: As above.
    @ivar since: The version of the lines (C{v}) from which on it is there.
    @ivar always: Whether it is there in each line of its type; else only where it says something.
    @ivar inner: The members of the object that it is, or of each in the list.
    """

    name: str
    kind: str
    means: str
    since: int = 1
    always: bool = True
    inner: tuple[Field, ...] = ()


@frozen
class RecordType:
    """A type of line. C{fields}: those that are its own; every line has L{HEAD} and L{PLACE} besides."""

    name: str
    means: str
    fields: tuple[Field, ...]
    since: int = 1


def maybe(name: str, kind: str, means: str, *, since: int = 1, inner: tuple[Field, ...] = ()) -> Field:
    return Field(name, kind, means, since, False, inner)


#: How each line begins.
HEAD = (
    Field("v", "integer", f"The version of the lines' form: {VERSION}"),
    Field("type", "string", "The type of the line"),
    Field("id", "string", "Its id, which no other line has; of a close line, that of the exchange"),
    Field("time", "string", "When: RFC 3339, UTC, microseconds, by the gate's clock"),
)
#: How each ends.
PLACE = (
    Field("seq", "integer", "Its number in the segment, from 0 on", since=2),
    Field("prev", "string", "The hash of the line before, in hexadecimal: SHA-256(0x00, line)", since=2),
)

#: What several types have.
REASON = Field("reason", "string", "Why, as [reasons](reasons.md) have it")
DETAIL = Field("detail", "string?", "More about it, for people; never a secret")
