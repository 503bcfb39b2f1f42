"""A report as facts for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from attrs import evolve

from mcpgate.report.report import FORMAT
from tests.report.written import CERTIFICATE, OUTBOUND, QUIET, reported, shake


def test_a_report_is_json() -> None:
    """All that the page says, by names."""
    facts = json.loads(json.dumps(reported(*QUIET).facts()))
    assert (facts["format"], facts["profile"], facts["gate"]) == (FORMAT, "pci-4.2.1", "gate-1")
    assert facts["controls"][0]["answer"] == "met"
    assert facts["summary"]["places"][0]["versions"]["rows"] == [{"name": "TLSv1.3", "count": 1}]
    assert facts["verified"]["sound"] is True
    assert facts["summary"]["span"]["since"] == "2026-11-10T00:00:00.000000Z"
    assert facts["shows_not"]


def test_certificates_near_their_end_are_told_apart() -> None:
    """Those that end within thirty days of the span, and those that have ended."""
    soon, ended = (
        shake(
            f"h-{day}",
            leg="outbound",
            where="files",
            handshake=evolve(
                OUTBOUND,
                peer=evolve(CERTIFICATE, sha256=f"{day:064x}", not_after=datetime(2026, *day_of, tzinfo=UTC)),
            ),
        )
        for day, day_of in ((1, (12, 1)), (2, (11, 2)))
    )
    ending = reported(*QUIET, soon, ended).ending
    # The CA of the generation's line has no later end.
    assert [one.sha256[-1] for one in ending if one.role == "upstream"] == ["2", "1"]


def test_answers_are_counted() -> None:
    """By their words."""
    report = reported(*QUIET)
    words = ("met", "not met", "not shown by this evidence")
    assert sum(report.answers(word) for word in words) == len(report.controls)
