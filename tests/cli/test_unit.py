"""What a service manager is told of a gate: when it serves, reloads and stops, and never anything untrue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mcpgate.cli.notify import Notify
from mcpgate.cli.unit import AFTER_DRAIN, LOOK, LOOK_FIRST, Unit, unit_of
from mcpgate.ops.control import ask
from tests.cli.conftest import COMMAND, Start, answers, control
from tests.cli.notified import Listener, listening
from tests.cli.test_process import with_workers
from tests.waiting import eventually

UNIT = Path(__file__).resolve().parents[2] / "etc/systemd/mcpgate.service"


def facts(**more: Any) -> dict[str, Any]:
    listeners = [{"name": "public", "connections": 3}]
    return {"running": True, "draining": False, "generation": 1, "listeners": listeners, **more}


class World:
    """A unit on a clock of ours, whose gate says what we want it to."""

    def __init__(self, watchdog: float | None = None) -> None:
        self.clock = Clock()
        self.told: list[str] = []
        self.now: Any = {"running": False}
        self.unit = Unit(self.clock, self, self.look, watchdog)  # type: ignore[arg-type]

    def tell(self, message: bytes) -> None:
        self.told.append(message.decode())

    def close(self) -> None:
        self.told.append("closed")

    def look(self) -> Any:
        return self.now

    def take(self, seconds: float = 0) -> list[str]:
        """What was told meanwhile."""
        self.clock.pump([seconds, 0])
        told, self.told = self.told, []
        return told


def worker(number: int, state: str, problem: str | None = None) -> dict[str, Any]:
    return {"number": number, "state": state, "problem": problem, "generation": 1}


def test_it_is_ready_when_every_worker_serves() -> None:
    """Until then it says for whom it waits, each thing once."""
    world = World()
    world.unit.begin()
    assert world.take() == ["STATUS=starting"]
    world.now = facts(workers=[worker(0, "serves"), worker(1, "starts")])
    assert world.take(LOOK_FIRST) == ["STATUS=waiting for worker 1: starts"]
    assert world.take(LOOK_FIRST) == []
    world.now = facts(workers=[worker(0, "serves"), worker(1, "is gone", "process 7 ended with exit code 1")])
    assert world.take(LOOK_FIRST) == ["STATUS=waiting for worker 1: process 7 ended with exit code 1"]
    world.now = facts(workers=[worker(0, "serves"), worker(1, "serves")])
    assert world.take(LOOK_FIRST) == ["READY=1\nSTATUS=generation 1, 1 listener, 3 connections, 2 workers"]


def ready(world: World) -> World:
    world.now = facts()
    world.unit.begin()
    assert world.take() == ["READY=1\nSTATUS=generation 1, 1 listener, 3 connections"]
    return world


def test_what_changes_is_told_and_what_does_not_is_not() -> None:
    """Every ten seconds, where something did."""
    world = ready(World())
    assert world.take(LOOK) == []
    world.now = facts(generation=2)
    assert world.take(LOOK / 2) == []
    assert world.take(LOOK / 2) == ["STATUS=generation 2, 1 listener, 3 connections"]


def test_a_reload_ends_with_what_came_of_it() -> None:
    """Nothing is told between its beginning and its end, however long that takes."""
    world = ready(World())
    world.unit.reloading()
    begun = world.take()[0].split("\n")
    assert (begun[0], begun[2]) == ("RELOADING=1", "STATUS=reading the configuration again")
    stamp = int(begun[1].removeprefix("MONOTONIC_USEC="))
    assert 0 <= time.monotonic_ns() // 1000 - stamp < 60_000_000
    world.now = facts(generation=2)
    assert world.take(LOOK) == []
    world.now = facts(problem="the file cannot be used (1 problem)\n  line 3: no\nWhat was in force stays")
    world.unit.reloaded()
    assert world.take() == [
        "READY=1\nSTATUS=generation 1, 1 listener, 3 connections; "
        "not taken: the file cannot be used (1 problem): line 3: no"
    ]


def test_of_two_reloads_at_once_the_end_of_the_last_is_told() -> None:
    """A manager knows of one."""
    world = ready(World())
    world.unit.reloading()
    world.unit.reloading()
    assert len(world.take()) == 2
    world.unit.reloaded()
    assert world.take() == []
    world.unit.reloaded()
    assert [one.split("\n")[0] for one in world.take()] == ["READY=1"]


def test_what_was_seen_before_the_end_of_a_reload_does_not_tell_of_it() -> None:
    """A worker may take seconds to say how it is, and others have changed meanwhile."""
    world = ready(World())
    slow: Deferred[Mapping[str, Any]] = Deferred()
    world.now = slow
    assert world.take(LOOK) == []
    world.unit.reloading()
    world.now = facts(generation=2)
    world.unit.reloaded()
    assert world.take()[1:] == ["READY=1\nSTATUS=generation 2, 1 listener, 3 connections"]
    slow.callback(facts())
    assert world.take() == []


def test_a_reload_before_it_is_ready_is_none_to_the_manager() -> None:
    """READY is told once, when it is so."""
    world = World()
    world.unit.begin()
    world.unit.reloading()
    world.unit.reloaded()
    assert world.take() == ["STATUS=starting"]


def test_its_end_is_told_with_the_time_that_it_may_take() -> None:
    """So a drain that is longer than the unit's own limit is not cut off; then how many are left."""
    world = ready(World())
    world.now = facts(draining=True)
    world.unit.stopping(30)
    assert world.take() == [
        f"STOPPING=1\nEXTEND_TIMEOUT_USEC={int(30 + AFTER_DRAIN) * 1_000_000}\nSTATUS=stopping",
        "STATUS=stopping, 3 connections left",
    ]
    world.now = {"running": False}
    assert world.take(5) == []
    world.unit.end()
    assert world.take(LOOK) == ["closed"]


