"""Idle sessions are ended at their upstream, once, by whoever looks first, and busy ones are not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from mcpgate.identity.principal import Principal
from mcpgate.relay import idle as module
from mcpgate.relay.force import InForce
from mcpgate.relay.idle import Idle
from mcpgate.sessions.live import TOUCH, Live, Sessions
from mcpgate.sessions.sealed import SessionKeys, digest_of
from mcpgate.sessions.tasks import KEPT_LEAST, Tasks
from tests.relay.parting import BEGAN, CI, DAY, Station, answering
from tests.running import Loop
from tests.upstream.server import Server, nobody
from tests.upstream.test_connect import GOOD
from tests.waiting import eventually

#: When a session that was used at C{BEGAN} is idle.
IDLE = BEGAN + 3600 + TOUCH

Start = Callable[..., Station]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(GOOD)
    yield server
    server.finish()


@pytest.fixture
def start(loop: Loop, tmp_path: Path, server: Server) -> Iterator[Start]:
    """Makes a station, by default with one good upstream."""
    made: list[Station] = []

    def start(**servers: Server) -> Station:
        made.append(Station(loop, tmp_path, **(servers or {"server": server})))
        return made[-1]

    yield start
    for station in made:
        station.stop()


def sweep(station: Station, now: float, idle: Idle | None = None) -> None:
    """Look at that time."""
    station.now = now
    idle = idle or Idle(station.loop.reactor, station.force)
    station.loop.call(idle.sweep)


def marked(station: Station) -> set[str]:
    return {name for name, _ in station.marks.all()}


def name(live: Live) -> str:
    return digest_of(live.sealed)


def ended(server: Server) -> list[str]:
    """The upstream ids that it was told to end."""
    lines = server.told.decode().split("\r\n")
    return [line.partition(": ")[2] for line in lines if line.startswith("mcp-session-id: ")]


def test_an_idle_session_is_ended_and_forgotten(start: Start, server: Server) -> None:
    """At the time that is configured and not a second before; on record."""
    station = start()
    station.used()
    sweep(station, IDLE - 1)
    assert ended(server) == [] and len(marked(station)) == 1
    sweep(station, IDLE - 1 + 900)
    assert ended(server) == ["upstream-id"] and marked(station) == set()
    assert station.sessions.counts() == {"known": 0, "unmarked": 0, "ended_idle": 1}
    ((_, closed),) = station.pairs()
    assert closed["outcome"] == "completed"


def test_only_the_idle_one_of_two_is_ended(start: Start, server: Server) -> None:
    station = start()
    station.used(id=b"idle")
    station.now = BEGAN + 100
    used = station.used(id=b"used")
    sweep(station, IDLE)
    assert ended(server) == ["idle"]
    assert marked(station) == {name(used)} and station.sessions.counts()["known"] == 1


def test_an_open_stream_is_use_whoever_looks(start: Start, server: Server) -> None:
    """The worker that has it moves its mark on, so that another does not end it."""
    station = start()
    live = station.used()
    live.streams = 1
    elsewhere = _another_worker(station)
    for quarter in range(1, 9):
        now = BEGAN + quarter * 900
        sweep(station, now)
        sweep(station, now + 450, elsewhere)
    assert ended(server) == [] and marked(station) == {name(live)}
    live.streams = 0
    sweep(station, now + 3600 + TOUCH)
    assert ended(server) == ["upstream-id"]


@pytest.mark.parametrize("step", [7200.0, TOUCH + 1])
def test_a_clock_that_is_set_forward_ends_nothing(start: Start, server: Server, step: float) -> None:
    """Nor does a machine that has slept: marks look old then. What is idle is ended C{session_idle} later."""
    station = start()
    steady = 0.0
    idle = Idle(station.loop.reactor, station.force, steady=lambda: steady)
    station.used()
    steady += 3600
    sweep(station, BEGAN + 3600 + step, idle)
    assert ended(server) == []
    used = station.used(id=b"used")
    for _ in range(4):
        steady += 899
        station.sessions.marks.touch(_mark(station, used), station.now)
        sweep(station, station.now + 899, idle)
    assert ended(server) == []
    steady += 899
    sweep(station, station.now + 899, idle)
    assert ended(server) == ["upstream-id"] and marked(station) == {name(used)}


def test_a_clock_that_is_set_back_or_runs_a_little_fast_changes_nothing(
    start: Start, server: Server
) -> None:
    station = start()
    steady = 0.0
    idle = Idle(station.loop.reactor, station.force, steady=lambda: steady)
    station.used()
    for quarter in range(1, 5):
        steady += 900
        sweep(station, BEGAN - 7200 + 930 * quarter, idle)
    assert ended(server) == []
    steady += 7200
    sweep(station, BEGAN + 3600 + TOUCH, idle)
    assert ended(server) == ["upstream-id"]


def test_another_worker_ends_what_a_dead_one_has_left(start: Start, server: Server) -> None:
    """All that is needed is in the state directory: it knows neither the caller nor the session."""
    station = start()
    station.used(who=Principal("spiffe://a/b", "certificate", "", None))
    sweep(station, IDLE, _another_worker(station))
    assert ended(server) == ["upstream-id"] and marked(station) == set()
    ((opened, _),) = station.pairs()
    assert (opened["principal"], opened["how"]) == ("spiffe://a/b", "certificate")


def test_one_process_looks_at_a_time(start: Start, server: Server) -> None:
    """And not soon after another has."""
    station = start()
    station.used()
    with station.marks.alone(IDLE, 0) as alone:
        assert alone
        sweep(station, IDLE)
    assert ended(server) == []
    sweep(station, IDLE)
    assert ended(server) == ["upstream-id"]
    station.now = BEGAN
    station.used(id=b"again")
    sweep(station, IDLE + 449, _another_worker(station))
    assert ended(server) == ["upstream-id"]
    sweep(station, IDLE + 450, _another_worker(station))
    assert ended(server) == ["upstream-id", "again"]


# What can not be ended.


@pytest.mark.parametrize("status", [b"404 Not Found", b"405 Method Not Allowed"])
def test_an_upstream_that_knows_no_end_is_asked_once(start: Start, status: bytes) -> None:
    server = Server(GOOD, hasty=answering(status))
    station = start(server=server)
    station.used()
    sweep(station, IDLE)
    assert marked(station) == set()
    server.finish()


def test_what_cannot_be_reached_is_tried_again_while_the_session_lasts(start: Start, server: Server) -> None:
    """One dial for all of an upstream that is down."""
    station = start()
    pool = station.pools["server"]
    there, pool.terms = pool.terms, evolve(pool.terms, dial_port=nobody())
    for id in (b"a", b"b", b"c"):
        station.used(id=id)
    for again in (1, 2):
        sweep(station, IDLE + 900 * again)
        assert len(marked(station)) == 3 and len(station.pairs()) == again
    sweep(station, BEGAN + DAY)
    assert len(marked(station)) == 2 and station.sessions.counts()["ended_idle"] == 0
    pool.terms = there
    sweep(station, BEGAN + DAY + 900)
    assert marked(station) == set() and len(ended(server)) == 2
    assert station.sessions.counts() == {"known": 0, "unmarked": 0, "ended_idle": 2}


@pytest.mark.parametrize("hasty", [answering(b"500 Internal Server Error"), b"HTTP"])
def test_one_that_is_not_ended_does_not_stand_in_the_way_of_others(start: Start, hasty: bytes) -> None:
    """It is put off; the others come first, the next time."""
    server = Server(GOOD, hasty=hasty)
    station = start(server=server)
    names = {name(station.used(id=id)) for id in (b"a", b"b")}
    for again in (0, 900):
        sweep(station, IDLE + again)
    assert marked(station) == names
    # It answers before it has written down what it was asked.
    eventually(lambda: set(ended(server)) == {"a", "b"}, "both were tried")
    assert len(station.pairs()) == 2
    server.finish()


def test_an_upstream_that_is_down_does_not_stand_in_the_way_of_another(start: Start, server: Server) -> None:
    hold = threading.Event()
    mute = Server(GOOD, hasty=answering(b"200 OK"), hold=hold)
    station = start(mute=mute, server=server)
    station.used("mute")
    for id in (b"a", b"b"):
        station.used(id=id)
    idle = Idle(station.loop.reactor, station.force, steady=station.force.wall)
    station.now = IDLE
    station.loop.call(lambda: idle.sweep() and None)
    eventually(lambda: len(ended(server)) == 2, "those of the other are ended")
    assert len(marked(station)) == 1
    hold.set()
    eventually(lambda: not marked(station), "and then the first")
    mute.finish()


def test_what_nobody_can_end_any_more_is_forgotten(start: Start, server: Server) -> None:
    """Its upstream is gone, or the name stands for another server now; or it is nonsense."""
    station = start(server=server, moved=server, gone=server)
    station.used(id=b"kept")
    station.used("moved")
    station.used("gone")
    station.terms["moved"] = evolve(station.terms["moved"], authority=b"other.test")
    del station.terms["gone"]
    (station.marks._directory / digest_of(b"x")).write_bytes(b"nonsense")
    assert len(marked(station)) == 4
    sweep(station, IDLE)
    assert ended(server) == ["kept"] and marked(station) == set()


def test_without_its_key_a_session_is_over(start: Start, server: Server) -> None:
    """After mcpgate session rotate --now nobody can say any more what its id at the upstream was."""
    station = start()
    station.used()
    station.keys = SessionKeys((), DAY)
    station.force.generation = station.generation()
    sweep(station, IDLE)
    assert marked(station) == set() and server.told == b""


def test_one_that_was_used_meanwhile_is_left_alone(start: Start, server: Server) -> None:
    """While others were ended before it."""
    station = start()
    used = station.used()
    idle = Idle(station.loop.reactor, station.force, steady=station.force.wall)
    found = station.marks.used

    def used_just_now(which: str) -> float | None:
        station.marks.touch(_mark(station, used), station.now)
        return found(which)

    station.marks.used = used_just_now  # type: ignore[method-assign]
    sweep(station, IDLE, idle)
    assert ended(server) == [] and marked(station) == {name(used)}


def _mark(station: Station, live: Live) -> Any:
    mark = station.marks.read(name(live))
    assert mark is not None
    return mark


# Its pace, and its end.


def test_many_are_looked_at_in_several_turns(
    start: Start, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no more of one upstream ended than a sweep has time for; the others count and come next."""
    monkeypatch.setattr(module, "SLICE", 4)
    monkeypatch.setattr(module, "AT_ONCE", 10)
    station = start()
    for number in range(25):
        live = station.used(id=b"%d" % number)
        live.streams = number % 2
    for live in list(station.sessions._lives.values()):
        live.streams = 0
    turns: list[None] = []
    idle = Idle(station.loop.reactor, station.force, steady=station.force.wall)
    next_turn = idle._next_turn
    idle._next_turn = lambda: turns.append(None) or next_turn()  # type: ignore[method-assign]
    sweep(station, IDLE, idle)
    assert len(turns) == 6
    assert len(ended(server)) == 10 and len(marked(station)) == 15
    sweep(station, IDLE + 900, idle)
    sweep(station, IDLE + 1800, idle)
    assert len(set(ended(server))) == 25 and marked(station) == set()


