"""Callbacks for evidence hear all that is recorded, in order, and can hurt nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from mcpgate.evidence.hearers import Hearers
from mcpgate.evidence.journal import Journal
from tests.running import World, call, held

PIECE = b'{"v":2,"id":"a"}\n{"v":2,"id":"b"}\n'


def heard(hearers: Hearers) -> list[Mapping[str, Any]]:
    """What a callback hears from now on."""
    records: list[Mapping[str, Any]] = []
    hearers.add(records.append)
    return records


def show(hearers: Hearers, piece: bytes = PIECE) -> None:
    """As a journal does that has written a piece."""
    onlooker = hearers.onlooker
    assert onlooker is not None
    onlooker(piece)


def test_nobody_who_asks_costs_nothing() -> None:
    """There is nothing that a journal would have to call."""
    assert Hearers(Clock()).onlooker is None


def test_records_come_in_order_after_the_turn() -> None:
    """Not while they are written: an exchange may be in the middle of something."""
    clock = Clock()
    hearers = Hearers(clock)
    records = heard(hearers)
    show(hearers)
    show(hearers, b'{"id":"c"}\n')
    assert records == []
    clock.advance(0)
    assert [record["id"] for record in records] == ["a", "b", "c"]
    assert not clock.getDelayedCalls()


def test_what_waits_at_the_end_is_told() -> None:
    """A gate that stops has told everything; nothing comes twice."""
    clock = Clock()
    hearers = Hearers(clock)
    records = heard(hearers)
    show(hearers)
    hearers.deliver()
    clock.advance(0)
    assert [record["id"] for record in records] == ["a", "b"]


def test_a_callback_that_has_the_rest_told_keeps_the_order() -> None:
    """As one that stops the gate does: for it and for those after it, who have not heard this line yet."""
    clock = Clock()
    hearers = Hearers(clock)
    told: list[tuple[str, str]] = []

    def stops(record: Mapping[str, Any]) -> None:
        told.append(("first", record["id"]))
        if record["id"] == "a":
            show(hearers, b'{"id":"d"}\n')
            hearers.deliver()
            # All of it, at the end of a gate.
            assert told[-1] == ("second", "d")

    hearers.add(stops)
    hearers.add(lambda record: told.append(("second", record["id"])))
    show(hearers)
    show(hearers, b'{"id":"c"}\n')
    clock.advance(0)
    assert told == [(who, line) for line in "abcd" for who in ("first", "second")]
    clock.advance(0)
    assert len(told) == 8 and not clock.getDelayedCalls()


def test_what_is_recorded_by_a_callback_is_told_in_another_turn() -> None:
    """One that has something recorded for every record does not hold up the reactor for ever."""
    turns: list[Callable[[], None]] = []
    hearers = Hearers(Mock(callLater=lambda _, call: turns.append(call)))
    records = heard(hearers)
    hearers.add(lambda record: show(hearers, b'{"id":"c"}\n'))
    show(hearers, b'{"id":"a"}\n')
    for count in (1, 2, 3):
        turns.pop()()
        assert len(records) == count and len(turns) == 1


def test_a_callback_that_raises_is_logged_once_and_others_hear_all() -> None:
    """Its failures are its own; a thousand of them are one report."""
    clock = Clock()
    hearers = Hearers(clock)

    def fails(record: Mapping[str, Any]) -> None:
        raise RuntimeError("mine")

    hearers.add(fails)
    records = heard(hearers)
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        show(hearers)
        clock.advance(0)
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert len(records) == 2
    (event,) = (one for one in events if "log_failure" in one)
    assert event["failures"] == 1 and event["log_failure"].check(RuntimeError)


def test_what_one_does_to_a_record_is_not_what_another_hears() -> None:
    """Each has a copy."""
    clock = Clock()
    hearers = Hearers(clock)
    hearers.add(lambda record: record.clear())  # type: ignore[attr-defined]
    records = heard(hearers)
    show(hearers)
    clock.advance(0)
    assert [record["id"] for record in records] == ["a", "b"]


def test_a_coroutine_is_refused() -> None:
    """Nobody would wait for it, so what it does would never happen."""

    async def later(record: Mapping[str, Any]) -> None: ...

    class Later:
        async def __call__(self, record: Mapping[str, Any]) -> None: ...

    for each in (later, partial(later), Later(), Later().__call__):
        with pytest.raises(TypeError, match="ordinary function"):
            Hearers(Clock()).add(each)
    with pytest.raises(TypeError, match="ordinary function"):
        Hearers(Clock()).add(None)  # type: ignore[arg-type]


def test_a_journal_shows_every_line_that_it_has(tmp_path: Path) -> None:
    """Those with which its segments begin, too: what is heard is what is in the files, to the byte."""
    pieces: list[bytes] = []
    journal = Journal(tmp_path / "journal", onlooker=pieces.append)
    journal.append([b'{"v":2,"type":"test"}\n'])
    journal.rotate()
    journal.append([b'{"v":2,"type":"test"}\n', b'{"v":2,"type":"test"}\n'])
    journal.close()
    written = [path.read_bytes() for path in sorted((tmp_path / "journal").glob("*.jsonl"))]
    assert len(written) == 2 and b"".join(pieces) == b"".join(written)


def test_a_gate_tells_what_it_records(world: World) -> None:
    """A whole call, as the journal has it; a callback may be added before the start and while it runs."""
    gate = world.start().gate
    assert gate is not None
    records: list[Mapping[str, Any]] = []
    world.loop.call(gate.on_evidence, records.append)
    with world.caller() as caller:
        caller.post(call("get_x")).answer()
    world.closes(1)
    world.wait_for(lambda: any(record["type"] == "close" for record in records))
    assert [record["type"] for record in records][-2:] == ["open", "close"]
    lines = [json.loads(line) for path in world.state.glob("journal/*.jsonl") for line in path.open()]
    assert list(records) == lines[-len(records) :]


def test_a_callback_that_stops_the_gate_hears_the_rest_in_order(world: World) -> None:
    """Two calls are under way, and what becomes of both is recorded by the stop."""
    gate = world.start().gate
    assert gate is not None
    told: list[tuple[str, int]] = []

    def stops(record: Mapping[str, Any]) -> None:
        told.append((record["type"], record["seq"]))
        if [kind for kind, _ in told].count("open") == 2 and record["type"] == "open":
            gate.drain(0)
            gate.stopService()

    world.loop.call(gate.on_evidence, stops)
    with held(world.upstream), world.caller() as one, world.caller() as other:
        one.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        other.post(call("get_x"), token=False)
        world.wait_for(lambda: [kind for kind, _ in told].count("close") == 2)
    numbers = [number for _, number in told]
    assert numbers == sorted(numbers)
