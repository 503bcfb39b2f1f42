"""A gate over its life: reload, watched files, drain, stop. All of it on a reactor of its own."""

from __future__ import annotations

import contextlib
import gc
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from mcpgate.config.load import parse_config
from mcpgate.config.problem import ConfigError
from mcpgate.gate import Gate, ListenError
from mcpgate.tls.localca import LocalCA, certificate_pem, write_pair
from mcpgate.tls.material import Pair
from tests.running import (
    STREAM,
    Caller,
    Request,
    ScriptedUpstream,
    World,
    answer_json,
    call,
    chunked,
    event,
    held,
    last_event,
)
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[1]

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

#: Upstream connections that are not used stay: what is counted is who had to make new ones.
KEPT = 'keepalive = "1h"'


def replace(path: Path, octets: bytes) -> None:
    """Another content in one step, as careful tools do it; the mode stays."""
    fresh = path.with_name(f".{path.name}")
    fresh.write_bytes(octets)
    fresh.chmod(path.stat().st_mode)
    fresh.replace(path)


def client(world: World, pair: Pair) -> tuple[Path, Path]:
    """A client's pair as files."""
    name = pair.label.replace("/", "-")
    files = world.directory / f"{name}.crt", world.directory / f"{name}.key"
    write_pair(pair, *files)
    return files


def ended(caller: Caller) -> bool:
    """Whether the gate has ended this connection; waits until it has."""
    try:
        return caller.sock.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def works(caller: Caller, *, token: bool = True) -> bool:
    """Whether a call on this connection is answered."""
    return caller.post(call("get_x"), token=token).json()[0] == 200


