"""Where the microseconds of one call go: C{python -m tests.bench.parts}.

A gate of this process serves one call, then the same call is played to its connections again and again
without the network, and each part of it by itself; records and kernel are measured between two sockets.
The least of many short runs is printed: what a part costs when nobody disturbs it, so the parts are less
than what a loaded gate takes for a call, and caches and wake-ups are what is missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from timeit import repeat
from typing import Any
from unittest import mock

from OpenSSL import SSL

from mcpgate.budgets.ledger import Ledger
from mcpgate.config.load import parse_config
from mcpgate.evidence import exchanges
from mcpgate.evidence.chain import leaf, linked
from mcpgate.evidence.journal import new_id
from mcpgate.evidence.payload import Auditor, new_pair, payload_line
from mcpgate.generation import RouteTerms
from mcpgate.identity import jose
from mcpgate.identity.principal import Principal
from mcpgate.policy.budgets import compile_budgets
from mcpgate.policy.masks import Masks
from mcpgate.policy.rules import Callers, compile_rules
from mcpgate.relay.exchange import Exchange
from mcpgate.relay.judged import Judged, judge
from mcpgate.relay.spending import Spending, spend
from mcpgate.tls import contexts
from mcpgate.tls.binding import Records, Scratch
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.verify import Note
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.mcp import SERVER
from mcpgate.wire.trace import cut
from tests import pki
from tests.bench.policies import DETECTORS, POLICIES, clean, hits
from tests.identity.judging import KEYS, MINTER, judged
from tests.policy.calling import CI, callers
from tests.running import Loop, World, call
from tests.waiting import eventually

# A call of the bench, and an answer of its upstream.
CALL = call("get_x", arguments={"text": "hello, this is a small text"})
MESSAGE = (
    b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"hello, this is a small text"}],'
    b'"structuredContent":{"text":"hello, this is a small text"},"isError":false}}' % CALL["id"]
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(MESSAGE), MESSAGE)
)
RECORD = b"x" * 330
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Played:
    """In the place of a stream's records: what is to be read next, and a kernel that takes everything."""

    def __init__(self, written: Callable[[], object] = lambda: None) -> None:
        self.next: list[bytes] = []
        self._written = written

    def read(self) -> bytes | None:
        return self.next.pop() if self.next else None

    def write(self, data: bytes) -> int:
        self._written()
        return len(data)


def microseconds(what: Callable[[], object], number: int = 500) -> float:
    """The least that it takes, of many short runs."""
    what()
    return min(repeat(what, number=number, repeat=100)) / number * 1e6


def of_the_wire() -> list[tuple[str, float]]:
    """What the kernel and OpenSSL take for a record that is sent and received on loopback."""
    listening = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(listening.getsockname())
    theirs, _ = listening.accept()
    for sock in (ours, theirs):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def bare() -> None:
        ours.send(RECORD)
        theirs.recv(1024)

    kernel = microseconds(bare)
    root = pki.Authority.root()
    client = contexts.client_context(PROFILES["modern"], root.trust(), pair=None)
    server = contexts.server_context(
        PROFILES["modern"], root.issue("mcp.test"), clients=None, require_client=False
    )
    ends = (
        contexts.client_connection(client, ours, host="mcp.test", pins=None, note=Note()),
        contexts.server_connection(server, theirs, note=Note()),
    )
    for _ in range(3):
        for end in ends:
            with contextlib.suppress(SSL.WantReadError):
                end.do_handshake()
    scratch = Scratch()
    sealing, opening = (Records(end, scratch) for end in ends)
    sealing.read()

    def sealed() -> None:
        sealing.write(RECORD)
        opening.read()

    return [
        ("kernel: send and receive, both legs", 2 * kernel),
        ("OpenSSL: seal and open, both legs", 2 * (microseconds(sealed) - kernel)),
        ("the look at the upstream's connection before it is used", microseconds(opening.read)),
    ]


