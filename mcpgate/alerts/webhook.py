"""Alerts as HTTP posts: over verified TLS, by the very client that asks issuers and token endpoints.

What is posted is signed as U{Standard Webhooks<https://www.standardwebhooks.com>} has it, where the
configuration says so: C{webhook-signature} is C{v1,} and the base64 of the HMAC-SHA-256 of C{webhook-id},
C{webhook-timestamp} and the body, with dots between. So whoever gets it knows that it is ours, that it is
whole, and when it was sent.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from typing import Any

from mcpgate.alerts.alert import document
from mcpgate.alerts.sender import Message, NotTold
from mcpgate.alerts.terms import AlertTerms
from mcpgate.provider.client import JSON, Provider, ProviderError
from mcpgate.tls.readiness import Readiness

#: Receivers answer at once, or are in trouble; the largest public ones cut off at 10 s.
WITHIN = 10.0
#: What is read of an answer: nobody looks at it.
ANSWER_MOST = 64 * 1024
#: Answers of those who want to be tried again (RFC 9110 15.5.9, RFC 8470, RFC 6585), or who have to be mended
#: themselves first.
LATER = frozenset({401, 403, 404, 408, 425, 429})


class _Nobody:
    """Its handshakes are in the log where they fail: the journal is the gate's, and about callers."""

    def handshake(self, **_: Any) -> None: ...


class Webhook:
    """Posts alerts to one URL."""

    def __init__(
        self, reactor: Any, readiness: Readiness, terms: AlertTerms, gate: str, wall: Callable[[], float]
    ) -> None:
        """
        @param gate: what the gate is called.
        @param wall: Unix seconds, for the time of a signature.
        """
        assert terms.peer is not None and terms.url is not None
        self._terms = terms
        self._gate = gate
        self._wall = wall
        self._url = str(terms.url)
        self._provider = Provider(reactor, readiness, _Nobody(), terms.peer)

    async def send(self, message: Message) -> None:
        """Post it."""
        body = document(
            message.alert, id=message.id, gate=self._gate, to=self._terms.name, times=message.times
        )
        try:
            reply = await self._provider.post(
                self._url,
                body,
                headers=self._proof(message.id, body),
                content_type=JSON,
                accept="*/*",
                most=ANSWER_MOST,
                within=WITHIN,
            )
        except ProviderError as error:
            # Not the error itself, which names the URL.
            raise NotTold(error.why) from None
        if not 200 <= reply.status < 300:
            refused = 400 <= reply.status < 500 and reply.status not in LATER
            raise NotTold(f"it answered {reply.status}", refused=refused)

    def stop(self) -> None:
        """Give up what is on its way."""
        self._provider.stop()

    def _proof(self, id: str, body: bytes) -> list[tuple[str, str]]:
        secret = self._terms.secret
        if secret is None:
            return []
        if self._terms.table.secret_as == "bearer":
            return [("Authorization", f"Bearer {secret.decode('ascii')}")]
        time = str(int(self._wall()))
        return [
            ("webhook-id", id),
            ("webhook-timestamp", time),
            ("webhook-signature", signature(secret, id, time, body)),
        ]


def signature(secret: bytes, id: str, time: str, body: bytes) -> str:
    """What proves that a body is ours, and from when."""
    signed = hmac.digest(secret, f"{id}.{time}.".encode("ascii") + body, "sha256")
    return "v1," + base64.b64encode(signed).decode("ascii")
