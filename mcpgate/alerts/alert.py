"""What somebody is told: one alert, and how it is written down for a program, and on a line (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum, unique

from attrs import field, frozen

#: Of a value that a peer or an upstream chose: enough to know it by.
VALUE_MOST = 200


@unique
class Severity(StrEnum):
    """How soon somebody has to look."""

    CRITICAL = "critical"
    WARNING = "warning"
    #: What was told is over.
    OVER = "over"


@frozen
class Alert:
    """
    Something that needs a person.

    @ivar occasion: What it is about, of the words of C{alert.on}.
    @ivar key: What is the same under it is not told again for C{alert.again}.
    @ivar sentence: For whoever is woken by it. No secret is in it, and nothing that could steer a terminal.
    @ivar evidence: The id of the record that it comes from; C{None} where a running gate has said it.
    @ivar time: RFC 3339.
    @ivar about: More facts, by name.
    @ivar standing: Whether it goes on for as long as it is not mended, and so comes again by itself.
    @ivar until: Unix seconds at which a certificate ends: who is told so, decides C{alert.expiry}.
    """

    occasion: str
    severity: Severity
    key: str
    sentence: str
    evidence: str | None
    time: str
    about: Mapping[str, str] = field(factory=dict)
    standing: bool = False
    until: float | None = None


def plain(value: object) -> str:
    """A value that somebody else chose: bounded, on one line, printable."""
    text = str(value)
    if len(text) > VALUE_MOST:
        text = text[:VALUE_MOST] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def document(alert: Alert, *, id: str, gate: str, to: str, times: int) -> bytes:
    """
    An alert as JSON.

    @param id: The same when it is sent again, because nobody has said that it has arrived.
    @param gate: Whose it is.
    @param to: The C{[[alert]]} table by which it is sent.
    @param times: How often the same has happened since it was last told.
    """
    said = {
        "id": id,
        "gate": gate,
        "alert": to,
        "occasion": alert.occasion,
        "severity": alert.severity.value,
        "sentence": alert.sentence,
        "evidence": alert.evidence,
        "time": alert.time,
        "times": times,
        "about": dict(alert.about),
    }
    return json.dumps(said, separators=(",", ":")).encode("ascii")


def line(alert: Alert, times: int) -> str:
    """An alert on one line."""
    more = f" ({times} times)" if times > 1 else ""
    evidence = f" [{alert.evidence}]" if alert.evidence is not None else ""
    return f"{alert.severity}: {alert.occasion}: {alert.sentence}{more}{evidence}"
