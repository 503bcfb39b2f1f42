"""An upstream that shows the gate's own credential: it is masked or kept back (C{policy.echo}), and told.

What is on record and in the log says where it happened, never what was shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import evolve
from twisted.logger import Logger

from mcpgate.evidence.events import echo_line
from mcpgate.evidence.journal import new_id
from mcpgate.evidence.witness import Witness
from mcpgate.policy.asked import Asked
from mcpgate.policy.echo import NAME, Secrets
from mcpgate.policy.masks import Masked
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import listing
from mcpgate.wire.forward import answer_for_caller
from mcpgate.wire.http import ResponseHead
from mcpgate.wire.jsonrpc import Message

if TYPE_CHECKING:
    from mcpgate.relay.exchange import Exchange

#: Seconds between two lines of the log about one upstream: a server that does it does so in every answer.
QUIET = 60.0
#: Upstreams of which that is remembered; the configuration names far fewer.
UPSTREAMS_MOST = 4096


class Alarm:
    """Tells that an upstream has shown a credential, for one process."""

    log = Logger()

    def __init__(self, witness: Witness, clock: Callable[[], float]) -> None:
        """
        @param clock: seconds.
        """
        self._witness = witness
        self._clock = clock
        #: How often it has happened, by the upstream's name.
        self.counts: dict[str, int] = {}
        # When the log was last told, and how often it has happened since.
        self._told: dict[str, tuple[float, int]] = {}

    def tell(self, upstream: str, exchange: str, what: str, where: str) -> None:
        """
        It has happened.

        @param exchange: the id of the exchange by which it came.
        @param what: C{masked}, or C{withheld} with all that it stood in.
        @param where: in which part of the answer.
        """
        witness = self._witness
        line = echo_line(
            new_id("e"), time=witness.stamp(), exchange=exchange, upstream=upstream, what=what, where=where
        )
        witness.tell(line)
        self.counts[upstream] = self.counts.get(upstream, 0) + 1
        now = self._clock()
        last, count = self._told.get(upstream, (None, 0))
        if last is not None and now - last < QUIET:
            self._told[upstream] = last, count + 1
            return
        if len(self._told) >= UPSTREAMS_MOST:
            self._told.clear()
            self.counts.clear()
        self._told[upstream] = now, 0
        self.log.error(
            "upstream {upstream} shows the credential that the gate proves itself with: {what} in exchange"
            " {exchange}, and {count} more since the last such line; rotate the credential",
            upstream=upstream,
            what=what,
            exchange=exchange,
            count=count,
        )


class Echoing:
    """What one answer may not show, and what becomes of it."""

    __slots__ = ("_exchange", "_secrets", "_told")

    def __init__(self, exchange: Exchange, secrets: Secrets) -> None:
        self._exchange = exchange
        self._told: set[tuple[str, str]] = set()
        self._secrets = secrets

    @property
    def secrets(self) -> Secrets:
        """What it is: a stream may be older than a token, and others be shown the next one meanwhile."""
        self._secrets = self._exchange.secrets or self._secrets
        return self._secrets

    def clear(self, raw: bytes) -> bool:
        """Whether nothing is in there."""
        return self.secrets.clear(raw)

    def message(self, message: Message, raw: bytes, asked: Asked | None) -> Masked | Refusal | None:
        """What may pass of a message that is not clear; C{None}: all of it."""
        method = asked.call.method if asked is not None else None
        schema = listing.schema_of(self._exchange, asked)
        return self._noted(self.secrets.without(message, raw, asked=method, schema=schema), "a message")

    def page(self, body: bytes) -> Masked | Refusal | None:
        """The same of a body that is no message: an error page."""
        return self._noted(self.secrets.page_without(body), "a body that is no message")

    def around(self) -> Refusal:
        """Something between messages shows it, and is left out."""
        self._tell("withheld", "what stands around messages")
        return Refusal(Reason.UPSTREAM_ECHO, f"{NAME} in what stands around messages")

    def spoken(self) -> None:
        """It was said bit by bit."""
        self._tell("masked", "messages one after the other")

    def head(self, head: ResponseHead, emitted: bytes) -> tuple[ResponseHead, bytes]:
        """A head, and as it is sent, without the lines that show it."""
        clean = self.secrets.clean_headers(head.headers)
        if len(clean) == len(head.headers):
            return head, emitted
        self._tell("masked", "headers")
        head = evolve(head, headers=clean)
        return head, answer_for_caller(head, chunked=b"\r\ntransfer-encoding: chunked\r\n" in emitted)

    def _noted(self, found: Masked | Refusal | None, where: str) -> Masked | Refusal | None:
        if found is not None:
            self._tell("withheld" if isinstance(found, Refusal) else "masked", where)
        return found

    def _tell(self, what: str, where: str) -> None:
        # Once for an answer: a stream may bring it in each of its events.
        if (what, where) in self._told:
            return
        self._told.add((what, where))
        exchange = self._exchange
        assert exchange.admission is not None
        upstream = exchange.admission.route.upstream.name
        exchange.inbound.force.alarm.tell(upstream, exchange.id, what, where)
