"""A supervisor and its workers: all or none, and whoever is gone is replaced."""

from __future__ import annotations

import os
import socket

import pytest
from twisted.internet.defer import Deferred

from mcpgate.config.problem import ConfigError
from mcpgate.evidence.journal import JournalError
from mcpgate.evidence.segments import segment_name
from mcpgate.ops.control import SOCKET, NoGate, ask
from mcpgate.relay.bound import ListenError
from mcpgate.workers import seat, supervisor
from tests.running import World, call, held
from tests.waiting import eventually
from tests.workers.crew import Watched, watched

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
MORE = '[[rule]]\nname = "more"\non = { name = "fetch_*" }\nverdict = "allow"\n'


def second(world: World) -> str:
    """Another listener, on a port that the kernel chooses."""
    return (
        '[[listener]]\nname = "second"\nlisten = "tcp:0:interface=127.0.0.1"\n'
        f'certificates = "{world.certificates}"\n'
    )


def answered(world: World, name: str) -> bool:
    """Whether a new connection's call of that tool is allowed."""
    with world.caller() as caller:
        return "result" in caller.post(call(name)).json()[1]


def test_it_starts_its_workers_and_a_spare(world: World) -> None:
    """Numbered, all by the same generation; the control socket is the supervisor's."""
    with watched(world) as running:
        status = ask(world.state / SOCKET, "status")
        assert [worker["number"] for worker in status["workers"]] == [0, 1]
        assert [worker["state"] for worker in status["workers"]] == ["serves", "serves"]
        assert running.generations() == [1, 1]
        assert status["process"] == os.getpid() and status["spare"] == 1002
        assert [listener["name"] for listener in status["listeners"]] == ["public"]
        assert status["limits"]["head_size"] == 32768
        assert (status["tokens"], status["problem"], status["draining"]) == (1, None, False)
        for _ in range(4):
            assert answered(world, "get_x")
    with pytest.raises(NoGate):
        ask(world.state / SOCKET, "status")


def test_a_reload_is_taken_by_all(world: World) -> None:
    """Rules and listeners; the new socket is the same for all."""
    with watched(world) as running:
        assert not answered(world, "fetch_x")
        running.reload(world.config(more=MORE + second(world)))
        assert (running.generations(), running.status()["generation"]) == ([2, 2], 2)
        assert answered(world, "fetch_x")
        listeners = running.status()["listeners"]
        assert [listener["name"] for listener in listeners] == ["public", "second"]
        first, world.port = world.port, int(listeners[1]["address"].rpartition(":")[2])
        assert all(answered(world, "fetch_x") for _ in range(4))
        running.reload(world.config())
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", world.port)) != 0
        world.port = first
        assert not answered(world, "fetch_x")


def test_a_reload_that_one_worker_cannot_take_is_taken_by_none(world: World) -> None:
    """Its new listener is not kept, the problem is shown, and the next reload is judged afresh."""
    with watched(world) as running:
        running.member(1).refuses["stage"] = "has no such file"
        with pytest.raises(ConfigError, match="worker 1 has no such file"):
            running.reload(world.config(more=MORE + second(world)))
        status = running.status()
        assert running.generations() == [1, 1]
        assert [listener["name"] for listener in status["listeners"]] == ["public"]
        assert "worker 1 has no such file" in status["problem"]
        assert "What was in force stays in force." in status["problem"]
        assert not answered(world, "fetch_x")
        running.member(1).refuses.clear()
        running.reload(world.config(more=MORE + second(world)))
        assert (running.generations(), running.status()["problem"]) == ([2, 2], None)
        assert all(answered(world, "fetch_x") for _ in range(4))


def test_what_the_supervisor_finds_bad_is_not_even_tried(world: World) -> None:
    """The number of workers and the state directory are for a whole life, too."""
    with watched(world) as running:
        for text, words in (
            (world.config(more=second(world).replace("tls", "absent")), "absent"),
            (world.config().replace(str(world.state), str(world.directory / "other")), "state directory"),
            (world.config(gate='workers = 3\nwatch = "1h"'), "number of workers"),
            (world.config(more=second(world).replace("tcp:0", f"tcp:{world.port}")), "in use"),
        ):
            with pytest.raises(ConfigError, match=words):
                running.reload(text)
            assert words in running.status()["problem"]
        assert running.generations() == [1, 1]


