"""A request of the gate's own to an upstream: an exchange without a caller.

It leases a verified connection like any other, is in the journal before it is sent, and has a C{close}
record. What is asked, and on whose behalf, is told by whoever sends it.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred

from mcpgate.credentials.showing import Showing
from mcpgate.credentials.terms import Choice
from mcpgate.evidence.exchanges import close_line, open_line, outcome_of
from mcpgate.evidence.journal import new_id
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.force import InForce
from mcpgate.upstream.connection import UpstreamConnection
from mcpgate.upstream.pool import Pool
from mcpgate.upstream.terms import UpstreamTerms
from mcpgate.wire.http import ResponseHead


@frozen
class Ask:
    """
    What is asked.

    @ivar request: The whole request, head and body; C{method} is that of HTTP, C{size} that of the body.
    @ivar caller: On whose behalf, as a part of an C{open} line; C{call}: what it is about, likewise.
    @ivar most: Seconds from the wish for a connection to the end of the answer.
    @ivar meanwhile: What is going on, for the record of one that was broken off.
    @ivar choice: What the upstream is shown beside what stands in the request, if that has to be asked for;
        C{authorization}: that of the caller on whose behalf that is.
    """

    method: bytes
    request: bytes = field(repr=False)
    size: int
    caller: str
    call: str
    most: float
    meanwhile: str
    choice: Choice | None = None
    authorization: bytes | None = field(default=None, repr=False)


@frozen
class Ended:
    """
    What became of it.

    @ivar status: What the upstream answered; C{None} if it did not.
    @ivar sent: Whether it got the request.
    @ivar shown: Whether there was something to show it.
    """

    status: int | None
    sent: bool
    shown: bool = True


class Errand:
    """One request. C{done} fires with how it ended, and never fails but when it is cancelled."""

    def __init__(self, reactor: Any, force: InForce, terms: UpstreamTerms, ask: Ask) -> None:
        """
        @param terms: of the generation in force.
        """
        self.done: Deferred[Ended] = Deferred(self._cancelled)
        self.id = new_id("x")
        self._force = force
        self._terms = terms
        self._ask = ask
        self._pool: Pool | None = None
        self._connection: UpstreamConnection | None = None
        self._outbound: str | None = None
        self._opened = self._kept = self._sent = self._over = False
        self._showing: Showing | None = None
        self._status: int | None = None
        self._began = monotonic()
        self._forwarded = 0.0
        self._waited: float | None = None
        self._late = reactor.callLater(ask.most, self._overdue)

    def begin(self) -> Deferred[Ended]:
        """Send it as soon as there is a connection."""
        choice = self._ask.choice
        if choice is not None and not choice.ready and not self._have(choice):
            return self.done
        pool = self._pool = self._force.pool(self._terms)
        if pool is None:
            self._end(Refusal(Reason.UPSTREAM_UNREACHABLE, "the upstream was reconfigured"))
        else:
            pool.lease(self)
        return self.done

    def _have(self, choice: Choice) -> bool:
        """Whether there is what the upstream has to be shown."""
        if self._showing is None:
            kept = self._force.credentials
            assert kept is not None
            self._showing = Showing(kept, choice, self._ask.authorization, self._told)
        refusal = self._showing.look()
        if refusal is not None:
            self._end(refusal, shown=False)
        return refusal is None and not self._showing.waits

    def _told(self) -> None:
        # Not inside whatever was waited for.
        self._force.readiness.soon(self._go_on)

    def _go_on(self) -> None:
        if not self._over:
            self.begin()

    # What the pool calls.

    def leased(self, connection: UpstreamConnection) -> None:
        self._pool = None
        self._connection = connection
        self._outbound = connection.record
        self._open()
        self._force.witness.when_kept(self._forward, connection.stream)

    def unleased(self, refusal: Refusal, record: str | None = None) -> None:
        self._pool = None
        self._outbound = record
        self._end(refusal)

    def _forward(self) -> None:
        connection = self._connection
        if connection is None:
            return
        witness = self._force.witness
        if not witness.kept(self._kept):
            self._connection = None
            connection.unused()
            return self._end(Refusal(Reason.GATE_JOURNAL, witness.failure or ""))
        self._sent = True
        self._forwarded = self._force.readiness.now
        request = self._ask.request
        if self._showing is not None:
            head, _, body = request.partition(b"\r\n\r\n")
            request = b"%b\r\n%b\r\n%b" % (head, self._showing.line, body)
        if not connection.send(self._ask.method, request, self):
            self._sent = False
            self._connection = None
            self.begin()

    # What the connection calls.

    def begun(self, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> Errand:
        self._status = head.status
        self._waited = self._force.readiness.now - self._forwarded
        if head.status == 401 and self._showing is not None:
            self._showing.refused(self._force.readiness.now)
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
        why = f"not done within {self._ask.most:g} s"
        self._end(Refusal(Reason.UPSTREAM_TIMEOUT if self._sent else Reason.UPSTREAM_BUSY, why))

    def _cancelled(self, _: object) -> None:
        self._let_go()
        self._close(Refusal(Reason.GATE_DRAINING, self._ask.meanwhile))

    def _let_go(self) -> None:
        if self._showing is not None:
            self._showing.withdraw()
        if self._pool is not None:
            self._pool.withdraw(self)
            self._pool = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()

    def _end(self, refusal: Refusal | None, *, shown: bool = True) -> None:
        if self._over:
            return
        self._close(refusal)
        self.done.callback(Ended(self._status, self._sent, shown))

    # Evidence.

    def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        witness = self._force.witness
        line = open_line(
            self.id,
            time=witness.stamp(),
            inbound=None,
            outbound=self._outbound,
            caller=self._ask.caller,
            call=self._ask.call,
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
            bytes_in=self._ask.size,
            bytes_out=0,
            seconds=monotonic() - self._began,
            waited=self._waited,
        )
        witness.tell(line)
