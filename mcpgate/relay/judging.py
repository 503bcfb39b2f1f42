"""What an upstream may say to the caller of one exchange, and what becomes of it: who has asked, what
that was, and what today's rules say of it. C{relay.answering} meets the sockets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mcpgate.evidence.events import answered_line
from mcpgate.evidence.journal import new_id
from mcpgate.policy.asked import Asked
from mcpgate.policy.decide import decide, strictest
from mcpgate.policy.masks import Masks
from mcpgate.policy.rules import BLOCK, Callers, Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer, listing
from mcpgate.relay.admission import ENDPOINT, Admission
from mcpgate.relay.echoing import Echoing
from mcpgate.relay.hearing import Hearing
from mcpgate.relay.questions import Questions
from mcpgate.relay.tasks import LIST as TASKS_LIST
from mcpgate.relay.tasks import TOLD, learn, listed, told
from mcpgate.sessions.live import REQUESTS_MOST, Recent
from mcpgate.wire import clamp
from mcpgate.wire.endpoint import target_of
from mcpgate.wire.http import ResponseHead
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.mcp import SERVER
from mcpgate.wire.questions import notable

if TYPE_CHECKING:
    from mcpgate.relay.exchange import Exchange


class Judging:
    """The judgement on one answer, message by message."""

    __slots__ = ("_admission", "_exchange", "_hearing")

    def __init__(self, exchange: Exchange, admission: Admission) -> None:
        self._exchange = exchange
        self._admission = admission
        self._hearing: Hearing | None = self._hear()

    @property
    def hearing(self) -> Hearing:
        """What may be said, until L{over}."""
        assert self._hearing is not None
        return self._hearing

    def over(self) -> None:
        """Nothing more is said. It goes now, and not when the garbage collector next looks, as the hearing
        calls back here."""
        self._hearing = None

    def _hear(self) -> Hearing:
        exchange, admission = self._exchange, self._admission
        live, revision = exchange.live, admission.revision
        if exchange.asking is not None:
            hearing = Hearing(exchange.asking.awaited, self._amend, batches=revision.batches)
        elif live is not None and admission.head.get(b"last-event-id") is not None:
            # If some of the session came by another worker, so may have the request.
            hearing = Hearing(live.requests, self._amend, batches=revision.batches)
            hearing.again, hearing.strangers = True, not live.whole
        elif live is not None:
            hearing = Hearing(live.outstanding, self._amend, batches=revision.batches)
        else:
            hearing = Hearing({}, self._amend, batches=revision.batches)
            if admission.head.method == b"GET":
                hearing.endpoint = self._endpoint
                # Without sessions nothing tells whose an answer is, but that its caller came back for it.
                hearing.strangers = admission.head.get(b"last-event-id") is not None
        hearing.news = self._news
        secrets = exchange.secrets
        if secrets is not None:
            hearing.echoing, hearing.stand = Echoing(exchange, secrets), self._in_place
        hearing.masks = self._masks()
        hearing.keep, hearing.decline = self._keep, Questions(exchange, admission).decline
        if not revision.modern:
            hearing.asked = live.asked if live is not None else Recent(REQUESTS_MOST)
            hearing.events = live.events if live is not None else None
        return hearing

    def _keep(self, message: Message, asked: Mapping[int | str, str] | None) -> Refusal | None:
        """Why what is no answer does not reach the caller, if so."""
        if message.method in TOLD:
            refusal = told(message, self._admission, self._exchange.inbound.force.tasks, self._callers())
            if refusal is not None:
                return refusal
        return Questions(self._exchange, self._admission).keep(message, asked)

    def _masks(self) -> Masks | None:
        """What is subject to masks between the answers: all that belongs to one request is, as its answer."""
        asking = self._exchange.asking
        if asking is not None and asking.judged is not None:
            return asking.judged.verdict.masks
        return self.verdict(None).masks

    def _amend(self, asked: Asked | None, message: Message, raw: bytes) -> bytes | None | Refusal:
        """What becomes of an answer; it is recorded with its request, wherever it comes."""
        heard = self._amended(asked, message, raw)
        elsewhere = asked is not None and asked.verdict.record and asked.exchange != self._exchange.id
        if elsewhere and isinstance(heard, bytes) and not self._exchange.record_aside(heard):
            return Refusal(Reason.GATE_JOURNAL, "an answer cannot be recorded")
        return heard

    def _amended(self, asked: Asked | None, message: Message, raw: bytes) -> bytes | None | Refusal:
        exchange, hearing = self._exchange, self.hearing
        assert message.id is not None
        if asked is not None and asked.exchange == exchange.id:
            masks = asked.verdict.masks
        else:
            known = asked.exchange if asked is not None else None
            witness = exchange.inbound.force.witness
            line = answered_line(new_id("a"), time=witness.stamp(), exchange=exchange.id, request=known)
            witness.tell(line)
            verdict = self.verdict(asked)
            if verdict.action is BLOCK:
                # The rules have changed since it was asked for.
                reason = verdict.reason or Reason.POLICY_BLOCKED
                hearing.drop(reason, "an answer to what is not allowed any more")
                return None
            masks = verdict.masks
        if exchange.live is not None:
            exchange.live.outstanding.pop(message.id, None)
        if notable(message):
            withheld = Questions(exchange, self._admission).withheld(message)
            if withheld is not None:
                return self._in_place(asked, message.id, withheld)
            refusal = learn(asked, message, self._admission, exchange.inbound.force.tasks)
            if refusal is not None:
                return refusal
        exceeds = self._charged(asked, len(raw)) if asked is not None else None
        if exceeds is not None:
            return self._in_place(asked, message.id, exceeds)
        amended = self._told(asked, message, raw)
        if isinstance(amended, Refusal):
            listed = amended.reason is Reason.POLICY_LIST
            return self._in_place(asked, message.id, amended) if listed else amended
        if masks is None:
            return amended
        return self._masked(masks, asked, message if amended is raw else None, amended)

    def _charged(self, asked: Asked, size: int) -> Refusal | None:
        """Whether one answer of a batch, or one by another exchange than its request, is too much."""
        spent, asking = asked.spent, self._exchange.asking
        if spent is None or (asking is not None and asking.budgeted is not None):
            # All that comes by its own exchange is charged there.
            return None
        spent.charge(size)
        return spent.exceeds(size)

    def _masked(self, masks: Masks, asked: Asked | None, message: Message | None, raw: bytes) -> bytes:
        """An answer as it may pass; what may not is answered by us."""
        hearing = self.hearing
        if message is None:
            read = parse(raw)
            assert isinstance(read, Message)
            message = read
        assert message.id is not None
        method = asked.call.method if asked is not None else None
        schema = listing.schema_of(self._exchange, asked)
        screened = masks.apply(message, raw, sender=SERVER, asked=method, schema=schema)
        if isinstance(screened, Refusal):
            return self._in_place(asked, message.id, screened)
        return raw if screened is None else hearing.count(screened)

    def _told(self, asked: Asked | None, message: Message, raw: bytes) -> bytes | Refusal:
        """An answer as the gate has it told, and what it learns from it."""
        if asked is not None and asked.call.method in ("initialize", "server/discover"):
            clamped = clamp.answered(asked.call.method, message, raw)
            if isinstance(clamped, Refusal):
                return clamped
            raw = clamped
        if asked is not None and asked.call.method == TASKS_LIST:
            tasks = self._exchange.inbound.force.tasks
            return listed(message, raw, self._admission, tasks, self._callers())
        return listing.answer(self._exchange, asked, message, raw)

    def _news(self, message: Message, raw: bytes) -> bytes | None | Refusal:
        """What becomes of a notification that is not everybody's."""
        hearing = self.hearing
        heard = listing.news(self._exchange, message, raw)
        if heard is None:
            hearing.drop(Reason.POLICY_UNLISTED, "news of what the caller may not read")
        return heard

    def _in_place(self, asked: Asked | None, id: int | str, refusal: Refusal) -> bytes:
        """The answer that stands in the place of one that may not pass."""
        self._exchange.withheld = refusal
        return self.denied(refusal, id, asked.call.method if asked is not None else "")

    def verdict(self, asked: Asked | None) -> Verdict:
        """On an answer that comes by another exchange than its request, by the rules of today."""
        callers, route = self._callers(), self._admission.route.name
        return decide(callers, route, asked.call) if asked is not None else strictest(callers, route)

    def _callers(self) -> Callers:
        # A stream may be older than the rules.
        return self._exchange.inbound.force.generation.policy.callers(self._admission.caller)

    # Sessions (up to 2025-11-25): what the caller holds is sealed, so that nobody else can use it.

    def _endpoint(self, named: bytes) -> bytes | Refusal:
        """Where the caller is to POST to, for the place that the upstream named (2024-11-05)."""
        exchange, admission, hearing = self._exchange, self._admission, self.hearing
        upstream = admission.route.upstream
        target = target_of(named, authority=upstream.authority, base=upstream.target)
        if isinstance(target, Refusal):
            return target
        sealed = admission.seal("endpoint", target, self._wall())
        session = admission.unseal(sealed, "endpoint", self._wall())
        assert session is not None
        live = exchange.join(session, sealed)
        # All answers come on this stream, those to requests that another worker took as well.
        hearing.outstanding, hearing.asked, hearing.strangers = live.outstanding, live.asked, True
        return b"%b%b%b" % (admission.route.table.path.encode(), ENDPOINT, sealed)

    def opened(self, head: ResponseHead) -> bytes | Refusal:
        """The line by which a caller gets a session that was opened for it; by no other answer does it."""
        asking, admission = self._exchange.asking, self._admission
        opens = asking is not None and asking.method == "initialize" and head.status < 300
        if not opens or admission.revision.modern:
            return b""
        try:
            sealed = admission.seal("session", head.fields[b"mcp-session-id"], self._wall())
        except ValueError as error:
            return Refusal(Reason.UPSTREAM_MESSAGE, str(error))
        session = admission.unseal(sealed, "session", self._wall())
        if session is not None:
            # So that it is ended one day, also if its client never comes back.
            live = self._exchange.join(session, sealed)
            live.whole = admission.generation.config.gate.workers == 1
            # This stream is the session's first: its caller may come back for what it misses of it.
            hearing = self.hearing
            assert asking is not None
            hearing.asked, hearing.events = live.asked, live.events
            for id, asked in asking.awaited.items():
                live.outstanding[id] = live.requests[id] = asked
        return b"mcp-session-id: %b\r\n" % sealed

    def _wall(self) -> float:
        return self._exchange.inbound.force.wall()

    def denied(self, refusal: Refusal, id: int | str, method: str) -> bytes:
        """What stands in place of an answer that policy withholds."""
        revision, exchange = self._admission.revision, self._exchange.id
        return answer.denied_json(id, method, refusal, revision=revision, exchange=exchange)
