"""What a caller asks for with one body: read, judged, and turned into what is forwarded.

Everything that a request can be refused for once it is here is decided in this file, in this order: it
is one message, or a batch where the revision has them (C{wire.jsonrpc}); its headers say what its body
says (C{wire.agreement}); it is a call that may be made (C{relay.judged}).
"""

from __future__ import annotations

import msgspec

from mcpgate.evidence.exchanges import batch_facts, call_facts, masked_facts
from mcpgate.holds.rounds import own_state
from mcpgate.policy.asked import Asked
from mcpgate.policy.decide import reaches
from mcpgate.policy.demand import Demand
from mcpgate.policy.lists import LISTS, cursor_of
from mcpgate.policy.masks import Masks
from mcpgate.policy.rules import ALLOW, BLOCK, HOLD, Verdict
from mcpgate.policy.scopes import insufficient
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.admission import Admission
from mcpgate.relay.force import InForce
from mcpgate.relay.judged import Judged, judge
from mcpgate.relay.questions import declared, is_idle, is_unasked
from mcpgate.relay.screening import screened
from mcpgate.relay.spending import Spending, spend
from mcpgate.relay.tasks import follow
from mcpgate.tls.handshake import Handshake
from mcpgate.wire import clamp
from mcpgate.wire.agreement import agreement
from mcpgate.wire.call import Call
from mcpgate.wire.jsonrpc import REQUEST, RESPONSE, Batch, Message, id_of, parse, parse_batch
from mcpgate.wire.mcp import CLIENT, TASK, client_request
from mcpgate.wire.revision import Revision

#: What an C{open} line says of what was not read.
NOTHING = call_facts(None, None, None)


#: Requests whose answers the gate looks into, or changes.
INTERESTING = LISTS | {"initialize", "server/discover"}


class Asking(msgspec.Struct, gc=False):
    """
    What is forwarded, and what is to be known of it when the answer comes.

    @ivar facts: The call's part of an C{open} line.
    @ivar judged: What was found of a single request.
    @ivar exchange: By which it came.
    @ivar owed: JSON-RPC answers of our own, to what of a batch was not let through.
    @ivar method: Of a single request or notification.
    @ivar masks: What the answer to a single request is subject to.
    @ivar demands: For each of the messages that demand something of the connection, what that may be.
    @ivar forward: The head that goes with it, where it is not the caller's own (C{Admission.forward}).
    @ivar budgeted: A single message that is still to be taken out of the budgets that are about it.
    @ivar spent: What it has of budgets; of a batch, each of its messages.
    @ivar plain: Whether it is a single request whose answer is of no interest to the gate itself.
    @ivar cursor: Of a single request for a list: which page of it, if not the first.
    @ivar held: Whether people have a say: a person must approve it, its caller has come back for what one
        has decided, or it cancels what may be waiting for that (C{relay.holding}).
    @ivar cancels: The requests that it cancels.
    @ivar record: Whether its bodies are recorded (C{relay.recording}).
    """

    body: bytes
    facts: str
    exchange: str
    judged: Judged | None = None
    owed: tuple[bytes, ...] = ()
    method: str | None = None
    id: int | str | None = None
    plain: bool = False
    masks: Masks | None = None
    demands: tuple[tuple[Demand, ...], ...] = ()
    forward: bytes | None = None
    held: bool = False
    cancels: tuple[int | str, ...] = ()
    budgeted: Judged | None = None
    spent: tuple[Spending, ...] = ()
    cursor: str | None = None
    record: bool = False
    _awaited: dict[int | str, Asked] | None = None

    @property
    def awaited(self) -> dict[int | str, Asked]:
        """The requests in it that are not answered yet, by their ids. Most answers need no look at it."""
        if self._awaited is None:
            self._awaited = {}
            if self.judged is not None and self.id is not None:
                call, verdict = self.judged.call, self.judged.verdict
                spent = self.spent[0] if self.spent else None
                self._awaited[self.id] = Asked(call, verdict, self.exchange, spent, self.cursor)
        return self._awaited


