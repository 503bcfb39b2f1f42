"""The page about records (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcpgate.evidence.record import VERSION
from mcpgate.reference.record.bookkeeping import CLOCK, EXPIRED, GAP, REPAIR, SEGMENT
from mcpgate.reference.record.events import ANSWERED, DECISION, DEFINITION, DROPPED, ECHO, ISSUER, PAYLOAD
from mcpgate.reference.record.exchanges import CLOSE, OPEN
from mcpgate.reference.record.field import HEAD, PLACE, Field, RecordType
from mcpgate.reference.record.generations import GENERATION, RELOAD
from mcpgate.reference.record.handshakes import HANDSHAKE, HANDSHAKES
from mcpgate.reference.words import MADE, table

#: In the order in which somebody who reads a journal meets them.
RECORDS: tuple[RecordType, ...] = (
    SEGMENT,
    GENERATION,
    HANDSHAKE,
    OPEN,
    CLOSE,
    DROPPED,
    ECHO,
    ANSWERED,
    DEFINITION,
    DECISION,
    ISSUER,
    PAYLOAD,
    HANDSHAKES,
    RELOAD,
    EXPIRED,
    REPAIR,
    GAP,
    CLOCK,
)


def record_page() -> str:
    """The page of all types of lines, and of each field."""
    parts = [
        "# Records",
        f"{MADE} The journal is one JSON object a line, in printable ASCII; "
        "[evidence](../concepts/evidence.md) says how lines are linked and signed. A field that is not known "
        "or does not apply is `null`; one that is *not always* there is left out where it says nothing. "
        "A kind with `?` may be `null`. *v* is the version of the lines from which on the field is there: "
        f"now it is {VERSION}. Version 1 had no chain, and is read as far as it says the same.",
        "Whoever reads lines passes over fields and types that they do not know: a later mcpgate may have "
        "more. Within a version none goes, and none changes its meaning.",
        "## Every line",
        "It begins with the first four of these, and ends with the last two.",
        _table((*HEAD, *PLACE)),
    ]
    for each in RECORDS:
        since = f" Since version {each.since}." if each.since > 1 else ""
        parts += [f"## {each.name}", each.means + since, _table(each.fields, each.since)]
    return "\n\n".join(parts) + "\n"


def _table(fields: Iterable[Field], since: int = 1) -> str:
    return table(["field", "kind", "means", "v"], _rows(fields, "", since))


def _rows(fields: Iterable[Field], path: str, since: int) -> Iterator[tuple[str, str, str, str]]:
    for field in fields:
        kind = field.kind if field.always else f"{field.kind}, *not always*"
        yield f"`{path}{field.name}`", kind, field.means, str(max(field.since, since))
        yield from _rows(field.inner, f"{path}{field.name}{_step(field)}", since)


def _step(field: Field) -> str:
    """How the path goes on into it."""
    kind = field.kind.removesuffix("?")
    return "[]." if kind.startswith("list") else ".NAME." if kind.startswith("map") else "."
