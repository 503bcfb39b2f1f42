"""C{mcpgate evidence export}: lines, rows and events of a span."""

from __future__ import annotations

import csv
import io
import json

import pytest

from mcpgate.evidence.reading import lines, segments
from tests.cli.conftest import Run, within
from tests.evidence.made import Made
from tests.report.recorded import DAY, record


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return record(tmp_path_factory.mktemp("made") / "state", unfinished=2)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Without a process for each; what is written is bytes."""

    class Texts:
        def readouterr(self) -> tuple[str, str]:
            out, err = capsysbinary.readouterr()
            return out.decode(), err.decode()

    return within(monkeypatch, Texts())  # type: ignore[arg-type]


def export(run: Run, known: Made, *words: str) -> str:
    """What the verb writes."""
    said = run("evidence", "export", "--state", known.directory.parent, "--from", DAY, *words)
    assert (said.returncode, said.stderr) == (0, "")
    return said.stdout


def test_lines_come_as_they_were_written(run: Run, known: Made) -> None:
    """All of the span, in their order."""
    written = b"".join(line for segment in segments(known.directory) for line in lines(segment))
    assert export(run, known).encode() == written
    first = export(run, known, "--to", "2026-11-26T02:00:00Z").splitlines()
    assert 0 < len(first) < known.lines
    assert all(json.loads(line)["time"] < "2026-11-26T02" for line in first)


def test_rows_are_one_for_each_exchange(run: Run, known: Made) -> None:
    """The unfinished ones, too."""
    rows = list(csv.DictReader(io.StringIO(export(run, known, "--format", "csv"))))
    assert len(rows) == known.exchanges
    assert sum(row["outcome"] == "unfinished" for row in rows) == known.unfinished
    assert {row["inbound_version"] for row in rows} <= {"TLSv1.3", "TLSv1.2"}


def test_events_are_those_of_exchanges_and_handshakes(run: Run, known: Made) -> None:
    """Each as JSON in a line."""
    events = [json.loads(line) for line in export(run, known, "--format", "ocsf").splitlines()]
    kinds = [event["class_uid"] for event in events]
    assert kinds.count(6003) == known.exchanges
    assert kinds.count(4001) == known.handshakes + known.refused


def test_what_is_sought_is_found(run: Run, known: Made) -> None:
    """Both lines of each exchange, and nothing else; nothing, where there is none."""
    found = [json.loads(line) for line in export(run, known, "--reason", "policy.blocked").splitlines()]
    assert {one["type"] for one in found} == {"open", "close"}
    assert all(one["reason"] == "policy.blocked" for one in found if one["type"] == "close")
    assert export(run, known, "--principal", "nobody-of-that-name") == ""
    assert export(run, known, "--format", "csv", "--tool", "no-such-tool") == ""
