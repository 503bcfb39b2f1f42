"""One caller's connection: requests are cut out of the bytes, one exchange at a time, in order.

Pipelined requests wait in the buffer until the exchange before them is answered (RFC 9112 9.3.2);
while the buffer is full the connection is not read. A head that was judged is remembered by its bytes
without the digits of its Content-Length and without its trace (C{wire.trace}), so that a client's next call
costs one look-up; whatever could change the judgement (generation, tokens, expiry) is compared each time. A
listener's callers share what they may (L{Heads}); one that proved itself by a certificate has its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cryptography import x509

from mcpgate.evidence.record import where
from mcpgate.generation import ListenerTerms
from mcpgate.identity.accepts import Pending
from mcpgate.policy.decide import shut_out
from mcpgate.policy.who import Caller, address_of
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.admission import FAILURES, Admission, Denial, Preflight, admit, too_often, unasked
from mcpgate.relay.exchange import Exchange
from mcpgate.relay.heads import HEADS_OF_ONE, Heads, Known
from mcpgate.relay.own import Own
from mcpgate.tls.handshake import Certificate, Handshake
from mcpgate.tls.observe import verified_chain
from mcpgate.tls.readiness import NEVER
from mcpgate.tls.stream import OPEN, Bug, TLSStream
from mcpgate.wire.chunked import ChunkedReader
from mcpgate.wire.http import CHUNKED, LENGTH, NONE, RequestHead, judge_unfinished, read_request_head
from mcpgate.wire.trace import NAMES, Trace, cut, trace_of

if TYPE_CHECKING:
    from mcpgate.relay.entry import Entry

# What a caller may send ahead while its request is being answered: one more small request, or a
# dozen pipelined ones. More waits in the kernel.
AHEAD_MOST = 16 * 1024

# Somebody has to be asked who calls (an issuer's keys, an opaque token), and then perhaps for keys once more.
ASKED_MOST = 2
NOT_TO_BE_HAD = Refusal(Reason.AUTH_UNAVAILABLE, "it was asked for, and is not to be had")

# Seconds for which a stream goes on after what was known of its opaque token is over, while its issuer cannot
# be asked: one that is started anew need not cost everybody their streams.
UNSURE_MOST = 30.0

# The body of a caller who did not say who it is, up to this size, is read and dropped, so that the
# connection lives on (an OAuth client retries on it); a larger one ends the connection.
SKIP_MOST = 64 * 1024

# What makes a look at an unfinished head worth while: its beginning, and every control character.
_SUSPECT = re.compile(rb"\A|[\x00-\x1f\x7f]")

# The payload of a request that is not arriving; nobody adds to it.
_NOTHING: list[bytes] = []

_ZERO = ord("0")
_LENGTH = re.compile(rb"\r\ncontent-length: ?(0|[1-9]\d{0,8})\r\n", re.IGNORECASE).search


class Inbound:
    """A caller's connection, from the end of its handshake to its end."""

    # There may be ten thousand idle ones.
    __slots__ = (
        "chain",
        "force",
        "local",
        "name",
        "record",
        "shaken",
        "sni",
        "source",
        "stream",
        "trace",
        "_advancing",
        "_arrived",
        "_asked",
        "_asking",
        "_awaiting",
        "_began",
        "_buffer",
        "_chunks",
        "_exchange",
        "_heads",
        "_judged",
        "_last",
        "_listening",
        "_payload",
        "_peer",
        "_since",
        "_size",
        "_skip",
    )

    def __init__(
        self,
        listening: Entry,
        stream: TLSStream,
        *,
        peer: str | None,
        local: str,
        sni: str | None,
        source: str = "",
    ) -> None:
        """
        @param peer: the caller's address where it is not that of the socket.
        """
        self.force = listening.force
        self.name = listening.name
        self.stream = stream
        self._peer = peer
        self.local = local
        self.record = ""
        #: What was negotiated, for rules that ask for it.
        self.shaken: Handshake | None = None
        #: The client's verified chain, leaf first; kept to be judged again when trust changes.
        self.chain: tuple[x509.Certificate, ...] = ()
        self.sni = sni
        #: Who its failures count for (C{relay.crowd}).
        self.source = source
        #: The trace that the request belongs to which is being read or answered.
        self.trace: Trace | None = None
        self._listening = listening
        self._buffer = b""
        self._judged = 0
        self._began = 0.0
        self._exchange: Exchange | None = None
        self._awaiting: Admission | Own | None = None
        self._chunks: ChunkedReader | None = None
        self._payload: list[bytes] = _NOTHING
        self._size = 0
        self._arrived = 0
        self._since = 0.0
        self._skip = 0
        self._heads = listening.heads
        self._last: Known | None = None
        self._advancing = False
        # What is asked of who calls, if it is, and how often that was for this head.
        self._asking: Pending | None = None
        self._asked = 0

    def begin(self, handshake: Handshake, record: str) -> None:
        """The handshake holds all that is demanded; requests may come."""
        self.record = record
        self.shaken = self._listening.alike(handshake)
        if handshake.peer is not None:
            self._heads = Heads(HEADS_OF_ONE)
            self.chain = tuple(verified_chain(self.stream.connection))
        self.stream.owner = self
        self._rest()

    @property
    def peer(self) -> str:
        """The caller's address."""
        return self._peer if self._peer is not None else where(self.stream.peer())

    @property
    def busy(self) -> bool:
        """Whether an exchange is in flight, or a request has begun to arrive."""
        return self._exchange is not None or self._awaiting is not None or bool(self._buffer)

    @property
    def streams(self) -> bool:
        """Whether its caller is answered with a stream of events."""
        return self._exchange is not None and self._exchange.streams

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
            self._began = self.force.readiness.now
        self._buffer = data
        if self._exchange is not None or self._asking or self.stream.congested:
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
                # It was us who did not read: the body has all of its time again.
                self._since = self.force.readiness.now
                self._expect_more()
            self._go_on()

    def overdue(self) -> None:
        if self._exchange is not None:
            return self._exchange.overdue()
        if self._awaiting is None and not self._buffer:
            return self.close()
        admission, self._awaiting = self._awaiting, None
        exchange = Exchange(self, self._began, admission.head if admission else None)
        self._exchange = exchange
        refusal = Refusal(Reason.FRAME_TIMEOUT, "the request did not arrive in time")
        limits = self._listening.limits
        if admission is not None and self.force.readiness.now < self._since + limits.body_timeout:
            detail = f"less than {limits.body_rate} bytes a second"
            refusal = Refusal(Reason.FRAME_BODY_RATE, detail)
        exchange.deny(_denied(admission, refusal) if admission else refusal, close=True)

    def lost(self, error: Exception | None) -> None:
        self._listening.gone(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon(_why(error))
        if self._asking is not None and self._asking.stranger:
            # It was asked for him all the same, and who does not wait for answers could ask for ever.
            self.failing()

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
        stream = self.stream
        if self._buffer or stream.congested or stream.state is not OPEN:
            return self._go_on()
        stream.resume()
        force = self.force
        stream.deadline = force.readiness.now + force.generation.config.limits.idle_timeout

    def drain(self) -> None:
        """End what its caller can do again elsewhere: an idle connection, a stream between two events."""
        if self._exchange is None:
            # What its caller has just sent is served.
            self.stream.look()
        if self._exchange is not None:
            self._exchange.drain()
        elif not self.busy and self.stream.state is OPEN:
            self.close()

    def judge_again(self) -> None:
        """End a stream whose caller may not open it any more, or not like that: the token, say, or the
        session is over, or the rules are others. A call goes on, but for one whose caller was revoked, or
        is blocked by now whatever it asks for."""
        exchange = self._exchange
        if exchange is None or exchange.admission is None:
            return
        if not exchange.repeatable:
            return self._judge_caller(exchange, exchange.admission)
        admission, force, now = exchange.admission, self.force, self.force.wall()
        by = force.generation, force.accepts
        known = exchange.judged_by or (admission.generation, admission.accepts, admission.expires)
        same = known[0] is by[0] and known[1] is by[1]
        if same and (known[2] is None or now < known[2]):
            return
        judged = self.admit_again(admission.head)
        if isinstance(judged, Pending):
            judged.begin(self._told_again)
        elif isinstance(judged, Admission):
            exchange.judged_by = (*by, judged.expires)
            exchange.judge_again(judged)
        elif not (same and known[2] is not None and _may_be_asked_again(judged.refusal, now - known[2])):
            exchange.judged_by = (*by, known[2])
            exchange.end_stream(judged.refusal)

    def _told_again(self) -> None:
        # As in _told: others are told after us, and a bug here is not for them to bear.
        self.force.readiness.soon(self.judge_again, self.stream)

    def _judge_caller(self, exchange: Exchange, admission: Admission) -> None:
        """End a call that was let in, if its caller is to have nothing more since."""
        generation, accepts = self.force.generation, self.force.accepts
        known = exchange.judged_by or (admission.generation, admission.accepts, admission.expires)
        if known[0] is generation and known[1] is accepts:
            return
        exchange.judged_by = generation, accepts, known[2]
        refusal = accepts.issued.revokes(admission.principal, self.force.wall(), self._certificate)
        if refusal is None and known[0] is not generation:
            asked = generation.policy.regard
            caller = Caller(
                admission.principal,
                address_of(self.peer) if asked.address else None,
                self.shaken if asked.handshake else None,
            )
            rule = shut_out(generation.policy.callers(caller), admission.route.name)
            if rule is not None:
                refusal = Refusal(Reason.POLICY_BLOCKED, f"the rule {rule} blocks its caller since")
        if refusal is not None:
            exchange.revoke(refusal)

    @property
    def _certificate(self) -> Certificate | None:
        """What its caller has shown, where that is still asked for."""
        asked = self._listening.terms.table.client_certificates != "off"
        return self.shaken.peer if asked and self.shaken is not None else None

    def note_use(self) -> None:
        """Have it known who uses the connection, or has since that was last asked of all."""
        exchange, uses = self._exchange, self.force.uses
        if exchange is not None and exchange.admission is not None:
            uses.note(exchange.admission.principal)
        if self._last is not None and self._began > uses.since:
            uses.note(self._last[2].principal)

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
            self._began = self.force.readiness.now
            # Not inside the exchange before it: a bug in this one is not for that one's upstream to bear.
            self.force.readiness.soon(self._advance, self.stream)

    def _rest(self) -> None:
        if not self._stream_has_the_clock():
            self.stream.deadline = self.force.readiness.now + self._listening.limits.idle_timeout

    def _stream_has_the_clock(self) -> bool:
        # While it closes, or waits for a caller that takes nothing, the deadline is the stream's.
        return self.stream.state is not OPEN or self.stream.congested

    def _advance(self) -> None:
        self._advancing = True
        try:
            stream = self.stream
            while self._buffer and self._exchange is None and not self._asking and stream.state is OPEN:
                if stream.congested:
                    # A caller that does not read its answers gets no further ones.
                    break
                if not (self._read_head() if self._awaiting is None else self._read_body(self._awaiting)):
                    break
        finally:
            self._advancing = False
        if self._buffer and self._exchange is None and self._awaiting is None and not self._asking:
            # The beginning of a head: the rest must come in time.
            if not self._stream_has_the_clock():
                stream.deadline = self._began + self._listening.limits.head_timeout

    def _read_head(self) -> bool:
        """Take one head off the buffer; C{False} when it is not complete."""
        buffer = self._buffer
        self.trace = None
        if self._last is not None and self._is_last(self._last, buffer):
            return True
        end = buffer.find(b"\r\n\r\n") + 4
        limits = self._listening.limits
        limit = limits.head_size
        if end == 3:
            if len(buffer) > limit:
                self._refuse_head(None, Refusal(Reason.FRAME_HEAD_SIZE, f"more than {limit} bytes"))
            # From one byte before: a CR at the end was no fault yet.
            elif _SUSPECT.search(buffer, max(self._judged - 1, 0)):
                hopeless = judge_unfinished(buffer)
                if hopeless is not None:
                    self._refuse_head(None, hopeless)
            self._judged = len(buffer)
            return False
        self._judged = 0
        if end > limit:
            self._refuse_head(None, Refusal(Reason.FRAME_HEAD_SIZE, f"more than {limit} bytes"))
            return False
        whole = b""
        if buffer.find(b"race", 0, end) >= 0:
            traced = cut(buffer, end)
            if traced is not None:
                whole = buffer[:end]
                end -= len(buffer) - len(traced[0])
                buffer, self.trace = traced
                if self._last is not None and self._is_last(self._last, buffer):
                    return True
        match = _LENGTH(buffer, 0, end)
        if match is not None:
            begin, after = match.span(1)
            size = int(match[1])
            found = self._heads.get(buffer[:begin] + buffer[after:end]) if size else None
            if found is not None and size <= limits.body_size and self._still_good(found[2]):
                self._last = found
                self.force.uses.note(found[2].principal)
                return self._admitted(found[2], size, buffer[end:])
        head = read_request_head(buffer[:end])
        if isinstance(head, Refusal):
            self._refuse_head(None, head)
            return False
        # Whether what was cut is all that it says of a trace.
        plain = NAMES.isdisjoint(head.fields) and not (whole and head.nominated)
        if not plain:
            head = read_request_head(whole) if whole else head
            if isinstance(head, Refusal):
                self._refuse_head(None, head)
                return False
            self.trace = trace_of(head.headers, head.nominated)
        admission = self.admit(head)
        if isinstance(admission, Pending):
            later = self._listening.asking(self.source) if admission.stranger else 0
            if later:
                strange = Refusal(Reason.AUTH_UNAVAILABLE, "nobody is asked yet about another unknown proof")
                admission = too_often(self._unasked(head, strange), later)
            elif self._asked < ASKED_MOST:
                return self._wait(admission)
            else:
                admission = self._unasked(head, NOT_TO_BE_HAD)
        self._asked = 0
        self._buffer = buffer[end:]
        if isinstance(admission, Denial):
            # Whoever was let in before may be who is refused now, and no use is to be made of that.
            self._last = None
            self._refuse_head(head, admission)
            return True
        if isinstance(admission, Preflight):
            exchange = self._exchange = Exchange(self, self._began, head)
            exchange.told(admission)
            self._next_begins()
            return True
        if isinstance(admission, Own):
            return self._expect(admission, head.length)
        self.force.uses.note(admission.principal)
        # Only what does not depend on the digits that the key leaves out: a GET may have a length of
        # zero and no other, and an expectation of nothing is none.
        lasting = head.framing is LENGTH and head.length > 0 and head.get(b"expect") is None
        if match is not None and lasting and plain:
            if admission.only_here and self._heads is self._listening.heads:
                # What is good for one caller's connection is not for another's.
                self._heads = Heads(HEADS_OF_ONE)
            self._heads.remember(buffer[:begin], buffer[after:end], admission)
        return self._expect(admission, head.length)

    def _is_last(self, last: Known, buffer: bytes) -> bool:
        """Whether it is the same head as before, but for the digits of its length: most clients send no
        other. It is taken then."""
        before, behind, known = last
        if not buffer.startswith(before):
            return False
        begin = len(before)
        after = buffer.find(behind, begin, begin + 9 + len(behind))
        digits = buffer[begin:after]
        if not (after > begin and digits.isdigit() and digits[0] != _ZERO and self._still_good(known)):
            return False
        length = int(digits)
        if length > self.force.generation.config.limits.body_size:
            return False
        self._judged = 0
        return self._admitted(known, length, buffer[after + len(behind) :])

    def _wait(self, pending: Pending) -> bool:
        """The head stays where it is, or the body, and is read again when somebody knows who calls."""
        self._asked += 1
        self._asking = pending
        self.stream.deadline = NEVER
        pending.begin(self._told)
        return False

    def _unasked(self, head: RequestHead, refusal: Refusal) -> Denial:
        return unasked(head, refusal, self._listening.terms, self.force.generation)

    def _told(self) -> None:
        self._asking = None
        if self.stream.state is OPEN:
            # Not inside whatever was waited for: a bug in this exchange is not for that to bear.
            self.force.readiness.soon(self._take_up, self.stream)

    def _take_up(self) -> None:
        if not self._asking and self._exchange is None and self.stream.state is OPEN:
            if not self.stream.congested:
                self.stream.resume()
                if self._awaiting is not None and not self._buffer and not self._asking:
                    self._read_body(self._awaiting)
            self._advance()
            if not self._asking:
                # Also where the head was found to be judged meanwhile, for somebody else who sends it.
                self._asked = 0

    def admit(self, head: RequestHead) -> Admission | Denial | Preflight | Own | Pending:
        """Judge a head, by what there is to know of this connection."""
        force = self.force
        asked = force.generation.policy.regard
        return admit(
            head,
            terms=self._listening.terms,
            generation=force.generation,
            accepts=force.accepts,
            sni=self.sni,
            peer=self.shaken.peer if self.shaken is not None else None,
            now=force.wall(),
            address=address_of(self.peer) if asked.address or force.accepts.issued.by_address else None,
            handshake=self.shaken if asked.handshake else None,
        )

    def admit_again(self, head: RequestHead) -> Admission | Denial | Pending:
        """Judge a head anew by which something was asked of a route."""
        judged = self.admit(head)
        if isinstance(judged, Preflight | Own):
            return Denial(Refusal(Reason.ROUTE_UNKNOWN, "its path has become the gate's own"))
        return judged

    @property
    def terms(self) -> ListenerTerms:
        """What its listener demands now."""
        return self._listening.terms

    def failing(self) -> int:
        """Its caller failed to prove something: 0, or how many seconds it is too much for."""
        return self._listening.failing(self.source)

    def spent(self) -> bool:
        """Whether its caller has failed as often as it may."""
        return self._listening.spent(self.source)

    def _still_good(self, known: Admission | Own) -> bool:
        force = self.force
        return known.still_good(force.generation, force.accepts, self.sni, force.wall())

    def _admitted(self, known: Admission, length: int, rest: bytes) -> bool:
        """A head with a length that was judged before; C{rest} is what came behind it."""
        if len(rest) == length:
            self._buffer = b""
            return self._judge(known, rest)
        self._buffer = rest
        return self._expect(known, length)

    def _expect(self, admission: Admission | Own, length: int) -> bool:
        framing = admission.head.framing
        buffer = self._buffer
        if framing is LENGTH and len(buffer) == length:
            self._buffer = b""
            return self._judge(admission, buffer)
        if framing is NONE:
            return self._judge(admission, b"")
        self._awaiting = admission
        self._payload = []
        self._size = length
        self._arrived = 0
        self._chunks = None
        if framing is CHUNKED:
            self._chunks = ChunkedReader(lenient=False, most=self._listening.limits.chunks)
        self._since = self.force.readiness.now
        self._expect_more()
        # A body comes in full records: joining them saves a turn for each.
        self.stream.joins = True
        if admission.head.expects_continue and not buffer:
            self.stream.write(answer.CONTINUE)
        return True

    def _expect_more(self) -> None:
        """The rest of a body may take as long as its pace so far allows, and no longer than any body."""
        limits = self._listening.limits
        allowed = min(limits.body_timeout, limits.body_grace + self._arrived / limits.body_rate)
        self.stream.deadline = self._since + allowed

    def _read_body(self, admission: Admission | Own) -> bool:
        """Take the body off the buffer; C{False} when it is not complete."""
        buffer, self._buffer = self._buffer, b""
        chunks = self._chunks
        if chunks is None:
            missing = self._size - len(buffer)
            self._payload.append(buffer if missing >= 0 else buffer[:missing])
            if missing > 0:
                self._size = missing
                self._arrived += len(buffer)
                self._expect_more()
                return False
            self._buffer = buffer[missing:] if missing else b""
        else:
            decoded = chunks.feed(buffer)
            if isinstance(decoded, Refusal):
                self._awaiting = None
                self._refuse_head(admission.head, _denied(admission, decoded))
                return False
            self._payload.append(decoded)
            self._arrived += len(decoded)
            limit = admission.place.most if type(admission) is Own else self._listening.limits.body_size
            # As with a Content-Length: what will be too large need not come first.
            if chunks.announced > limit:
                self._awaiting = None
                too_large = Refusal(Reason.FRAME_BODY_SIZE, f"more than {limit} bytes")
                self._refuse_head(admission.head, _denied(admission, too_large))
                return False
            if not chunks.finished:
                self._expect_more()
                return False
            self._buffer = chunks.rest
        self._awaiting = None
        self.stream.joins = False
        body = b"".join(self._payload)
        self._payload = _NOTHING
        if not self._still_good(admission):
            # The body took its time, and who calls, or what the rules say, may be another matter by now.
            judged = self.admit(admission.head)
            if isinstance(judged, Pending):
                if self._asked < ASKED_MOST:
                    # Nothing is missing of the body, which waits as heads do.
                    self._awaiting, self._payload, self._size, self._chunks = admission, [body], 0, None
                    return self._wait(judged)
                judged = _denied(admission, NOT_TO_BE_HAD)
            elif not isinstance(judged, type(admission) | Denial):
                judged = Denial(Refusal(Reason.ROUTE_UNKNOWN, "its path leads elsewhere since it was sent"))
            if isinstance(judged, Denial):
                exchange = self._exchange = Exchange(self, self._began, admission.head)
                exchange.deny(judged, close=False)
                self._next_begins()
                return True
            admission = judged
        return self._judge(admission, body)

    def _judge(self, admission: Admission | Own, body: bytes) -> bool:
        exchange = self._exchange = Exchange(self, self._began, admission.head)
        if type(admission) is Own:
            exchange.serve(admission, body)
        else:
            exchange.judge(admission, body)  # type: ignore[arg-type]
        self._next_begins()
        return True

    def _next_begins(self) -> None:
        """What is left behind a request that was answered at once is the next one's beginning."""
        if self._exchange is None and self._buffer:
            self._began = self.force.readiness.now

    def _refuse_head(self, head: RequestHead | None, refusal: Refusal | Denial) -> None:
        """Refuse before the body. What follows is only read on when it is known where it ends."""
        if isinstance(refusal, Denial) and refusal.refusal.reason in FAILURES:
            wait = self.failing()
            if wait:
                refusal = too_often(refusal, wait)
        exchange = self._exchange = Exchange(self, self._began, head)
        reason = (refusal.refusal if isinstance(refusal, Denial) else refusal).reason
        skip = self._skippable(head, reason)
        if skip is not None:
            taken = min(skip, len(self._buffer))
            self._buffer = self._buffer[taken:]
            self._skip = skip - taken
        exchange.deny(refusal, close=skip is None)
        self._next_begins()

    def _skippable(self, head: RequestHead | None, reason: Reason) -> int | None:
        """How much to read and drop so that the connection can live on; C{None}: it cannot."""
        if head is None or head.expects_continue:
            return None
        if head.framing is NONE:
            return 0
        # Only for somebody who will come back with a proof of who he is. Whoever sends a body that
        # is not for us may well be wrong about its length, too.
        wanted = reason in (Reason.AUTH_MISSING, Reason.AUTH_EXPIRED, Reason.AUTH_SCOPE)
        if wanted and head.framing is LENGTH and head.length <= SKIP_MOST:
            return head.length
        return None


def _denied(admission: Admission | Own, refusal: Refusal) -> Denial:
    """What becomes of a head whose body is refused before it is whole."""
    if isinstance(admission, Own):
        return Denial(refusal, admission.place.route, cors=admission.cors)
    return admission.denied(refusal)


def _may_be_asked_again(refusal: Refusal, over: float) -> bool:
    """Whether a stream whose proof is over goes on: nobody could be asked about it, and that may not last."""
    return refusal.reason is Reason.AUTH_UNAVAILABLE and over < UNSURE_MOST


def _why(error: Exception | None) -> Refusal:
    """Why a caller's connection is gone, by what its stream says."""
    if error is None:
        return Refusal(Reason.CLIENT_GONE, "the caller closed the connection")
    if isinstance(error, Bug):
        return Refusal(Reason.GATE_ERROR, str(error))
    if isinstance(error, TimeoutError):
        return Refusal(Reason.CLIENT_GONE, f"the caller does not read: {error}")
    return Refusal(Reason.CLIENT_GONE, "the connection broke")
