"""A listener takes every connection that comes, survives having no room, and lets go in good order."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from pathlib import Path

from attrs import evolve

from mcpgate.relay.entry import LEGS_MOST
from mcpgate.relay.listener import ACCEPT_MOST
from tests.running import Caller, World, call, held
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def connect(world: World) -> socket.socket:
    return socket.create_connection(("127.0.0.1", world.port), timeout=PATIENCE)


def asking(world: World, caller: Caller) -> Caller:
    """A caller whose request is with the upstream."""
    caller.post(call("get_x"))
    world.wait_for(lambda: world.upstream.requests)
    return caller


def test_more_connections_than_one_turn_takes_are_all_taken(world: World) -> None:
    """They came while the reactor was busy."""
    world.start()
    count = ACCEPT_MOST + 20
    with contextlib.ExitStack() as stack:

        def all_at_once() -> None:
            for _ in range(count):
                stack.enter_context(connect(world))

        world.loop.call(all_at_once)
        world.wait_for(lambda: len(world.listening.arrivals) == count)
        assert world.status()["listeners"][0]["handshakes_in_progress"] == count
    world.wait_for(lambda: not world.listening.arrivals)
    assert world.listening.refused_handshakes == count
    # Of so many only the first are recorded whole; all are counted.
    world.stop()
    told = len(world.records("handshake")) + sum(one["count"] for one in world.records("handshakes"))
    assert told == count


def test_connections_are_known_from_their_handshake_to_their_end(world: World) -> None:
    world.start()
    with world.caller() as first, world.caller() as second:
        first.post(PING).answer()
        second.post(PING).answer()
        assert len(world.listening.connections) == 2
        assert not world.listening.arrivals
    world.wait_for(lambda: not world.listening.connections)


def test_what_connections_have_negotiated_alike_is_kept_once(world: World) -> None:
    """Ten thousand idle ones would hold as many copies."""
    world.start()
    with world.caller() as first, world.caller() as second:
        first.post(PING).answer()
        second.post(PING).answer()
        leg, other = (inbound.shaken for inbound in world.listening.connections)
        assert leg is not None and leg is other and leg.version == "TLSv1.3" and not leg.exporter_sha256
    for number in range(3 * LEGS_MOST):
        world.listening.alike(evolve(leg, sni=f"name-{number}"))
    assert len(world.listening._legs) <= LEGS_MOST


def test_a_listener_that_stops_accepts_no_more_and_serves_whom_it_has(world: World) -> None:
    """A handshake that is not finished is ended, with a record that says why."""
    world.start()
    with world.caller() as caller, connect(world) as silent:
        caller.post(PING).answer()
        world.wait_for(lambda: world.listening.arrivals)
        world.loop.call(world.listening.stop)
        world.loop.call(world.listening.stop)
        assert silent.recv(1) == b""
        assert world.listening.address == ""
        assert caller.post(PING).json()[0] == 200
    (record,) = [record for record in world.records("handshake") if record["outcome"] == "refused"]
    assert record["reason"] == "gate.draining"


def test_a_retired_listener_ends_idle_connections_and_lets_the_others_finish(world: World) -> None:
    """The answer in flight says that it is the last."""
    world.start()
    with world.caller() as idle, world.caller() as busy, held(world.upstream) as release:
        idle.post(PING, token=False).answer()
        asking(world, busy)
        world.loop.call(world.listening.retire)
        assert idle.sock.recv(1) == b""
        release()
        status, headers, _ = busy.answer()
        assert (status, headers[b"connection"]) == (200, b"close")
        assert busy.closed()
    assert world.closes(2)[1]["outcome"] == "completed"


def test_no_connection_is_left_when_a_listener_is_gone(world: World) -> None:
    """A reload without it: its address is free, its connections end, the others do not notice."""
    second = f"""
[[listener]]
name = "second"
listen = "tcp:0:interface=127.0.0.1"
certificates = "{world.certificates}"
"""
    world.start(world.config(more=second))
    assert world.gate is not None and world.gate.serving is not None
    listening = world.gate.serving.listenings["second"]
    port, world.port = world.port, world.loop.call(world.gate.address, "second").port
    with world.caller() as there:
        there.post(PING).answer()
        world.port = port
        with world.caller() as here:
            here.post(PING).answer()
            world.reload(world.config())
            assert there.sock.recv(1) == b""
            assert here.post(PING).json()[0] == 200
    assert not listening.connections and not listening.arrivals


# In a process of its own, whose descriptors can be used up to the last.
NO_ROOM = """
import os, resource, socket, sys, time
from pathlib import Path
from twisted.logger import globalLogPublisher
from mcpgate.relay.listener import Listening
from tests.running import Loop, World, call

def counting(readable):
    def count(self):
        global turns
        turns += 1
        readable(self)
    return count

loop = Loop()
world = World(loop, Path(sys.argv[1]))
world.start()
said = []
globalLogPublisher.addObserver(
    lambda event: said.append(1) if "cannot accept" in event.get("sentence", "") else None
)
turns = 0
Listening.readable = counting(Listening.readable)
with world.caller() as caller:
    assert caller.post(call("get_x")).json()[0] == 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    late = socket.socket()
    taken = []
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        pass
    late.connect(("127.0.0.1", world.port))
    world.wait_for(lambda: said)
    # Whoever cannot be served sees a close, not silence; there is one turn for him, and none after.
    late.settimeout(20)
    assert late.recv(1) == b""
    assert world.status()["refused"]["limit.descriptors"] == 1
    # Who is inside is served, and the reactor does not go in circles.
    for _ in range(50):
        assert caller.post(call("get_x")).json()[0] == 200
    assert len(said) == 1, len(said)
    assert turns <= 4, turns
    for descriptor in taken:
        os.close(descriptor)
    released = time.monotonic()
    with world.caller() as next_one:
        assert next_one.post(call("get_x")).json()[0] == 200
    assert time.monotonic() - released < 2
world.stop()
loop.stop()
print("done")
"""


def test_without_free_descriptors_callers_are_turned_away_and_served_again_soon_after(
    tmp_path: Path,
) -> None:
    """One a second sees a close instead of silence; the operator is told once."""
    done = subprocess.run(
        [sys.executable, "-c", NO_ROOM, tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_an_accepted_connection_is_probed_and_does_not_wait_to_join_what_it_sends(world: World) -> None:
    """As its listening socket is: set once, inherited by all."""
    world.start()
    with world.caller():
        (inbound,) = world.wait_for(lambda: list(world.listening.connections))
        sock = inbound.stream._socket
        assert not sock.getblocking()
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
