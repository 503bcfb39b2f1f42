"""What an upstream asks of a caller, and whether it may.

Nothing but a rule that names the method lets a question through: who asks a caller's model or user, or for
its directories, acts on the caller's side of the gate. What no rule allows is not declared for the caller
in the first place, so that a well-behaved upstream does not ask; what is asked all the same never reaches
the caller, and the upstream is told so (C{relay.declining}) or, in 2026-07-28, the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mcpgate.policy.questions import askable_in, decide_question
from mcpgate.policy.rules import ALLOW, BLOCK, CALLERS_MOST, HOLD, Callers, Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.admission import Admission
from mcpgate.sessions.live import ANSWERED, Sessions
from mcpgate.wire.jsonrpc import REQUEST, Message
from mcpgate.wire.questions import ELICIT, Question, declares, questions_in, without

if TYPE_CHECKING:
    from mcpgate.relay.exchange import Exchange

#: Questions of one session that may await an answer: a person answers one at a time, and programs that ask
#: for several at once ask for a handful. Half of what is remembered of a session (C{sessions.live}), so
#: that pings have room beside them.
UNANSWERED_MOST = 64

_ROOTS_CHANGED = "notifications/roots/list_changed"
_TASK = "notifications/tasks"
_ELICITED = "notifications/elicitation/complete"


class Questions:
    """What may be asked of the caller of one exchange."""

    __slots__ = ("_admission", "_exchange")

    def __init__(self, exchange: Exchange, admission: Admission) -> None:
        self._exchange = exchange
        self._admission = admission

    def keep(self, message: Message, asked: Mapping[int | str, str] | None) -> Refusal | None:
        """Why a request or notification of the upstream's does not reach the caller, if so."""
        if message.kind is not REQUEST:
            if message.method == _ELICITED and ELICIT not in self._askable():
                return Refusal(Reason.POLICY_QUESTION, "the end of what it may not ask")
            # What is told of a task may hold questions.
            return self.withheld(message) if message.method == _TASK else None
        found = questions_in(message)
        assert not isinstance(found, Refusal)
        verdict = self._judge(found[0])
        refusal = _refusal(found[0].method, verdict)
        if refusal is None and message.method != "ping" and self._too_many(asked):
            refusal = Refusal(
                Reason.POLICY_QUESTION, f"more than {UNANSWERED_MOST} questions await an answer"
            )
        return None if refusal is None else self._declined(message, verdict, refusal)

    def decline(self, message: Message, refusal: Refusal) -> Refusal:
        """A request of the upstream's does not reach the caller for what it holds."""
        return self._declined(message, Verdict(BLOCK, None, refusal.reason), refusal)

    def withheld(self, message: Message) -> Refusal | None:
        """Why an answer, or what is told of a task, does not reach the caller for what it asks, if so."""
        found = questions_in(message)
        if isinstance(found, Refusal):
            return found
        for question in found:
            refusal = _refusal(question.method, self._judge(question))
            if refusal is not None:
                return refusal
        return None

    def _judge(self, question: Question) -> Verdict:
        route, leg = self._admission.route.name, self._exchange.leg
        return decide_question(self._callers(), route, question, leg)

    def _askable(self) -> frozenset[str]:
        return askable_in(self._callers(), self._admission.route.name)

    def _callers(self) -> Callers:
        # A stream may be older than the rules.
        return self._exchange.inbound.force.generation.policy.callers(self._admission.caller)

    def _too_many(self, asked: Mapping[int | str, str] | None) -> bool:
        live = self._exchange.live
        # What another worker has seen answered would wait here for ever.
        if asked is None or live is None or not live.whole or len(asked) < UNANSWERED_MOST:
            return False
        return sum(method not in ("ping", ANSWERED) for method in asked.values()) >= UNANSWERED_MOST

    def _declined(self, message: Message, verdict: Verdict, refusal: Refusal) -> Refusal:
        exchange = self._exchange
        session = exchange.live.session if exchange.live is not None else self._admission.session
        declining = exchange.inbound.force.declining
        if declining is None or declining.decline(message, verdict, self._admission, session):
            return refusal
        return Refusal(refusal.reason, f"{refusal.detail}; too many to be answered")


def _refusal(method: str, verdict: Verdict) -> Refusal | None:
    if verdict.action is ALLOW:
        return None
    if verdict.action is HOLD:
        why = f"rule {verdict.rule} wants a person to decide, who is asked about calls only"
        return Refusal(Reason.POLICY_QUESTION, f"{method}: {why}")
    why = f"rule {verdict.rule} blocks it" if verdict.rule is not None else "no rule allows it"
    return Refusal(Reason.POLICY_QUESTION, f"{method}: {why}")


def askable(admission: Admission) -> frozenset[str]:
    """The methods by which some rule lets the upstream ask this caller, by the rules of the request."""
    remembered = admission.route.askable
    known = remembered.get(admission.callers)
    if known is None:
        if len(remembered) >= CALLERS_MOST:
            remembered.clear()
        known = remembered[admission.callers] = askable_in(admission.callers, admission.route.name)
    return known


def declared(message: Message, body: bytes, admission: Admission) -> bytes:
    """A request that declares nothing that the upstream may not ask."""
    said = declares(message)
    if not said:
        return body
    gone = said - askable(admission)
    return without(message, body, gone) if gone else body


def is_idle(message: Message, admission: Admission) -> Refusal | None:
    """Why the upstream is not told of what it may not ask for: that a caller's directories have changed."""
    if message.method != _ROOTS_CHANGED or "roots/list" in askable(admission):
        return None
    return Refusal(Reason.POLICY_QUESTION, "of what the upstream may not ask for")


def is_unasked(message: Message, admission: Admission, sessions: Sessions | None) -> Refusal | None:
    """Why a caller's answer does not reach the upstream: nobody has asked, as far as we can know."""
    live = sessions.known(admission.sealed) if sessions is not None and admission.sealed else None
    if live is None:
        return None
    assert message.id is not None
    if message.id in live.asked:
        # Kept, as the answer may not get through and be given again.
        live.asked[message.id] = ANSWERED
    elif live.whole:
        return Refusal(Reason.POLICY_QUESTION, "an answer to nothing that was asked of the caller")
    return None
