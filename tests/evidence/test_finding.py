"""Exchanges are found in a journal by reading it, with the handshakes and whatever else belongs to them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mcpgate.evidence.finding import find, story
from mcpgate.evidence.reading import ReadingError, lines, segments
from mcpgate.evidence.record import parse_line
from mcpgate.evidence.which import Which
from tests.evidence.made import make_journal


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made")
    make_journal(directory, workers=2, exchanges=2000, segment=1000, compress=True, unfinished=3)
    return directory


@pytest.fixture(scope="module")
def records(journal: Path) -> list[dict[str, object]]:
    return [dict(parse_line(line)) for segment in segments(journal) for line in lines(segment)]


def test_the_latest_are_found_in_the_order_in_which_they_began(
    journal: Path, records: list[dict[str, object]]
) -> None:
    opened = sorted(str(one["time"]) for one in records if one["type"] == "open")
    found = [one for one in find(journal, Which(), 100) if one.record["type"] == "open"]
    times = [str(one.record["time"]) for one in found]
    assert times == sorted(times) and len(found) == 100
    assert times[-1] == opened[-1]
    everything = find(journal, Which(), 10_000)
    assert sorted(str(one.record["time"]) for one in everything) == opened
    assert sum(one.closed is None for one in everything) == 3


def test_only_what_is_asked_for_is_found(journal: Path, records: list[dict[str, object]]) -> None:
    opened = {str(one["id"]): one for one in records if one["type"] == "open"}
    closed = {str(one["id"]): one for one in records if one["type"] == "close"}
    some = next(iter(opened.values()))
    who = str(some["principal"])
    found = find(journal, Which(principal=who), 10_000)
    assert {one.record["id"] for one in found} == {
        id for id, one in opened.items() if one["principal"] == who
    }
    refused = find(journal, Which(refused=True), 10_000)
    assert {one.record["id"] for one in refused} == {
        *(id for id, one in closed.items() if one["outcome"] == "refused" and id in opened),
        *(one["id"] for one in records if one["type"] == "handshake" and one["outcome"] == "refused"),
    }
    times = sorted(str(one["time"]) for one in opened.values())
    since, until = times[len(times) // 3], times[len(times) // 2]
    spanned = find(journal, Which(since=since, until=until), 10_000)
    assert {one.record["id"] for one in spanned} == {
        id for id, one in opened.items() if since <= str(one["time"]) < until
    }


def test_an_exchange_is_told_with_both_handshakes_and_what_happened_to_it(
    journal: Path, records: list[dict[str, object]]
) -> None:
    by_id = {(str(one["type"]), str(one["id"])): one for one in records}
    legs = [one for one in records if one["type"] == "close" and one["inbound"] and one["outbound"]]
    for close in legs[::300]:
        found = story(journal, str(close["id"]))
        assert found is not None and found.closed == close
        assert found.opened == by_id["open", str(close["id"])]
        assert found.inbound == by_id["handshake", str(close["inbound"])]
        assert found.outbound == by_id["handshake", str(close["outbound"])]
    dropped = next(one for one in records if one["type"] in ("dropped", "echo") and one["exchange"])
    found = story(journal, str(dropped["exchange"]))
    assert found is not None and dropped in found.others


def test_anything_else_is_found_by_its_id(journal: Path, records: list[dict[str, object]]) -> None:
    shake = next(one for one in records if one["type"] == "handshake")
    found = story(journal, str(shake["id"]))
    assert found is not None and found.opened is None and list(found.others) == [shake]
    assert story(journal, "x-nothing") is None
    assert story(journal, "\udc80") is None


def test_a_line_that_is_none_is_passed_over(tmp_path: Path) -> None:
    make_journal(tmp_path, exchanges=5)
    (segment,) = segments(tmp_path)
    whole = segment.path.read_bytes().splitlines(keepends=True)
    segment.path.write_bytes(b"".join([*whole[:4], b'{"v":2,"type":"open"\n', b"\xff\n", *whole[4:]]))
    assert len(find(tmp_path, Which(), 100)) == 5
    with pytest.raises(ReadingError):
        find(tmp_path / "none", Which(), 1)


def test_much_is_read_in_little_time(tmp_path: Path) -> None:
    """Some ten microseconds a line, with a factor of ten for machines that are busy."""
    made = make_journal(tmp_path, exchanges=10_000)
    began = time.monotonic()
    find(tmp_path, Which(principal="nobody"), 50)
    story(tmp_path, "x-nothing")
    assert time.monotonic() - began < made.lines * 100e-6