def listening(port: int) -> bool:
    """Whether anybody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


# Reload.


def test_live_connections_go_on_over_a_reload_and_the_next_request_meets_the_new_rules(world: World) -> None:
    """A caller that keeps its connection notices nothing but what was meant for it."""
    world.start()
    with world.caller() as caller:
        assert works(caller)
        assert "Unknown tool" in caller.post(call("fetch_x")).answer()[2].decode()
        more = '[[rule]]\nname = "more"\non = { name = "fetch_*" }\nverdict = "allow"'
        world.reload(world.config(more=more))
        assert caller.post(call("fetch_x")).json() == (200, {"jsonrpc": "2.0", "id": 1, "result": {}})
    assert world.status()["generation"] == 2
    opened = world.records("open")
    assert len({record["inbound"] for record in opened}) == 1
    assert [record["verdict"] for record in opened] == ["allow", "block", "allow"]


def test_a_request_in_flight_ends_under_the_terms_that_it_began_with(world: World) -> None:
    """Its upstream is configured anew meanwhile; the answer still comes, over the old connection."""
    world.start(world.config(upstream=KEPT))
    with world.caller() as caller, held(world.upstream) as release:
        caller.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        world.reload(world.config(upstream=f'{KEPT}\npins = ["{world.pin}"]'))
        release()
        assert caller.json()[0] == 200
        assert works(caller)
    assert world.upstream.connections == 2


def test_a_new_pin_or_ca_of_an_upstream_means_new_connections(world: World) -> None:
    """What was verified under other demands is never used again; what did not change is."""
    world.start(world.config(upstream=KEPT))
    with world.caller() as caller:
        assert works(caller) and works(caller)
        assert world.upstream.connections == 1
        world.reload(world.config(upstream=KEPT, more='[[rule]]\nname = "x"\nverdict = "allow"'))
        assert works(caller)
        assert world.upstream.connections == 1

        world.reload(world.config(upstream=f'{KEPT}\npins = ["{world.pin}"]'))
        assert works(caller) and works(caller)
        assert world.upstream.connections == 2

        other = LocalCA.create("another root", datetime.now(UTC))
        replace(world.authority, certificate_pem(world.ca.certificate, other.certificate))
        world.look()
        assert works(caller) and works(caller)
        assert world.upstream.connections == 3

        replace(world.authority, certificate_pem(other.certificate))
        world.look()
        assert caller.post(call("get_x")).json()[0] == 502
    outbound = [record for record in world.records("handshake") if record["leg"] == "outbound"]
    assert [record["reason"] for record in outbound] == [None, None, None, "tls.unknown_ca"]
    assert [record["handshake"]["pinned"] for record in outbound[:3]] == [None, True, True]


def test_a_listener_is_bound_when_it_is_configured_and_closed_when_it_is_not(world: World) -> None:
    """The others are not touched by it."""
    second = _listener("second", free(), world.certificates)
    world.start()
    first = world.port
    with world.caller() as before:
        assert works(before)
        world.reload(world.config(more=second))
        assert world.gate is not None
        world.port = world.loop.call(world.gate.address, "second").port
        assert [listener["name"] for listener in world.status()["listeners"]] == ["public", "second"]
        with world.caller() as idle, world.caller() as busy, held(world.upstream) as release:
            assert idle.post(PING, token=False).json()[0] == 401
            busy.post(call("get_x"))
            world.wait_for(lambda: len(world.upstream.requests) == 2)
            world.reload(world.config())
            assert ended(idle)
            world.wait_for(lambda: not listening(world.port))
            release()
            # What was in flight comes to its end, and says that it is the last.
            status, headers, _ = busy.answer()
            assert (status, headers[b"connection"]) == (200, b"close")
            assert ended(busy)
        world.upstream.behave = answer_json
        assert works(before)
    assert world.loop.call(world.gate.address, "public").port == first
    assert [listener["name"] for listener in world.status()["listeners"]] == ["public"]


def test_a_listener_can_move_to_another_port(world: World) -> None:
    """The same name with another address: the new one is bound before the old one is closed."""
    world.start()
    old = world.port
    new = free()
    world.reload(world.config().replace("tcp:0:", f"tcp:{new}:"))
    world.wait_for(lambda: not listening(old))
    world.port = new
    with world.caller() as caller:
        assert works(caller)


def test_a_reload_with_one_bad_thing_changes_nothing(world: World) -> None:
    """New rules, a new listener, and one fault: neither rules nor listener come into force."""
    world.start()
    port = free()
    good = _listener("second", port, world.certificates) + (
        '[[rule]]\nname = "more"\non = { name = "fetch_*" }\nverdict = "allow"\n'
    )
    (world.directory / "empty").mkdir()
    bad = {
        "a port that is taken": (good + _listener("third", world.port, world.certificates), "in use"),
        "no certificate": (good + _listener("third", free(), world.directory / "empty"), "no certificate"),
        "no CA": (good + _upstream(world.directory / "absent.pem"), "absent.pem"),
    }
    with world.caller() as caller:
        for what, (more, words) in bad.items():
            with pytest.raises(ConfigError, match=words):
                world.reload(world.config(more=more))
            assert words in (world.status()["problem"] or ""), what
            assert [listener["name"] for listener in world.status()["listeners"]] == ["public"]
            world.wait_for(lambda: not listening(port))
            assert b"Unknown tool" in caller.post(call("fetch_x")).answer()[2], what
        assert world.status()["generation"] == 1
        world.reload(world.config(more=good))
        assert world.status()["problem"] is None and listening(port)
        assert caller.post(call("fetch_x")).json()[1]["result"] == {}


def _listener(name: str, port: int, certificates: Path) -> str:
    return (
        f'[[listener]]\nname = "{name}"\nlisten = "tcp:{port}:interface=127.0.0.1"\n'
        f'certificates = "{certificates}"\n'
    )


def _upstream(trust: Path) -> str:
    return (
        f'[[upstream]]\nname = "other"\nurl = "https://localhost/mcp"\ntrust = "{trust}"\n'
        '[[route]]\npath = "/other"\nupstream = "other"\n'
    )


def test_the_state_directory_cannot_change_while_the_gate_runs(world: World) -> None:
    """The journal, its lock and the tokens are there."""
    world.start()
    with pytest.raises(ConfigError, match="restart"):
        world.reload(world.config().replace(str(world.state), str(world.directory / "elsewhere")))
    assert world.status()["generation"] == 1


# Callers that are inside already.

OPTIONAL = 'client_certificates = "optional"\nclient_ca = "{ca}"\nclient_crl = "{crl}"'


def test_a_new_revocation_list_ends_the_revoked_caller_and_nobody_else(world: World) -> None:
    """At once, in the middle of a call too; the record says why, and which connection it was."""
    now = datetime.now(UTC)
    crl = world.directory / "clients.crl"
    crl.write_bytes(world.ca.crl([], now).public_bytes(Encoding.PEM))
    world.start(world.config(listener=OPTIONAL.format(ca=world.authority, crl=crl)))
    bad = world.ca.client("bad.example", now)
    files = client(world, bad)
    with (
        world.caller(client=client(world, world.ca.client("good.example", now))) as stays,
        world.caller(client=files) as goes,
        world.caller() as bearer,
    ):
        # It says nothing, and listens whether somebody still waits for it.
        world.upstream.behave = lambda sock, request: sock.recv(1) and None
        goes.post(call("get_x"), token=False)
        world.wait_for(lambda: world.upstream.requests)
        replace(crl, world.ca.crl([bad.chain[0]], now).public_bytes(Encoding.PEM))
        world.look()
        assert ended(goes)
        assert world.upstream.gone.wait(PATIENCE), "the upstream was not told that nobody waits any more"
        world.upstream.behave = answer_json
        assert works(stays, token=False)
        assert works(bearer)
    (closed,) = [record for record in world.records("close") if record["outcome"] == "refused"]
    assert closed["reason"] == "tls.revoked"
    (refused,) = [record for record in world.records("handshake") if record["outcome"] == "refused"]
    assert refused["reason"] == "tls.revoked"
    assert refused["extra"] == {"ended": closed["inbound"]}
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        with world.caller(client=files) as again:
            works(again, token=False)


def test_a_client_ca_that_is_not_believed_any_more_ends_its_callers(world: World) -> None:
    """Those of the CA that stays are not disturbed."""
    now = datetime.now(UTC)
    leaving = LocalCA.create("leaving", now)
    clients = world.directory / "clients.pem"
    clients.write_bytes(certificate_pem(world.ca.certificate, leaving.certificate))
    world.start(world.config(listener=f'client_certificates = "required"\nclient_ca = "{clients}"'))
    with (
        world.caller(client=client(world, world.ca.client("stays.example", now))) as stays,
        world.caller(client=client(world, leaving.client("goes.example", now))) as goes,
    ):
        assert works(stays, token=False) and works(goes, token=False)
        replace(clients, certificate_pem(world.ca.certificate))
        world.look()
        assert ended(goes)
        assert works(stays, token=False)
    (refused,) = [record for record in world.records("handshake") if record["outcome"] == "refused"]
    assert refused["reason"] == "tls.unknown_ca"


def test_certificates_that_become_required_are_required_of_live_connections(world: World) -> None:
    """With the same CA as before: what changed is only that it is no longer optional."""
    now = datetime.now(UTC)
    listener = f'client_certificates = "optional"\nclient_ca = "{world.authority}"'
    world.start(world.config(listener=listener))
    with (
        world.caller(client=client(world, world.ca.client("ci.example", now))) as stays,
        world.caller() as goes,
    ):
        assert works(stays, token=False) and works(goes)
        world.reload(world.config(listener=listener.replace("optional", "required")))
        assert ended(goes)
        assert works(stays, token=False)
    (refused,) = [record for record in world.records("handshake") if record["outcome"] == "refused"]
    assert refused["reason"] == "tls.client_certificate"


def test_a_certificate_proves_nothing_once_the_listener_asks_for_none(world: World) -> None:
    """Also on the connection that it opened."""
    world.start(world.config(listener=f'client_certificates = "optional"\nclient_ca = "{world.authority}"'))
    with world.caller(client=client(world, world.ca.client("ci.example", datetime.now(UTC)))) as caller:
        assert works(caller, token=False)
        world.reload(world.config())
        assert caller.post(call("get_x"), token=False).json()[0] == 401
        assert works(caller)


# What status says is wrong.


def test_a_problem_is_over_when_the_files_are_as_they_were(world: World) -> None:
    """Whoever puts the old certificate back has mended it, although nothing is new."""
    world.start()
    certificate = world.certificates / "gate.crt"
    good = certificate.read_bytes()
    replace(certificate, good[:100])
    world.look()
    assert "gate.crt" in world.status()["problem"]
    with world.caller() as caller:
        assert works(caller)
    replace(certificate, good)
    world.look()
    assert (world.status()["problem"], world.status()["generation"]) == (None, 1)


def test_a_broken_token_file_keeps_the_tokens_and_is_a_problem_until_it_is_mended(world: World) -> None:
    """A half-written file must not lock everybody out."""
    world.start()
    tokens = world.state / "tokens.json"
    good = tokens.read_bytes()
    with world.caller() as caller:
        replace(tokens, good[: len(good) // 2])
        world.look()
        assert "tokens.json" in world.status()["problem"]
        assert works(caller)
        replace(tokens, good)
        world.look()
        assert world.status()["problem"] is None
        assert works(caller)


def test_new_certificates_do_not_hide_that_the_configuration_was_not_taken(world: World) -> None:
    """Each fault is over when it is mended, not when another file is good."""
    world.start()
    with pytest.raises(ConfigError):
        world.reload(world.config(more=_upstream(world.directory / "absent.pem")))
    for suffix in ("crt", "key"):
        (world.certificates / f"gate.{suffix}").unlink()
    write_pair(
        world.ca.server(["localhost", "gate.test"], datetime.now(UTC)),
        world.certificates / "gate.crt",
        world.certificates / "gate.key",
    )
    world.look()
    assert world.status()["generation"] == 2
    assert "absent.pem" in world.status()["problem"]
    world.reload(world.config())
    assert world.status()["problem"] is None


# Stop.


def descriptors() -> set[tuple[str, str]]:
    """What this process has open. What another test has left may be closed at any time."""
    open_now = set()
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            open_now.add((fd, os.readlink(f"/proc/self/fd/{fd}")))
    return open_now


def test_a_gate_that_has_stopped_holds_nothing(world: World) -> None:
    """No descriptor is left to the garbage collector: idle, busy, half-open and lingering ones."""
    gc.collect()
    gc.disable()
    before = descriptors()
    try:
        world.start(world.config(upstream=KEPT))
        with (
            world.caller() as idle,
            world.caller() as busy,
            socket.create_connection(("127.0.0.1", world.port)) as silent,
            held(world.upstream),
        ):
            idle.post(PING, token=False).answer()
            busy.post(call("get_x"))
            world.wait_for(lambda: world.upstream.requests)
            silent.send(b"\x16\x03\x01")
            assert world.gate is not None
            world.loop.call(world.gate.drain, 0)
            world.loop.call(world.gate.stopService)
            # The peers have not let go of their ends yet; ours are gone all the same.
            ours = [name for name in _sockets() if f":{world.port}" in name]
            assert ours == []
            assert ended(busy)
        world.wait_for(lambda: descriptors() <= before)
    finally:
        gc.enable()
    assert not (world.state / "control.sock").exists()
    (closed,) = [record for record in world.records("close") if record["outcome"] != "refused"]
    assert (closed["outcome"], closed["reason"]) == ("drained", "gate.draining")


def _sockets() -> list[str]:
    """The TCP sockets that this process holds on the gate's side: local address, by inode."""
    inodes = {
        os.readlink(f"/proc/self/fd/{fd}")[8:-1]
        for fd in os.listdir("/proc/self/fd")
        if os.path.lexists(f"/proc/self/fd/{fd}") and os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
    }
    found = []
    for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes:
            found.append(f":{int(fields[1].rpartition(':')[2], 16)}")
    return found


