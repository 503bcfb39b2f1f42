"""What a gate has recorded, for a test to ask: told by the gate while it runs, or read from its journal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from mcpgate.evidence.reading import ReadingError, lines, segments
from mcpgate.evidence.record import parse_line


@frozen
class RecordedExchange:
    """One request with what became of it: its C{open} and its C{close} record."""

    #: Its C{open} record.
    opened: Mapping[str, Any]
    #: Its C{close} record; C{None} as long as it goes on.
    closed: Mapping[str, Any] | None

    @property
    def outcome(self) -> str | None:
        """How it ended, C{completed}, C{refused}, or C{aborted}."""
        return None if self.closed is None else self.closed["outcome"]

    @property
    def reason(self) -> str | None:
        """Why it was refused, such as C{policy.blocked}; C{None} if it was not."""
        return None if self.closed is None else self.closed["reason"]


class Evidence:
    """
    The records of a gate. To be given to one that is in this process::

        evidence = Evidence()
        gate.on_evidence(evidence)
        ...
        assert [one.reason for one in evidence.exchanges()] == ["policy.blocked"]

    or read from the state directory of any other (L{read}).
    """

    def __init__(self, records: list[Mapping[str, Any]] | None = None) -> None:
        #: All of them, in order.
        self.records: list[Mapping[str, Any]] = [] if records is None else records

    @classmethod
    def read(cls, state: Path) -> Evidence:
        """
        What is in the journals of a state directory now, of a gate that may be running.

        @raise ReadingError: A segment cannot be read, or the directory; the message names it and the cause.
        """
        failed: set[Path] = set()
        while True:
            records: list[Mapping[str, Any]] = []
            for segment in segments(state):
                try:
                    records.extend(parse_line(line) for line in lines(segment))
                except ReadingError:
                    # It may have been compressed between two looks, and is there under another name. Where it
                    # is found again, it is not that.
                    if segment.path in failed:
                        raise
                    failed.add(segment.path)
                    break
            else:
                return cls(records)

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Take one more: what C{gate.on_evidence} calls."""
        self.records.append(record)

    def find(self, type: str | None = None, **members: Any) -> list[Mapping[str, Any]]:
        """The records of a type, or of all, with these members: C{find("close", outcome="completed")}."""
        return [
            record
            for record in self.records
            if (type is None or record["type"] == type)
            and all(name in record and record[name] == value for name, value in members.items())
        ]

    def exchanges(self) -> list[RecordedExchange]:
        """All exchanges, in the order in which they were opened."""
        closed = {record["id"]: record for record in self.records if record["type"] == "close"}
        return [
            RecordedExchange(record, closed.get(record["id"]))
            for record in self.records
            if record["type"] == "open"
        ]

    def refused(self) -> list[str]:
        """The reasons of all that was refused, handshakes and exchanges, in order."""
        return [
            str(record["reason"])
            for record in self.records
            if record["type"] in ("handshake", "close") and record.get("outcome") == "refused"
        ]
