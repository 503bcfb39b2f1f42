"""One caller's connection: requests are cut out of the bytes, one exchange at a time, in order.

Pipelined requests wait in the buffer until the exchange before them is answered (RFC 9112 9.3.2);
while the buffer is full the connection is not read. A head that was judged on this connection is
remembered by its bytes without the digits of its Content-Length, so that a client's next call costs
one look-up; whatever could change the judgement (generation, tokens, expiry) is compared each time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cryptography import x509

from mcpgate.identity.peer import principal_of
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.admission import Admission, Denial, admit
from mcpgate.relay.exchange import Exchange
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.observe import verified_chain
from mcpgate.tls.stream import Bug, State, TLSStream
from mcpgate.wire.chunked import ChunkedReader
from mcpgate.wire.http import Framing, RequestHead, judge_unfinished, read_request_head

if TYPE_CHECKING:
    from mcpgate.relay.listener import Listening

# What a caller may send ahead while its request is being answered: one more small request, or a
# dozen pipelined ones. More waits in the kernel.
AHEAD_MOST = 16 * 1024

# The body of a caller who did not say who it is, up to this size, is read and dropped, so that the
# connection lives on (an OAuth client retries on it); a larger one ends the connection.
SKIP_MOST = 64 * 1024

# Heads remembered per connection, and their size. A client sends two or three different ones of
# half a KiB; the largest are those with a certificate or a long JWT in them.
HEADS_MOST = 8
HEAD_MOST = 4 * 1024

# What makes a look at an unfinished head worth while: its beginning, and every control character.
_SUSPECT = re.compile(rb"\A|[\x00-\x1f\x7f]")

_LENGTH = re.compile(rb"\r\ncontent-length: ?(0|[1-9]\d{0,8})\r\n", re.IGNORECASE).search


class Inbound:
    """A caller's connection, from the end of its handshake to its end."""

    def __init__(
        self,
        listening: Listening,
        stream: TLSStream,
        *,
        peer: str,
        local: str,
        sni: str | None,
    ) -> None:
        self.force = listening.force
        self.name = listening.name
        self.stream = stream
        self.peer = peer
        self.local = local
        self.record = ""
        self.handshake: Handshake | None = None
        #: The client's verified chain, leaf first; kept to be judged again when trust changes.
        self.chain: tuple[x509.Certificate, ...] = ()
        self.sni = sni
        self._listening = listening
        self._certificate: Principal | Refusal | None = None
        self._buffer = b""
        self._judged = 0
        self._began = 0.0
        self._exchange: Exchange | None = None
        self._awaiting: Admission | None = None
        self._chunks: ChunkedReader | None = None
        self._payload: list[bytes] = []
        self._size = 0
        self._skip = 0
        self._heads: dict[bytes, Admission] = {}
        self._advancing = False

    def begin(self, handshake: Handshake, record: str) -> None:
        """The handshake holds all that is demanded; requests may come."""
        self.handshake = handshake
        self.record = record
        if handshake.peer is not None:
            self._certificate = principal_of(handshake.peer)
            self.chain = tuple(verified_chain(self.stream.connection))
        self.stream.owner = self
        self._rest()

    @property
    def busy(self) -> bool:
        """Whether an exchange is in flight, or the body of an admitted request is."""
        return self._exchange is not None or self._awaiting is not None

    # What the stream calls.

    def received(self, data: bytes) -> None:
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
            if not data:
                return
        if self._buffer:
            data = self._buffer + data
        elif self._exchange is None and self._awaiting is None:
            self._first_byte()
        self._buffer = data
        if self._exchange is not None or self.stream.congested:
            if len(data) > AHEAD_MOST:
                self.stream.pause(unless_gone=True)
        else:
            self._advance()

    def paused(self) -> None:
        if self._exchange is not None:
            self._exchange.paused()

    def resumed(self) -> None:
        if self._exchange is not None:
            self._exchange.resumed()
        else:
            if self._awaiting is None:
                self._rest()
            else:
                self.stream.deadline = self.force.readiness.now + self._listening.limits.body_timeout
            self._go_on()

    def overdue(self) -> None:
        if self._exchange is not None:
            # Only the wait for an upstream connection has a deadline of ours.
            return self._exchange.lease_overdue()
        if self._awaiting is None and not self._buffer:
            return self.close()
        admission, self._awaiting = self._awaiting, None
        exchange = Exchange(self, self._began, admission.head if admission else None)
        self._exchange = exchange
        exchange.refuse(Refusal(Reason.FRAME_TIMEOUT, "the request did not arrive in time"), close=True)

    def lost(self, error: Exception | None) -> None:
        self._listening.gone(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon(_why(error))

    def secured(self) -> None:
        """The handshake was over before this object was made."""

    # What the exchange and the gate call.

    @property
    def ending(self) -> bool:
        """Whether the connection ends with what is in flight."""
        return self.force.draining or self._listening.retired

    def finished(self, close: bool) -> None:
        """The exchange is answered to its last byte."""
        self._exchange = None
        if close or self.force.draining:
            return self.close()
        self._rest()
        self._go_on()

    def cut(self) -> None:
        """End the connection so that the caller sees a truncated answer."""
        self._exchange = None
        self._listening.gone(self)
        self.stream.abort()

    def close(self) -> None:
        """End the connection in good order; only when nothing is in flight."""
        self._listening.gone(self)
        self.stream.close()

    def end(self, refusal: Refusal) -> None:
        """End the connection now, whatever is in flight."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon(refusal)
        self._listening.gone(self)
        self.stream.abort()

    # Requests out of bytes.

    def _go_on(self) -> None:
        """Take up what waited for the exchange before it, or for a caller that read too slowly."""
        if self.stream.congested:
            return
        self.stream.resume()
        if self._buffer and not self._advancing:
            self._first_byte()
            self._advance()

    def _rest(self) -> None:
        if self._stream_has_the_clock():
            return
        self.stream.deadline = self.force.readiness.now + self._listening.limits.idle_timeout

    def _first_byte(self) -> None:
        self._began = now = self.force.readiness.now
        if self._stream_has_the_clock():
            return
        self.stream.deadline = now + self._listening.limits.head_timeout

    def _stream_has_the_clock(self) -> bool:
        # While it closes, or waits for a caller that takes nothing, the deadline is the stream's.
        return self.stream.state is not State.OPEN or self.stream.congested

    def _advance(self) -> None:
        self._advancing = True
        try:
            stream = self.stream
            while self._buffer and self._exchange is None and stream.state is State.OPEN:
                if stream.congested:
                    # A caller that does not read its answers gets no further ones.
                    break
                if not (self._read_head() if self._awaiting is None else self._read_body(self._awaiting)):
                    break
        finally:
            self._advancing = False

    def _read_head(self) -> bool:
        """Take one head off the buffer; C{False} when it is not complete."""
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n") + 4
        limit = self._listening.limits.head_size
        if end == 3:
            if len(buffer) > limit:
                self._refuse_head(None, Refusal(Reason.FRAME_HEAD_SIZE, f"more than {limit} bytes"))
            elif _SUSPECT.search(buffer, self._judged):
                hopeless = judge_unfinished(buffer)
                if hopeless is not None:
                    self._refuse_head(None, hopeless)
            self._judged = len(buffer)
            return False
        self._judged = 0
        if end > limit:
            self._refuse_head(None, Refusal(Reason.FRAME_HEAD_SIZE, f"more than {limit} bytes"))
            return False
        raw = buffer[:end]
        force = self.force
        key = length = None
        match = _LENGTH(raw)
        if match is not None:
            begin, after = match.span(1)
            key = raw[:begin] + raw[after:]
            length = int(match[1])
            known = self._heads.get(key) if length else None
            if known is not None and length <= self._listening.limits.body_size:
                if known.still_good(force.generation, force.tokens, force.wall()):
                    self._buffer = buffer[end:]
                    return self._expect(known, length)
                del self._heads[key]
        head = read_request_head(raw)
        if isinstance(head, Refusal):
            self._refuse_head(None, head)
            return False
        self._buffer = buffer[end:]
        admission = admit(
            head,
            terms=self._listening.terms,
            generation=force.generation,
            tokens=force.tokens,
            sni=self.sni,
            certificate=self._certificate,
            now=force.wall(),
        )
        if isinstance(admission, Denial):
            self._refuse_head(head, admission)
            return True
        # Only what does not depend on the digits that the key leaves out: a GET may have a length of
        # zero and no other, and an expectation of nothing is none.
        lasting = head.framing is Framing.LENGTH and head.length > 0 and head.get(b"expect") is None
        if key is not None and lasting and end <= HEAD_MOST:
            if len(self._heads) >= HEADS_MOST:
                self._heads.clear()
            self._heads[key] = admission
        return self._expect(admission, head.length)

    def _expect(self, admission: Admission, length: int) -> bool:
        framing = admission.head.framing
        buffer = self._buffer
        if framing is Framing.LENGTH and len(buffer) == length:
            self._buffer = b""
            return self._judge(admission, buffer)
        if framing is Framing.NONE:
            return self._judge(admission, b"")
        self._awaiting = admission
        self._payload = []
        self._size = length
        self._chunks = ChunkedReader(lenient=False) if framing is Framing.CHUNKED else None
        self.stream.deadline = self.force.readiness.now + self._listening.limits.body_timeout
        # A body comes in full records: joining them saves a turn for each.
        self.stream.joins = True
        if admission.head.expects_continue and not buffer:
            self.stream.write(answer.CONTINUE)
        return True

    def _read_body(self, admission: Admission) -> bool:
        """Take the body off the buffer; C{False} when it is not complete."""
        buffer, self._buffer = self._buffer, b""
        chunks = self._chunks
        if chunks is None:
            missing = self._size - len(buffer)
            self._payload.append(buffer if missing >= 0 else buffer[:missing])
            if missing > 0:
                self._size = missing
                return False
            self._buffer = buffer[missing:] if missing else b""
        else:
            decoded = chunks.feed(buffer)
            if isinstance(decoded, Refusal):
                self._awaiting = None
                self._refuse_head(admission.head, decoded)
                return False
            self._payload.append(decoded)
            limit = self._listening.limits.body_size
            # As with a Content-Length: what will be too large need not come first.
            if chunks.announced > limit:
                self._awaiting = None
                self._refuse_head(admission.head, Refusal(Reason.FRAME_BODY_SIZE, f"more than {limit} bytes"))
                return False
            if not chunks.finished:
                return False
            self._buffer = chunks.rest
        self._awaiting = None
        self.stream.joins = False
        body = b"".join(self._payload)
        self._payload = []
        return self._judge(admission, body)

    def _judge(self, admission: Admission, body: bytes) -> bool:
        exchange = self._exchange = Exchange(self, self._began, admission.head)
        upstream = admission.route.upstream.table
        # The longest that one attempt may take (the name, TCP, TLS), and a little.
        wait = 2 * upstream.connect_timeout + upstream.handshake_timeout + 1
        self.stream.deadline = self.force.readiness.now + wait
        exchange.judge(admission, body)
        if self._exchange is None and self._buffer:
            self._first_byte()
        return True

    def _refuse_head(self, head: RequestHead | None, refusal: Refusal | Denial) -> None:
        """Refuse before the body. What follows is only read on when it is known where it ends."""
        exchange = self._exchange = Exchange(self, self._began, head)
        reason = (refusal.refusal if isinstance(refusal, Denial) else refusal).reason
        skip = self._skippable(head, reason)
        if skip is not None:
            taken = min(skip, len(self._buffer))
            self._buffer = self._buffer[taken:]
            self._skip = skip - taken
        exchange.deny(refusal, close=skip is None)
        if self._exchange is None and self._buffer:
            self._first_byte()

    def _skippable(self, head: RequestHead | None, reason: Reason) -> int | None:
        """How much to read and drop so that the connection can live on; C{None}: it cannot."""
        if head is None or head.expects_continue:
            return None
        if head.framing is Framing.NONE:
            return 0
        # Only for somebody who will come back with a proof of who he is. Whoever sends a body that
        # is not for us may well be wrong about its length, too.
        wanted = reason is Reason.AUTH_MISSING or reason is Reason.AUTH_EXPIRED
        if wanted and head.framing is Framing.LENGTH and head.length <= SKIP_MOST:
            return head.length
        return None


def _why(error: Exception | None) -> Refusal:
    """Why a caller's connection is gone, by what its stream says."""
    if error is None:
        return Refusal(Reason.CLIENT_GONE, "the caller closed the connection")
    if isinstance(error, Bug):
        return Refusal(Reason.GATE_ERROR, str(error))
    if isinstance(error, TimeoutError):
        return Refusal(Reason.CLIENT_GONE, f"the caller does not read: {error}")
    return Refusal(Reason.CLIENT_GONE, "the connection broke")