def test_a_stopped_gate_can_be_started_again_on_the_same_port_at_once(world: World) -> None:
    """When C{stopService} is done the address is free."""
    world.start()
    fixed = world.config().replace("tcp:0:", f"tcp:{world.port}:")
    for _ in range(3):
        world.stop_gate()
        world.start(fixed)
        with world.caller() as caller:
            assert caller.post(PING).json()[0] == 200


def test_a_gate_that_runs_is_not_started_again(world: World) -> None:
    """And goes on: what a failed start gives up is not what serves."""
    world.start()
    gate = world.gate
    assert gate is not None
    with world.caller() as caller:
        assert works(caller)
        with pytest.raises(RuntimeError, match="runs already"):
            world.loop.call(gate.startService)
        assert gate.running
        assert (world.status()["running"], world.status()["problem"]) == (True, None)
        assert works(caller)
    with world.caller() as caller:
        assert works(caller)
    assert {record["outcome"] for record in world.records("close")} == {"completed"}


def test_a_gate_that_drains_is_not_started_again(world: World) -> None:
    """What is in flight finishes, and the stop with it; then it may be."""
    world.start()
    gate = world.gate
    assert gate is not None
    for end, stopped in ((_drain, False), (_stop, True)):
        with world.caller() as caller, held(world.upstream) as release:
            caller.post(call("get_x"))
            world.wait_for(lambda: len(world.upstream.requests) == 1)
            done: list[bool] = []
            world.loop.call(lambda end=end, done=done: end(gate, done))
            with pytest.raises(RuntimeError, match="runs already"):
                world.loop.call(gate.startService)
            assert done == [] and bool(gate.running) is not stopped
            release()
            assert caller.json()[0] == 200
            world.wait_for(lambda done=done: done == [True])
        if not stopped:
            with pytest.raises(RuntimeError, match="runs already"):
                world.loop.call(gate.startService)
            world.loop.call(gate.stopService)
        world.loop.call(gate.startService)
        world.port = world.loop.call(gate.address, "public").port
        world.upstream.requests.clear()
        with world.caller() as caller:
            assert works(caller)
        world.upstream.requests.clear()


