"""A DELETE of the gate's own: it tells an upstream that a session is over which nobody uses any more.

An exchange without a caller: it leases a verified connection like any other, is in the journal before it
is sent, and has a C{close} record. Its principal is the session's.
"""

from __future__ import annotations

from enum import Enum, auto
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred

from mcpgate.evidence.journal import new_id
from mcpgate.evidence.record import call_facts, caller_facts, close_line, open_line, outcome_of
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.force import InForce
from mcpgate.sessions.sealed import Session, route_in
from mcpgate.upstream.connection import UpstreamConnection
from mcpgate.upstream.pool import Pool
from mcpgate.upstream.terms import UpstreamTerms
from mcpgate.wire.forward import request_of_ours
from mcpgate.wire.http import ResponseHead

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
        self, reactor: Any, force: InForce, session: Session, principal: Principal, terms: UpstreamTerms
    ) -> None:
        """
        @param terms: of the generation in force.
        """
        self.done: Deferred[Parted] = Deferred(self._cancelled)
        self.id = new_id("x")
        self._force = force
        self._session = session
        self._principal = principal
        self._terms = terms
        self._pool: Pool | None = None
        self._connection: UpstreamConnection | None = None
        self._outbound: str | None = None
        self._opened = self._kept = self._sent = self._over = False
        self._status: int | None = None
        self._began = monotonic()
        self._late = reactor.callLater(FAREWELL_MOST, self._overdue)

    def begin(self) -> Deferred[Parted]:
        """Send it as soon as there is a connection."""
        pool = self._pool = self._force.pool(self._terms)
        if pool is None:
            self._end(Refusal(Reason.UPSTREAM_UNREACHABLE, "the upstream was reconfigured"))
        else:
            pool.lease(self)
        return self.done

    # What the pool calls.

    def leased(self, connection: UpstreamConnection) -> None:
        self._pool = None
        self._connection = connection
        self._outbound = connection.record
        self._open()
        self._force.readiness.soon(self._forward, connection.stream)

    def unleased(self, refusal: Refusal, record: str | None = None) -> None:
        self._pool = None
        self._outbound = record
        self._end(refusal)

    def _forward(self) -> None:
        connection = self._connection
        if connection is None:
            return
        witness = self._force.witness
        if not (witness.settle() and self._kept):
            self._connection = None
            connection.unused()
            return self._end(Refusal(Reason.GATE_JOURNAL, witness.failure or ""))
        terms = self._terms
        request = request_of_ours(
            b"DELETE",
            target=terms.target,
            host=terms.authority,
            credential=terms.credential,
            headers=((b"mcp-session-id", self._session.upstream_id),),
        )
        self._sent = True
        if not connection.send(b"DELETE", request, self):
            self._sent = False
            self._connection = None
            self.begin()

    # What the connection calls.

    def begun(self, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> Farewell:
        self._status = head.status
        self.more(payload, finished)
        return self

    def more(self, payload: bytes, finished: bool) -> None:
        if finished:
            self._connection = None
            self._end(None)

    def broken(self, refusal: Refusal) -> None:
        self._connection = None
        self._end(refusal)

    # The end.

    def _overdue(self) -> None:
        self._let_go()
        why = f"not done within {FAREWELL_MOST:g} s"
        self._end(Refusal(Reason.UPSTREAM_TIMEOUT if self._sent else Reason.UPSTREAM_BUSY, why))

    def _cancelled(self, _: object) -> None:
        self._let_go()
        self._close(Refusal(Reason.GATE_DRAINING, "while a session was being ended"))

    def _let_go(self) -> None:
        if self._pool is not None:
            self._pool.withdraw(self)
            self._pool = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()

    def _end(self, refusal: Refusal | None) -> None:
        if self._over:
            return
        self._close(refusal)
        status = self._status
        if status is None:
            parted = Parted.SILENT if self._sent else Parted.UNREACHED
        else:
            parted = Parted.ENDED if status // 100 == 2 or status in _AS_GOOD else Parted.DECLINED
        self.done.callback(parted)

    # Evidence.

    def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        witness = self._force.witness
        caller = caller_facts(
            self._principal,
            listener=None,
            route=route_in(self._session.place),
            upstream=self._terms.name,
            http="DELETE",
            session=self._session.digest,
        )
        line = open_line(
            self.id,
            time=witness.stamp(),
            inbound=None,
            outbound=self._outbound,
            caller=caller,
            call=call_facts(None, None, None),
        )
        self._kept = witness.tell(line)

    def _close(self, refusal: Refusal | None) -> None:
        if self._over:
            return
        self._over = True
        if self._late.active():
            self._late.cancel()
        self._open()
        witness = self._force.witness
        line = close_line(
            self.id,
            time=witness.stamp(),
            inbound=None,
            outbound=self._outbound,
            outcome=outcome_of(refusal),
            status=self._status,
            refusal=refusal,
            bytes_in=0,
            bytes_out=0,
            seconds=monotonic() - self._began,
        )
        witness.tell(line)