class Turned(msgspec.Struct, gc=False):
    """
    Why nothing is forwarded.

    @ivar answer: The whole answer, where it is not the one that every refusal of this reason gets.
    @ivar id: The request's, where it is beyond doubt.
    @ivar record: What of it is to be recorded, if anything is, and how many bytes of it may not be.
    """

    refusal: Refusal
    facts: str = NOTHING
    answer: bytes | None = None
    id: int | str | None = None
    record: tuple[bytes, int] | None = None

    def on_record(self, verdict: Verdict, message: Message, body: bytes) -> Turned:
        """With what is to be recorded of it: what might have been forwarded, if it were allowed."""
        if verdict.record:
            found = None if verdict.asking is None else verdict.asking.apply(message, body, sender=CLIENT)
            if isinstance(found, Refusal):
                self.record = b"", len(body)
            else:
                self.record = (body if found is None else found.raw), 0
        return self


def ask(body: bytes, admission: Admission, exchange: str, force: InForce | None = None) -> Asking | Turned:
    """
    Judge a body.

    @param exchange: the id of the exchange by which it came.
    @param force: what this worker knows: sessions, and what budgets were spent.
    """
    message = parse(body)
    if type(message) is not Message:
        assert isinstance(message, Refusal)
        if message.reason is Reason.FRAME_BATCH and admission.revision.batches:
            return _ask_several(body, admission, exchange, force)
        return Turned(message, id=id_of(body))
    id = message.id if message.kind is REQUEST else None
    if admission.refusal is not None:
        return Turned(admission.refusal, id=id)
    if admission.revision.modern or "_meta" in message.params:
        refusal = agreement(message, admission.head, admission.revision)
        if refusal is not None:
            return Turned(refusal, id=id)
    if message.kind is RESPONSE:
        facts, verdict = _answering(admission)
        if verdict.action is not ALLOW:
            turned = Turned(Refusal(Reason.POLICY_UNLISTED), facts, answer.ACCEPTED)
            return turned.on_record(verdict, message, body)
        unasked = is_unasked(message, admission, force.sessions if force is not None else None)
        if unasked is not None:
            return Turned(unasked, facts, answer.ACCEPTED).on_record(verdict, message, body)
        if verdict.asking is not None:
            changed = screened(verdict.asking, message, body, admission)
            if isinstance(changed, Refusal):
                return Turned(changed, facts, answer.ACCEPTED).on_record(verdict, message, body)
            if changed is not None:
                body, facts = changed.body, facts + masked_facts(changed.masked)
        return Asking(body, facts, exchange, record=verdict.record)
    route = admission.route
    judged = judge(message, route, admission.callers)
    if isinstance(judged, Refusal):
        if _is_gone(message, admission.revision):
            # Whatever its params: that is how a client of 2026-07-28 finds out.
            judged = Refusal(Reason.MCP_METHOD)
        return Turned(judged, id=id)
    if judged.call.nature is TASK:
        judged = follow(message, judged, admission, force)
    call, verdict = judged.call, judged.verdict
    held = False
    if verdict.action is not ALLOW:
        held = verdict.action is HOLD and message.kind is REQUEST
        if not held:
            refusal = _why(verdict, admission)
            if refusal.reason is Reason.AUTH_SCOPE and message.kind is REQUEST:
                # With a challenge, which leads its client to a token that will do.
                return Turned(refusal, judged.facts, id=id).on_record(verdict, message, body)
            raw = answer.policy_bytes(message, call, refusal, admission.revision, exchange)
            return Turned(refusal, judged.facts, raw, id).on_record(verdict, message, body)
    suspended = _suspended(admission, call, force) if force is not None and force.guards.guarding else None
    if suspended is not None:
        raw = answer.denied_bytes(message, suspended, admission.revision, exchange)
        facts = refused_facts(call, verdict, suspended)
        return Turned(suspended, facts, raw, id).on_record(verdict, message, body)
    if message.kind is not REQUEST:
        idle = is_idle(message, admission)
        if idle is not None:
            return Turned(idle, judged.facts, answer.ACCEPTED).on_record(verdict, message, body)
    if admission.revision.modern and call.method == "tools/call" and call.name is not None:
        # Before anything is masked: it is the caller's headers that must say what the caller's body says.
        arguments = message.params.get("arguments")
        refused = route.mirrors.judge(call.name, arguments if type(arguments) is dict else {}, admission.head)
        if refused is not None and message.kind is REQUEST:
            return Turned(refused, judged.facts, id=id).on_record(verdict, message, body)
    if admission.revision.modern and "requestState" in message.params:
        held = held or own_state(message.params) is not None
    facts, forward = judged.facts, None
    if verdict.asking is not None:
        changed = screened(verdict.asking, message, body, admission)
        if isinstance(changed, Refusal):
            raw = answer.denied_bytes(message, changed, admission.revision, exchange)
            facts = refused_facts(call, verdict, changed)
            return Turned(changed, facts, raw, id).on_record(verdict, message, body)
        if changed is not None:
            message, body, forward = changed.message, changed.body, changed.forward
            facts += masked_facts(changed.masked)
    demands = (verdict.outbound,) if verdict.outbound else ()
    if message.kind is not REQUEST:
        budgeted, cancels = judged if judged.budgets else None, _cancelled(message)
        asking = Asking(body, facts, exchange, None, (), call.method, demands=demands, forward=forward)
        asking.budgeted = budgeted
        asking.record = verdict.record
        if cancels:
            asking.held, asking.cancels = True, cancels
        return asking
    if call.method == "initialize":
        body = clamp.asked(message, body)
    method = call.method
    if admission.revision.modern or method == "initialize":
        body = declared(message, body, admission)
    plain = method not in INTERESTING and not verdict.record
    asking = Asking(body, facts, exchange, judged, (), method, id, plain, verdict.masks, demands, forward)
    asking.held = held
    if not plain:
        asking.cursor = cursor_of(message) if method in INTERESTING else None
        asking.record = verdict.record
    if judged.budgets:
        asking.budgeted = judged
        asking.plain = plain and all(budget.result_size is None for budget in judged.budgets)
    return asking


