"""What an upstream asked and may not ask is answered for the caller, who never hears of it.

Up to 2025-11-25 a question is a request, so somebody has to answer it: left alone, an upstream waits, and
with it the call that it asked for. The answer is POSTed as the caller's own would be, with the session's id
at the upstream. Without a session it is, too: what becomes of it there becomes of any caller's answer.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from mcpgate.evidence.exchanges import call_facts, caller_facts
from mcpgate.policy.rules import Verdict
from mcpgate.reasons import INVALID_PARAMS, METHOD_NOT_FOUND, Reason
from mcpgate.relay.admission import Admission
from mcpgate.relay.errand import Ask, Ended, Errand
from mcpgate.relay.force import InForce
from mcpgate.sessions.sealed import Session
from mcpgate.wire.forward import request_of_ours
from mcpgate.wire.jsonrpc import Message

#: Seconds from the wish for a connection to the end of the answer: as a farewell, nobody waits for it.
DECLINE_MOST = 30.0
#: Answers of one worker to one upstream at once. An upstream that asks faster than it takes answers gets
#: none to the rest; the connections to it, and the places in their queue, are for callers.
DECLINING_MOST = 64

# The words of JSON-RPC and of the official SDKs: who asks for what a client has not gets the first; what it
# has, but not so (a mode of elicitation), the second.
_ERRORS = {
    METHOD_NOT_FOUND: b'{"code":-32601,"message":"Method not found"}',
    INVALID_PARAMS: b'{"code":-32602,"message":"Invalid params"}',
}


class Declining:
    """The answers of one worker that are on their way."""

    def __init__(self, reactor: Any, force: InForce) -> None:
        self._reactor = reactor
        self._force = force
        self._errands: dict[str, set[Errand]] = {}

    def decline(
        self, message: Message, verdict: Verdict, admission: Admission, session: Session | None
    ) -> bool:
        """
        Answer a request of an upstream's.

        @param admission: Of the exchange by which it came, and C{session} to which that belongs.
        @return: C{False} when too many are on their way.
        """
        terms = admission.route.upstream
        errands = self._errands.setdefault(terms.name, set())
        if len(errands) >= DECLINING_MOST:
            return False
        code = INVALID_PARAMS if verdict.reason is Reason.POLICY_ARGUMENTS else METHOD_NOT_FOUND
        body = b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (message.id_json(), _ERRORS[code])
        choice = admission.choice
        target, lines = terms.target, [
            (b"content-type", b"application/json"),
            (b"accept", b"application/json, text/event-stream"),
        ]
        version = admission.head.get(b"mcp-protocol-version")
        if version is not None:
            lines.append((b"mcp-protocol-version", version))
        if session is not None and session.kind == "endpoint":
            target = session.upstream_id
        elif session is not None:
            lines.append((b"mcp-session-id", session.upstream_id))
        request = request_of_ours(
            b"POST",
            target=target,
            host=terms.authority,
            credential=terms.credential if choice is None else choice.lines,
            headers=tuple(lines),
            body=body,
        )
        caller = caller_facts(
            admission.principal,
            listener=None,
            route=admission.route.name,
            upstream=terms.name,
            http="POST",
            session=session.digest if session is not None else None,
        )
        call = call_facts(message.method, None, verdict)
        meanwhile, theirs = "while a question was declined", admission.head.get(b"authorization")
        ask = Ask(b"POST", request, len(body), caller, call, DECLINE_MOST, meanwhile, choice, theirs)
        errand = Errand(self._reactor, self._force, terms, ask)
        errands.add(errand)

        def over(ended: Ended | Failure) -> None:
            errands.discard(errand)
            if isinstance(ended, Failure):
                ended.trap(CancelledError)

        errand.done.addBoth(over)
        errand.begin()
        return True

    def stop(self) -> None:
        """Break off what is on its way."""
        for errands in self._errands.values():
            for errand in list(errands):
                errand.done.cancel()
