"""Which rows there are, and what becomes of one that cannot be run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from mcpgate.testing import LocalCA
from tests.conformance import stage
from tests.conformance.__main__ import chosen
from tests.conformance.client import PLAYS
from tests.conformance.rows import CLIENT, ROWS, Case, Series
from tests.conformance.stage import Setting
from tests.conformance.suite import Missing, Suite


def test_every_revision_and_requirement_is_run_in_every_variant() -> None:
    """Of what the official Python SDK can; the TypeScript SDK's v1 knows no 2026-07-28."""
    whole = {"2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"}
    whole |= {"requirements 2025-11-25", "requirements 2026-07-28"}
    names = [case.what for case in ROWS]
    for suffix in ("", ", rules", ", two workers"):
        assert {name + suffix for name in whole} <= set(names)
    assert {"2025-06-18, typescript", "2025-11-25, typescript", "client"} <= set(names)
    assert len(names) == len(set(names))


def test_the_client_has_a_part_in_each_scenario() -> None:
    """Thirteen, two of which are run for two revisions."""
    assert len(CLIENT) == len(set(CLIENT)) == 13
    assert {scenario for scenario, _ in CLIENT} == set(PLAYS)


@pytest.mark.parametrize(
    ("only", "names"),
    [
        (["client"], ["client"]),
        (["2025-11-25"], ["2025-11-25"]),
        (["client", "2025-03-26"], ["2025-03-26", "client"]),
        (["2025-03"], ["2025-03-26", "2025-03-26, rules", "2025-03-26, two workers"]),
        (["nothing"], []),
    ],
)
def test_some_rows_can_be_chosen(only: list[str], names: list[str]) -> None:
    """By a whole name, by its beginning or by its end, in the order of all."""
    assert [case.what for case in chosen(only)] == names


def test_without_a_choice_all_are_run() -> None:
    """And a variant's by its suffix."""
    assert chosen([]) == list(ROWS)
    assert len(chosen([", two workers"])) == 6


def test_a_row_whose_stage_cannot_be_set_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not left out: it says why, and no count of it is equal to another."""

    def missing() -> str:
        raise Missing("there is no node")

    monkeypatch.setattr(stage, "node", missing)
    ca = LocalCA.create("rows", datetime.now(UTC))
    case = Case("one, typescript", (), Setting(", typescript", server="typescript"))
    with Series(cast(Suite, None), tmp_path / "lab", tmp_path / "results", ca) as series:
        row = series.row(case)
    assert row.what == case.what
    assert row.direct.counts == {"passed": 0, "failed": 0}
    assert row.faults == [
        "it could not be run: there is no node (directly)",
        "it could not be run: there is no node (through the gate)",
    ]
