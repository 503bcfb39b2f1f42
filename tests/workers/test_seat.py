"""A worker's place: who sits there is brought to what stands, and replaced when it is gone."""

from __future__ import annotations

import pytest
from twisted.logger import capturedLogs

from mcpgate.workers import seat
from tests.running import World
from tests.waiting import eventually
from tests.workers.crew import watched


def row(status: dict[str, object], number: int) -> dict[str, object]:
    """What status says of a worker."""
    rows = status["workers"]
    assert isinstance(rows, list)
    (found,) = [worker for worker in rows if worker["number"] == number]
    assert isinstance(found, dict)
    return found


def test_one_that_cannot_start_is_shown_and_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others serve meanwhile."""
    monkeypatch.setattr(seat, "WAIT_FIRST", 0.05)
    monkeypatch.setattr(seat, "WAIT_MOST", 0.1)
    with watched(world) as running:
        running.crew.refuses["stage"] = "has no certificate"
        for member in running.crew.members[2:]:
            member.refuses.update(running.crew.refuses)
        running.loop.call(running.member(0).die)
        eventually(lambda: len(running.crew.members) > 5, "it is tried again and again")
        status = running.status()
        assert "cannot serve generation 1: has no certificate" in str(row(status, 0)["problem"])
        assert str(row(status, 0)["problem"]) in status["problem"]
        assert row(status, 1)["state"] == "serves"
        running.crew.refuses.clear()
        running.settled()
        assert row(running.status(), 0)["problem"] is None


def test_what_it_died_of_is_told_whoever_finds_out_first(world: World) -> None:
    """A reload may find the channel closed before the end of the process is seen."""
    with watched(world) as running, capturedLogs() as logged:
        dead = running.member(0)
        ended, dead._ended = dead._ended, lambda how, finished: None
        running.loop.call(dead.die)
        running.reload(world.config())
        running.loop.call(ended, "was ended by signal 9", False)
        running.settled()
        told = [event["problem"] for event in logged if "problem" in event]
        assert told == ["was ended by signal 9"]
        assert running.generations() == [2, 2]


def test_one_that_dies_young_again_and_again_is_waited_for_longer_each_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is replaced at once, whatever it died of."""
    waits: list[float] = []
    monkeypatch.setattr(seat, "YOUNG", 60.0)
    with watched(world) as running:
        place = running.supervisor.seats[0]
        monkeypatch.setattr(place, "_fill_again", lambda seconds: waits.append(seconds) or place.fill())
        for deaths in range(1, 8):
            running.loop.call(running.member(0).die)
            running.settled()
            assert len(waits) == deaths - 1
        assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0]


def test_one_that_has_served_is_replaced_at_once_every_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was before it is forgotten."""
    waits: list[float] = []
    monkeypatch.setattr(seat, "YOUNG", 0.0)
    with watched(world) as running:
        monkeypatch.setattr(running.supervisor.seats[0], "_fill_again", waits.append)
        for _ in range(4):
            running.loop.call(running.member(0).die)
            running.settled()
    assert waits == []


def test_when_there_are_no_processes_to_be_had_it_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place stays empty, says why, and is filled when it can be."""
    monkeypatch.setattr(seat, "WAIT_MOST", 0.1)
    with watched(world) as running:
        running.crew.exhausted = True
        (spare,) = [member for member in running.crew.members if member.pid == running.status()["spare"]]
        running.loop.call(spare.die)
        running.loop.call(running.member(0).die)
        problem = eventually(lambda: row(running.status(), 0)["problem"], "it is told")
        assert "no process can be started" in str(problem)
        running.crew.exhausted = False
        eventually(lambda: row(running.status(), 0)["state"] == "serves", "the place is filled")


def test_one_that_begins_during_a_reload_ends_up_with_what_stands(world: World) -> None:
    """It began with the old generation, and is brought to the new one."""
    with watched(world) as running:
        running.loop.call(running.member(0).die)
        running.reload(world.config())
        running.reload(world.config())
        running.settled()
        assert running.generations() == [3, 3]
