"""A caller's whole connection: which requests are taken out of the bytes (relay/inbound.py and all below).

The connection and its exchanges are the gate's own; only the network, the journal's file and the
upstream are replaced. The first byte of the input chooses the listener and when upstreams answer.
"""

from __future__ import annotations

import json
from functools import cache
from types import SimpleNamespace
from typing import Any

import h11

from mcpgate.definitions.guards import Guards
from mcpgate.identity.accepts import Accepts
from mcpgate.identity.uses import Uses
from mcpgate.relay.crowd import Crowd
from mcpgate.relay.exchange import Exchange
from mcpgate.relay.heads import Heads
from mcpgate.relay.inbound import AHEAD_MOST, Inbound
from mcpgate.tls.stream import State
from mcpgate.wire.forward import answer_for_caller
from mcpgate.wire.http import ResponseHead, read_response_head
from tests.fuzz import vectors
from tests.fuzz.gate import BODY_SIZE, generation
from tests.fuzz.request import WORDS as HEAD_WORDS
from tests.fuzz.splits import splits
from tests.fuzz.target import Target

#: Why a head cannot be read.
UNREADABLE = frozenset(
    f"frame.{name}"
    for name in "head head_size method version target host length length_required duplicate_header "
    "expect".split()
)

_RAW = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
_HEAD = read_response_head(_RAW, b"POST")
assert isinstance(_HEAD, ResponseHead)
_ANSWER = answer_for_caller(_HEAD, chunked=False)


