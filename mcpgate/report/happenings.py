"""Whatever else happened in a span: decisions, definitions, alarms, and what became of the journal (pure)."""

from __future__ import annotations

from attrs import frozen

from mcpgate.report.counts import Bounded, Counted, Listed, Listing
from mcpgate.report.lines import Event, text_of

#: Of one kind, those that are told one by one.
ROWS_MOST = 500
#: Values of one kind that are counted apart.
KINDS_MOST = 200
#: Members of a line that are told, and characters of each.
MEMBERS_MOST, TEXT_MOST = 16, 300

#: What every line has, or what is its place: nothing that has to be told again.
_EVERY = frozenset({"v", "type", "id", "time", "seq", "prev"})

#: Types of which only the number is told: what there is to say of them, other lines say, or nobody can read.
_COUNTED = frozenset({"payload", "answered"})


@frozen
class Fact:
    """One member of a line."""

    name: str
    value: str


@frozen
class Happening:
    """A line, in words."""

    type: str
    id: str
    time: str
    facts: tuple[Fact, ...]

    def fact(self, name: str) -> str:
        """A member's value; empty if the line has none of that name."""
        return next((one.value for one in self.facts if one.name == name), "")


@frozen
class Kind:
    """All lines of one type."""

    type: str
    what: Counted
    rows: Listed[Happening]

    @property
    def total(self) -> int:
        """How many there were."""
        return self.rows.total


#: The member that tells lines of one type apart best.
_TOLD_BY = {
    "decision": "decided",
    "definition": "what",
    "echo": "upstream",
    "dropped": "reason",
    "issuer": "what",
    "reload": "what",
    "payload": "part",
    "handshakes": "reason",
    "segment": "openssl",
}


class Happenings:
    """Takes lines of types that are rare."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[Bounded[str], Listing[Happening]]] = {}

    def take(self, record: Event) -> None:
        """Note a line."""
        type = str(record["type"])[:TEXT_MOST]
        found = self._kinds.get(type)
        if found is None:
            if len(self._kinds) >= KINDS_MOST:
                return
            most = 0 if type in _COUNTED else ROWS_MOST
            found = self._kinds[type] = Bounded(KINDS_MOST), Listing(most)
        what, rows = found
        what.add(text_of(record, _TOLD_BY.get(type, "what")) or "")
        rows.add(happening(record))

    def kinds(self) -> tuple[Kind, ...]:
        """By type."""
        return tuple(
            Kind(type, what.counted(), rows.listed()) for type, (what, rows) in sorted(self._kinds.items())
        )


def happening(record: Event) -> Happening:
    """A line in words, bounded."""
    facts = [
        Fact(name[:TEXT_MOST], _words(value))
        for name, value in record.items()
        if name not in _EVERY and value is not None
    ]
    return Happening(
        str(record["type"])[:TEXT_MOST], str(record["id"]), str(record["time"]), tuple(facts[:MEMBERS_MOST])
    )


def _words(value: object) -> str:
    match value:
        case bool():
            text = "yes" if value else "no"
        case list():
            text = ", ".join(str(one) for one in value[:20]) or "none"
        case _:
            text = str(value)
    return text if len(text) <= TEXT_MOST else f"{text[:TEXT_MOST]}..."
