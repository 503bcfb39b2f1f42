"""An upstream's answer on its way to the caller: step 4 of an exchange.

C{relay.reply} judges the body; here it meets the sockets. A document is held until it is whole, head
and all, as what is found in it may change the status; a stream's head goes out at once, and then each
event as it is complete. So whatever a caller has had of a stream ends between two events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from mcpgate.evidence.events import dropped_line
from mcpgate.evidence.journal import new_id
from mcpgate.policy.masks import Masks
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.admission import Admission
from mcpgate.relay.hearing import Hearing
from mcpgate.relay.judging import Judging
from mcpgate.relay.reply import NOTED_MOST, Document, Events, Reply, reply_to
from mcpgate.relay.spending import Spending
from mcpgate.tls.readiness import NEVER
from mcpgate.upstream.connection import UpstreamConnection
from mcpgate.wire.forward import LAST_CHUNK, answer_for_caller, chunk
from mcpgate.wire.http import EVENTS, LENGTH, NONE, ResponseHead
from mcpgate.wire.jsonrpc import Message, elements, id_json, parse
from mcpgate.wire.sse import event_of

if TYPE_CHECKING:
    from mcpgate.relay.exchange import Exchange


class Answering:
    """An answer from its head to its last byte. Without a C{connection} it is here whole."""

    __slots__ = (
        "_admission",
        "_connection",
        "_exchange",
        "_head",
        "_hearing",
        "_judging",
        "_lines",
        "_noted",
        "_reply",
        "_spent",
    )

    def __init__(
        self, exchange: Exchange, admission: Admission, connection: UpstreamConnection | None
    ) -> None:
        self._exchange = exchange
        self._admission = admission
        self._connection = connection
        self._hearing: Hearing | None = None
        self._judging: Judging | None = None
        self._reply: Reply | None = None
        self._head: tuple[ResponseHead, bytes] | None = None
        self._lines = admission.cors
        # What a single request has of budgets.
        self._spent: Spending | None = None
        self._noted = 0

    @property
    def answered(self) -> bool:
        """Whether the caller has the answer to all that it asked for with this request."""
        hearing, asking = self._hearing, self._exchange.asking
        return hearing is not None and asking is not None and bool(hearing.answered) and not asking.awaited

    @property
    def streams(self) -> bool:
        """Whether it is a stream of events."""
        return type(self._reply) is Events

    @property
    def masks(self) -> Masks | None:
        """What all that is said between the answers is subject to."""
        return self._hearing.masks if self._hearing is not None else None

    # What the upstream's connection calls.

    def begun(self, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> Answering:
        """The answer's head, C{emitted} as it may be passed on, and what of the body came with it."""
        if head.status in (401, 407) or (head.status == 403 and b"www-authenticate" in head.fields):
            # Its challenge is about our credential, not about the caller's: relaying it would
            # send the caller to the wrong authorization server (MCP, "Token Passthrough").
            if head.status == 401:
                # With 403 it says that the token is good, but not for this: another one would not be, either.
                self._exchange.unauthorized()
            self._unfit(Refusal(Reason.UPSTREAM_UNAUTHORIZED, f"it answered {head.status}"), finished)
            return self
        exchange, admission = self._exchange, self._admission
        limits = admission.generation.config.limits
        self._judging = judging = Judging(exchange, admission)
        self._hearing = hearing = judging.hearing
        reply = reply_to(
            head,
            hearing,
            method=admission.head.method,
            document=limits.answer_size,
            event=limits.event_size,
            clock=lambda: exchange.inbound.force.readiness.now,
            ends=exchange.asking is not None and exchange.asking.judged is not None,
        )
        if isinstance(reply, Refusal):
            self._unfit(reply, finished)
            return self
        if b"mcp-session-id" in head.fields:
            opened = judging.opened(head)
            if isinstance(opened, Refusal):
                self._unfit(opened, finished)
                return self
            self._lines += opened
        if hearing.echoing is not None and not hearing.echoing.clear(emitted):
            head, emitted = hearing.echoing.head(head, emitted)
        masks = hearing.masks
        if masks is not None and masks.in_headers(head.headers):
            # No client needs what is said there, and nobody looks for it there.
            head = evolve(head, headers=masks.clean_headers(head.headers))
            emitted = answer_for_caller(head, chunked=b"\r\ntransfer-encoding: chunked\r\n" in emitted)
        self._reply = reply
        self._head = head, emitted
        if exchange.asking is not None and exchange.asking.budgeted is not None:
            self._spent = exchange.asking.spent[0]
            exceeds = self._spent.exceeds(head.length)
            if exceeds is not None:
                self._withhold(exceeds, finished)
                return self
        self.more(payload, finished)
        if self._connection is not None and type(reply) is Events and exchange.inbound.stream.congested:
            self.paused()
        return self

    def more(self, payload: bytes, finished: bool) -> None:
        """More of the body."""
        reply, hearing = self._reply, self._hearing
        assert reply is not None and hearing is not None
        if self._spent is not None:
            exceeds = self._spent.exceeds(reply.size + len(payload))
            if exceeds is not None:
                return self._withhold(exceeds, finished)
        passed = reply.take(payload, finished)
        if hearing.dropped:
            self._note(hearing)
        if isinstance(passed, Refusal):
            return self._unfit(passed, finished)
        if finished:
            # It is somebody else's by now: a slow caller of ours must not stop it.
            self._connection = None
        if type(reply) is Events:
            # What came before a fault was heard, so it must be with the caller, too.
            self._pass_events(reply, passed, finished and reply.refusal is None)
            if reply.refusal is not None:
                self._unfit(reply.refusal, finished)
            elif reply.due is not None:
                self._wait(reply.due)
        elif finished:
            self._pass_whole(passed, reply.size)

    def broken(self, refusal: Refusal) -> None:
        """The answer will not come, or not to its end."""
        self._connection = None
        exchange = self._exchange
        if exchange.closed:
            # Answered in full; what failed came after.
            return
        if exchange.status is None:
            exchange.refuse(refusal)
        elif self.answered:
            # All that was asked for is there; only the end of the stream is not.
            self._end(self._last_events(), None)
        else:
            rest = self._reply.rest() if type(self._reply) is Events else b""
            if rest:
                # It was heard, so it must be with the caller.
                self._pass_events(self._reply, rest, False)  # type: ignore[arg-type]
            exchange.cut(refusal)

    # What the exchange calls.

    def _wait(self, due: float) -> None:
        """What an upstream says bit by bit waits for the next bit, but not for long."""
        stream = self._exchange.inbound.stream
        if not stream.congested:
            stream.deadline = due

    def overdue(self) -> None:
        """It has waited long enough."""
        reply, stream = self._reply, self._exchange.inbound.stream
        stream.deadline = NEVER
        if type(reply) is not Events or reply.due is None or self._exchange.closed:
            return
        if reply.due <= self._exchange.inbound.force.readiness.now:
            self._pass_events(reply, reply.late(), False)
            if self._hearing is not None and self._hearing.dropped:
                self._note(self._hearing)
        if reply.due is not None:
            self._wait(reply.due)

    def paused(self) -> None:
        """The caller reads slowly."""
        if self._connection is not None and type(self._reply) is Events:
            self._connection.pause()

    def resumed(self) -> None:
        """The caller caught up."""
        reply = self._reply
        if type(reply) is not Events:
            return
        if reply.due is not None:
            self._wait(reply.due)
        if self._connection is not None:
            self._connection.resume()

    def abandon(self) -> None:
        """The caller is gone: end the connection, which is how HTTP/1.1 carries that on.

        From 2026-07-28 on it means that the request is cancelled; before, it does not, and the
        upstream goes on by itself.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()

    def run_out(self) -> None:
        """Nobody needs more of the answer: only its end is waited for, for the connection's sake."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.run_out()

    def over(self) -> None:
        """The exchange is closed. What it held, an answer of many MiB it may be, goes now, and not when
        the garbage collector next looks: the hearing calls back here, and the exchange knew this one."""
        if self._hearing is not None and self._hearing.masked:
            self._exchange.masked = self._hearing.masked
        if self._judging is not None:
            self._judging.over()
        self._hearing = self._judging = self._reply = None

    def end_stream(self, refusal: Refusal) -> None:
        """End a stream between two events, as if the upstream had ended it."""
        reply = self._reply
        if type(reply) is Events:
            self.abandon()
            self._end(self._last_events(), refusal, close=True)

    def revoke(self, refusal: Refusal) -> None:
        """End a stream between two events, and say why to whoever waits for an answer on it."""
        if type(self._reply) is not Events:
            return
        self.abandon()
        if self.answered:
            return self._end(self._last_events(), refusal)
        self._give_up(refusal)

    def _last_events(self) -> bytes:
        """What must still pass before anything else of ours, or the end: what waits, or half a line's end."""
        reply = self._reply
        return (reply.rest() or reply.line_end) if type(reply) is Events else b""

    # The answer passes.

    def _pass_whole(self, body: bytes, size: int) -> None:
        """C{size}: how much came."""
        assert self._head is not None
        exchange = self._exchange
        head, emitted = self._head
        if exchange.streaming:
            return self._pass_as_event(head, body)
        owed = self._owed(head)
        if owed:
            head, emitted, body = _joined(head, body, owed)
        elif head.framing is not NONE and (
            len(body) != size or head.framing is not LENGTH or head.content is EVENTS
        ):
            # Not as it came, or it came in chunks, or the head is made for a stream, which has chunks.
            emitted = answer_for_caller(evolve(head, framing=LENGTH, length=len(body)), chunked=False)
        if exchange.recording is not None and not exchange.recording.answer(body, last=True):
            return exchange.refuse(self._unrecorded())
        self._begin(head, emitted, body, len(body))
        exchange.done(None, close=exchange.last)

    def _pass_as_event(self, head: ResponseHead, body: bytes) -> None:
        """The answer to a call that was held is a document, and its caller has a stream already."""
        exchange = self._exchange
        asking = exchange.asking
        message = parse(body)
        error = message if isinstance(message, Message) and message.error is not None else None
        theirs = error is not None and asking is not None and error.id == asking.id
        if not (self.answered or theirs):
            # An error of HTTP without a message to pass on, or nothing at all.
            return exchange.refuse(Refusal(Reason.UPSTREAM_MESSAGE, f"it answered {head.status}"))
        exchange.status = 200
        # In JSON, line ends stand only where a space may.
        self._end(event_of(body.replace(b"\r", b" ").replace(b"\n", b" ")), None)

    def _owed(self, head: ResponseHead) -> tuple[bytes, ...]:
        """What must be put among the answers to a batch: to what we kept back, and to what they left out."""
        exchange = self._exchange
        asking = exchange.asking
        if asking is None or head.status >= 300:
            return ()
        if type(self._reply) is not Document or not asking.awaited:
            return asking.owed
        refusal = Refusal(Reason.UPSTREAM_TRUNCATED, "the upstream left out an answer of a batch")
        return (*asking.owed, *(self._error(refusal, id) for id in asking.awaited))

    def _error(self, refusal: Refusal, id: int | str) -> bytes:
        """The answer to a request whose own will not come, so that no other stream may bring a second one."""
        exchange = self._exchange
        if exchange.live is not None:
            exchange.live.outstanding.pop(id, None)
        asked = exchange.asking.awaited.get(id) if exchange.asking is not None else None
        if refusal.reason is Reason.POLICY_RESULT_SIZE and asked is not None:
            assert self._judging is not None
            return self._judging.denied(refusal, id, asked.call.method)
        return answer.refusal_json(refusal, id_json=id_json(id), exchange=exchange.id)

    def _pass_events(self, reply: Events, passed: bytes, finished: bool) -> None:
        exchange = self._exchange
        if self._head is not None and exchange.asking is not None and exchange.asking.owed:
            passed = b"".join(map(event_of, exchange.asking.owed)) + passed
        if exchange.recording is not None and not exchange.recording.answer(passed):
            self.abandon()
            if exchange.status is None:
                return exchange.refuse(self._unrecorded())
            return exchange.cut(self._unrecorded())
        if self._head is not None:
            head, emitted = self._head
            self._head = None
            self._begin(head, emitted, chunk(passed) if passed else b"", len(passed))
        elif passed:
            exchange.bytes_out += len(passed)
            exchange.inbound.stream.write(chunk(passed))
        if finished and not exchange.closed:
            self._end_events(reply)

    def _begin(self, head: ResponseHead, emitted: bytes, body: bytes, size: int) -> None:
        """Send the head and what there is of the body."""
        exchange = self._exchange
        exchange.status = head.status
        exchange.bytes_out += size
        if exchange.streaming:
            # The caller has a head, which went out while it was waiting.
            if body:
                exchange.inbound.stream.write(body)
            return
        if exchange.last or self._lines:
            emitted = with_lines(emitted, self._lines, exchange.last)
        exchange.inbound.stream.write(emitted + body if body else emitted)

    def _end_events(self, reply: Events) -> None:
        """The upstream ended the stream."""
        hearing, exchange = self._hearing, self._exchange
        assert hearing is not None
        asking = exchange.asking
        # 2026-07-28 has no resumption, whatever ids an upstream gives its events.
        resumable = reply.resumable and not self._admission.revision.modern
        if asking is None or not hearing.outstanding or resumable or exchange.repeatable:
            # Complete; or its client opens it again, or comes back for what it missed.
            return self._end(reply.line_end, None)
        detail = "the stream ended before the answer"
        self._give_up(Refusal(Reason.UPSTREAM_TRUNCATED, detail))

    def _give_up(self, refusal: Refusal) -> None:
        """What the caller waits for will not come on this stream, which has begun: say so on it."""
        hearing, exchange = self._hearing, self._exchange
        assert hearing is not None and type(self._reply) is Events
        awaited = exchange.asking.awaited if exchange.asking is not None else ()
        errors = [event_of(self._error(refusal, id)) for id in awaited]
        self._end(self._last_events() + b"".join(errors), refusal)

    def _end(self, payload: bytes, refusal: Refusal | None, *, close: bool = False) -> None:
        exchange = self._exchange
        if exchange.recording is not None and not exchange.recording.answer(payload, last=True):
            return exchange.cut(self._unrecorded())
        exchange.bytes_out += len(payload)
        exchange.inbound.stream.write((chunk(payload) if payload else b"") + LAST_CHUNK)
        exchange.done(refusal, close=close or exchange.last)

    def _unfit(self, refusal: Refusal, finished: bool) -> None:
        """The answer may not be passed on, or not any further."""
        if finished:
            self._connection = None
        self.abandon()
        exchange = self._exchange
        if exchange.status is None:
            exchange.refuse(refusal)
        elif exchange.asking is not None and not self.answered:
            self._give_up(refusal)
        else:
            exchange.cut(refusal)

    def _withhold(self, refusal: Refusal, finished: bool) -> None:
        """The answer to a single request is more than a budget permits."""
        if finished:
            self._connection = None
        self.abandon()
        exchange = self._exchange
        if exchange.status is None:
            exchange.withhold(refusal)
        elif not self.answered:
            self._give_up(refusal)
        else:
            self._end(self._last_events(), refusal)

    # Evidence.

    def _unrecorded(self) -> Refusal:
        """Why an answer does not pass that is to be recorded."""
        detail = "the answer cannot be recorded"
        return Refusal(Reason.GATE_JOURNAL, self._exchange.inbound.force.witness.failure or detail)

    def _note(self, hearing: Hearing) -> None:
        """Record what was kept from the caller."""
        exchange = self._exchange
        for refusal in hearing.dropped:
            exchange.inbound.force.crowd.tally.count(refusal.reason)
            self._noted += 1
            if self._noted <= NOTED_MOST:
                self._tell(dropped_line(new_id("d"), time=self._now(), exchange=exchange.id, refusal=refusal))
        hearing.dropped.clear()

    def _tell(self, line: bytes) -> None:
        self._exchange.inbound.force.witness.tell(line)

    def _now(self) -> str:
        return self._exchange.inbound.force.witness.stamp()


def with_lines(emitted: bytes, lines: bytes, last: bool) -> bytes:
    """A head with more lines. C{last}: it belongs to the last answer on the connection."""
    if last:
        # RFC 9112 9.6: or the caller might send its next request to nobody.
        lines += b"connection: close\r\n"
    return b"%b%b\r\n" % (emitted[:-2], lines)


def _joined(head: ResponseHead, body: bytes, owed: tuple[bytes, ...]) -> tuple[ResponseHead, bytes, bytes]:
    """
    The answer to a batch of which some was not let through: the upstream's answers, then ours.

    @return: its head, that head as it is sent, and its body.
    """
    theirs = elements(body) if body else ()
    raw = answer.json_bytes(b"[%b]" % b",".join((*theirs, *owed)))
    end = raw.find(b"\r\n\r\n") + 4
    return evolve(head, status=200, fields={}), raw[:end], raw[end:]