class Stream:
    """What the connection sees of its transport: bytes come in when it reads, and go out at once."""

    def __init__(self) -> None:
        self.state = State.OPEN
        self.owner: Any = None
        self.congested = False
        self.joins = False
        self.deadline = 0.0
        self.written = b""
        self.reading = True

    def write(self, raw: bytes) -> None:
        assert self.state is State.OPEN, "something was written after the end"
        self.written += raw

    def pause(self, *, unless_gone: bool = False) -> None:
        self.reading = False

    def resume(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.state = State.CLOSED

    abort = close


# The same for all, or no head would be good for a second connection.
_ACCEPTS = Accepts()


class Run:
    """One connection from its first byte to its last."""

    def __init__(self, listener: str, at_once: bool, heads: Heads | None = None) -> None:
        """
        @param heads: what other connections of the listener have had judged before.
        """
        whole = generation()
        self.dispatched: list[tuple[bytes, bytes]] = []
        self.closed: list[dict[str, Any]] = []
        self.waiting: list[Exchange] = []
        self.at_once = at_once
        self.stream = Stream()
        force = SimpleNamespace(
            readiness=SimpleNamespace(now=0.0, soon=lambda call, thing: call()),
            generation=whole,
            accepts=_ACCEPTS,
            wall=lambda: 0.0,
            draining=False,
            sessions=None,
            tasks=None,
            guards=Guards(lambda *told, **more: None, lambda: 0.0),
            holds=None,
            ledger=None,
            declining=None,
            crowd=Crowd(),
            uses=Uses(),
            witness=SimpleNamespace(
                stamp=lambda: "",
                tell=self._record,
                settle=lambda: True,
                when_kept=lambda call, thing: call(),
                kept=lambda told: told,
                failure=None,
            ),
            pool=lambda terms: SimpleNamespace(lease=self._lease, withdraw=self.waiting.remove),
        )
        listening = SimpleNamespace(
            force=force,
            name=listener,
            limits=whole.config.limits,
            terms=whole.listeners[listener],
            retired=False,
            gone=lambda inbound: None,
            failing=lambda source: 0,
            heads=Heads(8) if heads is None else heads,
        )
        self.inbound = Inbound(listening, self.stream, peer="", local="", sni=None)  # type: ignore[arg-type]
        self.stream.owner = self.inbound

    def _record(self, line: bytes) -> bool:
        record = json.loads(line)
        if record["type"] == "close":
            self.closed.append(record)
        return True

    def _lease(self, exchange: Exchange) -> None:
        assert self.stream.state is State.OPEN, "a request was dispatched after the end"
        assert not any(record["reason"] in ENDING for record in self.closed), "dispatched after a refusal"
        self.waiting.append(exchange)
        if self.at_once:
            self._answer()

    def send(self, method: bytes, request: bytes, taker: Exchange) -> bool:
        """What an upstream's connection does with a request."""
        head, _, body = request.partition(b"\r\n\r\n")
        self.dispatched.append((head.partition(b"\r\n")[0], body))
        taker.begun(_HEAD, _ANSWER, b"", True)  # type: ignore[arg-type]
        return True

    def _answer(self) -> None:
        while self.waiting and self.stream.state is State.OPEN:
            exchange = self.waiting.pop(0)
            upstream: Any = SimpleNamespace(
                record="h", handshake=SimpleNamespace(peer=None), send=self.send, abandon=lambda: None
            )
            exchange.leased(upstream)

    def feed(self, pieces: list[bytes]) -> None:
        """Bytes as they come; what is not read waits until the answer before it is out."""
        for piece in pieces:
            while self.stream.state is State.OPEN and not self.stream.reading:
                assert self.waiting, "reading stopped and nothing will start it again"
                self._answer()
            if self.stream.state is not State.OPEN:
                break
            if piece:
                self.inbound.received(piece)
        self._answer()

    def outcome(self) -> tuple[object, ...]:
        """All that must not depend on how the bytes came."""
        ends: list[tuple[object, ...]] = [
            (record["reason"], record["outcome"], record["status"]) for record in self.closed
        ]
        state = self.stream.state.name
        if state == "CLOSED" and ends and ends[-1][0] in UNREADABLE:
            # Bytes that never become a head may be seen to be hopeless before they tell more.
            del ends[-1]
            state = "HEADLESS"
        elif state == "CLOSED" and ends and ends[-1][0] in BODY:
            # A body that is both malformed and too large is refused for what is seen first.
            ends[-1] = ("body",)
        return tuple(self.dispatched), tuple(ends), state


#: Why a chunked body is refused.
BODY = ("frame.chunk", "frame.chunk_count", "frame.body_size")

#: After these nothing that follows on the connection can be trusted.
ENDING = UNREADABLE - {"frame.method"} | {"frame.chunk", "frame.chunk_count", "frame.timeout"}


def by_h11(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Method and body of every request that h11 finds, up to the first that it does not like."""
    peer = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    peer.receive_data(raw)
    found = []
    try:
        while type(event := peer.next_event()) is h11.Request:
            method, body = event.method, b""
            while type(event := peer.next_event()) is h11.Data:
                body += event.data
            if type(event) is not h11.EndOfMessage:
                break
            found.append((method, body))
            peer.send(h11.Response(status_code=200, headers=[(b"content-length", b"0")]))
            peer.send(h11.EndOfMessage())
            peer.start_next_cycle()
    except (h11.LocalProtocolError, h11.RemoteProtocolError):
        pass
    return found


@cache
def warm(listener: str) -> Heads:
    """The heads of all seeds, as a listener knows them that has seen them."""
    heads = Heads(10_000)
    for seed in seeds():
        Run(listener, True, heads).feed([seed[1:]])
    return heads


def check(raw: bytes) -> None:
    """
    Cuts and waits change nothing, nor does what the listener has seen before; and what is dispatched
    others find in the bytes, too, in that order.
    """
    choice, raw = raw[0] if raw else 0, raw[1:]
    listener = "open" if choice & 1 else "closed"
    outcomes = {}
    for pieces in splits(raw):
        for at_once in (True, False):
            run = Run(listener, at_once)
            run.feed(pieces)
            outcomes[run.outcome()] = (len(pieces), at_once)
    for again in range(2):
        # On the second round also those of this input itself, each known from the one before.
        known = Heads(10_000)
        known.update(warm(listener))
        for _ in range(again):
            Run(listener, True, known).feed([raw])
        run = Run(listener, True, known)
        run.feed([raw])
        outcomes[run.outcome()] = (1, "warm")
    assert len(outcomes) == 1, outcomes
    ((dispatched, _, _),) = outcomes
    if listener == "closed":
        assert dispatched == ()
    theirs = iter(by_h11(raw))
    for line, body in dispatched:  # type: ignore[attr-defined]
        method, target, _ = line.split(b" ")
        assert target == b"/up"
        assert len(body) <= BODY_SIZE
        assert (method, body) in theirs, (method, body)


PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def _post(body: bytes, *lines: bytes) -> bytes:
    head = b"POST /mcp HTTP/1.1\r\nHost: gw.test\r\nContent-Type: application/json\r\n"
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def seeds() -> list[bytes]:
    """The corpus without its tokens, and requests one behind the other."""
    sized = _post(PING, b"Content-Length: %d" % len(PING))
    chunked = _post(b"%x\r\n%b\r\n0\r\n\r\n" % (len(PING), PING), b"Transfer-Encoding: chunked")
    get = b"GET /mcp HTTP/1.1\r\nHost: gw.test\r\n\r\n"
    made = [
        sized + chunked + get + sized,
        _post(PING, b"Content-Length: %d" % len(PING), b"Expect: 100-continue"),
        sized + _post(b"{}", b"Content-Length: 2") + sized,
        _post(PING, b"Content-Length: %d" % len(PING), b"Connection: close") + sized,
        b"HEAD /mcp HTTP/1.1\r\nHost: gw.test\r\n\r\n" + sized,
        b"GET /no HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 0\r\n\r\n" + sized,
        _post(b"{}", b"Content-Length: 2000") + sized,
        get * 9,
        # More than is read ahead of an answer, and more than a body may have.
        sized * (AHEAD_MOST // len(sized) + 9),
        _post(b"500\r\n" + b"x" * 0x500 + b"\r\n0\r\n\r\n", b"Transfer-Encoding: chunked") + sized,
    ]
    corpus = [raw.replace(b"Authorization: Bearer token\r\n", b"") for raw in vectors.connections()]
    return [b"\1" + raw for raw in (*made, *corpus)] + [b"\0" + raw for raw in made]


WORDS = (
    *HEAD_WORDS,
    *(PING, b"%x\r\n%b\r\n" % (len(PING), PING), b"0\r\n\r\n", b"Content-Length: %d\r\n" % len(PING)),
    *(b"GET /mcp HTTP/1.1\r\nHost: gw.test\r\n\r\n", b"POST /mcp HTTP/1.1\r\nHost: gw.test\r\n"),
)

TARGET = Target(check, seeds, WORDS)