def of_the_gate(world: World) -> list[tuple[str, float]]:
    """What our own code takes, on the gate's own connections; to be called in its reactor's thread."""
    assert world.gate is not None and world.gate.force is not None
    force = world.gate.force
    readiness, witness = force.readiness, force.witness
    (inbound,) = world.listening.connections
    (pool,) = force.pools.values()
    (upstream,) = pool._idle
    request = world.post(CALL, "Accept: application/json, text/event-stream")
    caller, server = Played(), Played(lambda: server.next.append(ANSWER))
    inbound.stream._records = caller  # type: ignore[assignment]
    upstream.stream._records = server  # type: ignore[assignment]

    def turn(stream: Any, data: bytes | None) -> None:
        readiness._begin_turn()
        if data is not None:
            caller.next.append(data)
        stream.readable()
        readiness._end_turn()

    def whole() -> None:
        turn(inbound.stream, request)
        turn(upstream.stream, None)

    with_journal = microseconds(whole)
    witness.journal.append = lambda lines: None  # type: ignore[method-assign]
    total = microseconds(whole)

    def empty() -> None:
        readiness._begin_turn()
        witness.stamp()
        witness.tell(b"-\n")
        readiness._end_turn()

    body = request[request.find(b"\r\n\r\n") + 4 :]
    message = parse(body)
    assert isinstance(message, Message)
    ((_, _, admission),) = world.listening.heads.values()

    def head() -> None:
        inbound._buffer = request
        inbound._read_head()

    with mock.patch.object(type(inbound), "_judge", lambda self, admission, body: True):
        reading = microseconds(head)
    inbound._buffer = b""
    facts = {"inbound": "h-1", "outbound": "h-2", "time": witness.stamp()}
    opened = microseconds(
        lambda: exchanges.open_line(
            new_id("x"), caller=admission.facts, call='"method":"tools/call"', **facts
        )
    )
    ended = {"outcome": exchanges.Outcome.COMPLETED, "status": 200, "refusal": None}
    ended |= {"seconds": 0.001, "waited": 0.0005}
    closed = microseconds(lambda: exchanges.close_line("x-1", bytes_in=120, bytes_out=153, **facts, **ended))
    callers, route = admission.callers, admission.route
    parts = [
        ("head: known by its bytes", reading),
        ("body: parsed once, strictly", microseconds(lambda: parse(body))),
        ("call and verdict, remembered", microseconds(lambda: judge(message, route, callers))),
        ("exchange: made", microseconds(lambda: Exchange(inbound, 0.0, admission.head))),
        ("evidence: the lines of open and close", opened + closed),
        ("evidence: the turn's time, and what a turn costs (two)", 2 * microseconds(empty)),
    ]
    rest = total - sum(cost for _, cost in parts)
    return [
        *parts,
        ("lease, relay, the answer, deadlines and the rest", rest),
        ("journal: one write for each turn (two)", with_journal - total),
    ]


def of_policy(directory: Path) -> list[tuple[str, float]]:
    """What a call costs more where policy asks for more."""
    message = parse(json.dumps({**CALL, "params": {**CALL["params"], "name": "echo"}}).encode())
    assert isinstance(message, Message)
    costs = []
    for name in ("1-rule", "200-rules"):
        judging = partial(judge, message, *_place(POLICIES[name]))
        costs.append((f"call and verdict, remembered: {name}", microseconds(judging)))
    judged = judge(message, *_place(POLICIES["1-budget"]))
    assert isinstance(judged, Judged) and judged.budgets
    ledger = Ledger(directory)
    assert ledger.begin()

    def spent() -> None:
        one = spend(ledger, judged, CI, "mcp", 122)
        assert isinstance(one, Spending)
        one.charge(153)
        one.end()

    costs.append(("a budget of calls, bytes and running calls", microseconds(spent)))
    ledger.close()
    masks = Masks.compile(mask=frozenset(DETECTORS))
    for what, result, number in (("2 KB, nothing to find", clean(), 500), ("200 KB, 20 finds", hits(), 1)):
        raw = b'{"jsonrpc":"2.0","id":1,"result":%b}' % result
        answer = parse(raw)
        assert isinstance(answer, Message)
        looking = partial(masks.apply, answer, raw, sender=SERVER, asked="tools/call")
        costs.append((f"ten detectors: {what}", microseconds(looking, number)))
    return costs


