"""A worker's desk: its exchanges bring held calls here, and are woken when something was decided.

The office (C{holds.office}) may be in this process or, over a channel, in the supervisor's; so what is
asked of it is answered later. Whoever does not get an answer makes no call.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mcpgate.evidence.events import decision_line
from mcpgate.evidence.journal import new_id
from mcpgate.evidence.witness import Witness
from mcpgate.holds.held import Decision, Held, Taken, Word
from mcpgate.reasons import Refusal


class Offices(Protocol):
    """The office, here or elsewhere. C{owner}: the desk that is to be told."""

    def place(self, held: Held, owner: Any) -> Coroutine[Any, Any, Refusal | None]:
        """Have a call wait; or why it may not."""

    def take(self, hold: str, proof: str, owner: Any) -> Coroutine[Any, Any, Taken]:
        """What was decided."""

    def withdraw(self, hold: str) -> None:
        """It does not wait any more."""

    def cancelled(
        self, how: str, principal: str, route: str, session: str | None, request: str
    ) -> Coroutine[Any, Any, None]:
        """A client cancels requests of its own."""


class Waiter(Protocol):
    """An exchange whose caller waits."""

    def woken(self) -> None:
        """Something was decided: take it."""


class Desk:
    """What the exchanges of one worker know of the office."""

    log = Logger()

    def __init__(self, office: Offices, witness: Witness) -> None:
        self._office = office
        self._witness = witness
        self._waiters: dict[str, list[Waiter]] = {}

    # What exchanges call.

    def place(self, held: Held, waiter: Waiter) -> Deferred[Refusal | None]:
        """Have a call wait; fires with why it may not, if so."""
        self.wait(held.id, waiter)
        return Deferred.fromCoroutine(self._office.place(held, self))

    def take(self, hold: str, proof: str) -> Deferred[Taken]:
        """Fires with what was decided, once: see L{Docket.take}."""
        return Deferred.fromCoroutine(self._office.take(hold, proof, self))

    def wait(self, hold: str, waiter: Waiter) -> None:
        """Be woken when it is decided."""
        self._waiters.setdefault(hold, []).append(waiter)

    def leave(self, hold: str, waiter: Waiter) -> None:
        """Wait no more."""
        waiters = self._waiters.get(hold, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._waiters.pop(hold, None)

    def withdraw(self, hold: str) -> None:
        """A call does not wait any more."""
        self._office.withdraw(hold)

    def refused(self, hold: str, exchange: str) -> None:
        """The user of a caller that came back does not want to wait any more."""
        self._office.withdraw(hold)
        self._write(hold, exchange, Decision(Word.WITHDRAWN, "the caller"))

    def cancelled(self, how: str, principal: str, route: str, session: str | None, request: str) -> None:
        """A client cancels a request; whether it is held, here or at another worker, the office knows."""
        cancelling = self._office.cancelled(how, principal, route, session, request)
        Deferred.fromCoroutine(cancelling).addErrback(
            lambda failure: self.log.failure("what a client cancelled may still wait", failure=failure)
        )

    # What the office calls.

    async def record(self, hold: str, exchange: str, decision: Decision) -> bool:
        """Write down what was decided; whether that is in the journal."""
        return self._write(hold, exchange, decision) and self._witness.settle()

    async def wake(self, hold: str) -> bool:
        """It is decided; whether somebody here waits for it."""
        waiters = list(self._waiters.get(hold, ()))
        for waiter in waiters:
            waiter.woken()
        return bool(waiters)

    def _write(self, hold: str, exchange: str, decision: Decision) -> bool:
        witness = self._witness
        line = decision_line(
            new_id("c"), time=witness.stamp(), hold=hold, exchange=exchange, decision=decision
        )
        return witness.tell(line)
