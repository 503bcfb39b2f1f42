"""One HTTP request and its whole response: the story of the gate, top to bottom.

Every step is a call into one room; a step that says no gives a L{Refusal}, and only
C{relay.answer} turns that into bytes. Nothing here waits in a coroutine: a step that must wait
(for a connection, for the answer) is a method that whoever was waited for calls.

 1. L{refuse} or L{judge}: the head was refused or admitted (C{relay.admission});
 2. L{judge}: the body is one JSON-RPC message (C{wire.jsonrpc}), a call (C{wire.call}), allowed or
    not (C{policy.decide}; C{relay.judged} remembers);
 3. L{leased}: a verified connection is there, and the C{open} line is told; at the end of the turn,
    once it is in the journal, and only then, the bytes that were judged are forwarded (L{_forward});
 4. L{begun}, L{more}: the answer goes to the caller as it arrives;
 5. L{_close}: the C{close} line is written, once, whatever happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcpgate.evidence.journal import new_id
from mcpgate.evidence.record import Outcome, call_facts, caller_facts, close_line, open_line
from mcpgate.generation import RouteTerms
from mcpgate.identity.principal import Principal
from mcpgate.policy.decide import reaches
from mcpgate.policy.rules import ALLOW
from mcpgate.reasons import ANSWERS, Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.admission import Admission, Denial
from mcpgate.relay.judged import judge
from mcpgate.tls.readiness import NEVER
from mcpgate.upstream.connection import UpstreamConnection
from mcpgate.upstream.pool import Pool
from mcpgate.wire.forward import LAST_CHUNK, chunk
from mcpgate.wire.http import CHUNKED, CLOSE, RequestHead, ResponseHead
from mcpgate.wire.jsonrpc import REQUEST, RESPONSE, Message, id_of, parse
from mcpgate.wire.sse import EventMeter, is_event_stream

if TYPE_CHECKING:
    from mcpgate.relay.inbound import Inbound

_OUTCOMES = {
    Reason.UPSTREAM_TRUNCATED: Outcome.UPSTREAM_TRUNCATED,
    Reason.UPSTREAM_TIMEOUT: Outcome.TIMEOUT,
    Reason.UPSTREAM_QUIET: Outcome.TIMEOUT,
    Reason.CLIENT_GONE: Outcome.CLIENT_GONE,
    Reason.GATE_DRAINING: Outcome.DRAINED,
    Reason.GATE_ERROR: Outcome.FAILED,
}
_COMPLETED = Outcome.COMPLETED


class Exchange:
    """From the end of a request's head to the last byte of its answer."""

    # What most exchanges never change stands here, once: one of these is made for each request.
    _admission: Admission | None = None
    _route: RouteTerms | None = None
    _principal: Principal | None = None
    _body = b""
    _size_in = 0
    _message: Message | None = None
    _known_id: bytes | None = None
    _facts = call_facts(None, None, None)
    _pool: Pool | None = None
    _connection: UpstreamConnection | None = None
    _outbound: str | None = None
    _opened = False
    _kept = False
    _closed = False
    _chunked = False
    _meter: EventMeter | None = None
    _ending = False
    _status: int | None = None
    _bytes_out = 0

    def __init__(self, inbound: Inbound, began: float, head: RequestHead | None) -> None:
        """
        @param began: when the request's first byte arrived, on the readiness set's clock.
        @param head: C{None} when it could not be read; the connection then ends with the answer.
        """
        self.began = began
        self.id = new_id("x")
        self._inbound = inbound
        self._head = head

    # 1. and 2.: what the caller sent.

    def deny(self, denial: Denial | Refusal, *, close: bool) -> None:
        """The head was refused."""
        if isinstance(denial, Denial):
            self._route, self._principal = denial.route, denial.principal
            denial = denial.refusal
        self.refuse(denial, close=close)

    def judge(self, admission: Admission, body: bytes) -> None:
        """The request is here, whole."""
        self._admission = admission
        self._body = body
        self._size_in = len(body)
        if admission.head.method != b"POST":
            return self._judge_stream(admission)
        message = parse(body)
        if isinstance(message, Refusal):
            known = id_of(body)
            if known is not None:
                self._known_id = Message(REQUEST, known, None, {}).id_json()
            return self.refuse(message)
        self._message = message
        policy = admission.generation.policy
        if message.kind is RESPONSE:
            # The answer to something that the upstream asked the caller on a stream (up to
            # 2025-11-25). It names no method; whoever may use the route may answer.
            verdict = reaches(policy, admission.route.name)
            self._facts = call_facts(None, None, verdict)
            if verdict.action is not ALLOW:
                return self._answer(answer.ACCEPTED, 202, Refusal(Reason.POLICY_UNLISTED))
            return self._lease(admission)
        judged = judge(message, admission.route, policy)
        if isinstance(judged, Refusal):
            return self.refuse(judged)
        self._facts = judged.facts
        if judged.verdict.action is not ALLOW:
            raw = answer.blocked_bytes(message, judged.call, admission.revision)
            refusal = Refusal(judged.verdict.reason or Reason.POLICY_BLOCKED)
            return self._answer(raw, int(raw[9:12]), refusal)
        self._lease(admission)

    def _judge_stream(self, admission: Admission) -> None:
        # GET opens a stream for what the upstream wants to say, DELETE ends a session: both belong
        # to whoever may use anything on the route.
        verdict = reaches(admission.generation.policy, admission.route.name)
        self._facts = call_facts(None, None, verdict)
        if verdict.action is ALLOW:
            return self._lease(admission)
        self._answer(answer.no_stream_bytes(), 405, Refusal(Reason.POLICY_UNLISTED))

    # 3.: a verified connection, the open line, and only then the bytes.

    def _lease(self, admission: Admission) -> None:
        inbound = self._inbound
        if inbound.ending and self._repeatable:
            # Its head was on its way when the drain ended the others; nobody would end this one.
            return self.refuse(Refusal(Reason.GATE_DRAINING, "before the stream began"))
        upstream = admission.route.upstream
        pool = self._pool = inbound.force.pool(upstream)
        if pool is None:
            detail = "the upstream was reconfigured while the request arrived"
            return self.refuse(Refusal(Reason.UPSTREAM_UNREACHABLE, detail))
        pool.lease(self)
        if self._pool is not None:
            # The longest that one attempt may take (the name, TCP, TLS), and a little.
            wait = 2 * upstream.table.connect_timeout + upstream.table.handshake_timeout + 1
            inbound.stream.deadline = inbound.force.readiness.now + wait

    def lease_overdue(self) -> None:
        """No connection in the time that one attempt may take."""
        if self._pool is not None:
            self._pool.withdraw(self)
            self.unleased(Refusal(Reason.UPSTREAM_BUSY, "no connection became free in time"))

    def leased(self, connection: UpstreamConnection) -> None:
        inbound = self._inbound
        self._pool = None
        inbound.stream.deadline = NEVER
        self._connection = connection
        self._outbound = connection.record
        self._open()
        # With the lines of all that this turn opens, which cost the journal one write.
        inbound.force.readiness.soon(self._forward, inbound.stream)

    def _forward(self) -> None:
        connection, admission = self._connection, self._admission
        if connection is None or admission is None:
            # The caller left in the same turn.
            return
        witness = self._inbound.force.witness
        if not (witness.settle() and self._kept):
            # Kept and settled: a line that was dropped for want of room is not owed any more.
            self._connection = None
            connection.unused()
            return self.refuse(Refusal(Reason.GATE_JOURNAL, witness.failure or ""))
        body = self._body
        method = admission.head.method
        if method == b"POST":
            request = b"%bcontent-length: %d\r\n\r\n%b" % (admission.forward, len(body), body)
        else:
            request = admission.forward + b"\r\n"
        if connection.send(method, request, self):
            self._body = b""
        else:
            self._connection = None
            self._lease(admission)

    def unleased(self, refusal: Refusal, record: str | None = None) -> None:
        self._pool = None
        self._outbound = record
        self.refuse(refusal)

    # 4.: the answer.

    def begun(self, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> None:
        if head.status in (401, 407):
            # Its challenge is about our credential, not about the caller's: relaying it would
            # send the caller to the wrong authorization server (MCP, "Token Passthrough").
            connection, self._connection = self._connection, None
            if connection is not None and not finished:
                connection.abandon()
            return self.refuse(Refusal(Reason.UPSTREAM_UNAUTHORIZED, f"it answered {head.status}"))
        self._status = head.status
        self._bytes_out = len(payload)
        inbound = self._inbound
        if finished:
            # It is somebody else's by now: a slow caller of ours must not stop it.
            self._connection = None
        elif inbound.stream.congested:
            self.paused()
        if not finished and is_event_stream(head.get(b"content-type")):
            self._meter = EventMeter()
            if self._measure(self._meter, payload):
                return
        last = self._last()
        if last:
            # RFC 9112 9.6: or the caller might send its next request to nobody.
            emitted = emitted[:-2] + b"connection: close\r\n\r\n"
        framing = head.framing
        if framing is CHUNKED or framing is CLOSE:
            self._chunked = True
            if payload:
                emitted += chunk(payload)
            if finished:
                emitted += LAST_CHUNK
        elif payload:
            emitted += payload
        inbound.stream.write(emitted)
        if finished:
            self._done(None, close=last)

    def more(self, payload: bytes, finished: bool) -> None:
        self._bytes_out += len(payload)
        if finished:
            self._connection = None
        elif self._meter is not None and self._measure(self._meter, payload):
            return
        if self._chunked:
            if payload:
                payload = chunk(payload)
            if finished:
                payload += LAST_CHUNK
        self._inbound.stream.write(payload)
        if finished:
            self._done(None, close=self._last())

    def _measure(self, meter: EventMeter, payload: bytes) -> bool:
        """Whether a stream ends with these bytes: its event is too large, or it was to end anyway."""
        size = meter.feed(payload)
        most = self._inbound.force.generation.config.limits.event_size
        if size > most:
            if self._connection is not None:
                self._connection.abandon()
            self.broken(Refusal(Reason.UPSTREAM_EVENT_SIZE, f"an event of more than {most} bytes"))
            return True
        if self._ending and size < len(payload):
            self._bytes_out -= len(payload)
            self._end_stream(meter.last_of(payload))
            return True
        return False

    def broken(self, refusal: Refusal) -> None:
        if self._closed:
            # Answered in full; what failed came after.
            return
        self._connection = None
        if self._status is None:
            return self.refuse(refusal)
        # Half an answer is out: the caller must see that it is half. No last chunk, no
        # close_notify; whatever is left of it in our buffer goes with it.
        self._close(refusal)
        self._inbound.cut()

    # Backpressure: what the caller does not read is not read from the upstream.

    def paused(self) -> None:
        """The caller reads slowly."""
        if self._connection is not None:
            self._connection.pause()

    def resumed(self) -> None:
        """The caller caught up."""
        if self._connection is not None:
            self._connection.resume()

    # A drain: what can be had again elsewhere ends, what cannot goes on.

    def drain(self) -> None:
        """
        End a stream that its client opens again when it ends: one that a GET opened, or
        C{subscriptions/listen}. It ends between two events, as if the upstream had ended it.

        The answer to a call is waited for, also where it comes as a stream.
        """
        if self._closed or not self._repeatable:
            return
        if self._status is None:
            connection, self._connection = self._connection, None
            if self._pool is not None:
                self._pool.withdraw(self)
                self._pool = None
            if connection is not None:
                connection.abandon()
            self.refuse(Refusal(Reason.GATE_DRAINING, "before the stream began"))
        elif self._meter is not None and self._chunked:
            self._ending = True
            if not self._meter.size:
                self._end_stream(self._meter.last_of(b""))

    @property
    def _repeatable(self) -> bool:
        """Whether it is one of those streams."""
        admission, message = self._admission, self._message
        listens = message is not None and message.method == "subscriptions/listen"
        return admission is not None and (admission.head.method == b"GET" or listens)

    def _end_stream(self, payload: bytes) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()
        self._bytes_out += len(payload)
        self._inbound.stream.write((chunk(payload) if payload else b"") + LAST_CHUNK)
        self._done(Refusal(Reason.GATE_DRAINING, "the stream was ended between two events"), close=True)

    # 5.: the end, in one of four ways.

    def refuse(self, refusal: Refusal, *, close: bool = False) -> None:
        """Answer with a refusal. C{close}: the request's end is unknown, so nothing may follow it."""
        close = close or self._last()
        message, id_json = self._message, self._known_id
        if message is not None and message.kind is REQUEST:
            id_json = message.id_json()
        raw = answer.refusal_bytes(refusal, id_json=id_json, exchange=self.id, close=close)
        self._answer(raw, ANSWERS[refusal.reason].status, refusal, close=close)

    def abandon(self, refusal: Refusal) -> None:
        """The caller is gone, or the gate is going: carry it on to the upstream."""
        if self._pool is not None:
            self._pool.withdraw(self)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()
        self._close(refusal)

    def _answer(self, raw: bytes, status: int, refusal: Refusal, *, close: bool = False) -> None:
        self._status = status
        body = raw.find(b"\r\n\r\n") + 4
        if (close or self._last()) and not raw.endswith(b"\r\nconnection: close\r\n\r\n", 0, body):
            # RFC 9112 9.6, as in L{begun}.
            raw = raw[: body - 2] + b"connection: close\r\n\r\n" + raw[body:]
            body = raw.find(b"\r\n\r\n") + 4
        if self._head is not None and self._head.method == b"HEAD":
            # RFC 9110 9.3.2: no body follows; sent all the same, it would be read as the next answer.
            raw = raw[:body]
        self._bytes_out = len(raw) - body
        self._open()
        self._inbound.stream.write(raw)
        self._done(refusal, close=close or self._last())

    def _done(self, refusal: Refusal | None, *, close: bool) -> None:
        self._connection = None
        self._close(refusal)
        self._inbound.finished(close)

    def _last(self) -> bool:
        """Whether this answer is the last on the connection."""
        return self._head is None or not self._head.keep_alive or self._inbound.ending

    # Evidence.

    def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        inbound, admission = self._inbound, self._admission
        witness = inbound.force.witness
        line = open_line(
            self.id,
            time=witness.stamp(),
            inbound=inbound.record,
            outbound=self._outbound,
            caller=admission.facts if admission is not None else self._refused_facts(),
            call=self._facts,
        )
        self._kept = witness.tell(line)

    def _refused_facts(self) -> str:
        """What is known of a caller whose head was refused."""
        route, head = self._route, self._head
        return caller_facts(
            self._principal,
            listener=self._inbound.name,
            route=route.name if route is not None else None,
            upstream=route.upstream.name if route is not None else None,
            http=head.method.decode() if head is not None else "",
        )

    def _close(self, refusal: Refusal | None) -> None:
        if self._closed:
            return
        self._closed = True
        if not self._opened:
            self._open()
        outcome = _COMPLETED
        if refusal is not None:
            self._inbound.force.crowd.tally.count(refusal.reason)
            outcome = _OUTCOMES.get(refusal.reason, Outcome.REFUSED)
            if refusal.reason.value.startswith("upstream.") and outcome is Outcome.REFUSED:
                outcome = Outcome.UPSTREAM_FAILED
        inbound = self._inbound
        witness = inbound.force.witness
        line = close_line(
            self.id,
            time=witness.stamp(),
            inbound=inbound.record,
            outbound=self._outbound,
            outcome=outcome,
            status=self._status,
            refusal=refusal,
            bytes_in=self._size_in,
            bytes_out=self._bytes_out,
            seconds=inbound.force.readiness.now - self.began,
        )
        witness.tell(line)