def _ask_several(body: bytes, admission: Admission, exchange: str, force: InForce | None) -> Asking | Turned:
    """Each message of a batch is judged by itself, and what may not pass is answered by itself."""
    batch = parse_batch(body)
    if not isinstance(batch, Batch):
        return Turned(batch)
    if admission.refusal is not None:
        return Turned(admission.refusal)
    facts: list[str] = []
    passing: list[bytes] = []
    owed: list[bytes] = []
    awaited: dict[int | str, Asked] = {}
    cancels: tuple[int | str, ...] = ()
    demands: list[tuple[Demand, ...]] = []
    budgeted: list[tuple[int, int, Message, Judged]] = []
    why: Refusal | None = None
    # Where any of it is recorded, all that is forwarded is.
    record = False
    for message, raw in batch.parts:
        refusal = agreement(message, admission.head, admission.revision)
        if refusal is not None:
            return Turned(refusal)
        if message.kind is RESPONSE:
            said, verdict = _answering(admission)
            record = record or verdict.record
            facts.append(said)
            if verdict.action is ALLOW:
                why = is_unasked(message, admission, force.sessions if force is not None else None)
                if why is not None:
                    continue
                changed = _as_may_pass(verdict, message, raw, admission)
                if isinstance(changed, bytes):
                    passing.append(changed)
                else:
                    why = changed
            continue
        judged = judge(message, admission.route, admission.callers)
        if isinstance(judged, Refusal):
            return Turned(judged)
        if judged.call.nature is TASK:
            judged = follow(message, judged, admission, force)
        call, verdict = judged.call, judged.verdict
        record = record or verdict.record
        why = _why(verdict, admission)
        if verdict.action is ALLOW:
            suspended = _suspended(admission, call, force)
            if suspended is None and message.kind is not REQUEST:
                suspended = is_idle(message, admission)
            changed = suspended or _as_may_pass(verdict, message, raw, admission)
            if isinstance(changed, bytes):
                if judged.budgets:
                    budgeted.append((len(facts), len(passing), message, judged))
                facts.append(judged.facts)
                passing.append(changed)
                cancels += _cancelled(message)
                if verdict.outbound:
                    demands.append(verdict.outbound)
                if message.id is not None:
                    awaited[message.id] = Asked(call, verdict, exchange, None, cursor_of(message))
                continue
            why = changed
            facts.append(refused_facts(call, verdict, why))
        else:
            facts.append(judged.facts)
        if message.kind is REQUEST:
            owed.append(answer.policy_json(message, call, why, admission.revision, exchange))
    # When all of it is known to be good: what counts is forwarded.
    spent: list[Spending] = []
    for at, place, message, judged in budgeted:
        call, size = judged.call, len(passing[place])
        ledger = force.ledger if force is not None else None
        one = spend(ledger, judged, admission.principal, admission.route.name, size)
        asked = awaited.pop(message.id, None) if message.id is not None else None
        if not isinstance(one, Refusal):
            spent.append(one)
            if asked is not None and message.id is not None:
                awaited[message.id] = Asked(call, asked.verdict, exchange, one, cursor_of(message))
            continue
        why = one
        facts[at] = refused_facts(call, judged.verdict, why)
        passing[place] = b""
        if message.kind is REQUEST:
            owed.append(answer.policy_json(message, call, why, admission.revision, exchange))
    passing = [raw for raw in passing if raw]
    together = batch_facts(facts)
    if passing:
        if passing != [raw for _, raw in batch.parts]:
            body = b"[%b]" % b",".join(passing)
        return Asking(
            body,
            together,
            exchange,
            None,
            tuple(owed),
            demands=tuple(demands),
            held=bool(cancels),
            cancels=cancels,
            spent=tuple(spent),
            record=record,
            _awaited=awaited,
        )
    raw = answer.json_bytes(b"[%b]" % b",".join(owed)) if owed else answer.ACCEPTED
    turned = Turned(why or Refusal(Reason.POLICY_UNLISTED), together, raw)
    # None of it could be masked as it would be if it were forwarded.
    turned.record = (b"", len(body)) if record else None
    return turned


