"""What the suite leaves behind is read as it means it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.checks import WHOLE
from tests.conformance.suite import read_results, totals


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("...\n=== SUMMARY ===\n\nTotal: 152 passed, 3 failed\n", {"passed": 152, "failed": 3}),
        ("Test Results:\nPassed: 7/9, 2 failed, 1 warnings\n", {"passed": 7, "failed": 2}),
        (
            "Test Results:\nPassed: 1/1, 0 failed, 0 warnings\nTotal: 4 passed, 0 failed",
            {"passed": 4, "failed": 0},
        ),
        ("SyntaxError: The requested module 'fs' does not provide an export named 'globSync'", None),
        ("", None),
    ],
)
def test_its_own_totals_are_found(log: str, said: dict[str, int] | None) -> None:
    """Against them what we read is checked; a run that did not come to its end has none."""
    assert totals(log) == said


def test_each_scenario_has_a_directory(tmp_path: Path) -> None:
    """Named after it and the time; one without a result has failed."""
    good = tmp_path / "server-server-sse-polling-2026-11-26T00-12-05-067Z"
    good.mkdir()
    (good / "checks.json").write_text(json.dumps([{"id": "a", "status": "SUCCESS"}]))
    (tmp_path / "server-json-schema-2020-12-2026-11-26T00-12-05-999Z").mkdir()
    run = read_results(tmp_path, "server-")
    assert [(check.scenario, check.name) for check in run.checks] == [
        ("json-schema-2020-12", WHOLE),
        ("server-sse-polling", "a"),
    ]
    assert run.counts == {"passed": 1, "failed": 1}
