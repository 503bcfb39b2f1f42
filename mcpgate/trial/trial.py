"""One message through the rules, by the very functions of the relay, and what the upstream says then.

The order is the relay's (C{relay.asking}, C{relay.answering}): the message is read, named, judged and
masked; the connection to the upstream is judged; its answer is filtered and masked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from attrs import define, field

from mcpgate.identity.principal import Principal
from mcpgate.policy.decide import could_use, decide, reaches
from mcpgate.policy.lists import Pages, cursor_of, filtered, news
from mcpgate.policy.masks import Masked, Masks
from mcpgate.policy.questions import askable_in, decide_question
from mcpgate.policy.rules import ALLOW, BLOCK, HOLD, Callers, Verdict
from mcpgate.policy.scopes import insufficient, lacking
from mcpgate.policy.who import Caller, address_of
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.answer import policy_json
from mcpgate.tls.handshake import Certificate, Handshake
from mcpgate.trial.cases import CallTable, CaseTable, LegTable, TransportTable, WhoTable
from mcpgate.trial.outcome import Outcome
from mcpgate.trial.subject import Subject
from mcpgate.wire.call import Call, call_of
from mcpgate.wire.jsonrpc import NOTIFICATION, REQUEST, RESPONSE, Message, parse
from mcpgate.wire.mcp import Sender, client_request
from mcpgate.wire.questions import declares, questions_in, without
from mcpgate.wire.revision import Revision

_REVISIONS = {revision.text: revision for revision in Revision}

#: What answers of the gate's own name as their exchange.
EXCHANGE = "x_trial"

#: As C{relay.admission} has it.
ANONYMOUS = Principal("anonymous", "anonymous", "", None)

#: A certificate of nobody in particular, for legs that have one.
_SOMEBODY = Certificate(
    subject="",
    issuer="",
    serial="",
    sha256="",
    spki_pin="",
    not_before=datetime(2026, 1, 1, tzinfo=UTC),
    not_after=datetime(2027, 1, 1, tzinfo=UTC),
    key="",
)


def tried(subject: Subject, case: CaseTable) -> Outcome:
    """What comes of a case."""
    missing = subject.missing(case.route)
    if missing is not None:
        return Outcome("block", None, Reason.ROUTE_UNKNOWN, missing)
    raw = message_of(case)
    message = parse(raw)
    if isinstance(message, Refusal):
        return Outcome("block", None, message.reason, message.detail)
    needed = subject.scopes.get(case.route, frozenset())
    refusal = lacking(needed, frozenset(case.who.scope), f"the route {case.route}")
    if refusal is not None:
        return Outcome("block", None, refusal.reason, refusal.detail)
    return _Trial(subject, case).ask(message, raw)


def message_of(case: CaseTable) -> bytes:
    """What is sent, as JSON."""
    if case.message is not None:
        return case.message
    assert case.call is not None
    return json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": case.call.method, "params": params_of(case.call)},
        ensure_ascii=False,
        default=str,
    ).encode("utf-8", "surrogatepass")


def params_of(call: CallTable) -> dict[str, object]:
    """The params of a call: its name where its method has it, and its arguments."""
    params: dict[str, object] = {}
    known = client_request(call.method)
    if call.name is not None:
        params[known.name if known is not None and known.name is not None else "name"] = call.name
    if call.arguments or call.method in ("tools/call", "prompts/get"):
        params["arguments"] = dict(call.arguments)
    return params


def caller_of(who: WhoTable, transport: TransportTable) -> Caller:
    """The caller that a case tells of."""
    proof = {
        "issuer": who.issuer,
        "subject": who.subject,
        "groups": who.group,
        "claims": who.claims,
        "scopes": frozenset(who.scope),
        "certificate": who.certificate,
    }
    if who.token is not None:
        principal = Principal(who.token, "token", "", None, **proof)  # type: ignore[arg-type]
    elif who.issuer is not None or who.subject is not None or who.scope:
        principal = Principal(who.subject or "", "jwt", "", None, **proof)  # type: ignore[arg-type]
    elif who.certificate is not None:
        principal = Principal(who.certificate, "certificate", "", None, **proof)  # type: ignore[arg-type]
    else:
        principal = ANONYMOUS
    shown = who.certificate is not None or transport.inbound.client_certificate
    return Caller(
        principal,
        address_of(_with_port(who.address)) if who.address is not None else None,
        handshake_of(transport.inbound, peer=_SOMEBODY if shown else None),
    )


def _with_port(address: str) -> str:
    return f"[{address}]:0" if ":" in address else f"{address}:0"


def handshake_of(leg: LegTable, *, peer: Certificate | None = None) -> Handshake:
    """A leg as a case tells of it."""
    return Handshake(
        version=leg.version,
        cipher=leg.cipher,
        cipher_bits=128 if "128" in leg.cipher else 256,
        group=leg.group,
        alpn="http/1.1",
        sni=None,
        peer=peer,
        peer_chain_pins=(),
        own=_SOMEBODY if leg.client_certificate and peer is None else None,
        exporter_sha256="",
        milliseconds=0.0,
        pinned=leg.pinned,
    )


@define(eq=False)
class _Trial:
    """A case on its way."""

    subject: Subject
    case: CaseTable
    callers: Callers = field(init=False)
    revision: Revision = field(init=False)
    masked: Counter[str] = field(factory=Counter, init=False)
    #: The rule that keeps the upstream from asking.
    against: str | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        caller = caller_of(self.case.who, self.case.transport)
        self.callers = self.subject.policy.callers(caller)
        self.revision = _REVISIONS[self.case.revision]

    def ask(self, message: Message, raw: bytes) -> Outcome:
        """The caller's message."""
        if message.kind is RESPONSE:
            verdict = reaches(self.callers, self.case.route)
            if verdict.action is not ALLOW:
                return Outcome("block", verdict.rule, verdict.reason)
            return self._forward(message, raw, None, verdict)
        call = call_of(message)
        if isinstance(call, Refusal):
            return Outcome("block", None, call.reason, call.detail)
        verdict = decide(self.callers, self.case.route, call, message.params)
        if verdict.action is BLOCK:
            assert verdict.reason is not None
            why = Refusal(verdict.reason)
            if verdict.reason is Reason.AUTH_SCOPE:
                needed = verdict.scopes | self.subject.scopes.get(self.case.route, frozenset())
                why = insufficient(needed, frozenset(self.case.who.scope), f"the rule {verdict.rule}")
            return self._refused(message, call, verdict, why)
        if verdict.action is HOLD and message.kind is not REQUEST:
            # It has no answer that could wait.
            return self._refused(message, call, verdict, Refusal(Reason.POLICY_UNDECIDED))
        return self._forward(message, raw, call, verdict)

    def _forward(self, message: Message, raw: bytes, call: Call | None, verdict: Verdict) -> Outcome:
        asked = self._masked(verdict.asking, message, raw, Sender.CLIENT)
        if isinstance(asked, Refusal):
            return self._refused(message, call, verdict, asked)
        if call is not None and (self.revision.modern or call.method == "initialize"):
            asked = self._declared(asked)
        outbound = handshake_of(self.case.transport.outbound)
        if verdict.outbound and not any(demand.met_by(outbound) for demand in verdict.outbound):
            demanding = verdict.outbound[0]
            why = Refusal(Reason.POLICY_TRANSPORT, "the connection to the upstream is not as demanded")
            return self._refused(message, call, verdict, why, rule=demanding.rule)
        answer: bytes | None | Refusal = None
        if self.case.answer is not None:
            answer = self._answer(message, call, verdict, self.case.answer)
        if isinstance(answer, Refusal):
            return self._refused(message, call, verdict, answer, asked=asked)
        said = "hold" if verdict.action is HOLD else "allow"
        return self._outcome(said, verdict, None, asked=asked, answer=answer)

    def _declared(self, raw: bytes) -> bytes:
        """What the upstream may not ask is not declared to it."""
        message = parse(raw)
        assert isinstance(message, Message)
        gone = declares(message) - askable_in(self.callers, self.case.route)
        return without(message, raw, gone) if gone else raw

    def _answer(
        self, message: Message, call: Call | None, verdict: Verdict, raw: bytes
    ) -> bytes | None | Refusal:
        """What passes of what the upstream says."""
        said = parse(raw)
        if isinstance(said, Refusal):
            return Refusal(Reason.UPSTREAM_MESSAGE, str(said))
        unasked = self._questions(said)
        if unasked is not None:
            return unasked
        if said.kind is REQUEST:
            return self._masked(verdict.masks, said, raw, Sender.SERVER)
        if said.kind is NOTIFICATION:
            heard = news(said, raw, self._may)
            if heard is None or isinstance(heard, Refusal):
                return heard
            return self._masked(verdict.masks, _again(said, raw, heard), heard, Sender.SERVER)
        method = call.method if call is not None else None
        known = client_request(method) if method is not None else None
        if method is not None and known is None:
            # Nobody knows what an answer to that is.
            return self._masked(verdict.masks, said, raw, Sender.SERVER, asked=method)
        left = filtered(known, said, raw, self._may, pages=Pages(), cursor=cursor_of(message))
        if isinstance(left, Refusal):
            return left
        return self._masked(verdict.masks, _again(said, raw, left.raw), left.raw, Sender.SERVER, asked=method)

    def _questions(self, said: Message) -> Refusal | None:
        """Why what the upstream asks, in whatever form, does not reach the caller, if so."""
        found = questions_in(said)
        if isinstance(found, Refusal):
            return found
        for question in found:
            leg = handshake_of(self.case.transport.outbound)
            judged = decide_question(self.callers, self.case.route, question, leg)
            if judged.action is not ALLOW:
                self.against = judged.rule
                return Refusal(Reason.POLICY_QUESTION, question.method)
        return None

    def _may(self, method: str, name: str) -> bool:
        return could_use(self.callers, self.case.route, method, name)

    def _masked(
        self, masks: Masks | None, message: Message, raw: bytes, sender: Sender, *, asked: str | None = None
    ) -> bytes | Refusal:
        if masks is None:
            return raw
        schema = self._schema() if asked == "tools/call" else None
        found = masks.apply(message, raw, sender=sender, asked=asked, schema=schema)
        if isinstance(found, Masked):
            self.masked.update(found.counts)
            return found.raw
        return raw if found is None else found

    def _schema(self) -> Mapping[str, object] | None:
        if self.case.output_schema is None:
            return None
        schema: Mapping[str, object] = json.loads(self.case.output_schema)
        return schema

    def _refused(
        self,
        message: Message,
        call: Call | None,
        verdict: Verdict,
        why: Refusal,
        *,
        asked: bytes | None = None,
        rule: str | None = None,
    ) -> Outcome:
        """Nothing passes, or not the answer; what the caller gets in its place."""
        answer = None
        if message.kind is REQUEST and call is not None:
            answer = policy_json(message, call, why, self.revision, EXCHANGE)
        return self._outcome("block", verdict, why, asked=asked, answer=answer, rule=rule)

    def _outcome(
        self,
        said: str,
        verdict: Verdict,
        why: Refusal | None,
        *,
        asked: bytes | None,
        answer: bytes | None,
        rule: str | None = None,
    ) -> Outcome:
        return Outcome(
            said,
            rule or self.against or verdict.rule,
            why.reason if why is not None else None,
            why.detail if why is not None else "",
            dict(self.masked),
            verdict.shadow,
            asked,
            answer,
        )


def _again(message: Message, before: bytes, after: bytes) -> Message:
    """The message that is left after something was taken out of it."""
    if after is before or after == before:
        return message
    left = parse(after)
    assert isinstance(left, Message)
    return left
