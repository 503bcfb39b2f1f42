"""One request by Twisted's HTTP client, on a connection of ours, read as strictly as it can be made to.

In a file of its own, as treq and what it needs take seven megabytes and a tenth of a second to load: a gate
that asks nobody does without.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import treq
from treq.client import HTTPClient
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from mcpgate.provider.endpoint import Endpoints
from mcpgate.provider.reply import Reply, Unfit


async def exchange(
    reactor: Any,
    endpoints: Endpoints,
    method: str,
    url: str,
    lines: Sequence[tuple[str, str]],
    body: bytes | None,
    most: int,
) -> Reply:
    """
    Send a request and take its whole answer.

    @raise Unfit: it has none that is one.
    """
    # A client of its own for each request, so that no cookie outlives it. Twisted's reactor is global
    # wherever it is not told another one.
    agent = Agent.usingEndpointFactory(reactor, endpoints)
    client = HTTPClient(_Plain(agent), data_to_body_producer=_Body)
    headers = Headers()
    for name, value in (*lines, ("User-Agent", "mcpgate")):
        headers.addRawHeader(name, value)
    response = await client.request(
        method,
        url,
        headers=headers,
        data=body,
        allow_redirects=False,
        unbuffered=True,
        reactor=reactor,
    )
    parts: list[bytes] = []
    left = most
    too_large = f"more than {most} bytes"

    def take(data: bytes) -> None:
        nonlocal left
        left -= len(data)
        if left < 0:
            raise Unfit(too_large)
        parts.append(data)

    if isinstance(response.length, int) and response.length > most:
        raise Unfit(too_large)
    await treq.collect(response, take)
    transport = endpoints.transport
    if transport is not None and (transport.error is not None or transport.flooded):
        # Where the end of the connection is the end of the body, a cut must not pass for one.
        raise Unfit(too_large if transport.flooded else "its answer was cut")
    found: dict[str, str] = {}
    for raw_name, values in response.headers.getAllRawHeaders():
        found[raw_name.decode("latin-1").lower()] = b", ".join(values).decode("latin-1")
    return Reply(response.code, found, b"".join(parts))


@implementer(IAgent)
class _Plain:
    """Asks for nothing compressed, whatever treq adds, and takes nothing that is."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        headers = Headers() if headers is None else headers.copy()
        headers.setRawHeaders(b"accept-encoding", [b"identity"])
        return self._agent.request(method, uri, headers, bodyProducer).addCallback(_as_it_is)


def _as_it_is(response: IResponse) -> IResponse:
    coding = response.headers.getRawHeaders(b"content-encoding", [b"identity"])
    if [value.strip().lower() for value in coding] != [b"identity"]:
        raise Unfit("its answer is compressed, which was not asked for")
    return response


@implementer(IBodyProducer)
class _Body:
    """A small body, written in one piece."""

    def __init__(self, body: Any) -> None:
        self.length = len(body)
        self._body = body

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """It is written already."""

    def resumeProducing(self) -> None:
        """It is written already."""

    def stopProducing(self) -> None:
        """It is written already."""
