"""What one process serves: told a generation and sockets, it serves by them, and holds nothing after."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from mcpgate.config.load import parse_config
from mcpgate.evidence.journal import Journal
from mcpgate.generation import Builder, Generation
from mcpgate.identity.principal import Principal
from mcpgate.serving import Serving
from mcpgate.sessions.keyfile import KeyFile
from tests.running import World, call, held


@pytest.fixture
def listening(world: World) -> Iterator[socket.socket]:
    """An address that somebody else has bound."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        world.port = sock.getsockname()[1]
        yield sock


def generation(world: World, number: int = 1, text: str | None = None) -> Generation:
    config = parse_config((text or world.config()).encode(), world.directory / "gate.toml")
    return Builder(config, number, datetime.now(UTC)).build()


@pytest.fixture
def serving(world: World, listening: socket.socket) -> Iterator[Serving]:
    """It serves on that address."""

    def start() -> Serving:
        first = generation(world)
        journal = Journal(world.state / "journal")
        serving = Serving(world.loop.reactor, journal, first, world.issued_file.load())
        serving.adopt(first, {"public": listening.dup()})
        return serving

    serving: Serving = world.loop.call(start)
    yield serving
    world.loop.call(serving.stop)


def test_it_serves_on_the_sockets_it_is_given(world: World, serving: Serving) -> None:
    """Who bound them is not its concern."""
    with world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 200
    status = world.loop.call(serving.status, ["a problem"], None)
    assert (status["generation"], status["problem"]) == (1, "a problem")
    assert status["listeners"][0]["address"] == f"127.0.0.1:{world.port}"


def test_a_generation_comes_into_force_for_live_connections(world: World, serving: Serving) -> None:
    """Its listeners stay as they are where there is no new socket for them."""
    more = '[[rule]]\nname = "more"\non = { name = "fetch_*" }\nverdict = "allow"\n'
    with world.caller() as caller:
        assert b"Unknown tool" in caller.post(call("fetch_x")).answer()[2]
        world.loop.call(serving.adopt, generation(world, 2, world.config(more=more)), {})
        assert caller.post(call("fetch_x")).json()[1]["result"] == {}


def test_another_socket_for_a_listener_takes_the_place_of_the_first(world: World, serving: Serving) -> None:
    """What came in over the old one may finish."""
    with socket.create_server(("127.0.0.1", 0)) as moved, world.caller() as busy, held(
        world.upstream
    ) as release:
        busy.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        world.loop.call(serving.adopt, generation(world, 2), {"public": moved.dup()})
        world.port = moved.getsockname()[1]
        with world.caller() as caller:
            release()
            assert caller.post(call("get_x")).json()[0] == 200
            status, headers, _ = busy.answer()
            assert (status, headers[b"connection"]) == (200, b"close")


def test_a_drain_that_is_hurried_is_not_called_finished(world: World, serving: Serving) -> None:
    """Whoever waits for the first is told the truth as well."""
    with world.caller() as busy, held(world.upstream):
        busy.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        told: list[bool] = []
        world.loop.call(lambda: serving.drain(60).addCallback(told.append) and None)
        assert world.loop.call(serving.drain, 0) is False
        assert told == [False]


def test_while_it_drains_it_accepts_on_nothing_new(world: World, serving: Serving) -> None:
    """A worker that is about to end may still be told what the others are."""
    with world.caller() as busy, held(world.upstream) as release:
        busy.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        drained: list[bool] = []
        world.loop.call(lambda: serving.drain(20).addCallback(drained.append) and None)
        with socket.create_server(("127.0.0.1", 0)) as moved:
            world.loop.call(serving.adopt, generation(world, 2), {"public": moved.dup()})
            port = moved.getsockname()[1]
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
        release()
        assert busy.json()[0] == 200
        world.wait_for(lambda: drained == [True])


def test_sessions_outlive_whoever_served_them(world: World) -> None:
    """Its marks are in the state directory, so the next one can end what nobody has used since."""
    KeyFile(world.state).begin(0.0)
    first = generation(world)
    now = time.time()

    def begin() -> Serving:
        journal = Journal(world.state / "journal")
        serving = Serving(world.loop.reactor, journal, first, world.issued_file.load(), lambda: now)
        serving.adopt(first, {})
        return serving

    def use(serving: Serving) -> None:
        (route,) = first.routes.values()
        principal = Principal("ci", "token", "", None)
        sealed = first.session_keys.seal("session", b"upstream-id", principal, route.place, now)
        session = first.session_keys.unseal(sealed, principal, route.place, now)
        assert session is not None
        serving.force.sessions.live(session, sealed, route.upstream)

    serving = world.loop.call(begin)
    world.loop.call(use, serving)
    world.loop.call(serving.stop)
    marks = list((world.state / "sessions").glob("[!.]*"))
    assert len(marks) == 1
    now += 2 * 3600
    serving = world.loop.call(begin)
    try:
        world.loop.call(serving._idle.sweep)
        assert [request.line for request in world.upstream.requests] == [b"DELETE /upstream/mcp HTTP/1.1"]
        assert world.upstream.requests[0].headers[b"mcp-session-id"] == b"upstream-id"
        assert not marks[0].exists()
        status = world.loop.call(serving.status, [], None)
        assert status["sessions"] == {"known": 0, "unmarked": 0, "ended_idle": 1, "failure": None}
    finally:
        world.loop.call(serving.stop)


def test_it_lets_go_of_everything(world: World, listening: socket.socket) -> None:
    """Sockets, journal and its lock; the address is still whose it was."""
    before = len(os.listdir("/proc/self/fd"))

    def live() -> None:
        first = generation(world)
        serving = Serving(
            world.loop.reactor, Journal(world.state / "journal"), first, world.issued_file.load()
        )
        serving.adopt(first, {"public": listening.dup()})
        serving.stop()

    for _ in range(2):
        world.loop.call(live)
    assert len(os.listdir("/proc/self/fd")) == before
    assert listening.getsockname()[1] == world.port
