"""One HTTP request and its whole response: the story of the gate, top to bottom.

Every step is a call into one room; a step that says no gives a L{Refusal}, and only
C{relay.answer} turns that into bytes. Nothing here waits in a coroutine: a step that must wait
(for a connection, for the answer) is a method that whoever was waited for calls.

 1. L{deny} or L{judge}: the head was refused or admitted (C{relay.admission});
 2. L{judge}: the body is read and judged, and becomes what is forwarded (C{relay.asking});
 3. L{leased}: a verified connection is there, and the C{open} line is told; at the end of the turn,
    once it is in the journal, and only then, the bytes that were judged are forwarded (L{_forward});
 4. L{begun}: the answer is judged and passed on as it arrives (C{relay.answering});
 5. L{_close}: the C{close} line is written, once, whatever happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcpgate.credentials.showing import Showing
from mcpgate.credentials.terms import Choice
from mcpgate.evidence.exchanges import (
    batch_facts,
    call_facts,
    caller_facts,
    close_line,
    open_line,
    outcome_of,
    own_facts,
)
from mcpgate.evidence.journal import new_id
from mcpgate.generation import Generation, RouteTerms
from mcpgate.identity.accepts import Accepts, Pending
from mcpgate.identity.principal import Principal
from mcpgate.policy.decide import decide, reaches
from mcpgate.policy.echo import Secrets
from mcpgate.policy.lists import untouched
from mcpgate.policy.rules import ALLOW, BLOCK
from mcpgate.reasons import ANSWERS, Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.admission import FAILURES, Admission, Denial, Preflight, too_often
from mcpgate.relay.answering import Answering, with_lines
from mcpgate.relay.asking import NOTHING, Asking, Turned, ask, refused_facts, unmet
from mcpgate.relay.holding import Holding, cancel
from mcpgate.relay.judged import Judged
from mcpgate.relay.own import Own
from mcpgate.relay.recording import Recording
from mcpgate.relay.spending import spend
from mcpgate.sessions.live import Live
from mcpgate.sessions.sealed import Session
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.readiness import NEVER
from mcpgate.upstream.connection import Taker, UpstreamConnection
from mcpgate.upstream.pool import Pool
from mcpgate.wire.forward import LAST_CHUNK, chunk
from mcpgate.wire.http import JSON, LENGTH, RequestHead, ResponseHead
from mcpgate.wire.jsonrpc import RESPONSE, Message, id_json, parse
from mcpgate.wire.mcp import SERVER
from mcpgate.wire.oauth import Guide
from mcpgate.wire.questions import notable
from mcpgate.wire.sse import event_of

if TYPE_CHECKING:
    from mcpgate.relay.inbound import Inbound


class Exchange:
    """From the end of a request's head to the last byte of its answer."""

    # What most exchanges never change stands here, once: one of these is made for each request.
    admission: Admission | None = None
    asking: Asking | None = None
    #: The session of 2025-11-25 and before that it belongs to, once it was forwarded.
    live: Live | None = None
    #: The HTTP status that the caller got; what it got of the body, in bytes.
    status: int | None = None
    bytes_out = 0
    _route: RouteTerms | None = None
    _principal: Principal | None = None
    _size_in = 0
    _cors = b""
    _id: int | str | None = None
    _facts = NOTHING
    #: Whether somebody was asked again who calls, as that was over before there was a connection.
    _asked = False
    #: What the upstream is shown, where that has to be asked for.
    _showing: Showing | None = None
    _pool: Pool | None = None
    _connection: UpstreamConnection | None = None
    _sent = False
    #: When its request was forwarded, and how long its answer has let us wait.
    _forwarded = 0.0
    _waited: float | None = None
    _answering: Answering | None = None
    _outbound: str | None = None
    #: The connection to whoever answers, once L{Answering} reads it.
    leg: Handshake | None = None
    _opened = False
    _kept = False
    closed = False
    #: A call that waits for a person, or did.
    holding: Holding | None = None
    #: Whether the head of an event stream went out before there was an answer.
    streaming = False
    #: How many values of each detector were masked in the answer.
    masked: dict[str, int] | None = None
    #: Its bodies on record, where a rule has them there.
    recording: Recording | None = None
    #: What is to be recorded of a call that is refused, and how many bytes of it are not.
    _turned: tuple[bytes, int] | None = None
    #: Answers on record to what was asked by other exchanges, where not all that comes by this one is.
    _aside: Recording | None = None
    #: Why an answer of the upstream's was withheld, and one of ours stands in its place.
    withheld: Refusal | None = None
    #: By what a stream that goes on was judged again, and until when that holds.
    judged_by: tuple[Generation, Accepts, float | None] | None = None

    def __init__(self, inbound: Inbound, began: float, head: RequestHead | None) -> None:
        """
        @param began: when the request's first byte arrived, on the readiness set's clock.
        @param head: C{None} when it could not be read; the connection then ends with the answer.
        """
        self.began = began
        self.id = new_id("x")
        self.inbound = inbound
        self._head = head

    # 1. and 2.: what the caller sent.

    def deny(self, denial: Denial | Refusal, *, close: bool) -> None:
        """The head was refused."""
        if isinstance(denial, Denial):
            self._route, self._principal, self._cors = denial.route, denial.principal, denial.cors
            denial = denial.refusal
        self.refuse(denial, close=close)

    def told(self, preflight: Preflight) -> None:
        """A browser asked what a page may send."""
        self._route = preflight.route
        self._answer(preflight.answer, 204, None)

    def serve(self, own: Own, body: bytes) -> None:
        """Something of the gate's own is asked for."""
        self._route, self._cors, self._size_in = own.place.route, own.cors, len(body)
        self._facts += own_facts(own.place.name)
        served = own.place.serve(own, body, self)
        if isinstance(served, Refusal):
            return self.refuse(served)
        self._principal = served.principal
        if served.principal is not None:
            # Somebody is given what opens routes: on the record before, or not at all.
            witness = self.inbound.force.witness
            self._open()
            if not (witness.settle() and self._kept):
                return self.refuse(Refusal(Reason.GATE_JOURNAL, witness.failure or ""))
        if served.refusal is not None and served.refusal.reason in FAILURES:
            wait = self.inbound.failing()
            if wait:
                return self.refuse(too_often(Denial(served.refusal), wait).refusal)
        self._answer(served.raw, int(served.raw[9:12]), served.refusal)

    def judge(self, admission: Admission, body: bytes) -> None:
        """The request is here, whole."""
        self.admission = admission
        self._cors = admission.cors
        self._size_in = len(body)
        if admission.head.method != b"POST":
            return self._judge_stream(admission)
        asking = ask(body, admission, self.id, self.inbound.force)
        self._facts = asking.facts
        self._id = asking.id
        if isinstance(asking, Turned):
            return self.turn(asking)
        self.asking = asking
        if asking.held:
            return self._hold(admission, body, asking)
        if asking.budgeted is not None:
            refusal = self._spend(asking, asking.budgeted, admission)
            if refusal is not None:
                return self._deny(asking, refusal)
        self._lease(admission)

    def _spend(self, asking: Asking, judged: Judged, admission: Admission) -> Refusal | None:
        """It is about to be forwarded, so it counts."""
        ledger, size = self.inbound.force.ledger, len(asking.body)
        spent = spend(ledger, judged, admission.principal, admission.route.name, size)
        if isinstance(spent, Refusal):
            return spent
        asking.spent = (spent,)
        return None

    def _hold(self, admission: Admission, body: bytes, asking: Asking) -> None:
        """People have a say (C{relay.holding})."""
        if asking.cancels:
            cancel(self, admission, asking)
            return self.go_on(admission, asking)
        self.holding = Holding(self, admission, body, asking)
        self.holding.begin()

    def note(self, facts: str) -> None:
        """What there is to say of a held call."""
        self._facts = facts

    def go_on(self, admission: Admission, asking: Asking) -> None:
        """It may be made: a held call by what was judged anew."""
        self.admission, self.asking, self._facts = admission, asking, asking.facts
        if asking.budgeted is not None:
            refusal = self._spend(asking, asking.budgeted, admission)
            if refusal is not None:
                return self._deny(asking, refusal)
        self._lease(admission)

    def turn(self, turned: Turned) -> None:
        """What was asked for is not forwarded; a call that was held may be what it was."""
        self._facts, self._turned = turned.facts, turned.record
        if turned.answer is None:
            return self.refuse(turned.refusal)
        self._answer(turned.answer, int(turned.answer[9:12]), turned.refusal)

    def _judge_stream(self, admission: Admission) -> None:
        # GET opens a stream for what the upstream wants to say, DELETE ends a session: both belong
        # to whoever may use anything on the route.
        if admission.refusal is not None:
            return self.refuse(admission.refusal)
        verdict = reaches(admission.callers, admission.route.name)
        self._facts = call_facts(None, None, verdict)
        if verdict.record:
            self._turned = b"", 0
        if verdict.action is ALLOW:
            if not self._may_resume(admission):
                return self.refuse(Refusal(Reason.SESSION_EVENT))
            return self._lease(admission)
        self._answer(answer.no_stream_bytes(), 405, Refusal(verdict.reason or Reason.POLICY_UNLISTED))

    def _may_resume(self, admission: Admission) -> bool:
        """
        Whether a stream may be resumed from there. To an upstream all callers are one, and it may number
        the events of all sessions together: who names an event that it never got wants somebody else's.
        """
        event = admission.head.get(b"last-event-id")
        if event is None or admission.session is None:
            return True
        live = self.inbound.force.sessions.known(admission.sealed)
        return live is None or not live.whole or event in live.events

    # 3.: a verified connection, the open line, and only then the bytes.

    def _lease(self, admission: Admission) -> None:
        inbound = self.inbound
        if inbound.ending and self.repeatable:
            # Its head was on its way when the drain ended the others; nobody would end this one.
            return self.refuse(Refusal(Reason.GATE_DRAINING, "before the stream began"))
        choice = admission.choice
        if choice is not None and not choice.ready and not self._have(admission, choice):
            return
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

    def _have(self, admission: Admission, choice: Choice) -> bool:
        """Whether there is what the upstream has to be shown. If not, it is asked for, or refused."""
        force, showing = self.inbound.force, self._showing
        if showing is None or showing.choice is not choice:
            assert force.credentials is not None, "nothing that has to be asked for is configured without"
            theirs = admission.head.get(b"authorization")
            showing = self._showing = Showing(force.credentials, choice, theirs, self._told_to_lease)
        refusal = showing.look()
        if refusal is not None:
            self.refuse(refusal)
        elif showing.waits:
            assert choice.grant is not None
            # In a queue before it flies, and as long again on its way.
            self.inbound.stream.deadline = force.readiness.now + 2 * choice.grant.timeout + 1
        else:
            return True
        return False

    def _told_to_lease(self) -> None:
        # Not inside whatever was waited for: a bug in this exchange is not for that to bear.
        self.inbound.force.readiness.soon(self._lease_now, self.inbound.stream)

    def _lease_now(self) -> None:
        if not self.closed and self.admission is not None:
            self.inbound.stream.deadline = NEVER
            self._lease(self.admission)

    def overdue(self) -> None:
        """
        No connection in the time that one attempt may take; or it is the time of a held call, or of what
        waits of an answer.
        """
        if self.holding is not None and self.holding.waits:
            return self.holding.overdue()
        if self._showing is not None and self._showing.waits:
            self._showing.withdraw()
            detail = f"{self._showing.choice.name}: there was none in time"
            return self.refuse(Refusal(Reason.UPSTREAM_CREDENTIAL, detail))
        if self._pool is not None:
            self._pool.withdraw(self)
            self.unleased(Refusal(Reason.UPSTREAM_BUSY, "no connection became free in time"))
        elif self._answering is not None:
            self._answering.overdue()

    def leased(self, connection: UpstreamConnection) -> None:
        inbound = self.inbound
        self._pool = None
        inbound.stream.deadline = NEVER
        self._outbound = connection.record
        admission = self.admission
        if admission is not None and admission.accepts is not inbound.force.accepts:
            # A connection may have been waited for, and a revoked token is good nowhere.
            judged = inbound.admit_again(admission.head)
            if isinstance(judged, Pending):
                if not self._asked:
                    # What is known of its proof is over by now. Others need the connection meanwhile.
                    self._asked = True
                    connection.unused()
                    return judged.begin(self._told_to_lease)
                judged = Denial(Refusal(Reason.AUTH_UNAVAILABLE, "it was asked for, and is not to be had"))
            if isinstance(judged, Denial):
                connection.unused()
                return self.refuse(judged.refusal)
        if self.asking is not None and self.asking.demands:
            refusal = unmet(self.asking.demands, connection.handshake)
            if refusal is not None:
                connection.unused()
                return self._deny(self.asking, refusal)
        self._connection = connection
        self._open()
        # With the lines of all that this turn opens, which cost the journal one write.
        inbound.force.witness.when_kept(self._forward, inbound.stream)

    def _forward(self) -> None:
        connection, admission = self._connection, self.admission
        if connection is None or admission is None:
            # The caller left in the same turn.
            return
        witness = self.inbound.force.witness
        recording = self.recording
        if not witness.kept(self._kept) or (recording is not None and recording.failed):
            self._connection = None
            connection.unused()
            return self.refuse(Refusal(Reason.GATE_JOURNAL, witness.failure or ""))
        asking = self.asking
        shown = self._showing.line if self._showing is not None else b""
        trace = self.inbound.trace
        if trace is not None:
            shown += trace.lines
        if asking is None:
            request = b"%b%b\r\n" % (admission.forward, shown)
        else:
            forward = asking.forward or admission.forward
            body = asking.body
            request = b"%b%bcontent-length: %d\r\n\r\n%b" % (forward, shown, len(body), body)
        if admission.session is not None:
            self._take_part(admission)
        self._forwarded = self.inbound.force.readiness.now
        self._sent = connection.send(admission.head.method, request, self)
        if not self._sent:
            self._connection = None
            self._lease(admission)
        elif asking is not None:
            asking.body = b""

    def _take_part(self, admission: Admission) -> None:
        """Any stream of its session may bring the answer to this request."""
        session = admission.session
        assert session is not None
        live = self.live or self.join(session, admission.sealed)
        if self.asking is not None:
            for id, asked in self.asking.awaited.items():
                live.outstanding[id] = live.requests[id] = asked

    def join(self, session: Session, sealed: bytes) -> Live:
        """A session is in use as long as this exchange lasts."""
        assert self.admission is not None
        if self.live is not None:
            # An initialize that names a session of before, and opens another.
            self._leave(self.live)
        choice, upstream = self.admission.choice, self.admission.route.upstream
        credential = choice.name if choice is not None else ""
        live = self.inbound.force.sessions.live(session, sealed, upstream, credential)
        live.streams += 1
        self.live = live
        return live

    def _deny(self, asking: Asking, refusal: Refusal) -> None:
        """What was asked for is not to be had: not now, not over this connection, or not so much of it."""
        assert self.admission is not None
        revision = self.admission.revision
        facts, answers = [], list(asking.owed)
        for id, asked in asking.awaited.items():
            facts.append(refused_facts(asked.call, asked.verdict, refusal))
            answers.append(
                answer.denied_json(id, asked.call.method, refusal, revision=revision, exchange=self.id)
            )
        if not answers:
            return self._answer(answer.ACCEPTED, 202, refusal)
        if asking.judged is not None:
            held = self.holding.facts if self.holding is not None else ""
            self._facts, body = facts[0] + held, answers[0]
        else:
            self._facts, body = batch_facts(facts), b"[%b]" % b",".join(answers)
        self._answer(answer.json_bytes(body), 200, refusal)

    def withhold(self, refusal: Refusal) -> None:
        """Nothing passes of the answer to what was asked for."""
        assert self.asking is not None
        if self.live is not None:
            for id in self.asking.awaited:
                self.live.outstanding.pop(id, None)
        self._deny(self.asking, refusal)

    def unleased(self, refusal: Refusal, record: str | None = None) -> None:
        self._pool = None
        self._outbound = record
        self.refuse(refusal)

    # 4.: the answer.

    def begun(self, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> Taker:
        """
        The answer's head, and what of its body came with it.

        Nearly every answer is one small document and of no interest to the gate but for the request that
        it answers. It passes here; all else is judged by L{Answering}.
        """
        admission, asking = self.admission, self.asking
        assert admission is not None
        connection, self._connection = self._connection, None
        self._waited = self.inbound.force.readiness.now - self._forwarded
        if (
            finished
            and asking is not None
            and asking.plain
            and head.status == 200
            and head.content is JSON
            and head.framing is LENGTH
            and len(payload) <= admission.generation.config.limits.answer_size
        ):
            message = parse(payload)
            if (
                type(message) is Message
                and message.kind is RESPONSE
                and message.id == asking.id
                and not notable(message)
                and untouched(asking.method, message.result)
            ):
                masks = asking.masks
                secrets = admission.shown if self._showing is None else self.secrets
                if (secrets is None or secrets.clear(emitted + payload)) and (
                    masks is None
                    or (
                        masks.apply(message, payload, sender=SERVER, asked=asking.method) is None
                        and not masks.in_headers(head.headers)
                    )
                ):
                    self._pass(emitted, payload)
                    return self
        if connection is not None:
            self.leg = connection.handshake
        answering = self._answering = Answering(self, admission, None if finished else connection)
        return answering.begun(head, emitted, payload, finished)

    @property
    def secrets(self) -> Secrets | None:
        """What the upstream was shown, for whomever, and may not show the caller."""
        admission = self.admission
        if admission is None:
            return None
        if self._showing is not None:
            return self._showing.secrets(self.inbound.force.readiness.now, admission.route.upstream.fixed)
        return admission.shown

    def _pass(self, emitted: bytes, payload: bytes) -> None:
        """An answer goes to the caller as it came."""
        if self.live is not None and self._id is not None:
            self.live.outstanding.pop(self._id, None)
        self.status = 200
        self.bytes_out = len(payload)
        last = self.last
        if last or self._cors:
            emitted = with_lines(emitted, self._cors, last)
        self.inbound.stream.write(emitted + payload)
        self.done(None, close=last)

    def more(self, payload: bytes, finished: bool) -> None:
        """Whatever began goes on with L{Answering}."""

    def broken(self, refusal: Refusal) -> None:
        """There will be no answer, or this gate has a fault."""
        self._connection = None
        if self._answering is not None:
            self._answering.broken(refusal)
        elif not self.closed:
            self.refuse(refusal)

    # Backpressure: what the caller does not read is not read from the upstream.

    def paused(self) -> None:
        """The caller reads slowly."""
        if self._answering is not None:
            self._answering.paused()

    def resumed(self) -> None:
        """The caller caught up."""
        if self._answering is not None:
            self._answering.resumed()
        elif self.holding is not None and self.holding.waits:
            self.holding.resumed()

    # A drain: what can be had again elsewhere ends, what cannot goes on.

    @property
    def streams(self) -> bool:
        """Whether its answer is a stream of events."""
        return self._answering is not None and self._answering.streams

    def drain(self) -> None:
        """
        End a stream that its client opens again when it ends: one that a GET opened, or
        C{subscriptions/listen}. It ends between two events, as if the upstream had ended it.

        The answer to a call is waited for, also where it comes as a stream.
        """
        if self.holding is not None and self.holding.waits:
            return self.holding.drain()
        begun = self.status is not None
        detail = "the stream was ended between two events" if begun else "before the stream began"
        self.end_stream(Refusal(Reason.GATE_DRAINING, detail))

    def end_stream(self, refusal: Refusal) -> None:
        """End it, if it is one of those streams."""
        if self.closed or not self.repeatable:
            return
        if self.status is not None:
            if self._answering is not None:
                self._answering.end_stream(refusal)
            return
        self._let_go()
        self.refuse(refusal)

    def revoke(self, refusal: Refusal) -> None:
        """
        End it, whatever it is: its caller is to have nothing more, nor to have anything done.

        Where an event stream has begun the refusal is its last event, in the place of the answer.
        """
        if self.closed:
            return
        if self.status is not None and self._answering is not None:
            return self._answering.revoke(refusal)
        self._let_go()
        self.refuse(refusal)

    def judge_again(self, admission: Admission) -> None:
        """
        End a stream that the rules of today would not let begin, or would subject to other masks: it may be
        as old as the gate. Whoever opens it again has it by these.

        @param admission: what its head is judged as today.
        """
        if admission.refusal is not None:
            return self.end_stream(admission.refusal)
        judged = self.asking.judged if self.asking is not None else None
        callers, route = admission.callers, admission.route.name
        verdict = reaches(callers, route) if judged is None else decide(callers, route, judged.call)
        if verdict.action is BLOCK:
            reason = verdict.reason or Reason.POLICY_BLOCKED
            return self.end_stream(Refusal(reason, "by the rules of today"))
        masks = judged.verdict.masks if judged is not None else verdict.masks
        if self._answering is not None:
            masks = self._answering.masks
        if masks != verdict.masks:
            detail = "it began with other masks than the rules of today have for it"
            self.end_stream(Refusal(Reason.POLICY_CONTENT, detail))

    @property
    def repeatable(self) -> bool:
        """Whether it is one of those streams."""
        if self.asking is not None:
            return self.asking.method == "subscriptions/listen"
        return self.admission is not None and self.admission.head.method == b"GET"

    # 5.: the end, in one of four ways.

    def refuse(self, refusal: Refusal, *, close: bool = False) -> None:
        """Answer with a refusal. C{close}: the request's end is unknown, so nothing may follow it."""
        close = close or self.last
        known = id_json(self._id) if self._id is not None else None
        status = ANSWERS[refusal.reason].status
        guide = self._guide() if answer.challenges(refusal.reason) else None
        raw = answer.refusal_bytes(refusal, id_json=known, exchange=self.id, close=close, guide=guide)
        self._answer(raw, status, refusal, close=close)

    def _guide(self) -> Guide | None:
        """Where its caller learns how to get a token, if it can."""
        route = self.admission.route if self.admission is not None else self._route
        if route is None or self._head is None:
            return None
        return self.inbound.terms.guide(self._head.host.decode("ascii"), route.table)

    def abandon(self, refusal: Refusal) -> None:
        """The caller is gone, or the gate is going: carry it on to the upstream."""
        answering = self._answering
        gone = refusal.reason is Reason.CLIENT_GONE and not self.inbound.stream.congested
        if gone and answering is not None and answering.answered:
            # It got all that it had asked for, and did not wait for the stream's last chunk.
            answering.run_out()
            return self._close(None)
        self._let_go()
        self._close(refusal)

    def cut(self, refusal: Refusal) -> None:
        """Half an answer is out: the caller must see that it is half. No last chunk, no close_notify;
        whatever is left of it in our buffer goes with it."""
        self._close(refusal)
        self.inbound.cut()

    def done(self, refusal: Refusal | None, *, close: bool) -> None:
        """The answer is with the caller, to its last byte."""
        self._close(refusal)
        self.inbound.finished(close)

    def unauthorized(self) -> None:
        """The upstream did not take what it was shown."""
        if self._showing is not None:
            self._showing.refused(self.inbound.force.readiness.now)

    def _let_go(self) -> None:
        """Give back, or end, what was had of the upstream, or was waited for."""
        if self.holding is not None:
            self.holding.abandon()
        if self._showing is not None:
            self._showing.withdraw()
        if self._pool is not None:
            self._pool.withdraw(self)
            self._pool = None
        connection, self._connection = self._connection, None
        if connection is not None and self._sent:
            connection.abandon()
        elif connection is not None:
            connection.unused()
        if self._answering is not None:
            self._answering.abandon()

    def _answer(self, raw: bytes, status: int, refusal: Refusal | None, *, close: bool = False) -> None:
        body = raw.find(b"\r\n\r\n") + 4
        if self.streaming:
            return self._last_event(raw[body:], refusal)
        self.status = status
        if (close or self.last) and not raw.endswith(b"\r\nconnection: close\r\n\r\n", 0, body):
            # RFC 9112 9.6: or the caller might send its next request to nobody.
            raw = raw[: body - 2] + b"connection: close\r\n\r\n" + raw[body:]
            body = raw.find(b"\r\n\r\n") + 4
        if self._cors:
            raw = raw[: body - 2] + self._cors + raw[body - 2 :]
            body += len(self._cors)
        if self._head is not None and self._head.method == b"HEAD":
            # RFC 9110 9.3.2: no body follows; sent all the same, it would be read as the next answer.
            raw = raw[:body]
        self.bytes_out = len(raw) - body
        self._open()
        if self.recording is not None:
            self.recording.ours(raw[body:])
        self.inbound.stream.write(raw)
        self.done(refusal, close=close or self.last)

    def _last_event(self, body: bytes, refusal: Refusal | None) -> None:
        """An answer of ours to a call that was held, whose caller has a stream already."""
        payload = event_of(body) if body else b""
        self.status = 200
        if self.recording is not None:
            self.recording.ours(payload)
        if self.live is not None and self._id is not None:
            # No other stream may bring a second one.
            self.live.outstanding.pop(self._id, None)
        self.bytes_out += len(payload)
        self._open()
        self.inbound.stream.write((chunk(payload) if payload else b"") + LAST_CHUNK)
        self.done(refusal, close=self.last)

    @property
    def last(self) -> bool:
        """Whether this answer is the last on the connection."""
        return self._head is None or not self._head.keep_alive or self.inbound.ending

    def _leave(self, live: Live) -> None:
        live.streams -= 1
        if self.asking is not None and (self.status is None or self.status >= 300):
            # It was refused: no other stream will bring an answer.
            for id in self.asking.awaited:
                live.outstanding.pop(id, None)
        status = self.status or 0
        ends = self._head is not None and self._head.method == b"DELETE"
        if ends and (200 <= status < 300 or status in (404, 405)):
            # Its client has done with it, and the upstream knows, or never wants to.
            self.inbound.force.sessions.ended(live)

    # Evidence.

    def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        inbound, admission = self.inbound, self.admission
        witness = inbound.force.witness
        line = open_line(
            self.id,
            time=witness.stamp(),
            inbound=inbound.record,
            outbound=self._outbound,
            caller=admission.facts if admission is not None else self._refused_facts(),
            call=self._facts,
            trace=inbound.trace.parent if inbound.trace is not None else None,
        )
        self._kept = witness.tell(line)
        asking = self.asking
        if self._turned is not None:
            self._record(*self._turned)
        elif asking is not None and asking.record:
            self._record(asking.body, 0)

    def _record(self, body: bytes, withheld: int) -> None:
        """Its bodies go on record: what was asked, before it is forwarded."""
        self.recording = self._recording()
        self._kept = self.recording.request(body, withheld) and self._kept

    def record_aside(self, answered: bytes) -> bool:
        """
        An answer comes by this exchange to a request that came by another one, and is to be recorded.

        @return: Whether it may pass.
        """
        if self.recording is not None:
            # As everything here is.
            return True
        if self._aside is None:
            self._aside = self._recording()
        return self._aside.answer(answered + b"\n")

    def _recording(self) -> Recording:
        admission = self.admission
        auditor = admission.generation.auditor if admission is not None else None
        assert admission is not None and auditor is not None, "no generation has such a rule without one"
        terms = admission.generation.config.evidence
        unsafe = terms.on_journal_failure == "unsafe-continue"
        witness = self.inbound.force.witness
        return Recording(witness, auditor, self.id, terms.record_size, unsafe=unsafe)

    def _refused_facts(self) -> str:
        """What is known of a caller whose head was refused."""
        route, head = self._route, self._head
        return caller_facts(
            self._principal,
            listener=self.inbound.name,
            route=route.name if route is not None else None,
            upstream=route.upstream.name if route is not None else None,
            http=head.method.decode() if head is not None else "",
        )

    def _close(self, refusal: Refusal | None) -> None:
        if self.closed:
            return
        self.closed = True
        answering, self._answering = self._answering, None
        streamed = answering is not None and answering.streams
        if answering is not None:
            answering.over()
        if not self._opened:
            self._open()
        if self.recording is not None:
            self.recording.end()
        if self._aside is not None:
            self._aside.end()
        if self.live is not None:
            self._leave(self.live)
        over: list[str] = []
        if self.asking is not None and self.asking.spent:
            over = self._settle(self.asking)
        if refusal is None:
            refusal = self.withheld
        if refusal is not None:
            self.inbound.force.crowd.tally.count(refusal.reason)
        inbound = self.inbound
        witness = inbound.force.witness
        line = close_line(
            self.id,
            time=witness.stamp(),
            inbound=inbound.record,
            outbound=self._outbound,
            outcome=outcome_of(refusal),
            status=self.status,
            refusal=refusal,
            bytes_in=self._size_in,
            bytes_out=self.bytes_out,
            seconds=inbound.force.readiness.now - self.began,
            waited=self._waited,
            masked=self.masked,
            over=over,
            streamed=streamed,
        )
        witness.tell(line)

    def _settle(self, asking: Asking) -> list[str]:
        """Its calls run no more. Returns which budgets only record that it was too much."""
        if asking.budgeted is not None:
            # All that came was for it; of a batch each message was charged with its own answer.
            asking.spent[0].charge(self.bytes_out)
        for one in asking.spent:
            one.end()
        return [name for one in asking.spent for name in one.over]