def test_a_worker_that_does_not_answer_does_not_hold_up_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves nobody while it hangs, so it is ended; its successor begins with the new generation."""
    monkeypatch.setattr(seat, "STAGE_MOST", 1.0)
    with watched(world) as running:
        running.member(0).refuses["stage"] = None
        running.reload(world.config(more=MORE))
        running.settled()
        assert running.generations() == [2, 2]
        assert all(answered(world, "fetch_x") for _ in range(4))
        assert [worker["restarts"] for worker in running.status()["workers"]] == [1, 0]


def test_a_worker_that_drains_by_itself_during_a_reload_loses_no_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had agreed to the reload, which waits for another: it adopts it, and finishes what it has."""
    monkeypatch.setattr(seat, "STAGE_MOST", 1.0)
    with watched(world) as running, world.caller() as busy, held(world.upstream) as release:
        busy.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        draining = _with_exchange(running)
        (other,) = [running.member(n) for n in (0, 1) if running.member(n) is not draining]
        other.refuses["stage"] = None
        done: list[object] = []
        config = running.config(world.config(more=second(world)))

        def reload() -> None:
            Deferred.fromCoroutine(running.supervisor.reload(config)).addBoth(done.append)

        running.loop.call(reload)
        eventually(lambda: running.loop.call(lambda: draining.worker._staged is not None), "it has agreed")
        running.loop.call(draining.worker.leave)
        eventually(lambda: done == [None], "it is reloaded")
        release()
        assert busy.json()[0] == 200
        assert not draining.killed
        running.settled()
        assert running.generations() == [2, 2]


def test_a_worker_that_agreed_and_does_not_adopt_is_ended(world: World) -> None:
    """There are never two that serve by different rules for long."""
    with watched(world) as running:
        running.member(1).refuses["adopt"] = "has changed its mind"
        running.reload(world.config(more=MORE))
        running.settled()
        assert running.generations() == [2, 2]
        assert [worker["restarts"] for worker in running.status()["workers"]] == [0, 1]


def test_a_dead_worker_is_replaced_by_the_spare_at_once(world: World) -> None:
    """With its number and so its journal; then there is another spare."""
    with watched(world) as running:
        lost = running.member(0)
        spare = running.status()["spare"]
        running.loop.call(lost.die)
        eventually(lambda: running.states() == ["serves", "serves"], "the spare has its place")
        row = running.status()["workers"][0]
        assert (row["number"], row["process"], row["restarts"], row["problem"]) == (0, spare, 1, None)
        assert all(answered(world, "get_x") for _ in range(4))
        running.settled()
        assert running.status()["spare"] not in (None, spare)
    journals = sorted(path.name.removesuffix(".gz") for path in (world.state / "journal").glob("*.jsonl*"))
    assert journals == [segment_name(0, 1), segment_name(0, 2), segment_name(1, 1)]


