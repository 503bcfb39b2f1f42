"""Which segments a span needs, and copies of them that stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpgate.evidence.reading import Segment, lines, segments
from mcpgate.report.making import needed, summed
from mcpgate.report.span import Span
from mcpgate.report.staging import BACK_MOST, before, behind, overlapping, stage
from tests.report.written import at, closed, generation, opened, said, shake


def written(state: Path, worker: int, *parts: list[bytes]) -> None:
    """Segments of a worker, each with these lines."""
    journal = state / "journal"
    journal.mkdir(exist_ok=True)
    for number, part in enumerate(parts, 1):
        (journal / f"journal-{worker}-{number:08d}.jsonl").write_bytes(b"".join(part))


def named(found: tuple[Segment, ...]) -> list[str]:
    """Worker and number of segments."""
    return [f"{one.worker}/{one.number}" for one in found]


def span(first: float, last: float) -> Span:
    """A span, in minutes."""
    return Span(at(first), at(last))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Two workers: one began a segment every ten minutes, the other only one."""
    parts = [[said("segment", minute, gate="g"), said("gap", minute + 9)] for minute in (0, 10, 20, 30)]
    written(tmp_path, 0, *parts)
    written(tmp_path, 1, [said("segment", 5, gate="g")])
    return tmp_path


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [
        (12, 14, ["0/2", "1/1"]),
        (0, 3, ["0/1"]),
        (9, 21, ["0/1", "0/2", "0/3", "1/1"]),
        (50, 60, ["0/4", "1/1"]),
    ],
)
def test_whole_segments_with_lines_of_the_span_are_taken(
    state: Path, first: float, last: float, wanted: list[str]
) -> None:
    """The last of a worker may have such, as nothing says that it ended."""
    assert named(overlapping(segments(state), span(first, last))) == wanted


def test_one_that_does_not_say_when_it_began_is_taken(state: Path) -> None:
    """Unless the next one began before the span: then it cannot have lines of it."""
    (state / "journal" / "journal-0-00000002.jsonl").write_bytes(b"broken\n")
    assert named(overlapping(segments(state), span(0, 3))) == ["0/1", "0/2"]
    assert named(overlapping(segments(state), span(35, 36))) == ["0/4", "1/1"]


def test_handshakes_that_exchanges_name_are_fetched_from_before(tmp_path: Path) -> None:
    """With all segments between, so that there is no hole; and only as far back as it is needed."""
    written(
        tmp_path,
        0,
        [said("segment", 0), shake("h-old", 1)],
        [said("segment", 10), shake("h-in", 11)],
        [said("segment", 20)],
        [said("segment", 30), opened("x", 31, outbound=None), closed("x", 32, outbound=None)],
    )
    assert named(needed(tmp_path, span(30, 40))) == ["0/2", "0/3", "0/4"]
    found = segments(tmp_path)
    assert before(found, found[3:], {"h-nowhere"}) == ()
    assert named(before(found, found[3:], {"h-old"})) == ["0/1", "0/2", "0/3"]


def test_what_was_in_force_is_fetched_from_before(tmp_path: Path) -> None:
    """The last that says so, and nothing before it; where it is too far back, nothing."""
    written(
        tmp_path,
        0,
        [said("segment", 0), generation(1)],
        [said("segment", 10), generation(11)],
        [said("segment", 20)],
        [said("segment", 30), shake("h", 31)],
    )
    assert named(needed(tmp_path, span(30, 40))) == ["0/2", "0/3", "0/4"]
    far = tmp_path / "far"
    far.mkdir()
    empty = [[said("segment", 10 * number)] for number in range(1, BACK_MOST + 2)]
    written(far, 0, [said("segment", 0), generation(1)], *empty, [said("segment", 200), shake("h", 201)])
    assert named(needed(far, span(200.5, 300))) == [f"0/{BACK_MOST + 3}"]


def test_copies_stay_as_they_are(state: Path, tmp_path: Path) -> None:
    """Closed segments need no room; of the one that is written the whole lines are taken."""
    newest = state / "journal" / "journal-0-00000004.jsonl"
    whole = newest.read_bytes()
    newest.write_bytes(whole + b'{"v":2,"type":"op')
    (tmp_path / "staged").mkdir()
    staged = stage(segments(state), tmp_path / "staged")
    assert named(staged.segments) == ["0/1", "0/2", "0/3", "0/4", "1/1"]
    assert staged.segments[3].path.read_bytes() == whole
    assert staged.segments[0].path.stat().st_nlink == 2
    with newest.open("ab") as file:
        file.write(b'en"}\n')
    assert len(list(lines(staged.segments[3]))) == 2


def test_a_segment_that_is_compressed_meanwhile_is_found(state: Path, tmp_path: Path) -> None:
    """Under its other name."""
    found = segments(state)
    path = found[0].path
    path.rename(path.with_name(f"{path.name}.gz"))
    (tmp_path / "staged").mkdir()
    assert stage(found[:1], tmp_path / "staged").segments[0].compressed


def test_the_end_of_an_exchange_is_fetched_from_behind(tmp_path: Path) -> None:
    """One that ran while its segment was closed is not unfinished; what has no end is not looked for long."""
    written(
        tmp_path,
        0,
        [opened("x-late", 1), opened("x-never", 2)],
        [said("segment", 10, gate="g")],
        [closed("x-late", 25)],
        [closed("x-other", 35)],
    )
    written(tmp_path, 1, [opened("x-short", 3), closed("x-short", 4)], [said("segment", 11, gate="g")])
    taken = needed(tmp_path, span(0, 9))
    assert named(taken) == ["0/1", "0/2", "0/3", "1/1"]
    traffic = summed(taken, span(0, 9)).summary().traffic
    assert [one.id for one in traffic.unfinished.rows] == ["x-never"]
    assert (traffic.exchanges, traffic.bytes_out) == (3, 2000)
    found = segments(tmp_path)
    assert named(behind(found, found[:1], ())) == []