def test_a_second_gate_cannot_take_the_port_and_leaves_nothing(world: World, tmp_path: Path) -> None:
    """Its journal is closed again, so that it can be started when the port is free."""
    world.start()
    elsewhere = tmp_path / "elsewhere"
    text = world.config().replace("tcp:0:", f"tcp:{world.port}:").replace(str(world.state), str(elsewhere))
    gc.collect()
    before = descriptors()
    second = Gate(world.loop.reactor, parse_config(text.encode(), tmp_path / "second.toml"))
    with pytest.raises(ListenError, match="in use"):
        world.loop.call(second.startService)
    # The socket that could not be bound is Twisted's: from Python 3.14 on it waits for the collector.
    world.wait_for(lambda: gc.collect() >= 0 and descriptors() <= before)
    world.stop_gate()
    world.loop.call(second.startService)
    world.loop.call(second.stopService)


def test_a_drain_waits_for_what_is_in_flight_and_ends_what_is_idle(world: World) -> None:
    """It fires with whether everything could finish."""
    world.start()
    with world.caller() as idle, world.caller() as busy, held(world.upstream) as release:
        idle.post(PING, token=False).answer()
        busy.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        assert world.gate is not None
        drained: list[bool] = []
        world.loop.call(lambda: _drain(world.gate, drained))
        assert ended(idle)
        world.wait_for(lambda: not listening(world.port))
        assert drained == []
        release()
        status, headers, _ = busy.answer()
        assert (status, headers[b"connection"]) == (200, b"close")
        world.wait_for(lambda: drained == [True])