def _suspended(admission: Admission, call: Call, force: InForce | None) -> Refusal | None:
    """Why a tool may not be called by anybody, if its upstream has changed it (C{definitions.guard})."""
    guarding = force.guards.guarding if force is not None else None
    guard = guarding.get(admission.route.upstream.name) if guarding else None
    if guard is None:
        return None
    # A task is of the tool that made it.
    judged = (guard.judge(method, name) for method, name in call.judged_as)
    return next((refusal for refusal in judged if refusal is not None), None)


def _as_may_pass(
    verdict: Verdict, message: Message, raw: bytes, admission: Admission
) -> bytes | Refusal:
    """One message of a batch, masked where it must be. (2025-03-26 has no headers that repeat arguments.)"""
    changed = screened(verdict.asking, message, raw, admission) if verdict.asking is not None else None
    if isinstance(changed, Refusal):
        return changed
    return raw if changed is None else changed.body


def unmet(demands: tuple[tuple[Demand, ...], ...], handshake: Handshake) -> Refusal | None:
    """What a connection to the upstream lacks, of what the rules by which it would be used demand."""
    for one in demands:
        if not any(demand.met_by(handshake) for demand in one):
            rules = ", ".join(sorted({demand.rule for demand in one}))
            return Refusal(Reason.POLICY_TRANSPORT, f"the outbound leg is not what {rules} demands")
    return None


def refused_facts(call: Call, verdict: Verdict, refusal: Refusal) -> str:
    """What an C{open} line says of a call that a rule allows and that is refused all the same."""
    name = call.name
    if refusal.reason is Reason.POLICY_CONTENT and name is not None and verdict.asking is not None:
        # It may be for what stands in the name, and no record holds what was found.
        name = verdict.asking.text(name) or None
    return call_facts(call.method, name, Verdict(BLOCK, verdict.rule, refusal.reason))


def _answering(admission: Admission) -> tuple[str, Verdict]:
    """
    An answer to what the upstream asked the caller on a stream (up to 2025-11-25). It names no method;
    whoever may use the route may answer.
    """
    verdict = reaches(admission.callers, admission.route.name)
    return call_facts(None, None, verdict), verdict


def _why(verdict: Verdict, admission: Admission) -> Refusal:
    """Why a verdict does not let a message pass."""
    if verdict.reason is Reason.AUTH_SCOPE:
        needed = verdict.scopes | admission.route.scopes
        return insufficient(needed, admission.principal.scopes, f"the rule {verdict.rule}")
    if verdict.action is HOLD:
        # A notification has no answer that could wait, and a batch one for all of its messages.
        return Refusal(Reason.POLICY_UNDECIDED, "only a request that comes alone can wait for a person")
    return Refusal(verdict.reason or Reason.POLICY_BLOCKED)


def _cancelled(message: Message) -> tuple[int | str, ...]:
    """The request that a notification cancels, if it does."""
    id = message.params.get("requestId") if message.method == "notifications/cancelled" else None
    return (id,) if type(id) is int or type(id) is str else ()


def _is_gone(message: Message, revision: Revision) -> bool:
    """Whether it is of a method that 2026-07-28 has removed."""
    known = client_request(message.method) if message.method is not None else None
    return revision.modern and known is not None and revision.text not in known.revisions