def of_evidence() -> list[tuple[str, float]]:
    """What a request costs more that belongs to a trace, or whose bodies are recorded (each of them)."""
    lines = (b"Host: localhost", b"Authorization: Bearer %b" % (b"x" * 60), b"traceparent: " + TRACE)
    head = b"\r\n".join((b"POST /mcp HTTP/1.1", *lines, b"Content-Length: 122", b"", b""))
    costs = [("a trace, cut out of a head", microseconds(partial(cut, head, len(head))))]
    auditor = Auditor.of(new_pair()[1])
    facts: dict[str, Any] = {"time": "", "exchange": "x-1", "part": "request", "number": 0, "last": True}

    def recorded(body: bytes) -> bytes:
        sealed = auditor.seal(body, "x-1", "request", 0)
        line = payload_line("p-1", cut=0, key=auditor.name, sealed=sealed, **facts)
        return leaf(linked(line, 1, b"0" * 64))

    for what, size, number in (("1 KB", 1024, 50), ("100 KB", 102_400, 5)):
        cost = microseconds(partial(recorded, b"x" * size), number)
        costs.append((f"a body on record, sealed and chained: {what}", cost))
    return costs


def of_tokens() -> list[tuple[str, float]]:
    """
    What a token of an issuer costs when it is seen for the first time, from its bytes to a principal. What is
    remembered of it afterwards costs as much as an issued token.
    """
    costs = []
    for kid, alg in (("k1", "RS256"), ("e1", "ES256")):
        token = MINTER.mint(kid, alg, scope="mcp", groups=["developers"])
        found, keys = jose.read(token), KEYS.find(alg, kid)
        assert isinstance(judged(token), Principal)
        assert isinstance(found, jose.Unverified) and isinstance(keys, tuple)
        for what, doing in (("", partial(judged, token)), (": signature", partial(jose.verify, found, keys))):
            costs.append((f"a token seen first, {alg}{what}", microseconds(doing, 50)))
    return costs


def _place(policy: str) -> tuple[RouteTerms, Callers]:
    """A route, and the class of its callers."""
    text = f"""
[gate]
state = "state"
[[listener]]
name = "public"
listen = "tcp:8443"
certificates = "tls"
[[upstream]]
name = "mcp"
url = "https://localhost/mcp"
[[route]]
path = "/mcp"
upstream = "mcp"
{policy}"""
    config = parse_config(text.encode(), Path("gate.toml"))
    compiled = compile_rules(config.rules, config.detectors, compile_budgets(config.budgets))
    upstream: Any = None
    return RouteTerms("mcp", config.routes[0], upstream), callers(compiled)


def main() -> None:
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    wire = of_the_wire()
    with tempfile.TemporaryDirectory() as directory:
        loop = Loop()
        world = World(loop, Path(directory))
        world.start(world.config(upstream='keepalive = "1m"'))
        with world.caller() as caller:
            # Twice: the second one's head is known.
            for _ in range(2):
                caller.post(CALL, "Accept: application/json, text/event-stream").answer()
            assert world.gate is not None and world.gate.force is not None
            (pool,) = world.gate.force.pools.values()
            eventually(lambda: pool._idle, "the upstream's connection is back")
            parts = [*wire, *loop.call(of_the_gate, world)]
        more = [*of_policy(Path(directory) / "state"), *of_tokens(), *of_evidence()]
        # Its streams have been tampered with, so they are not asked to end.
        for name, cost in (*parts, ("together", sum(cost for _, cost in parts)), *more):
            print(f"{name:<58} {cost:8.1f} us")
        sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
