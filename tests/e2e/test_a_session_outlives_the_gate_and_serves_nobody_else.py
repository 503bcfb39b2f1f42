"""A session of the revisions up to 2025-11-25 is whole in its sealed id, and good for one caller only.

So it is served by whatever process gets the call: another worker, or a gate that was killed and started
again; and a principal who presents the id of somebody else's learns no more than from one that never was.
"""

import asyncio
import json
import os
import random
import re
import secrets
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import cycle, islice
from uuid import uuid4

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcpgate.testing import TLSPeer
from tests.e2e.caller import Caller, call
from tests.e2e.lab import HOSTS, GateProcess, Lab, McpServer, free_port
from tests.e2e.recording import Received, RecordingUpstream, answer, ok
from tests.e2e.wire import Answer, Wire, calling, request_of, trusting
from tests.journals import text_of
from tests.waiting import eventually

TRIES = 1000
METHODS = ("POST", "GET", "DELETE")

#: Connections that the tries are spread over, so that either of two workers gets some of each kind.
WIRES = 8

#: Which worker accepts is chance; that one of two gets none of so many is out of the question.
CALLS_MOST = 100

REVISION = "2025-11-25"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": REVISION,
        "capabilities": {},
        "clientInfo": {"name": "a client", "version": "1"},
    },
}
INITIALIZED = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "protocolVersion": REVISION,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "a server", "version": "1"},
        },
    }
).encode()


# A client of the official SDK, whose session stays.


@asynccontextmanager
async def connected(gate: GateProcess, token: str) -> AsyncIterator[Client]:
    """The official Python client, with a new connection for each request: so any worker may get it."""
    trust = ssl.create_default_context(cafile=gate.lab.ca_file)
    none_kept = httpx2.Limits(max_keepalive_connections=0)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(verify=trust, headers=headers, limits=none_kept) as http,
        Client(streamable_http_client(gate.url, http_client=http), mode="legacy") as client,
    ):
        yield client


async def answered(client: Client, city: str) -> bool:
    """Whether a call is answered, and with the answer to this call."""
    result = await client.call_tool("get_weather", {"city": city})
    return bool(result.content[0].text == f"sunny in {city}")


def killed(gate: GateProcess) -> None:
    """SIGKILL to every process of a gate, as when the machine's memory is exhausted or its power is off."""
    status = gate.status()
    others = [worker["process"] for worker in status.get("workers", ())]
    if status.get("spare"):
        others.append(status["spare"])
    gate.kill()
    for pid in others:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            # It saw the end of its supervisor.
            pass
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in others), "all of it is gone")


def rotated(gate: GateProcess, *options: str) -> None:
    """A new session key, in force when this returns."""
    done = gate.lab.command("session", "rotate", *options, "--state", gate.lab.state)
    assert done.returncode == 0, done.stderr