def test_a_spare_that_dies_is_replaced_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later: what ended it may do so again."""
    monkeypatch.setattr(supervisor, "SPARE_AGAIN", 0.1)
    with watched(world) as running:
        spare = running.status()["spare"]
        (member,) = [member for member in running.crew.members if member.pid == spare]
        running.loop.call(member.die)
        eventually(lambda: running.status()["spare"] not in (None, spare), "another spare")
        assert [worker["restarts"] for worker in running.status()["workers"]] == [0, 0]


def test_tokens_reach_all_before_it_is_answered(world: World) -> None:
    """Whoever was told that a token is revoked can rely on it."""
    with watched(world) as running:
        assert all(answered(world, "get_x") for _ in range(4))
        world.issued_file.revoke("ci", 1.0)
        assert ask(world.state / SOCKET, "tokens") == {"tokens": 1}
        for _ in range(8):
            with world.caller() as caller:
                assert caller.post(call("get_x")).json()[0] == 401
        (world.state / "tokens.json").write_text("{")
        assert "tokens.json" in ask(world.state / SOCKET, "tokens")["problem"]
        assert "tokens.json" in running.status()["problem"]
        # By one of the workers, as the supervisor has no journal.
        (told,) = world.wait_for(lambda: world.records("reload"))
        assert (told["what"], told["generation"]) == ("tokens", 1) and "tokens.json" in told["problem"]
    assert [record["number"] for record in world.records("generation")] == [1, 1]


def test_a_worker_that_does_not_take_up_tokens_is_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go on accepting one that was revoked."""
    monkeypatch.setattr(seat, "STEP_MOST", 0.5)
    with watched(world) as running:
        bad = running.member(1)
        bad.refuses["tokens"] = None
        world.issued_file.revoke("ci", 1.0)
        assert ask(world.state / SOCKET, "tokens") == {"tokens": 1}
        assert bad.killed
        running.settled()
        for _ in range(8):
            with world.caller() as caller:
                assert caller.post(call("get_x")).json()[0] == 401


