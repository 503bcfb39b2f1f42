"""Who is told: each C{[[alert]]} has its own queue, and what is told there waits for nothing else.

One message at a time goes to each, in order; what did not arrive is tried again, later and later. So a
receiver that is down delays its own alerts, bounded in number and age, and nobody else's. That it is down
is in the log once, and in C{mcpgate status}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from mcpgate.alerts.alert import Alert
from mcpgate.alerts.due import Due
from mcpgate.alerts.sender import Message, NotTold, Sender
from mcpgate.alerts.syslog import Syslog
from mcpgate.alerts.terms import AlertTerms
from mcpgate.alerts.webhook import Webhook
from mcpgate.evidence.ids import new_id
from mcpgate.tls.readiness import Readiness

#: What waits for one receiver, of one occasion: four minutes of the most that is told. The first are the
#: causes, so it is the later ones that find no room.
WAITING_MOST = 40
#: Seconds until something is tried again, doubled each time.
AGAIN_FIRST = 1.0
#: A receiver that is back is told within this.
AGAIN_MOST = 300.0
#: How long something is tried: who comes back in the morning should learn of the night.
LASTS = 86400.0
#: How often what was refused is tried: nobody knows whether it is the message's fault or the receiver's.
REFUSED_MOST = 5


class Telling:
    """All C{[[alert]]} tables that are in force."""

    def __init__(
        self, reactor: Any, readiness: Readiness, gate: str, wall: Callable[[], float]
    ) -> None:
        """
        @param gate: what the gate is called.
        @param wall: Unix seconds.
        """
        self._reactor = reactor
        self._readiness = readiness
        self._gate = gate
        self._wall = wall
        self._tellers: dict[str, Teller] = {}

    def adopt(self, alerts: Iterable[AlertTerms]) -> None:
        """These are in force. What one of the same name has told, and what waits there, stays known."""
        tellers = {}
        for terms in alerts:
            teller = self._tellers.pop(terms.name, None)
            sender = self._sender(terms)
            if teller is None:
                teller = Teller(self._reactor, terms, sender)
            else:
                teller.adopt(terms, sender)
            tellers[terms.name] = teller
        for teller in self._tellers.values():
            teller.stop()
        self._tellers = tellers

    def tell(self, alerts: Iterable[Alert]) -> None:
        """Tell whoever is to be told."""
        wall = self._wall()
        for alert in alerts:
            for teller in self._tellers.values():
                teller.take(alert, wall)

    def facts(self) -> list[dict[str, Any]]:
        """For C{status}: what each has told, and what is wrong with it."""
        return [teller.facts() for teller in self._tellers.values()]

    def stop(self) -> None:
        """Give up what is on its way."""
        for teller in self._tellers.values():
            teller.stop()

    def _sender(self, terms: AlertTerms) -> Sender:
        return sender_of(self._reactor, self._readiness, terms, self._gate, self._wall)


def sender_of(
    reactor: Any, readiness: Readiness, terms: AlertTerms, gate: str, wall: Callable[[], float]
) -> Sender:
    """What sends the alerts of a table. C{gate}: what the gate is called; C{wall}: Unix seconds."""
    if terms.table.syslog is not None:
        return Syslog(reactor, terms.table.syslog)
    return Webhook(reactor, readiness, terms, gate, wall)


class Teller:
    """One table: its queue, and who sends what is in it."""

    log = Logger()

    def __init__(self, reactor: Any, terms: AlertTerms, sender: Sender) -> None:
        self.sent = 0
        #: Given up, after they were tried.
        self.failed = 0
        #: Never tried, for want of room in the queue.
        self.dropped = 0
        self.failure: str | None = None
        self._reactor = reactor
        self._terms = terms
        self._sender = sender
        self._due = Due(terms.table)
        self._queue: deque[Message] = deque()
        self._tries = 0
        self._flight: Deferred[None] | None = None
        self._later: Any = None

    def adopt(self, terms: AlertTerms, sender: Sender) -> None:
        """
        Go on by other terms: what may have been wrong is perhaps mended, so it is tried at once. What is on
        its way may arrive.
        """
        old, self._sender = self._sender, sender
        self._terms, self._due.table = terms, terms.table
        if self._flight is None:
            old.stop()
        self._begin()

    def take(self, alert: Alert, wall: float) -> None:
        """Have an alert sent, if it is to be told now."""
        now = self._reactor.seconds()
        times = self._due.take(alert, now, wall)
        if not times:
            return
        if sum(one.alert.occasion == alert.occasion for one in self._queue) >= WAITING_MOST:
            self.dropped += 1
            return
        self._queue.append(Message(alert, new_id("a"), times, now))
        if self._later is None:
            self._begin()

    def facts(self) -> dict[str, Any]:
        """What has become of what was to be told."""
        return {
            "name": self._terms.name,
            "by": "webhook" if self._terms.table.syslog is None else "syslog",
            "sent": self.sent,
            "waiting": len(self._queue),
            "failed": self.failed,
            "dropped": self.dropped,
            "left_out": self._due.left_out,
            "failure": self.failure,
        }

    def stop(self) -> None:
        """Give up."""
        self._queue.clear()
        self._wait_no_more()
        self._sender.stop()
        if self._flight is not None:
            self._flight.cancel()

    def _begin(self) -> None:
        self._wait_no_more()
        if self._flight is None and self._queue:
            self._flight = flight = Deferred.fromCoroutine(self._empty())
            flight.addErrback(lambda failure: failure.trap(CancelledError) and None)
            if flight.called:
                self._flight = None

    async def _empty(self) -> None:
        """Send what waits, one after the other, until something does not arrive."""
        try:
            while self._queue and self._later is None:
                await self._send(self._queue[0])
        finally:
            self._flight = None

    async def _send(self, message: Message) -> None:
        try:
            await self._sender.send(message)
        except NotTold as error:
            self._missed(message, error)
        except CancelledError:
            raise
        except Exception:
            self.log.failure("alert {name}: a bug in the gate", name=self._terms.name)
            self._missed(message, NotTold("a bug in the gate; the log has it", refused=True))
        else:
            self._arrived()

    def _arrived(self) -> None:
        if self.failure is not None:
            self.log.info("alert {name}: alerts arrive again", name=self._terms.name)
        self.sent += 1
        self.failure = None
        self._next()

    def _missed(self, message: Message, error: NotTold) -> None:
        if self.failure is None:
            self.log.error("alert {name}: cannot be told: {why}", name=self._terms.name, why=str(error))
        self.failure = str(error)
        self._tries += 1
        old = self._reactor.seconds() - message.since >= LASTS
        if old or (error.refused and self._tries >= REFUSED_MOST):
            # What it said is nowhere else now, so the log gets it.
            self.failed += 1
            self.log.error(
                "alert {name}: given up: {sentence}",
                name=self._terms.name,
                sentence=message.alert.sentence,
            )
            return self._next()
        wait = min(AGAIN_FIRST * 2 ** (self._tries - 1), AGAIN_MOST)
        self._later = self._reactor.callLater(wait, self._begin)

    def _next(self) -> None:
        self._tries = 0
        if self._queue:
            self._queue.popleft()

    def _wait_no_more(self) -> None:
        later, self._later = self._later, None
        if later is not None and later.active():
            later.cancel()