def _drain(gate: Gate | None, drained: list[bool], seconds: float = PATIENCE) -> None:
    assert gate is not None
    gate.drain(seconds).addCallback(drained.append)


def test_a_stop_delivers_the_end_of_an_answer_to_a_caller_that_reads_slowly(world: World) -> None:
    """The upstream has said its last word, but the kernel has not taken the gate's yet."""
    sent = 0

    def unsent() -> bool:
        return any(connection.stream.unsent for connection in world.listening.connections)

    def answer_until_it_is_too_much(sock: ssl.SSLSocket, request: Request) -> None:
        nonlocal sent
        sock.sendall(STREAM)
        while not world.loop.call(unsent):
            sock.sendall(chunked(event(size=65536)))
            sent += 65536
        last = last_event(request)
        sent += len(last)
        sock.sendall(chunked(last) + b"0\r\n\r\n")

    world.upstream.behave = answer_until_it_is_too_much
    world.start()
    with world.caller() as slow:
        slow.post(call("get_x"))
        (closed,) = world.closes(1)
        assert (closed["outcome"], closed["bytes_out"]) == ("completed", sent)
        stopped: list[bool] = []
        world.loop.call(lambda: _stop(world.gate, stopped))
        # Time for two looks of the drain, which must not take the exchange's end for the answer's.
        select.select([], [], [], 0.3)
        assert not stopped
        _, headers = slow.read_head()
        assert len(slow.read_body(headers)) == sent
        assert ended(slow)
        world.wait_for(lambda: stopped)


def _stop(gate: Gate | None, stopped: list[bool]) -> None:
    assert gate is not None
    gate.stopService().addCallback(lambda _: stopped.append(True))


def test_a_stop_waits_for_what_is_in_flight_on_a_listener_that_was_removed(world: World) -> None:
    """It is out of the configuration, not out of the gate."""
    world.start(world.config(more=_listener("second", free(), world.certificates)))
    assert world.gate is not None
    world.port = world.loop.call(world.gate.address, "second").port
    with world.caller() as busy, held(world.upstream) as release:
        busy.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        world.reload(world.config())
        stopped: list[bool] = []
        world.loop.call(lambda: _stop(world.gate, stopped))
        release()
        assert busy.json()[0] == 200
        world.wait_for(lambda: stopped)
    (closed,) = world.closes(1)
    assert closed["outcome"] == "completed"


