"""One kept connection to an upstream: a request goes out, its answer is read and handed on.

The framing of an answer is checked before a byte of it is handed on; payload then goes through as
it arrives. Answer heads that were judged once are remembered by their bytes, per pool: whole, so that
the next identical head costs one look-up, and without the digits of a Content-Length, as answers of a
server mostly differ in nothing else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from attrs import evolve

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.readiness import NEVER
from mcpgate.tls.stream import OPEN, TLSStream
from mcpgate.wire.chunked import ChunkedReader
from mcpgate.wire.forward import answer_for_caller
from mcpgate.wire.http import CHUNKED, CLOSE, EVENTS, LENGTH, NONE, ResponseHead, read_response_head

if TYPE_CHECKING:
    from mcpgate.upstream.pool import Pool

# An answer's head: the same bound as for a request's (nginx: 4 x 8 KiB).
HEAD_SIZE = 32 * 1024

# Seconds for the end of an answer whose last event the caller has: servers send it right behind.
RUN_OUT = 1.0

# 1xx answers before the real one; more is a peer that never answers or one that wears us out.
INTERIM_MOST = 5

# Heads remembered per pool, and their size: half a MiB at the most. Date varies, so some turnover is
# normal.
HEADS_MOST = 256
HEAD_MOST = 2 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length: ?(0|[1-9]\d{0,8})\r\n", re.IGNORECASE).search

#: A head that was judged, what the caller gets of it, and the length of its body.
Judged = tuple[ResponseHead, bytes, int]

#: Heads that were judged: by all their bytes, and by those before and behind the digits of the length.
Heads = dict[bytes | tuple[bytes, bytes], Judged]


class Taker(Protocol):
    """Who asked, and takes the answer."""

    def begun(self, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> Taker:
        """
        The head, as it may be sent to the caller, and what of the body came with it.

        @return: who takes the rest, if it is not C{finished}.
        """

    def more(self, payload: bytes, finished: bool) -> None:
        """More of the body."""

    def broken(self, refusal: Refusal) -> None:
        """The answer will not come, or not to its end."""


class _RunOut:
    """Takes what is left of an answer that nobody needs: nothing but its end."""

    def __init__(self, connection: UpstreamConnection) -> None:
        self._connection = connection

    def begun(self, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> Taker:
        """It had begun before."""
        return self

    def more(self, payload: bytes, finished: bool) -> None:
        if not finished:
            # Not its end: somebody would have to read it.
            self._connection.abandon()

    def broken(self, refusal: Refusal) -> None:
        """Nobody waits for it."""


class UpstreamConnection:
    """A verified stream, idle in its pool or leased to one exchange at a time."""

    def __init__(self, pool: Pool, stream: TLSStream, record: str, handshake: Handshake) -> None:
        """
        @param record: the id of the handshake's record, which every exchange on it names.
        """
        self.record = record
        self.handshake = handshake
        #: Why it ended while nobody used it.
        self.ended: Refusal | None = None
        self.stream = stream
        self._pool = pool
        self._taker: Taker | None = None
        self._method = b""
        self._buffer = b""
        self._interim = 0
        self._head: ResponseHead | None = None
        self._left = 0
        self._chunks: ChunkedReader | None = None
        self._served = False
        #: Whether the answer is an event stream.
        self._streams = False
        self._held = False
        stream.owner = self

    def ready(self) -> bool:
        """
        Whether it can take a request, by one more look at it.

        An answer that nobody asked for, the upstream's goodbye, or (TLS 1.3) its refusal of our client
        certificate may be here already. The first must not meet the next caller's request; the others
        would be lost, as OpenSSL reads nothing more once a write has failed. It costs one read that
        finds nothing.
        """
        self.stream.look()
        return self.stream.state is OPEN

    def send(self, method: bytes, request: bytes, taker: Taker) -> bool:
        """
        Write a whole request; its answer, or why there is none, goes to C{taker}.

        @return: C{False} when the connection had ended since its last answer, as kept ones do: nothing
            was written, and another connection may do.
        """
        stream = self.stream
        stream.look()
        if stream.state is not OPEN:
            if self._served:
                return False
            # It ended before it was of any use, so another would, too.
            taker.broken(self.ended or Refusal(Reason.UPSTREAM_CLOSED, "it ended before a request"))
            return True
        self._taker = taker
        self._method = method
        self._interim = 0
        self._head = None
        self._streams = False
        stream.deadline = self._pool.now + self._pool.terms.table.answer_timeout
        stream.write(request)
        return True

    def unused(self) -> None:
        """Its lease ends without a request."""
        self._pool.give_back(self)

    def pause(self) -> None:
        """The caller reads slowly: read no more, and do not hold its slowness against the upstream."""
        self._held = True
        self.stream.pause()
        self.stream.deadline = NEVER

    def resume(self) -> None:
        """The caller caught up."""
        self._held = False
        self.stream.resume()
        self._patience()

    def abandon(self) -> None:
        """The caller is gone: end the connection, which is how HTTP/1.1 carries that on."""
        self._taker = None
        self.stream.abort()
        self._pool.gone(self)

    def run_out(self) -> None:
        """
        The caller has all that it wanted and is gone: see the stream to its end, so that the next
        request needs no new connection; a client that hangs up after each answer would cost one each.
        """
        if self._head is None or self.stream.state is not OPEN:
            return self.abandon()
        self._taker = _RunOut(self)
        self._streams = False
        self.resume()
        self.stream.deadline = self._pool.now + RUN_OUT

    # What the stream calls.

    def received(self, data: bytes) -> None:
        taker = self._taker
        if taker is None:
            # Nobody asked: an unsolicited answer must never meet the next request.
            self.stream.abort()
            return self._pool.gone(self)
        if self._head is not None:
            return self._body(taker, self._head, data)
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        while True:
            end = data.find(b"\r\n\r\n") + 4
            if end == 3:
                if len(data) > HEAD_SIZE:
                    return self._break(Refusal(Reason.UPSTREAM_FRAMING, "the answer's head is too large"))
                self._buffer = data
                return
            raw = data[:end]
            known = self._pool.heads.get(raw)
            if known is None:
                judged = self._judge(raw)
                if judged is None:
                    data = data[end:]
                    continue
                if isinstance(judged, Refusal):
                    return self._break(judged)
                known = judged
            return self._begin(taker, *known, data[end:])

    def _judge(self, raw: bytes) -> Judged | Refusal | None:
        """A head that is not known to the byte; C{None} for an interim one."""
        if len(raw) > HEAD_SIZE:
            return Refusal(Reason.UPSTREAM_FRAMING, "the answer's head is too large")
        heads = self._pool.heads
        match = _LENGTH(raw)
        # In two pieces: joined they would be a head of their own, with an empty length.
        key = (raw[: match.start(1)], raw[match.end(1) :]) if match is not None else None
        if match is not None and key is not None:
            known = heads.get(key)
            if known is not None:
                head, emitted, _ = known
                length = int(match[1])
                return head, emitted + b"%d\r\n\r\n" % length, length
        head_read = read_response_head(raw, self._method)
        if isinstance(head_read, Refusal):
            return head_read
        head = head_read
        if head.status < 200:
            self._interim += 1
            if self._interim > INTERIM_MOST or head.status == 101:
                return Refusal(Reason.UPSTREAM_FRAMING, f"unexpected interim answer {head.status}")
            return None
        # Events are passed on one by one, so their length is not the stream's.
        chunked = head.framing is CHUNKED or head.framing is CLOSE or head.content is EVENTS
        emitted = answer_for_caller(head, chunked=chunked and head.framing is not NONE)
        judged = head, emitted, head.length
        # The head that opens a session comes once.
        if len(raw) <= HEAD_MOST and b"mcp-session-id" not in head.fields:
            if len(heads) >= HEADS_MOST:
                heads.clear()
            heads[raw] = judged
            end = b"%d\r\n\r\n" % head.length
            if key is not None and head.framing is LENGTH and emitted.endswith(b": " + end):
                # Without a length: what the first announced must not be held against those after it.
                heads[key] = evolve(head, length=0), emitted.removesuffix(end), 0
        return judged

    def _begin(self, taker: Taker, head: ResponseHead, emitted: bytes, length: int, rest: bytes) -> None:
        if head.framing is LENGTH and len(rest) == length:
            # Whole already, as small answers are.
            self._finish(reusable=head.keep_alive)
            return self._tell(taker, head, emitted, rest, True)
        self._head = head
        if head.framing is CHUNKED:
            self._chunks = ChunkedReader(lenient=True)
        self._left = length
        self._streams = head.content is EVENTS
        payload, finished = self._take(head, rest)
        if payload is None:
            return
        if not finished:
            self.stream.joins = True
            self._patience()
        self._tell(taker, head, emitted, payload, finished)

    def _tell(self, taker: Taker, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> None:
        try:
            rest = taker.begun(head, emitted, payload, finished)
            if not finished and self._taker is taker:
                self._taker = rest
        except Exception:
            self._fault(taker)
            raise

    def _body(self, taker: Taker, head: ResponseHead, data: bytes) -> None:
        payload, finished = self._take(head, data)
        if payload is None:
            return
        if not finished:
            self._patience()
        if payload or finished:
            self._more(taker, payload, finished)

    def _more(self, taker: Taker, payload: bytes, finished: bool) -> None:
        try:
            taker.more(payload, finished)
        except Exception:
            self._fault(taker)
            raise

    def _fault(self, taker: Taker) -> None:
        # A bug of ours: the caller and the record hear of it, and the connection is not used again,
        # unless it is somebody else's by now.
        if self._taker is taker:
            self._taker = None
            self.stream.abort()
            self._pool.gone(self)
        taker.broken(Refusal(Reason.GATE_ERROR, "a bug in the gate while it relayed the answer"))

    def _take(self, head: ResponseHead, data: bytes) -> tuple[bytes | None, bool]:
        """The payload in C{data} and whether it is the last; C{None} when the answer broke here."""
        if head.framing is NONE:
            self._finish(reusable=head.keep_alive and not data)
            return b"", True
        if head.framing is LENGTH:
            extra = len(data) - self._left
            if extra < 0:
                self._left -= len(data)
                return data, False
            payload = data[: self._left] if extra else data
            self._finish(reusable=head.keep_alive and not extra)
            return payload, True
        if self._chunks is not None:
            decoded = self._chunks.feed(data)
            if isinstance(decoded, Refusal):
                self._break(Refusal(Reason.UPSTREAM_FRAMING, decoded.detail))
                return None, False
            if self._chunks.finished:
                self._finish(reusable=head.keep_alive and not self._chunks.rest)
                return decoded, True
            return decoded, False
        return data, False

    def _patience(self) -> None:
        if type(self._taker) is _RunOut:
            # Nobody waits for it: whatever comes, it has no more time.
            return
        # An event stream may be quiet for much longer than any other answer may stall.
        table = self._pool.terms.table
        seconds = table.quiet_timeout if self._streams else table.answer_timeout
        self.stream.deadline = self._pool.now + seconds

    def _finish(self, reusable: bool) -> None:
        self._taker = self._head = self._chunks = None
        self._held = False
        self._served = True
        stream = self.stream
        stream.joins = False
        if stream.unsent:
            # Answered before it had read all of the request: the rest is of no use to anybody.
            stream.abort()
            self._pool.gone(self)
        elif reusable and not stream.ended:
            stream.resume()
            self._pool.give_back(self)
        else:
            stream.close()
            self._pool.gone(self)

    def _break(self, refusal: Refusal) -> None:
        taker, self._taker = self._taker, None
        self.stream.abort()
        self._pool.gone(self)
        if taker is not None:
            taker.broken(refusal)

    def lost(self, error: Exception | None) -> None:
        taker, self._taker = self._taker, None
        self._pool.gone(self)
        if taker is None:
            self.ended = self._pool.late_refusal(error)
            return
        head = self._head
        if head is None and not self._buffer:
            taker.broken(self._pool.late_refusal(error))
        elif head is not None and head.framing is CLOSE and error is None:
            # Only a close_notify ends such a body; a bare FIN may be an attacker's cut.
            self._more(taker, b"", True)
        else:
            taker.broken(Refusal(Reason.UPSTREAM_TRUNCATED, "the connection ended inside the answer"))

    def overdue(self) -> None:
        if self._taker is None:
            self.stream.close()
            return self._pool.gone(self)
        table = self._pool.terms.table
        if self._streams:
            return self._break(Refusal(Reason.UPSTREAM_QUIET, f"no byte for {table.quiet_timeout:g} s"))
        self._break(Refusal(Reason.UPSTREAM_TIMEOUT, f"no byte for {table.answer_timeout:g} s"))

    def paused(self) -> None:
        """The upstream reads slowly. Its request is bounded and already judged: nothing to stop."""

    def resumed(self) -> None:
        if not self._held:
            self._patience()

    def secured(self) -> None:
        """The handshake was over before this object was made."""
