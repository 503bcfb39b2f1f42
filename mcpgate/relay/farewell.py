"""A DELETE of the gate's own: it tells an upstream that a session is over which nobody uses any more.

An errand (C{relay.errand}); its principal is the session's.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from twisted.internet.defer import Deferred

from mcpgate.evidence.exchanges import call_facts, caller_facts
from mcpgate.identity.principal import Principal
from mcpgate.relay.errand import Ask, Ended, Errand
from mcpgate.relay.force import InForce
from mcpgate.sessions.sealed import Session, route_in
from mcpgate.upstream.terms import UpstreamTerms
from mcpgate.wire.forward import request_of_ours

#: From the wish for a connection to the end of the answer (seconds). Nobody waits for it but those that
#: come after it.
FAREWELL_MOST = 30.0

# 404: it does not know the session any more. 405: it lets nobody end one (MCP, "Session Management").
_AS_GOOD = frozenset({404, 405})


class Parted(Enum):
    """What became of it."""

    #: The session is over, as far as the upstream lets anybody end it.
    ENDED = auto()
    #: The upstream answered something else.
    DECLINED = auto()
    #: It got the request and did not answer.
    SILENT = auto()
    #: Nothing was sent.
    UNREACHED = auto()


class Farewell:
    """One DELETE, for one session. C{done} fires with what became of it, and never fails but when it is
    cancelled."""

    def __init__(
        self,
        reactor: Any,
        force: InForce,
        session: Session,
        principal: Principal,
        terms: UpstreamTerms,
        credential: str = "",
    ) -> None:
        """
        @param terms: of the generation in force.
        @param credential: the name of the one that the upstream was shown; "" for the upstream's own.
        """
        choice = None
        if credential:
            assert force.credentials is not None
            choice = force.credentials.again(terms, credential, principal)
        caller = caller_facts(
            principal,
            listener=None,
            route=route_in(session.place),
            upstream=terms.name,
            http="DELETE",
            session=session.digest,
        )
        request = request_of_ours(
            b"DELETE",
            target=terms.target,
            host=terms.authority,
            credential=terms.credential if choice is None else choice.lines,
            headers=((b"mcp-session-id", session.upstream_id),),
        )
        call = call_facts(None, None, None)
        meanwhile = "while a session was being ended"
        ask = Ask(b"DELETE", request, 0, caller, call, FAREWELL_MOST, meanwhile, choice)
        self._errand = Errand(reactor, force, terms, ask)
        self.done: Deferred[Parted] = self._errand.done.addCallback(_parted)

    def begin(self) -> Deferred[Parted]:
        """Send it as soon as there is a connection."""
        self._errand.begin()
        return self.done


def _parted(ended: Ended) -> Parted:
    status = ended.status
    if not ended.shown:
        # As if it did not let us in: the sessions of others can be ended.
        return Parted.DECLINED
    if status is None:
        return Parted.SILENT if ended.sent else Parted.UNREACHED
    return Parted.ENDED if status // 100 == 2 or status in _AS_GOOD else Parted.DECLINED
