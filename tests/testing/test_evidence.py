"""Records for tests to ask: told by a gate, or read from where it keeps them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from mcpgate.evidence.reading import ReadingError, Segment, segments
from mcpgate.evidence.record import VERSION
from mcpgate.testing import Evidence, evidence
from tests.running import World, call


def test_what_is_told_is_what_is_read(world: World) -> None:
    """By the callback while it runs, and off its state directory; the questions are the same."""
    gate = world.start().gate
    assert gate is not None
    told = Evidence()
    world.loop.call(gate.on_evidence, told)
    with world.caller() as caller:
        caller.post(call("get_x")).answer()
        caller.post(call("get_secret")).answer()
        caller.post(call("get_x"), token=False).answer()
    world.closes(3)
    world.wait_for(lambda: len(told.find("close")) == 3)
    read = Evidence.read(world.state)
    assert [one.outcome for one in read.exchanges()] == ["completed", "refused", "refused"]
    assert [one.reason for one in told.exchanges()] == [None, "policy.blocked", "auth.missing"]
    assert told.refused() == read.refused() == ["policy.blocked", "auth.missing"]
    assert told.records == read.records[-len(told.records) :]
    (done,) = told.find("close", outcome="completed")
    assert told.find(id=done["id"]) == [told.exchanges()[0].opened, done]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Each look at what segments there are, of which few are needed."""
    looks: list[Path] = []

    def look(state: Path) -> tuple[Segment, ...]:
        looks.append(state)
        assert len(looks) < 10, "it looks and looks"
        return segments(state)

    monkeypatch.setattr(evidence, "segments", look)
    return looks


@pytest.mark.parametrize("wrong", ["no gzip", "leads nowhere"])
def test_what_cannot_be_read_is_said(tmp_path: Path, looks: list[Path], wrong: str) -> None:
    """By its name, rather than waited for until it can be."""
    journal = tmp_path / "journal"
    journal.mkdir()
    if wrong == "no gzip":
        (journal / "journal-0-00000001.jsonl.gz").write_bytes(b"not compressed")
    else:
        (journal / "journal-0-00000001.jsonl").symlink_to("nowhere")
    with pytest.raises(ReadingError, match=r"journal-0-00000001\.jsonl"):
        Evidence.read(tmp_path)


def test_what_is_compressed_meanwhile_is_read_all_the_same(
    tmp_path: Path, looks: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there under another name by then; and nothing is told twice."""
    opened = {"v": VERSION, "type": "open"}
    written = [json.dumps(opened | {"id": name}).encode() + b"\n" for name in ("x1", "x2")]
    names = [tmp_path / f"journal-0-0000000{number}.jsonl" for number in (1, 2)]
    for name, line in zip(names, written, strict=True):
        name.write_bytes(line)
    read = evidence.lines

    def lines(segment: Segment) -> object:
        if segment.path == names[1]:
            names[1].with_suffix(".jsonl.gz").write_bytes(gzip.compress(written[1]))
            names[1].unlink()
        return read(segment)

    monkeypatch.setattr(evidence, "lines", lines)
    assert [record["id"] for record in Evidence.read(tmp_path).records] == ["x1", "x2"]


def test_an_exchange_that_goes_on_has_no_end() -> None:
    """Nor an outcome, or a reason."""
    evidence = Evidence()
    evidence({"type": "open", "id": "x1"})
    (one,) = evidence.exchanges()
    assert (one.closed, one.outcome, one.reason) == (None, None, None)
    assert evidence.find("open", nothing=None) == []
