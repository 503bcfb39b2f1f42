"""A report is made of what is in its bundle, and judged as what it is: a part of the journal."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from mcpgate.cli.evidence_report import verified
from mcpgate.evidence.keyfile import KeyFile
from mcpgate.evidence.reading import ReadingError
from mcpgate.evidence.seals import DIRECTORY
from mcpgate.evidence.verify import verify
from mcpgate.report.making import Made, NothingThere, looked_again, make
from mcpgate.report.profiles import PROFILES
from mcpgate.report.span import Span
from tests.report.recorded import record
from tests.report.written import at


def made(state: Path, span: Span, bundle: Path) -> Made:
    """A report of a span."""
    keys = KeyFile(state).load()
    assert keys is not None
    return make(
        state=state,
        checkpoints=state / DIRECTORY,
        span=span,
        framework=PROFILES["iso-a8.24"],
        bundle=bundle,
        keys=keys,
        verify=lambda staged: verified(verify(staged)),
        made=at(3000),
        version="0.7",
    )


def hours(first: int, last: int) -> Span:
    """A part of the day."""
    return Span(f"2026-11-26T{first:02d}:00:00.000000Z", f"2026-11-26T{last:02d}:00:00.000000Z")


def test_a_part_of_a_journal_is_sound_by_itself(tmp_path: Path) -> None:
    """What came before and behind it is not in the bundle, and not missed; the checkpoints are all there."""
    state = tmp_path / "state"
    record(state, workers=2, exchanges=800, compress=True)
    report = made(state, hours(4, 5), tmp_path / "part.zip").report
    assert report.verified.sound and report.verified.given is False
    assert 0 < report.summary.traffic.exchanges < 200
    assert report.summary.traffic.inbound_unknown == 0
    with ZipFile(tmp_path / "part.zip") as bundle:
        names = bundle.namelist()
        facts = json.loads(bundle.read("report.json"))
    whole = len(list((state / "journal").glob("journal-*")))
    assert 0 < sum(name.startswith("journal/") for name in names) < whole
    assert sum(name.startswith("checkpoints/") for name in names) == len(list((state / DIRECTORY).iterdir()))
    assert facts["summary"]["lines"] == report.summary.lines
    result = verify(tmp_path / "part.zip", key=state / "evidence.pub")
    assert result.sound and result.lines == report.verified.lines


def test_the_whole_day_is_told_whole(tmp_path: Path) -> None:
    """As whoever made it counts it; and what was not closed is unfinished and no more."""
    state = tmp_path / "state"
    known = record(state, exchanges=400, unfinished=3)
    report = made(state, hours(0, 23), tmp_path / "day.zip").report
    assert (report.summary.lines, report.summary.traffic.exchanges) == (known.lines, known.exchanges)
    assert report.summary.traffic.unfinished.total == 3
    assert report.verified.sound and report.verified.unsealed > 0


def test_nothing_is_left_but_bundle_and_page(tmp_path: Path) -> None:
    """Also where it comes to nothing."""
    state = tmp_path / "state"
    record(state, exchanges=50)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(NothingThere):
        made(state, Span("2020-01-01T00:00:00.000000Z", "2020-01-02T00:00:00.000000Z"), out / "no.zip")
    assert list(out.iterdir()) == []
    made(state, hours(0, 23), out / "day.zip")
    assert sorted(path.name for path in out.iterdir()) == ["day.html", "day.zip"]
    # The segment that was linked into it is the gate's again, alone.
    assert {path.stat().st_nlink for path in (state / "journal").iterdir()} == {1}


def test_a_segment_that_is_compressed_meanwhile_is_looked_for_again() -> None:
    """Not for ever, and nothing else is."""
    looks: list[int] = []

    def gone(error: Exception, times: int) -> int:
        looks.append(1)
        if len(looks) > times:
            return len(looks)
        raise ReadingError("journal-0-00000001.jsonl") from error

    assert looked_again(lambda: gone(FileNotFoundError(), 2)) == 3
    looks.clear()
    with pytest.raises(ReadingError):
        looked_again(lambda: gone(FileNotFoundError(), 9))
    assert len(looks) == 3
    looks.clear()
    with pytest.raises(ReadingError):
        looked_again(lambda: gone(EOFError(), 9))
    assert len(looks) == 1
