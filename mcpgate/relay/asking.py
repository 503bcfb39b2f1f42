"""What a caller asks for with one body: read, judged, and turned into what is forwarded.

Everything that a request can be refused for once it is here is decided in this file, in this order: it
is one message, or a batch where the revision has them (C{wire.jsonrpc}); its headers say what its body
says (C{wire.agreement}); it is a call that may be made (C{relay.judged}).
"""

from __future__ import annotations

import msgspec

from mcpgate.evidence.record import batch_facts, call_facts
from mcpgate.policy.asked import Asked
from mcpgate.policy.decide import reaches
from mcpgate.policy.rules import ALLOW, Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.admission import Admission
from mcpgate.relay.judged import Judged, judge
from mcpgate.relay.questions import declared, is_idle, is_unasked
from mcpgate.relay.tasks import follow
from mcpgate.sessions.live import Sessions
from mcpgate.sessions.tasks import Tasks
from mcpgate.wire import clamp
from mcpgate.wire.agreement import agreement
from mcpgate.wire.jsonrpc import REQUEST, RESPONSE, Batch, Message, id_of, parse, parse_batch
from mcpgate.wire.mcp import TASK, client_request
from mcpgate.wire.revision import Revision

#: What an C{open} line says of what was not read.
NOTHING = call_facts(None, None, None)


#: Requests whose answers the gate looks into, or changes.
INTERESTING = frozenset({"initialize", "server/discover", "tools/list"})


class Asking(msgspec.Struct, gc=False):
    """
    What is forwarded, and what is to be known of it when the answer comes.

    @ivar facts: The call's part of an C{open} line.
    @ivar judged: What was found of a single request.
    @ivar exchange: By which it came.
    @ivar owed: JSON-RPC answers of our own, to what of a batch was not let through.
    @ivar method: Of a single request or notification.
    @ivar plain: Whether it is a single request whose answer is of no interest to the gate itself.
    """

    body: bytes
    facts: str
    exchange: str
    judged: Judged | None = None
    owed: tuple[bytes, ...] = ()
    method: str | None = None
    id: int | str | None = None
    plain: bool = False
    _awaited: dict[int | str, Asked] | None = None

    @property
    def awaited(self) -> dict[int | str, Asked]:
        """The requests in it that are not answered yet, by their ids. Most answers need no look at it."""
        if self._awaited is None:
            self._awaited = {}
            if self.judged is not None and self.id is not None:
                call, verdict = self.judged.call, self.judged.verdict
                self._awaited[self.id] = Asked(call, verdict, self.exchange)
        return self._awaited


class Turned(msgspec.Struct, gc=False):
    """
    Why nothing is forwarded.

    @ivar answer: The whole answer, where it is not the one that every refusal of this reason gets.
    @ivar id: The request's, where it is beyond doubt.
    """

    refusal: Refusal
    facts: str = NOTHING
    answer: bytes | None = None
    id: int | str | None = None


def ask(
    body: bytes,
    admission: Admission,
    exchange: str,
    sessions: Sessions | None = None,
    tasks: Tasks | None = None,
) -> Asking | Turned:
    """
    Judge a body.

    @param exchange: the id of the exchange by which it came.
    @param sessions: those that this worker knows, with what was asked of their callers.
    @param tasks: those of all callers.
    """
    message = parse(body)
    if type(message) is not Message:
        assert isinstance(message, Refusal)
        if message.reason is Reason.FRAME_BATCH and admission.revision.batches:
            return _ask_several(body, admission, exchange, sessions, tasks)
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
            return Turned(Refusal(Reason.POLICY_UNLISTED), facts, answer.ACCEPTED)
        unasked = is_unasked(message, admission, sessions)
        return Asking(body, facts, exchange) if unasked is None else Turned(unasked, facts, answer.ACCEPTED)
    route = admission.route
    judged = judge(message, route, admission.generation.policy)
    if isinstance(judged, Refusal):
        if _is_gone(message, admission.revision):
            # Whatever its params: that is how a client of 2026-07-28 finds out.
            judged = Refusal(Reason.MCP_METHOD)
        return Turned(judged, id=id)
    if judged.call.nature is TASK:
        judged = follow(message, judged, admission, tasks)
    call, verdict = judged.call, judged.verdict
    if verdict.action is not ALLOW:
        raw = answer.blocked_bytes(message, call, admission.revision)
        return Turned(Refusal(verdict.reason or Reason.POLICY_BLOCKED), judged.facts, raw)
    if message.kind is not REQUEST:
        idle = is_idle(message, admission)
        if idle is not None:
            return Turned(idle, judged.facts, answer.ACCEPTED)
        return Asking(body, judged.facts, exchange, None, (), call.method)
    if admission.revision.modern and call.method == "tools/call" and call.name is not None:
        arguments = message.params.get("arguments")
        refusal = route.mirrors.judge(call.name, arguments if type(arguments) is dict else {}, admission.head)
        if refusal is not None:
            return Turned(refusal, judged.facts, id=id)
    elif call.method == "initialize":
        body = clamp.asked(message, body)
    method = call.method
    if admission.revision.modern or method == "initialize":
        body = declared(message, body, admission)
    return Asking(body, judged.facts, exchange, judged, (), method, id, method not in INTERESTING)


def _ask_several(
    body: bytes, admission: Admission, exchange: str, sessions: Sessions | None, tasks: Tasks | None
) -> Asking | Turned:
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
    why: Refusal | None = None
    for message, raw in batch.parts:
        refusal = agreement(message, admission.head, admission.revision)
        if refusal is not None:
            return Turned(refusal)
        if message.kind is RESPONSE:
            said, verdict = _answering(admission)
            facts.append(said)
            if verdict.action is ALLOW:
                why = is_unasked(message, admission, sessions)
                if why is None:
                    passing.append(raw)
            continue
        judged = judge(message, admission.route, admission.generation.policy)
        if isinstance(judged, Refusal):
            return Turned(judged)
        if judged.call.nature is TASK:
            judged = follow(message, judged, admission, tasks)
        facts.append(judged.facts)
        if judged.verdict.action is ALLOW:
            passing.append(raw)
            if message.id is not None:
                awaited[message.id] = Asked(judged.call, judged.verdict, exchange)
            continue
        why = Refusal(judged.verdict.reason or Reason.POLICY_BLOCKED)
        if message.kind is REQUEST:
            owed.append(answer.blocked_json(message, judged.call, admission.revision))
    together = batch_facts(facts)
    if passing:
        if len(passing) < len(batch.parts):
            body = b"[%b]" % b",".join(passing)
        return Asking(body, together, exchange, None, tuple(owed), _awaited=awaited)
    raw = answer.json_bytes(b"[%b]" % b",".join(owed)) if owed else answer.ACCEPTED
    return Turned(why or Refusal(Reason.POLICY_UNLISTED), together, raw)


def _answering(admission: Admission) -> tuple[str, Verdict]:
    """
    An answer to what the upstream asked the caller on a stream (up to 2025-11-25). It names no method;
    whoever may use the route may answer.
    """
    verdict = reaches(admission.generation.policy, admission.route.name)
    return call_facts(None, None, verdict), verdict


def _is_gone(message: Message, revision: Revision) -> bool:
    """Whether it is of a method that 2026-07-28 has removed."""
    known = client_request(message.method) if message.method is not None else None
    return revision.modern and known is not None and revision.text not in known.revisions
