"""C{mcpgate evidence what-if}: who would be refused under a stricter floor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, within
from tests.report.recorded import DAY, record
from tests.report.written import OFFER, OLD, opened, said, shake


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Without a process for each."""
    return within(monkeypatch, capsys)


def test_who_would_be_refused_is_told_by_name(run: Run, tmp_path: Path) -> None:
    """Apart from who would only negotiate better; what cannot be read is said."""
    journal = tmp_path / "journal"
    journal.mkdir()
    lines = (
        said("segment", 0, gate="g"),
        shake("h-1", handshake=OLD, offer=OFFER, peer="192.0.2.1:1"),
        shake("h-2", handshake=OLD, peer="192.0.2.2:1"),
        opened("x-1", inbound="h-2"),
        b"broken\n",
    )
    (journal / "journal-0-00000001.jsonl").write_bytes(b"".join(lines))
    verb = ("evidence", "what-if", "--state", tmp_path, "--from", "2026-11-10", "--profile", "modern")
    told = run(*verb)
    assert told.returncode == 0 and "1 lines are no records" in told.stderr
    refused, better = told.stdout.split("would negotiate better")
    assert "192.0.2.2" in refused and "ci" in refused and "tls.version" in refused
    assert "192.0.2.1" in better and "192.0.2.2" not in better
    facts = json.loads(run(*verb, "--format", "json").stdout)
    assert (facts["handshakes"], facts["better"], facts["shut_out"]) == (2, 1, 1)


def test_a_made_up_day_is_judged(run: Run, tmp_path: Path) -> None:
    """Every handshake that came to something, by either floor; the stricter one refuses no fewer."""
    known = record(tmp_path / "state")
    shut_out = []
    for more in ((), ("--require-pq",)):
        verb = ("evidence", "what-if", "--state", tmp_path / "state", "--from", DAY, "--profile", "modern")
        facts = json.loads(run(*verb, *more, "--format", "json").stdout)
        assert facts["handshakes"] == known.handshakes
        shut_out.append(facts["shut_out"])
    assert 0 < shut_out[0] <= shut_out[1]


def test_a_floor_that_there_is_not_is_a_mistake(run: Run, tmp_path: Path) -> None:
    """Those that there are, are named."""
    told = run("evidence", "what-if", "--state", tmp_path, "--from", "1d", "--profile", "lax")
    assert told.returncode == 64 and "intermediate" in told.stderr