def test_a_sign_of_life_is_given_while_somebody_serves() -> None:
    """Half as far apart as the manager waits; none where all workers hang, if not their supervisor."""
    world = ready(World(watchdog=None))
    assert world.take(LOOK) == []
    world = World(watchdog=4)
    world.now = facts(workers=[worker(0, "serves"), worker(1, "serves")])
    world.unit.begin()
    assert world.take()[1:] == ["WATCHDOG=1"]
    assert world.take(2) == ["WATCHDOG=1"]
    world.now = facts(workers=[worker(0, "does not answer"), worker(1, "serves")])
    assert world.take(2)[1:] == ["WATCHDOG=1"]
    world.now = facts(workers=[worker(0, "does not answer"), worker(1, "does not answer")])
    assert world.take(2) == ["STATUS=generation 1, 1 listener, 3 connections, 0 of 2 workers"]


def test_no_unit_without_a_manager_and_nothing_for_children_with_one() -> None:
    """What the manager asks for is taken out of the environment."""
    clock = Clock()
    assert unit_of(clock, {}, 1, facts) is None
    environ = {"NOTIFY_SOCKET": "/run/none", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1", "PATH": "/bin"}
    unit = unit_of(clock, environ, 1, facts)
    assert unit is not None and environ == {"PATH": "/bin"}
    unit.end()


# With a real gate and a real socket.


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with listening(tmp_path / "notify") as listener:
        monkeypatch.setenv("NOTIFY_SOCKET", listener.address)
        yield listener


@pytest.mark.parametrize("confined", [False, True])
def test_a_gate_tells_of_its_start_its_reloads_and_its_end(
    confined: bool, config: Path, manager: Listener, start: Start
) -> None:
    """
    In this order: ready; a good reload; a bad one, after which the old configuration stands; the end.

    Once with all processes that there can be, within what the unit lets them do.
    """
    command = [sys.executable, "-m", "twisted", "mcpgate"]
    if confined:
        with_workers(config, 2)
        admin = '[admin]\nlisten = "tcp:0:interface=127.0.0.1"\ncertificates = "tls"\n\n[[listener]]\n'
        config.write_text(config.read_text().replace("[[listener]]\n", admin, 1))
        command = [sys.executable, "-m", "tests.cli.sandboxed", str(UNIT), *COMMAND, "run"]
    gate = start(*command, "--config", config)
    manager.told("READY", "generation 1, 1 listener, 0 connections")
    if confined:
        path = control(config)
        eventually(lambda: ask(path, "status")["admin"]["state"] == "serves", "the dashboard serves")
    good = config.read_text()

    seen = len(manager.look())
    gate.send_signal(signal.SIGHUP)
    manager.told("READY", "generation 2, 1 listener", after=seen)
    assert "MONOTONIC_USEC" in manager.messages[seen] and "RELOADING" in manager.messages[seen]

    seen = len(manager.look())
    config.write_text(good + "\n[nonsense]\n")
    gate.send_signal(signal.SIGHUP)
    said = manager.told("READY", "generation 2, 1 listener", after=seen)
    assert "RELOADING" in manager.messages[seen]
    assert f"not taken: {config} cannot be used (1 problem)" in said["STATUS"]

    seen = len(manager.look())
    config.write_text(good)
    gate.send_signal(signal.SIGHUP)
    said = manager.told("READY", "generation 3, 1 listener", after=seen)
    assert "not taken" not in said["STATUS"]

    gate.send_signal(signal.SIGTERM)
    assert manager.told("STOPPING")["EXTEND_TIMEOUT_USEC"] == "50000000"
    said, _ = gate.communicate(timeout=60)
    assert gate.returncode == os.EX_OK
    assert sum("READY" in message for message in manager.look()) == 4
    assert "Traceback" not in said and "not permitted" not in said


def test_a_gate_that_cannot_start_was_never_ready(config: Path, manager: Listener) -> None:
    """The exit code is what says why."""
    config.write_text(config.read_text() + "\n[nonsense]\n")
    done = subprocess.run([*COMMAND, "run", "--config", config], capture_output=True, timeout=60)
    assert done.returncode == os.EX_CONFIG
    assert not any("READY" in message for message in manager.look())


def knows_the_manager(process: str) -> bool:
    """Whether a process was started with what the manager told its parent."""
    environ = Path(f"/proc/{process}/environ").read_bytes()
    return b"NOTIFY_SOCKET" in environ or b"WATCHDOG" in environ


def test_a_gate_with_a_stopped_worker_gives_no_sign_of_life(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    """It is the workers' reactors that have to move, and they know nothing of a manager."""
    with_workers(config, 2)
    with listening(f"@{tmp_path}") as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        gate = start()
        # Then both serve; a sign of life may come before.
        manager.told("READY")
        manager.told("WATCHDOG")
        below = Path(f"/proc/{gate.pid}/task/{gate.pid}/children").read_text().split()
        assert len(below) >= 2
        try:
            # One that was forked just now has still what its parent was started with.
            eventually(lambda: not any(map(knows_the_manager, below)), "none is told of the manager")
            for each in below:
                os.kill(int(each), signal.SIGSTOP)
            said = manager.told("STATUS", "0 of 2 workers", after=len(manager.look()))
            behind = manager.messages[manager.messages.index(said) :]
            assert not any("WATCHDOG" in message for message in behind)
        finally:
            # Stopped, they would outlive the gate.
            for each in below:
                os.kill(int(each), signal.SIGCONT)
        manager.told("WATCHDOG", after=len(manager.look()))


def test_a_manager_that_is_gone_costs_the_gate_nothing(
    config: Path, manager: Listener, start: Start
) -> None:
    """It is told once, in the log, that nobody listens."""
    manager.close()
    gate = start()
    gate.send_signal(signal.SIGHUP)
    eventually(lambda: answers(config), "it serves")
    gate.send_signal(signal.SIGTERM)
    said, _ = gate.communicate(timeout=60)
    assert gate.returncode == os.EX_OK and "Traceback" not in said
    assert said.count("the service manager cannot be told anything") == 1
    assert not control(config).exists()


def test_notify_is_a_thing_of_the_process_alone() -> None:
    """A gate that is embedded tells nobody: it does not even know how."""
    import mcpgate.gate
    import mcpgate.serving
    import mcpgate.workers.supervisor

    for module in (mcpgate.gate, mcpgate.serving, mcpgate.workers.supervisor):
        assert not any(value is Notify or value is Unit for value in vars(module).values())
