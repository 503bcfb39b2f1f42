"""A call that waits for a person, from its verdict to the moment at which it is made, or refused.

While it waits, nothing of the upstream is taken. What its caller sees meanwhile:

 - who can be asked (2026-07-28, with elicitation) is asked to come back: the exchange ends with a
   question and a sealed state, and the next one, which brings that state, waits a while as below;
 - who takes event streams gets one at once, with progress on it where it wanted to hear of that, and
   comments where not; whatever the answer will be becomes an event of this stream;
 - who takes only documents gets nothing until it is decided.

Once it is approved it is judged again, from its head on, by what is in force then: an approval lets nothing
pass but a call that would still be held by the same rule. It is for that call to the byte, for that
caller, once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpgate.evidence.exchanges import hold_facts
from mcpgate.evidence.journal import new_id
from mcpgate.holds import rounds
from mcpgate.holds.held import Decision, Held, Taken, Word
from mcpgate.identity.accepts import Pending
from mcpgate.policy.rules import HOLD
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.admission import Admission, Denial
from mcpgate.relay.asking import NOTHING, Asking, Turned, ask
from mcpgate.tls.readiness import NEVER
from mcpgate.wire.forward import chunk
from mcpgate.wire.jsonrpc import NOTIFICATION, Message, id_json, parse
from mcpgate.wire.splice import removed
from mcpgate.wire.sse import event_of

if TYPE_CHECKING:
    from mcpgate.relay.exchange import Exchange

T = TypeVar("T")

#: Seconds between two signs of life. Proxies end streams that are quiet for 30 to 60; httpx, which the
#: official Python client is made of, gives up after 5 unless it is told otherwise.
BEAT = 4.0
#: Seconds between two that are progress, which clients show to people.
TOLD = 15.0
#: Seconds that an exchange waits whose caller has come back; then the caller is asked again. Clients wait
#: for 60 by default; and the official Python client comes back ten times, as long as a hold lasts by default.
ROUND = 30.0

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"
    # Or a proxy that buffers would keep the signs of life to itself.
    b"x-accel-buffering: no\r\ntransfer-encoding: chunked\r\n"
)

_DONE = Message(NOTIFICATION, None, "", {})


class Holding:
    """The wait of one exchange. C{waits}: whether it is not over yet."""

    log = Logger()

    __slots__ = (
        "facts",
        "waits",
        "_admission",
        "_asking",
        "_back",
        "_body",
        "_exchange",
        "_hold",
        "_last",
        "_message",
        "_proof",
        "_returns",
        "_rule",
        "_text",
        "_told",
        "_until",
    )

    def __init__(self, exchange: Exchange, admission: Admission, body: bytes, asking: Asking) -> None:
        """
        @param body: as it came; what is approved is judged again, so it is what is kept.
        """
        message = parse(body)
        assert isinstance(message, Message)
        self.waits = True
        self._exchange = exchange
        self._admission = admission
        self._body = body
        self._asking = asking
        self._message = message
        self._hold = ""
        self._proof = ""
        self._rule: str | None = None
        self._text = ""
        #: What an open line says of it besides.
        self.facts = ""
        #: Whether its caller is asked to come back; whether it has.
        self._returns = self._back = False
        self._last = False
        self._told = -TOLD
        self._until = NEVER

    def begin(self) -> None:
        """Wait, if there is somebody to wait for."""
        exchange, asking, message = self._exchange, self._asking, self._message
        assert asking.judged is not None and message.method is not None
        verdict = asking.judged.verdict
        exchange.inbound.stream.deadline = NEVER
        modern = self._admission.revision.modern
        state = rounds.own_state(message.params) if modern else None
        if verdict.action is not HOLD:
            # It has come back, and needs nobody's word any more.
            return self._go_on(self._admission, asking)
        self._rule = verdict.rule
        if exchange.inbound.ending:
            # It was on its way when the drain ended the others; nobody would end this one.
            return self._refuse(Reason.POLICY_UNDECIDED, "the gate is stopping")
        self._proof = rounds.digest(message.method, self._body)
        if state is not None:
            return self._come_back(state)
        self._hold = new_id("w")
        self._returns = modern and rounds.can_return(message.method, message.params)
        self._until = exchange.inbound.force.readiness.now + verdict.wait
        self._text = f"Waiting for a person's approval (hold {self._hold})."
        if verdict.said:
            self._text += f" {verdict.said}"
        self._note(None)
        placing = exchange.inbound.force.holds.place(self._held(verdict.wait, verdict.said), self)
        self._then(placing, self._placed)

    def _held(self, wait: float, said: str) -> Held:
        exchange, admission, asking = self._exchange, self._admission, self._asking
        assert asking.judged is not None and asking.id is not None
        shown, cut = rounds.shown(asking.body)
        call = asking.judged.call
        return Held(
            id=self._hold,
            exchange=exchange.id,
            how=admission.principal.how,
            principal=admission.principal.name,
            route=admission.route.name,
            session=admission.session.digest if admission.session is not None else None,
            request=id_json(asking.id).decode(),
            method=call.method,
            name=call.name,
            rule=self._rule or "",
            said=said,
            proof=self._proof,
            shown=shown,
            cut=cut,
            size=0 if self._returns else len(self._body),
            since=exchange.inbound.force.wall(),
            wait=wait,
            returns=self._returns,
        )

    # What its caller sees meanwhile.

    def _placed(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            return self._turn(refusal)
        if self._returns:
            return self._ask_back()
        self._show()

    def _show(self) -> None:
        """Let its caller see that it waits."""
        exchange = self._exchange
        if self._may_stream() and not exchange.streaming:
            lines = self._admission.cors + (b"connection: close\r\n" if exchange.last else b"")
            exchange.streaming = True
            exchange.inbound.stream.write(b"%b%b\r\n" % (STREAM_HEAD, lines))
            self._beat()
        self.resumed()

    def _may_stream(self) -> bool:
        # The answer to a POST of the old transport (2024-11-05) comes on another stream.
        session = self._admission.session
        old = session is not None and session.kind == "endpoint"
        return not old and b"text/event-stream" in (self._admission.head.get(b"accept") or b"")

    def _beat(self) -> None:
        """A sign of life."""
        exchange = self._exchange
        stream = exchange.inbound.stream
        if not exchange.streaming or stream.congested:
            return
        now = exchange.inbound.force.readiness.now
        token = rounds.progress_token(self._message.params)
        if token is None or now < self._told + TOLD:
            payload = b": waiting for approval\n\n"
        else:
            self._told = now
            left = max(0.0, self._until - now)
            payload = event_of(rounds.progress(token, left, self._text))
        exchange.bytes_out += len(payload)
        stream.write(chunk(payload))

    def _ask_back(self) -> None:
        """End this exchange with the question; the caller comes back with its answer."""
        exchange, admission = self._exchange, self._admission
        keys = admission.generation.session_keys
        now = exchange.inbound.force.wall()
        place = self._place()
        state = keys.seal("hold", self._hold.encode(), admission.principal, place, now).decode()
        text = f"{self._text} Accept to wait until it is decided; decline, and the call is withdrawn."
        result = rounds.question(text, state)
        self._over()
        assert self._asking.id is not None
        raw = b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (id_json(self._asking.id), result)
        asked = Refusal(Reason.POLICY_UNDECIDED, f"the caller was asked to come back (hold {self._hold})")
        exchange.turn(Turned(asked, self._asking.facts + self.facts, answer.json_bytes(raw)))

    def _place(self) -> bytes:
        """What a state is sealed for, beside its caller: a place, and a call to the byte."""
        return b"%b\n%b" % (self._admission.route.place, self._proof.encode())

    def _come_back(self, state: str) -> None:
        """It was asked to, and brings the state that it was given."""
        exchange, admission = self._exchange, self._admission
        keys = admission.generation.session_keys
        opened = keys.opened(state.encode(), admission.principal, self._place(), kind="hold")
        if opened is None:
            detail = "the state that it brings is not this call's, or not this caller's"
            return self._refuse(Reason.POLICY_UNDECIDED, detail)
        self._hold = opened.upstream_id.decode()
        self._back = True
        self._text = f"Still waiting for a person's approval (hold {self._hold})."
        self._note(None)
        desk = exchange.inbound.force.holds
        if rounds.refuses(self._message.params):
            desk.refused(self._hold, exchange.id)
            return self._refuse(Reason.POLICY_DENIED, "the caller's own user declined to wait")
        self._until = exchange.inbound.force.readiness.now + ROUND
        desk.wait(self._hold, self)
        self._take()

    # What the exchange and the desk call.

    def woken(self) -> None:
        """It was decided."""
        if self.waits:
            self._take()

    def overdue(self) -> None:
        """Time for a sign of life, or for the end."""
        force = self._exchange.inbound.force
        if force.readiness.now < self._until:
            self._beat()
            return self.resumed()
        if self._back:
            # With a last look, as another worker may have been told.
            self._last = True
            self._exchange.inbound.stream.deadline = NEVER
            return self._take()
        force.holds.withdraw(self._hold)
        self._refuse(Reason.POLICY_UNDECIDED, "nobody has decided in time")

    def resumed(self) -> None:
        """Nothing is in the way of the next sign of life: until it, or the end, the time is ours."""
        stream = self._exchange.inbound.stream
        if self.waits and not stream.congested:
            stream.deadline = min(self._until, self._exchange.inbound.force.readiness.now + BEAT)

    def drain(self) -> None:
        """The gate stops, or this worker does: a call that was not approved by now is not made."""
        self._exchange.inbound.force.holds.withdraw(self._hold)
        self._refuse(Reason.POLICY_UNDECIDED, "the gate is stopping")

    def abandon(self) -> None:
        """Its caller is gone."""
        exchange = self._exchange
        if exchange.streaming:
            exchange.status = 200
        if self.waits:
            self._over()
            if not self._back:
                exchange.inbound.force.holds.withdraw(self._hold)

    # What was decided.

    def _take(self) -> None:
        self._then(self._exchange.inbound.force.holds.take(self._hold, self._proof), self._taken)

    def _taken(self, taken: Taken) -> None:
        decision = taken.decision
        if not taken.known:
            return self._refuse(Reason.POLICY_UNDECIDED, f"hold {self._hold} is over")
        if decision is None:
            return self._ask_back() if self._last else self._show()
        if decision.word is Word.APPROVED:
            return self._approved(decision)
        self._note(decision)
        if decision.word is Word.WITHDRAWN:
            return self._refuse(Reason.POLICY_UNDECIDED, "its caller has cancelled it")
        self._refuse(Reason.POLICY_DENIED, f"by {decision.by}", decision.why)

    def _approved(self, decision: Decision) -> None:
        """Judge it again, by what is in force now."""
        self._note(decision)
        self._judge_again(last=False)

    def _judge_again(self, *, last: bool) -> None:
        """C{last}: whoever knows its caller has been asked already."""
        exchange = self._exchange
        if exchange.closed:
            # Its caller left while somebody was asked.
            return
        admission = exchange.inbound.admit_again(self._admission.head)
        if isinstance(admission, Pending):
            if not last:
                return admission.begin(partial(self._judge_again, last=True))
            admission = self._admission.denied(Refusal(Reason.AUTH_UNAVAILABLE))
        if isinstance(admission, Denial):
            self._over()
            return exchange.refuse(admission.refusal)
        asking = ask(self._body, admission, exchange.id, exchange.inbound.force)
        self._asking.body = b""
        if isinstance(asking, Turned):
            self._over()
            said = self._asking.facts if asking.facts is NOTHING else asking.facts
            asking.facts = said + self.facts
            return exchange.turn(asking)
        assert asking.judged is not None
        verdict = asking.judged.verdict
        if verdict.action is HOLD and verdict.rule != self._rule:
            return self._refuse(Reason.POLICY_UNDECIDED, "another rule holds it since it was approved")
        asking.facts += self.facts
        self._go_on(admission, asking)

    def _go_on(self, admission: Admission, asking: Asking) -> None:
        """It may be made, without what was between the gate and its caller."""
        if admission.revision.modern and rounds.own_state(self._message.params) is not None:
            asking.body = removed(asking.body, ("params",), rounds.ROUND)
        # Its answer may have to become an event of a stream that has begun.
        asking.plain = asking.plain and not self._exchange.streaming
        self._over()
        self._exchange.go_on(admission, asking)

    def _refuse(self, reason: Reason, detail: str, said: str = "") -> None:
        # What a person says is for the caller, too.
        self._turn(Refusal(reason, detail, told={"said": said} if said else None))

    def _turn(self, refusal: Refusal) -> None:
        exchange, revision = self._exchange, self._admission.revision
        raw = answer.denied_bytes(self._message, refusal, revision, exchange.id)
        self._over()
        exchange.turn(Turned(refusal, self._asking.facts + self.facts, raw))

    def _over(self) -> None:
        self.waits = False
        stream = self._exchange.inbound.stream
        if not stream.congested:
            stream.deadline = NEVER
        # Its answer may stream for hours.
        self._body, self._message = b"", _DONE
        if self._hold:
            self._exchange.inbound.force.holds.leave(self._hold, self)

    # Answers that come later.

    def _then(self, answered: Deferred[T], step: Callable[[T], None]) -> None:
        """Go on with what the office answers; where it does not, nobody has approved anything."""
        inbound = self._exchange.inbound

        def go_on(outcome: T | Failure) -> None:
            if not self.waits:
                return
            if not isinstance(outcome, Failure):
                return step(outcome)
            self.log.error("hold {hold}: {why}", hold=self._hold, why=outcome.getErrorMessage())
            self._refuse(Reason.POLICY_UNDECIDED, "the supervisor does not answer")

        # As if the connection had woken us: what goes wrong is its own.
        answered.addBoth(lambda outcome: inbound.force.readiness.soon(lambda: go_on(outcome), inbound.stream))

    def _note(self, decision: Decision | None) -> None:
        """What the record says of it."""
        self.facts = "," + hold_facts(self._hold, decision)
        self._exchange.note(self._asking.facts + self.facts)


def cancel(exchange: Exchange, admission: Admission, asking: Asking) -> None:
    """A client cancels requests: those that are held are not made any more."""
    session = admission.session.digest if admission.session is not None else None
    for id in asking.cancels:
        who, route = admission.principal, admission.route.name
        exchange.inbound.force.holds.cancelled(who.how, who.name, route, session, id_json(id).decode())
