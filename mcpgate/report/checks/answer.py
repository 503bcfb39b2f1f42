"""What an answer is, and when the record is too weak for any (pure).

An answer is no more than the record can carry. What was tampered with, is not there, or was forwarded off
the record shows nothing, however good the rest of it looks.
"""

from __future__ import annotations

from enum import StrEnum, unique

from attrs import frozen

from mcpgate.report.summary import Summary
from mcpgate.report.verified import Verified


@unique
class Answer(StrEnum):
    """Whether a control is met, as far as this evidence goes."""

    MET = "met"
    NOT_MET = "not met"
    NOT_SHOWN = "not shown by this evidence"


@frozen
class Figure:
    """A figure of the summary that an answer rests on."""

    label: str
    value: str


@frozen
class Finding:
    """The answer to one question, why it is that, and by which figures."""

    answer: Answer
    why: str
    figures: tuple[Figure, ...] = ()


@frozen
class Facts:
    """What is judged."""

    summary: Summary
    verified: Verified


def percent(part: int, whole: int) -> str:
    """A part of a whole; a share of something is never told as none or all of it."""
    if not whole:
        return f"{part} of 0"
    share = f"{100 * part / whole:.1f}"
    if part and share == "0.0":
        share = "under 0.1"
    elif part < whole and share == "100.0":
        share = "over 99.9"
    return f"{part:,} of {whole:,} ({share} %)"


def weakened(facts: Facts) -> Finding | None:
    """Why nothing can be shown at all, if so."""
    if not facts.verified.sound:
        return Finding(
            Answer.NOT_SHOWN,
            "The journal was tampered with; what it says proves nothing until that is explained.",
        )
    if facts.verified.late:
        return Finding(
            Answer.NOT_SHOWN,
            "Lines had waited for a checkpoint longer than any gate lets them; who wrote them is not shown.",
        )
    if facts.summary.faulty:
        return Finding(Answer.NOT_SHOWN, f"{facts.summary.faulty:,} lines of the journal cannot be read.")
    return None


def weakened_exchanges(facts: Facts) -> Finding | None:
    """The same, of what exchanges have to show."""
    found = weakened(facts)
    if found is not None:
        return found
    summary, traffic = facts.summary, facts.summary.traffic
    if not traffic.exchanges:
        return Finding(Answer.NOT_SHOWN, "There was no exchange in this span.")
    if summary.off_record:
        return Finding(
            Answer.NOT_SHOWN,
            f"{summary.off_record:,} exchanges were forwarded off the record, as the configuration permits "
            "it while the journal cannot be written.",
        )
    unknown = traffic.inbound_unknown + traffic.outbound_unknown
    if unknown:
        return Finding(
            Answer.NOT_SHOWN,
            f"{unknown:,} connections of exchanges began before the lines that were read, so their "
            "handshakes are not in evidence; begin the span earlier.",
        )
    return None