def test_a_stop_gives_up_a_dial_to_an_upstream_that_was_reconfigured(world: World) -> None:
    """It belongs to no terms that are in force; it is let go of without being called a failure."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(PATIENCE)
        text = world.config().replace(str(world.upstream.port), str(mute.getsockname()[1]))
        world.start(text)
        with world.caller() as caller:
            caller.post(call("get_x"))
            accepted, _ = mute.accept()
            with accepted:
                accepted.settimeout(PATIENCE)
                assert accepted.recv(65536)
                world.reload(text.replace('name = "server"', f'name = "server"\npins = ["{world.pin}"]', 1))
                world.stop_gate()
                assert accepted.recv(65536) == b""
            assert ended(caller)
    assert [record for record in world.records("handshake") if record["leg"] == "outbound"] == []
    (closed,) = world.records("close")
    assert closed["outcome"] == "drained"


# Embedding.

EMBEDDED = """
import sys
from pathlib import Path
from tests.running import Loop, World, call
loop = Loop()
world = World(loop, Path(sys.argv[1]))
world.start()
with world.caller() as caller:
    assert caller.post(call("get_x")).json()[0] == 200
world.reload(world.config())
world.stop()
loop.stop()
assert "twisted.internet.reactor" not in sys.modules, "the global reactor was imported"
print("done")
"""


def test_a_gate_needs_no_reactor_but_the_one_it_is_given(tmp_path: Path) -> None:
    """A whole life in a process that never imports the global one."""
    done = subprocess.run(
        [sys.executable, "-c", EMBEDDED, tmp_path], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_a_renewed_client_certificate_is_shown_to_the_upstream_on_new_connections(world: World) -> None:
    """Taken from disk while the gate runs; connections that were made with the old one are not reused."""
    now = datetime.now(UTC)
    shown: list[str] = []

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        shown.append((sock.getpeercert() or {})["serialNumber"].lower().lstrip("0"))
        answer_json(sock, request)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(world.directory / "upstream.crt", world.directory / "upstream.key")
    context.load_verify_locations(world.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    world.upstream.close()
    world.upstream = ScriptedUpstream(
        world.directory / "upstream.crt", world.directory / "upstream.key", behave, context=context
    )
    old, new = (world.ca.client("gate.example", now) for _ in range(2))
    certificate, key = client(world, old)
    world.start(world.config(upstream=f'{KEPT}\nclient_certificate = "{certificate}"\nclient_key = "{key}"'))
    with world.caller() as caller:
        assert caller.post(PING).json()[0] == 200
        write_pair(new, world.directory / "new.crt", world.directory / "new.key")
        # In between, certificate and key do not match: the old pair stays.
        replace(certificate, (world.directory / "new.crt").read_bytes())
        world.look()
        assert "does not belong" in world.status()["problem"]
        assert caller.post(PING).json()[0] == 200
        replace(key, (world.directory / "new.key").read_bytes())
        world.look()
        assert world.status()["problem"] is None
        assert caller.post(PING).json()[0] == 200
    serials = [pair.facts.serial.lstrip("0") for pair in (old, old, new)]
    assert shown == serials
    assert world.upstream.connections == 2


def test_a_gate_that_is_stopping_takes_no_other_configuration(world: World) -> None:
    """It would open what the stop has just closed."""
    world.start()
    assert world.gate is not None
    release = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        release.wait(PATIENCE)
        answer_json(sock, request)

    world.upstream.behave = behave
    with world.caller() as caller:
        caller.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        drained: list[bool] = []
        world.loop.call(lambda: world.gate.drain(PATIENCE).addCallback(drained.append) and None)  # type: ignore[union-attr]
        with pytest.raises(ConfigError, match="stopping"):
            world.reload(world.config())
        release.set()
        assert caller.json()[0] == 200
    world.wait_for(lambda: drained == [True])


def test_a_revocation_reaches_connections_of_a_listener_that_moved(world: World) -> None:
    """They came through an address that is no longer listened on, and are judged all the same."""
    now = datetime.now(UTC)
    pair = world.ca.client("moved.example", now)
    crl = world.directory / "crl.pem"
    crl.write_bytes(world.ca.crl([], now).public_bytes(Encoding.PEM))
    demand = f'client_certificates = "required"\nclient_ca = "{world.authority}"\nclient_crl = "{crl}"'
    release = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        release.wait(PATIENCE)

    world.upstream.behave = behave
    text = world.config(listener=demand)
    world.start(text)
    try:
        with world.caller(client=client(world, pair)) as caller:
            caller.post(call("get_x")).read_head()
            world.reload(text.replace("interface=127.0.0.1", "interface=127.0.0.2"))
            crl.write_bytes(world.ca.crl([pair.chain[0]], now).public_bytes(Encoding.PEM))
            world.look()
            assert ended(caller)
    finally:
        release.set()
