"""What verification finds: each thing once, with its place, in a sentence for people (pure)."""

from __future__ import annotations

from enum import StrEnum, unique

from attrs import frozen


@unique
class Severity(StrEnum):
    """What a finding means, the worst first."""

    #: Not what the gate has written and signed.
    TAMPERED = "tampered"
    #: No checkpoint says anything about it yet.
    UNSEALED = "unsealed"
    #: An exchange that was opened and never closed.
    UNFINISHED = "unfinished"
    #: Taken away by the rules of retention, which is on record.
    EXPIRED = "expired"
    #: Nothing is wrong, but it should be known.
    NOTE = "note"


@frozen
class Finding:
    """
    One finding.

    @ivar kind: One word for programs, such as C{edited}.
    @ivar words: A sentence that says what, and where.
    @ivar worker: Whose journal it is about; C{None} where it is about none, or all. The others likewise.
    @ivar seq: The first line that it is about, by its own number (from 0).
    @ivar last: The last one.
    @ivar file: The file's name.
    @ivar line: The line of that file (from 1).
    @ivar exchange: The id of an exchange.
    """

    severity: Severity
    kind: str
    words: str
    worker: int | None = None
    segment: int | None = None
    seq: int | None = None
    last: int | None = None
    file: str | None = None
    line: int | None = None
    exchange: str | None = None

    @property
    def where(self) -> str:
        """The place, in a few characters: C{0/12:345} is line 345 of segment 12 of worker 0."""
        if self.worker is None:
            return self.file or ""
        place = f"{self.worker}" if self.segment is None else f"{self.worker}/{self.segment}"
        if self.seq is not None:
            place += f":{self.seq}"
            if self.last is not None and self.last != self.seq:
                place += f"-{self.last}"
        return place


#: Kinds of lines that had no checkpoint for longer than any gate lets them wait.
LATE = frozenset({"unsealed_late", "sealed_late"})


def lines_of(first: int, last: int) -> str:
    """Lines by their own numbers, as a sentence has them; in a file they are counted from 1."""
    return f"seq {first}" if first == last else f"seq {first} to {last}"


def counted(count: int, what: str) -> str:
    """So many of something: C{1 line}, C{12 lines}."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
