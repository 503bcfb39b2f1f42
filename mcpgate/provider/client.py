"""One question to a provider over https, and its whole answer, bounded in size and time.

No redirect is followed, no cookie kept, no proxy asked and nothing compressed: an answer is what the
server that was verified said to this very request. A fault names the provider and what is wrong with it,
and holds nothing of what was asked or answered, as there are secrets in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import treq
from attrs import field, frozen
from treq.client import HTTPClient
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from mcpgate.config.url import read_url
from mcpgate.provider.endpoint import Endpoints, Notes, NotVerified
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.readiness import Readiness
from mcpgate.upstream.connect import late_refusal
from mcpgate.upstream.terms import PeerTerms

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

# Head, chunk sizes and trailers on top of twice the body that is wanted: the smallest chunks that anybody
# honest sends are larger than their own framing.
OVERHEAD = 64 * 1024


class ProviderError(Exception):
    """
    There is no answer. C{server}: the provider's name, C{url}: what was asked for, without a query.

    C{refusal}: what its TLS leg was refused for, where it was.
    """

    #: Which leg is at fault.
    leg = "provider"

    def __init__(self, server: str, url: str, why: str, refusal: Refusal | None = None) -> None:
        super().__init__(f"{server}: {url}: {why}")
        self.server = server
        self.url = url
        self.why = why
        self.refusal = refusal


@frozen
class Reply:
    """A whole answer. The names of C{headers} are in lower case; lines of the same name are joined."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Provider:
    """A party that is asked over https; C{terms} are replaced when a generation comes into force."""

    def __init__(self, reactor: Any, readiness: Readiness, notes: Notes, terms: PeerTerms) -> None:
        """
        @param notes: where its handshakes are noted.
        """
        self.terms = terms
        self._reactor = reactor
        self._readiness = readiness
        self._notes = notes
        self._flights: set[Callable[[str], None]] = set()

    async def get(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        accept: str = JSON,
        most: int,
        within: float,
    ) -> Reply:
        """
        Ask for a document.

        @param url: https; its host is verified under the provider's terms, whichever it is.
        @param headers: further header lines.
        @param most: bytes of body; a longer one is an error.
        @param within: seconds for all of it.
        @raise ProviderError: there is no whole answer. Any status is one.
        """
        return await self._ask("GET", url, [("Accept", accept), *headers], None, most, within)

    async def post(
        self,
        url: str,
        form: Sequence[tuple[str, str]] | bytes,
        *,
        headers: Sequence[tuple[str, str]] = (),
        content_type: str = FORM,
        accept: str = JSON,
        most: int,
        within: float,
    ) -> Reply:
        """
        Send a form, or a body as it is; otherwise as L{get}.

        @param headers: further header lines.
        """
        body = form if isinstance(form, bytes) else urlencode(form).encode("ascii")
        lines = [("Accept", accept), ("Content-Type", content_type), *headers]
        return await self._ask("POST", url, lines, body, most, within)

    def stop(self) -> None:
        """Give up what is on its way: whoever waits is told."""
        for give_up in tuple(self._flights):
            give_up("the gate stops")

    async def _ask(
        self,
        method: str,
        url: str,
        lines: Sequence[tuple[str, str]],
        body: bytes | None,
        most: int,
        within: float,
    ) -> Reply:
        name = self.terms.name
        try:
            where = read_url(url, query=True)
        except ValueError as error:
            # Perhaps out of a document of the provider's: it must not be quoted.
            raise ProviderError(name, "a URL that it names", str(error)) from None
        shown = f"https://{where.authority}{where.path}"
        endpoints = Endpoints(
            self._reactor, self._readiness, self._notes, self.terms, 2 * most + OVERHEAD
        )
        flight = Deferred.fromCoroutine(
            _exchange(self._reactor, endpoints, method, str(where), lines, body, most)
        )
        given_up = ""

        def give_up(why: str) -> None:
            nonlocal given_up
            given_up = given_up or why
            flight.cancel()

        timer = self._reactor.callLater(within, give_up, f"no whole answer within {within:g} s")
        self._flights.add(give_up)
        why, refusal = "", None
        try:
            return await flight
        except NotVerified as error:
            why, refusal = str(error), error.refusal
        except _Unfit as error:
            why = str(error)
        except Exception as error:
            # Also whatever Twisted makes of a request that is given up.
            why, refusal = (given_up, None) if given_up else _broken(endpoints, error)
        finally:
            self._flights.discard(give_up)
            if timer.active():
                timer.cancel()
            if why:
                endpoints.abort()
        # Not in front of what Twisted raised: that may quote an answer.
        raise ProviderError(name, shown, why, refusal) from None


class _Unfit(Exception):
    """An answer that is none."""


async def _exchange(
    reactor: Any,
    endpoints: Endpoints,
    method: str,
    url: str,
    lines: Sequence[tuple[str, str]],
    body: bytes | None,
    most: int,
) -> Reply:
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
            raise _Unfit(too_large)
        parts.append(data)

    if isinstance(response.length, int) and response.length > most:
        raise _Unfit(too_large)
    await treq.collect(response, take)
    transport = endpoints.transport
    if transport is not None and (transport.error is not None or transport.flooded):
        # Where the end of the connection is the end of the body, a cut must not pass for one.
        raise _Unfit(too_large if transport.flooded else "its answer was cut")
    found: dict[str, str] = {}
    for raw_name, values in response.headers.getAllRawHeaders():
        found[raw_name.decode("latin-1").lower()] = b", ".join(values).decode("latin-1")
    return Reply(response.code, found, b"".join(parts))


def _broken(endpoints: Endpoints, error: Exception) -> tuple[str, Refusal | None]:
    """What is wrong with a connection, in words of ours: those of others may quote what was said on it."""
    transport = endpoints.transport
    if transport is not None and transport.flooded:
        return "more than is read of any answer", None
    if transport is not None and transport.left:
        refusal = late_refusal(transport.error)
        if refusal.reason is Reason.TLS_CLIENT_CERTIFICATE:
            return str(refusal), refusal
        how = "it closed the connection" if transport.error is None else "the connection broke"
        return f"{how} before a whole answer", None
    return f"its answer is not HTTP ({type(error).__name__})", None


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
        raise _Unfit("its answer is compressed, which was not asked for")
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
