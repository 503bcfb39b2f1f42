"""An upstream's whole connection: what the caller is given of an answer (upstream/connection.py).

The first byte of the input chooses the request's method and how the connection ends.
"""

from __future__ import annotations

from types import SimpleNamespace

import h11

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.stream import State
from mcpgate.upstream.connection import Taker, UpstreamConnection
from mcpgate.wire.http import ResponseHead
from tests.fuzz import answer
from tests.fuzz.connection import Stream
from tests.fuzz.splits import splits
from tests.fuzz.target import Target

#: Requests that are ever sent to an upstream.
METHODS = (b"POST", b"GET", b"DELETE")
#: It stays open, ends with close_notify, or breaks.
ENDS = ("open", "notify", "broken")


class UpstreamStream(Stream):
    """The transport as an upstream's connection sees it."""

    ended = False
    unsent = 0


class Caller:
    """Takes one answer, and is the pool."""

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.payload = b""
        self.finished = False
        self.refusal: Refusal | None = None
        self.given_back = False
        self.gone_again = False
        self.heads: dict[bytes, object] = {}
        self.now = 0.0
        self.terms = SimpleNamespace(table=SimpleNamespace(answer_timeout=60.0, quiet_timeout=60.0))

    # As the taker.

    def begun(self, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> Taker:
        assert self.head is None and self.refusal is None, "begun twice"
        self.head = head
        self.more(payload, finished)
        return self

    def more(self, payload: bytes, finished: bool) -> None:
        assert self.head is not None and not self.finished and self.refusal is None, "more after the end"
        self.payload += payload
        self.finished = finished

    def broken(self, refusal: Refusal) -> None:
        assert not self.finished and self.refusal is None, "broken after the end"
        self.refusal = refusal

    # As the pool.

    def give_back(self, connection: UpstreamConnection) -> None:
        self.given_back = True

    def gone(self, connection: UpstreamConnection) -> None:
        self.gone_again = True

    def late_refusal(self, error: Exception | None) -> Refusal:
        return Refusal(Reason.UPSTREAM_CLOSED)


def run(pieces: list[bytes], method: bytes, end: str) -> Caller:
    """One request and all that comes for it."""
    caller, stream = Caller(), UpstreamStream()
    connection = UpstreamConnection(caller, stream, "h", None)  # type: ignore[arg-type]
    stream.look = lambda: None  # type: ignore[attr-defined]
    connection.send(method, b"", caller)
    for piece in pieces:
        if piece and stream.state is State.OPEN:
            connection.received(piece)
    if stream.state is State.OPEN and end != "open":
        stream.state = State.CLOSED
        connection.lost(None if end == "notify" else OSError("reset"))
    return caller


def by_h11(raw: bytes, method: bytes, end: str) -> tuple[int, bytes] | None:
    """Status and payload of a whole answer; C{None} if h11 finds no such thing."""
    peer = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    peer.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"x")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(raw)
    if end == "notify":
        peer.receive_data(b"")
    try:
        while type(event := peer.next_event()) is h11.InformationalResponse:
            pass
        if type(event) is not h11.Response:
            return None
        status, payload = event.status_code, b""
        while type(event := peer.next_event()) is h11.Data:
            payload += event.data
    except h11.RemoteProtocolError:
        return None
    return (status, payload) if type(event) is h11.EndOfMessage else None


def check(raw: bytes) -> None:
    """Cuts change nothing, half an answer never looks whole, and a whole one is what h11 reads."""
    choice, raw = raw[0] if raw else 0, raw[1:]
    method, end = METHODS[choice % 3], ENDS[choice // 3 % 3]
    outcomes = set()
    for pieces in splits(raw):
        caller = run(pieces, method, end)
        reason = caller.refusal.reason if caller.refusal is not None else None
        status = caller.head.status if caller.head is not None and reason is None else None
        # Of a broken answer more or less may have been handed on; and an answer with too much
        # behind it is over before that is seen, or as it is.
        kept = caller.given_back and not caller.gone_again
        outcomes.add((status, caller.payload if reason is None else b"", caller.finished, reason, kept))
    assert len(outcomes) == 1, outcomes
    ((status, payload, finished, _, _),) = outcomes
    if finished:
        theirs = by_h11(raw, method, end)
        assert theirs == (status, payload) or (theirs is None and b";" in raw), theirs


def seeds() -> list[bytes]:
    """Each head with bodies that fit it and some that do not."""
    heads = [raw[1:] for raw in answer.seeds()[::4]]
    bodies = (
        b"",
        b"hello",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX: 1\r\n\r\n",
        b"5\r\nhel",
        b"5\nhello\r\n0\r\n\r\n",
    )
    whole = [head + body for head in heads for body in bodies]
    whole += [b"HTTP/1.1 100 Continue\r\n\r\n" + raw for raw in whole[:3]] + [whole[1] + whole[1]]
    return [bytes([choice]) + raw for choice in (0, 3, 6, 4) for raw in whole]


WORDS = (*answer.WORDS, b"hello", b"5\r\nhello\r\n", b"0\r\n\r\n", b"HTTP/1.1 100 \r\n\r\n", b";x")

TARGET = Target(check, seeds, WORDS, longest=1024)
