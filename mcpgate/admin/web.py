"""HTTP for the dashboard: Twisted's, with bodies of a bounded size and our headers on every answer."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.web import http, server
from twisted.web.resource import IResource, Resource

from mcpgate.admin.guard import Head, Refused

#: Bytes of a body: a form of ours has some hundred, and a reason that somebody gives is short.
BODY_MOST = 64 * 1024
#: Seconds after which a connection ends that is idle between two requests, or has not sent one whole.
IDLE = 60

#: No script, style, image or form but our own, no frame around us, and nobody told where we were.
HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Cache-Control", "no-store"),
    # Twisted's own would say which version it is.
    ("Server", "mcpgate"),
)


class Channel(http.HTTPChannel):
    """
    A connection that costs no more than a request and an answer at a time.

    Twisted's answers all requests that have come behind one another, whether their answers are taken or not:
    some kilobytes of requests for a script, by somebody who reads nothing, would be some megabytes of ours.
    And it waits on for whoever sends a byte a minute.
    """

    def resetTimeout(self) -> None:
        """Not by each byte: the time is for a whole request."""

    def timeoutConnection(self) -> None:
        """It has passed."""
        self._abortingCall = self.callLater(self.abortTimeout, self.forceAbortClient)
        self.loseConnection()

    def requestDone(self, request: Any) -> None:
        """It is answered."""
        if self._waitingForTransport and (self._buffer or self._dataBuffer):
            # Browsers send no request before they have the answer to the one before.
            self.persistent = False
        super().requestDone(request)


class Bounded(server.Request):
    """A request whose body stays in memory, and small."""

    _too_large = False

    def gotLength(self, length: int | None) -> None:
        """How long the body will be; C{None} for one in chunks, which no browser sends."""
        self.content = BytesIO()
        if length is None or length > BODY_MOST:
            self._too_large = True
            channel: Any = self.channel
            channel.transport.write(
                b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            channel.loseConnection()

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body."""
        if not self._too_large and self.content is not None:
            self.content.write(data)

    def process(self) -> None:
        """It is whole."""
        if self.path == b"*":
            # It is of the server as a whole, and nobody is asked for that; Twisted would answer by itself.
            self.path = b"/*"
        if not self._too_large:
            super().process()

    def text(self, name: str) -> str | None:
        """A header line; C{None} where there is none."""
        value = self.getHeader(name.encode())
        return value.decode("latin-1") if isinstance(value, bytes) else None


class AdminSite(server.Site):
    """The site: every request is judged before anything of it is looked at."""

    protocol = Channel  # type: ignore[assignment]
    requestFactory = Bounded
    displayTracebacks = False
    noisy = False

    def __init__(
        self,
        reactor: Any,
        resource: IResource,
        guard: Callable[[Bounded, Head], Refused | None],
    ) -> None:
        super().__init__(resource, requestFactory=Bounded, timeout=IDLE, reactor=reactor)
        self._guard = guard

    def log(self, request: Any) -> None:
        """Nothing is logged of a request: a link is a secret until it has been used."""

    def getResourceFor(self, request: Any) -> IResource:
        """Who serves a request."""
        for name, value in HEADERS:
            request.setHeader(name, value)
        hosts = request.requestHeaders.getRawHeaders("host", [])
        head = Head(
            request.method.decode("latin-1"),
            # Which of several would be meant, everybody decides for themselves (RFC 9112 3.2).
            hosts[0] if len(hosts) == 1 else None,
            request.text("origin"),
            request.text("sec-fetch-site"),
            request.text("sec-fetch-mode"),
        )
        refused = self._guard(request, head)
        if refused is not None:
            return _Words(refused)
        return super().getResourceFor(request)  # type: ignore[no-any-return]


class _Words(Resource):
    """A refusal, as text."""

    isLeaf = True

    def __init__(self, refused: Refused) -> None:
        super().__init__()
        self._refused = refused

    def render(self, request: Any) -> bytes:
        request.setResponseCode(self._refused.status)
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        if self._refused.status == 405:
            request.setHeader("Allow", "GET, HEAD, POST")
        return f"{self._refused.words}\n".encode()