def served_by(gate: GateProcess, principal: str) -> set[int]:
    """The workers that have served calls of somebody, by their journals."""
    return {
        worker
        for worker, records in gate.by_worker().items()
        if any(one.get("method") == "tools/call" and one.get("principal") == principal for one in records)
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_a_clients_session_outlives_the_gate_and_a_rotation(
    lab: Lab, weather: McpServer, workers: int
) -> None:
    """The gate is killed between two calls, twice, and its key is replaced; the client notices nothing. A
    rotation that forgets the old keys ends the session: the client is told that it is over."""
    listen = f"tcp:{free_port()}:interface=127.0.0.1"
    made = lab.gate(upstream={"url": weather.url}, listener={"listen": listen}, gate={"workers": workers})
    with made as gate:
        token = gate.issue("lasting")

        async def tell() -> None:
            async with connected(gate, token) as client:
                assert await answered(client, "Oslo")
                killed(gate)
                gate.start()
                assert await answered(client, "Bergen")
                # Calls land on every worker there is.
                for number in range(CALLS_MOST):
                    assert await answered(client, f"city {number}")
                    if len(served_by(gate, "lasting")) == workers:
                        break
                else:
                    raise AssertionError(f"all came to {served_by(gate, 'lasting')}")
                rotated(gate)
                for city in ("Hamar", "Molde", "Narvik", "Alta"):
                    assert await answered(client, city)
                killed(gate)
                gate.start()
                assert await answered(client, "Tromsø")
                rotated(gate, "--now")
                for _ in range(4):
                    with pytest.raises(Exception, match="(?i)session"):
                        await answered(client, "Vardø")

        asyncio.run(tell())
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()
        refused = eventually(
            lambda: len(found := gate.exchanges(principal="lasting", outcome="refused", http="POST")) == 4
            and found,
            "the last calls' records",
        )
        assert {(one["status"], one["reason"], one["outbound"]) for one in refused} == {
            (404, "session.unknown", None)
        }
        # One session all the while, and no client that quietly opened another. A killed gate leaves
        # exchanges without a close line, so these are judged by their open lines.
        begun = [one for one in gate.journal("open") if one["principal"] == "lasting"]
        (session,) = {one["session"] for one in begun if one["method"] == "tools/call"}
        assert session is not None
        assert len([one for one in begun if one["method"] == "initialize"]) == 1



# Somebody else, who has the id of that session.


class Stateful(RecordingUpstream):
    """Has sessions as MCP says: C{initialize} opens one, DELETE ends it, and any other id is 404."""

    def __init__(self, lab: Lab) -> None:
        self.open: set[str] = set()
        super().__init__(lab.ca.server(HOSTS, lab.now), self._serve_one)

    def _serve_one(self, peer: TLSPeer, request: Received) -> None:
        (session,) = request.all("mcp-session-id") or ("",)
        if b'"initialize"' in request.body:
            session = uuid4().hex
            self.open.add(session)
            return peer.send(answer(INITIALIZED, f"mcp-session-id: {session}"))
        if session not in self.open:
            return peer.send(answer(b"", status="404 Not Found"))
        if request.head.startswith(b"DELETE "):
            self.open.discard(session)
        peer.send(ok(request))


@pytest.fixture
def upstream(lab: Lab) -> Iterator[Stateful]:
    with Stateful(lab) as upstream:
        yield upstream


@pytest.fixture(params=[1, 2], ids=lambda count: f"{count} worker(s)")
def gate(lab: Lab, upstream: Stateful, request: pytest.FixtureRequest) -> Iterator[GateProcess]:
    with lab.gate(upstream={"port": upstream.port}, gate={"workers": request.param}) as running:
        yield running


def asked(method: str, token: str, session: bytes) -> bytes:
    """A request of somebody's in a session."""
    if method == "POST":
        head, _, body = request_of(token, calling("get_weather")).partition(b"\r\n\r\n")
    else:
        head = f"{method} /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}".encode()
        head, body = head + b"\r\nAccept: text/event-stream", b""
    return b"%b\r\nMCP-Protocol-Version: %b\r\nMcp-Session-Id: %b\r\n\r\n%b" % (
        head, REVISION.encode(), session, body,
    )  # fmt: skip


def answer_to(wire: Wire, request: bytes) -> tuple[Answer, bytes]:
    """The answer, and its bytes."""
    wire.octets = b""
    (found,) = wire.send(request).wait_for(1).answers()
    return found, wire.octets


def opened(wire: Wire, token: str) -> bytes:
    """A new session's id, as its caller gets it."""
    found, _ = answer_to(wire, request_of(token, INITIALIZE))
    assert found.status == 200
    return found.headers["mcp-session-id"].encode()


def marks(lab: Lab) -> list[str]:
    """What is kept in the state directory of sessions that are used, so that idle ones can be ended."""
    return [path.name for path in (lab.state / "sessions").iterdir() if path.name != ".lock"]


def forged(theirs: bytes, mine: bytes, of_upstream: bytes) -> Iterator[bytes]:
    """What one may try who has somebody's id, and one of his own; without an end, and without his own."""
    chance = random.Random(4)
    half = len(theirs) // 2
    place = cycle(range(len(theirs)))

    def bit_flipped() -> bytes:
        at = next(place)
        return theirs[:at] + bytes([theirs[at] ^ 1 << chance.randrange(7)]) + theirs[at + 1 :]

    def letter_changed() -> bytes:
        at = next(place)
        others = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".replace(
            theirs[at : at + 1], b""
        )
        return theirs[:at] + bytes([chance.choice(others)]) + theirs[at + 1 :]

    kinds: list[Callable[[], bytes]] = [
        lambda: theirs,
        bit_flipped,
        letter_changed,
        lambda: theirs[: chance.randrange(1, len(theirs))],
        lambda: theirs[half:] + theirs[:half],
        lambda: chance.choice([theirs[:half] + mine[half:], mine[:half] + theirs[half:]]),
        lambda: secrets.token_urlsafe(len(theirs) * 3 // 4).encode(),
        lambda: chance.choice([b"", of_upstream, theirs + b"=", theirs + b"A", theirs + theirs, b"x" * 8000]),
    ]
    # Eight kinds and three methods: each kind is tried with each.
    for kind in cycle(kinds):
        # What a header cannot hold is another test's.
        tried = kind()
        yield re.sub(rb"[^\x21-\x7e]", b"~", tried)


def test_a_thousand_tries_of_a_second_principal(
    gate: GateProcess, upstream: Stateful, lab: Lab
) -> None:
    """Each is told the same 404, whatever is wrong with the id; the upstream hears of none; the session
    goes on for whoever opened it."""
    context = trusting(lab.ca_file)
    thief = gate.issue("thief")
    wires = [Wire(gate.port, context) for _ in range(WIRES)]
    theirs, mine = opened(wires[0], gate.token), opened(wires[1], thief)
    of_upstream = upstream.open.copy()
    assert len(of_upstream) == 2
    assert all(answer_to(wire, asked("POST", gate.token, theirs))[0].status == 200 for wire in wires)
    seen = len(upstream.requests)
    first = next(
        request.all("mcp-session-id")[0] for request in upstream.requests if request.all("mcp-session-id")
    )

    told: dict[str, set[bytes]] = {method: set() for method in METHODS}
    tries = islice(forged(theirs, mine, first.encode()), TRIES)
    for number, session in enumerate(tries):
        method = METHODS[number % len(METHODS)]
        found, octets = answer_to(wires[number * 7 % WIRES], asked(method, thief, session))
        assert (found.status, found.whole) == (404, True), (method, session)
        told[method].add(re.sub(rb'"exchange":"[^"]+"', b"", octets))
    assert {method: len(each) for method, each in told.items()} == dict.fromkeys(METHODS, 1)
    assert told["GET"] == told["DELETE"]
    # The owner of a session learns no more of others that are not theirs.
    for method in METHODS:
        _, octets = answer_to(wires[0], asked(method, gate.token, mine))
        assert {re.sub(rb'"exchange":"[^"]+"', b"", octets)} == told[method]

    assert len(upstream.requests) == seen and upstream.open == of_upstream
    for wire in wires:
        assert answer_to(wire, asked("POST", gate.token, theirs))[0].status == 200
        assert answer_to(wire, asked("POST", thief, mine))[0].status == 200
    gate.settled(principal="thief")
    refused = gate.exchanges(principal="thief", reason="session.unknown")
    assert len(refused) == TRIES
    assert {(one["status"], one["outbound"], one["session"]) for one in refused} == {(404, None, None)}
    written = (gate.log_file.read_bytes(), text_of(lab.state).encode())
    for secret in (theirs, mine, *map(str.encode, of_upstream)):
        assert not any(secret in each for each in written)

    # Who may, ends it; then it is over for them as well, and nothing is kept to end it once more.
    assert len(marks(lab)) == 2
    assert answer_to(wires[0], asked("DELETE", gate.token, theirs))[0].status == 200
    assert len(upstream.open) == 1
    eventually(lambda: len(marks(lab)) == 1, "the session is forgotten")
    assert answer_to(wires[1], asked("POST", gate.token, theirs))[0].status == 404
    for wire in wires:
        wire.close()


def test_an_id_opens_nothing_beside_its_own_or_in_another_revision(
    gate: GateProcess, upstream: Stateful, lab: Lab
) -> None:
    """Two ids in one request are none; and 2026-07-28 has no sessions, so there the id goes nowhere."""
    thief = gate.issue("thief")
    with Wire(gate.port, trusting(lab.ca_file)) as wire:
        theirs, mine = opened(wire, gate.token), opened(wire, thief)
        seen = len(upstream.requests)
        for pair in ((theirs, mine), (mine, theirs)):
            found, _ = answer_to(wire, asked("GET", thief, b"\r\nMcp-Session-Id: ".join(pair)))
            assert found.status == 400
            if wire.wait(0.1, 0.1).ended:
                break
        assert len(upstream.requests) == seen
    with Caller(gate, thief) as caller:
        response = caller.post(call("get_weather"), {"Mcp-Session-Id": theirs.decode()})
        response.read()
    assert upstream.requests[-1].all("mcp-session-id") == []
