"""One reader for all who want records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import capturedLogs

from mcpgate.admin import feed as module
from mcpgate.admin.feed import Batch, Feed
from mcpgate.evidence.reading import ReadingError
from tests.admin.house import House, line
from tests.running import Loop
from tests.waiting import eventually


@pytest.fixture
def feed(loop: Loop, house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    """One that is not started yet."""
    monkeypatch.setattr(module, "PAUSE", 0.01)
    monkeypatch.setattr(module, "RETRY", 0.02)
    feed = Feed(loop.reactor, house.directory / "state")
    yield feed
    loop.call(feed.stop)


def started(loop: Loop, feed: Feed) -> list[Batch]:
    """Begin, and gather what is told, from the moment on that it has looked for the first time."""
    told: list[Batch] = []
    loop.call(feed.subscribe, told.append)
    loop.call(feed.start)
    eventually(lambda: feed._follower is not None, "it has looked")
    return told


def types(told: list[Batch]) -> list[str]:
    return [record["type"] for batch in told for record in batch.records]


def test_records_are_told_once_and_in_order_from_the_end_on(loop: Loop, house: House, feed: Feed) -> None:
    """What was there before is nobody's news."""
    house.write(line("old"))
    told = started(loop, feed)
    for number in range(20):
        house.write(line(f"new{number}"))
    eventually(lambda: len(types(told)) >= 20, "all are told")
    assert types(told) == [f"new{number}" for number in range(20)]


def test_a_successor_goes_on_where_it_was(loop: Loop, house: House, feed: Feed) -> None:
    """What was written while nobody read is told, and nothing from before a second time."""
    house.write(line("old"))
    told = started(loop, feed)
    house.write(line("one"))
    eventually(lambda: types(told) == ["one"] and feed.positions, "it is told")
    loop.call(feed.stop)
    house.write(line("meanwhile"))
    successor = Feed(loop.reactor, house.directory / "state", feed.positions)
    more = started(loop, successor)
    house.write(line("now"))
    eventually(lambda: types(more) == ["meanwhile", "now"], "both are told")
    loop.call(successor.stop)


def test_a_line_that_is_no_record_is_counted(loop: Loop, house: House, feed: Feed) -> None:
    """And the next one is told all the same."""
    told = started(loop, feed)
    house.write(b"{broken\n", line("good"))
    eventually(lambda: types(told) == ["good"], "the good one is told")
    assert sum(batch.unreadable for batch in told) == 1


def test_a_large_journal_is_told_in_batches(
    loop: Loop, house: House, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for long in between."""
    monkeypatch.setattr(module, "BATCH", 10)
    told = started(loop, feed)
    house.write(*(line("one") for _ in range(95)))
    eventually(lambda: len(types(told)) == 95, "all are told")
    assert max(len(batch.records) for batch in told) <= 10


def test_a_subscriber_that_fails_costs_nobody_else_anything(loop: Loop, house: House, feed: Feed) -> None:
    """Nor itself more than that."""

    def fail(batch: Batch) -> None:
        raise RuntimeError("a bug")

    loop.call(feed.subscribe, fail)
    with capturedLogs() as logged:
        told = started(loop, feed)
        house.write(line("one"))
        eventually(lambda: types(told) == ["one"], "it is told")
    assert any("failed at a batch" in str(event.get("log_format")) for event in logged)


def test_who_leaves_is_told_nothing_more(loop: Loop, house: House, feed: Feed) -> None:
    """Twice is no mistake."""
    told = started(loop, feed)
    gone: list[Batch] = []
    leave = loop.call(feed.subscribe, gone.append)
    house.write(line("one"))
    eventually(lambda: types(told) == ["one"], "it is told")
    loop.call(leave)
    loop.call(leave)
    house.write(line("two"))
    eventually(lambda: types(told) == ["one", "two"], "it is told")
    assert types(gone) == ["one"]


def test_a_journal_that_cannot_be_read_is_tried_again(
    loop: Loop, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And said once."""
    monkeypatch.setattr(module, "RETRY", 0.02)
    place = tmp_path / "state" / "journal"
    place.rename(tmp_path / "elsewhere")
    place.write_text("in the way", encoding="ascii")
    feed = Feed(loop.reactor, house.directory / "state")
    told = started(loop, feed)
    place.unlink()
    (tmp_path / "elsewhere").rename(place)
    house.write(line("one"))
    eventually(lambda: types(told) == ["one"] and feed.problem is None, "it is told")
    loop.call(feed.stop)


def test_it_is_late_for_as_long_as_it_cannot_read(
    loop: Loop, house: House, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not for as long as nothing is written: the last records may have been old when they were read."""

    def fail(most: int) -> None:
        raise ReadingError("a disk that fails")

    now = 1000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    told = started(loop, feed)
    now += 500.0
    house.write(line("one", time="2020-01-01T00:00:00.000000Z"))
    eventually(lambda: types(told) == ["one"] and feed.lag == 0.0, "it is not late")
    with monkeypatch.context() as broken:
        broken.setattr(feed._follower, "read", fail)
        eventually(lambda: feed.problem, "it cannot be read")
        now += 70.0
        assert feed.lag == 70.0
    eventually(lambda: feed.lag == 0.0, "it is not late any more")
