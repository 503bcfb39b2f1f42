"""A report: a summary, what verification found, and what the auditors of a framework ask (pure)."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import asdict, frozen

from mcpgate.report.certificates import Seen
from mcpgate.report.checks.answer import Answer, Facts
from mcpgate.report.clause import Framework
from mcpgate.report.profiles import SHOWS, SHOWS_NOT, Control, judged
from mcpgate.report.summary import Summary
from mcpgate.report.verified import Verified

#: The version of C{report.json}.
FORMAT = 1
#: Certificates that end so soon after the span are told apart: time to have another one made by people.
NEAR = timedelta(days=30)


@frozen
class Report:
    """
    All that a report says.

    @ivar made: When, as records have times; C{version}: by which mcpgate.
    """

    framework: Framework
    summary: Summary
    verified: Verified
    controls: tuple[Control, ...]
    made: str
    version: str

    @property
    def gate(self) -> str:
        """The name of the gate, or of all whose lines there are."""
        return ", ".join(row.name for row in self.summary.gates.rows) or "unknown"

    def answers(self, answer: str) -> int:
        """How many controls have that answer."""
        return sum(one.answer == Answer(answer) for one in self.controls)

    @property
    def ending(self) -> tuple[Seen, ...]:
        """Certificates that end within L{NEAR} of the span's end, or have ended, what ends first in front."""
        until = datetime.fromisoformat(self.summary.span.until)
        last = (until + NEAR).strftime("%Y-%m-%dT%H:%M:%S")
        found = [one for one in self.summary.certificates.rows if one.not_after and one.not_after < last]
        return tuple(sorted(found, key=lambda one: one.not_after))

    def facts(self) -> dict[str, object]:
        """All of it, as JSON can say it."""
        framework = self.framework
        return {
            "format": FORMAT,
            "made": self.made,
            "mcpgate": self.version,
            "gate": self.gate,
            "profile": framework.name,
            "framework": {"title": framework.title, "source": framework.source, "url": framework.url},
            "verified": asdict(self.verified),
            "controls": [asdict(one) for one in self.controls],
            "summary": asdict(self.summary),
            "shows": list(SHOWS),
            "shows_not": [*SHOWS_NOT, *framework.beyond],
        }


def make_report(
    framework: Framework, summary: Summary, verified: Verified, *, made: str, version: str
) -> Report:
    """A report on what is known."""
    controls = judged(framework, Facts(summary, verified))
    return Report(framework, summary, verified, controls, made, version)
