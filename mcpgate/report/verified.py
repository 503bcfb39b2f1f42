"""What verification has found about the lines that a report rests on (pure)."""

from __future__ import annotations

from attrs import frozen

from mcpgate.report.counts import Listed


@frozen
class Found:
    """
    One finding.

    @ivar severity: C{tampered}, C{unsealed}, C{unfinished}, C{expired} or C{note}.
    @ivar where: The place that it is about.
    """

    severity: str
    where: str
    words: str


@frozen
class Verified:
    """
    All of it.

    @ivar sound: Whether nothing was tampered with.
    @ivar late: Whether lines had waited for a checkpoint longer than any gate lets them, so that somebody
        could have written them without the key.
    @ivar lines: How many lines were verified; C{unsealed} of them come after the last checkpoint.
    @ivar checkpoints: How many signed ones there are.
    @ivar key: The key that they were verified with, as it is told to others.
    @ivar given: Whether somebody brought that key along; else it is the one that lies beside the journal.
    """

    sound: bool
    lines: int
    unsealed: int
    checkpoints: int
    key: str
    given: bool
    findings: Listed[Found]
    late: bool = False

    def of(self, severity: str) -> tuple[Found, ...]:
        """Those of one severity, as far as they are told one by one."""
        return tuple(one for one in self.findings.rows if one.severity == severity)