def test_a_worker_that_does_not_reopen_its_journal_keeps_nobody_from_a_reload(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGHUP does both, this first: one that hangs is ended, and its successor has a new file anyway."""
    monkeypatch.setattr(seat, "STEP_MOST", 0.5)
    with watched(world) as running:
        bad = running.member(0)
        bad.refuses["reopen"] = None
        running.loop.call(running.supervisor.reopen)
        assert bad.killed
        running.settled()
        running.member(1).refuses["reopen"] = "has no room left"
        with pytest.raises(JournalError, match=r"^worker 1: has no room left$"):
            running.loop.call(running.supervisor.reopen)


def test_changed_files_reach_all(world: World) -> None:
    """A certificate that is replaced by a broken one does not; it is told once."""
    with watched(world) as running:
        certificate = world.certificates / "gate.crt"
        good = certificate.read_bytes()
        certificate.write_bytes(good[:100])
        running.loop.call(running.supervisor.look)
        assert "gate.crt" in running.status()["problem"]
        assert running.generations() == [1, 1]
        certificate.write_bytes(good + b"\n")
        running.loop.call(running.supervisor.look)
        assert (running.generations(), running.status()["problem"]) == ([2, 2], None)


def test_a_worker_that_is_silent_is_shown_as_such(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The facts of the others are told all the same."""
    monkeypatch.setattr(supervisor, "STATUS_MOST", 0.2)
    with watched(world) as running:
        running.member(0).refuses["status"] = None
        assert running.states() == ["does not answer", "serves"]
        assert running.status()["listeners"][0]["name"] == "public"
        running.member(1).refuses["status"] = None
        status = running.status()
        assert status["listeners"] == [] and status["running"] is True


def test_a_drain_is_that_of_all(world: World) -> None:
    """Idle connections end, the address is free, and what is in flight is waited for."""
    with watched(world) as running, world.caller() as busy, held(world.upstream) as release:
        busy.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        drained: list[bool] = []
        running.loop.call(lambda: running.supervisor.drain(20).addCallback(drained.append) and None)
        eventually(lambda: _refused(world.port), "nobody listens any more")
        assert running.status()["draining"] is True and drained == []
        with pytest.raises(ConfigError, match="stopping"):
            running.reload(world.config())
        release()
        assert busy.json()[0] == 200
        eventually(lambda: drained == [True], "all is finished")
        assert running.stop() is True
    assert all(member._over for member in running.crew.members)
    with socket.create_server(("127.0.0.1", world.port)):
        pass


@pytest.mark.parametrize("why", ["the deadline", "a death"])
def test_what_could_not_finish_is_told(world: World, why: str) -> None:
    """By the deadline of the drain, or because its worker died meanwhile."""
    with watched(world) as running, world.caller() as busy, held(world.upstream):
        busy.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        drained: list[bool] = []
        seconds = 0.2 if why == "the deadline" else 20
        running.loop.call(lambda: running.supervisor.drain(seconds).addCallback(drained.append) and None)
        if why == "a death":
            running.loop.call(_with_exchange(running).die)
        eventually(lambda: drained == [False], "it is told that not all could finish")
        assert [worker["restarts"] for worker in running.status()["workers"]] == [0, 0]


def test_a_worker_that_hangs_does_not_hold_up_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second signal ends it, whatever patience the first one had."""
    monkeypatch.setattr(supervisor, "DRAIN_GRACE", 0.2)
    with watched(world) as running:
        running.member(1).refuses["drain"] = None
        drained: list[bool] = []
        running.loop.call(lambda: running.supervisor.drain(3600).addCallback(drained.append) and None)
        assert running.loop.call(running.supervisor.drain, 0) is False
        eventually(lambda: drained == [False], "the first is told as well")
        assert running.member_of(1001).killed


def _with_exchange(running: Watched) -> object:
    for worker in running.status()["workers"]:
        if worker["listeners"] and worker["listeners"][0]["connections"]:
            return running.member(worker["number"])
    raise AssertionError("nobody has the connection")


def _refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_start_that_fails_leaves_nothing(world: World) -> None:
    """A port that is taken: no worker, no socket, no lock stays behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running = Watched(world, 2)
        text = world.config().replace("tcp:0:", f"tcp:{taken.getsockname()[1]}:")
        running.supervisor.standing.config = running.config(text)
        with pytest.raises(ListenError, match="in use"):
            running.loop.call(running.supervisor.startService)
    assert running.crew.members == []
    assert not (world.state / SOCKET).exists()
    running.start()
    assert running.stop() is True


def test_one_that_runs_is_not_started_again(world: World) -> None:
    """And goes on, with its sockets: what a failed start gives up is not what serves. Nor while it drains."""
    with watched(world) as running:
        start = running.supervisor.startService
        with pytest.raises(RuntimeError, match="runs already"):
            running.loop.call(start)
        assert running.supervisor.running
        workers = ask(world.state / SOCKET, "status")["workers"]
        assert [worker["state"] for worker in workers] == ["serves", "serves"]
        assert answered(world, "get_x")
        with world.caller() as caller, held(world.upstream) as release:
            caller.post(call("get_x"))
            world.wait_for(lambda: len(world.upstream.requests) == 2)
            stopped: list[bool] = []
            running.loop.call(lambda: running.supervisor.stopService().addCallback(stopped.append) and None)
            with pytest.raises(RuntimeError, match="runs already"):
                running.loop.call(start)
            release()
            assert caller.json()[0] == 200
            world.wait_for(lambda: stopped == [True])
        running.start()


def test_the_state_directory_is_one_gates(world: World) -> None:
    """A gate with one process, or another supervisor, does not start beside a supervisor, nor it beside
    a gate."""
    with watched(world):
        with pytest.raises(JournalError, match=f"another gate .process {os.getpid()}. already uses"):
            world.start()
        with pytest.raises(JournalError, match="already uses"):
            Watched(world, 2).start()
    world.start()
    with pytest.raises(JournalError, match="already uses"):
        Watched(world, 2).start()


def test_its_workers_take_numbers_whose_journals_nobody_writes(world: World) -> None:
    """Those of a supervisor that was killed may still finish what they began."""
    from mcpgate.evidence.journal import Journal

    orphans = [Journal(world.state / "journal", number) for number in (0, 2)]
    try:
        with watched(world) as running:
            assert [worker["number"] for worker in running.status()["workers"]] == [1, 3]
    finally:
        for orphan in orphans:
            orphan.close()


def test_all_workers_seal_their_journals_when_somebody_asks(world: World) -> None:
    """As before a report; one that is gone is sealed by whoever takes its place."""
    with watched(world) as running:
        eventually(lambda: running.states() == ["serves", "serves"], "both serve")
        assert ask(world.state / SOCKET, "seal") == {"workers": 2}
        notes = sorted(path.name for path in (world.state / "checkpoints").iterdir())
        assert notes == ["journal-0-00000001.checkpoints", "journal-1-00000001.checkpoints"]