def test_a_sweep_has_an_end(start: Start, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or marks of open streams would grow old while it lasts. Nor does it begin anything in a drain."""
    station = start()
    station.used()
    with monkeypatch.context() as patch:
        patch.setattr(module, "SWEEP_MOST", 0.0)
        sweep(station, IDLE)
    station.force.draining = True
    sweep(station, IDLE + 900)
    assert ended(server) == []
    station.force.draining = False
    sweep(station, IDLE + 1800)
    assert ended(server) == ["upstream-id"]


def test_it_is_broken_off_at_a_stop(start: Start, server: Server) -> None:
    """Whatever it waits for; somebody else can look then, and ends what it had begun."""
    hold = threading.Event()
    mute = Server(GOOD, hasty=answering(b"200 OK"), hold=hold)
    station = start(mute=mute, server=server)
    station.used("mute")
    idle = Idle(station.loop.reactor, station.force, steady=station.force.wall)
    station.loop.call(idle.stop)
    station.now = IDLE
    failures: list[Any] = []
    station.loop.call(lambda: idle.sweep().addErrback(failures.append) and None)
    eventually(lambda: mute.told, "the request arrives")
    station.loop.call(idle.stop)
    assert failures == []
    ((_, closed),) = station.pairs()
    assert closed["outcome"] == "drained"
    hold.set()
    mute.finish()
    with station.marks.alone(IDLE, 0) as alone:
        assert alone
    assert len(marked(station)) == 1
    station.loop.call(idle.stop)


def test_it_looks_four_times_in_the_time_that_is_configured(start: Start) -> None:
    """But not more often than each minute."""
    station = start()
    idle = Idle(station.loop.reactor, station.force, steady=station.force.wall)
    assert idle.interval() == 900
    station.limits = evolve(station.limits, session_idle=120.0)
    station.force.generation = station.generation()
    assert idle.interval() == 60


def _another_worker(station: Station) -> Idle:
    """One that knows nothing but the state directory, and has connections of its own."""
    here = station.force
    knows_nothing = Sessions(station.marks, here.wall)
    there = InForce(here.readiness, here.witness, here.generation, here.accepts, knows_nothing, here.wall)
    there.pools = here.pools
    return Idle(station.loop.reactor, there, steady=here.wall)


def test_tasks_that_are_kept_no_longer_go_in_the_same_turn(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether there are sessions or not, and some at a time."""
    monkeypatch.setattr(module, "SLICE", 2)
    station = start()
    station.force.tasks = tasks = Tasks(tmp_path / "tasks", station.force.wall)
    tasks.begin()
    for number in range(5):
        tasks.learn(b"place", CI, str(number), "get_x", 0.0 if number else DAY)
    sweep(station, BEGAN + KEPT_LEAST + 1)
    # And what says that there are tasks at that place.
    assert len(list((tmp_path / "tasks").iterdir())) == 2
    assert tasks.tool(b"place", CI, "0") == "get_x"
