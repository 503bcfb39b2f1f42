"""A route of a gate as a resource of twisted.web: to hang below a site, or to return from a Klein route.

    root.putChild(b"files", mcpgate.resource(gate, route="files"))

What comes by it is served as what comes by a listener: the request is handed over as the bytes of HTTP/1.1
(C{wire.handed}) to the same admission, policy, evidence and upstream leg, and the answer is streamed back,
each side held to the speed of the other. Of the connection only the application's own TLS counts, as far as
OpenSSL can be asked about it: a request over clear text, over HTTP/2, or over a connection below the floor
is refused, and no header is believed about what might have been in front.
"""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from mcpgate.config.problem import did_you_mean, quoted
from mcpgate.evidence.record import where
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.embedded import AnsweredElsewhere, Embedded, Shaken
from mcpgate.relay.entry import Entry
from mcpgate.relay.passage import Passage
from mcpgate.tls.foreign import connection_of
from mcpgate.wire.answered import AnswerReader
from mcpgate.wire.exposed import exposes
from mcpgate.wire.handed import head_bytes

if TYPE_CHECKING:
    from mcpgate.gate import Gate
    from mcpgate.serving import Serving

#: What stands in records for an address that is none.
UNKNOWN = "unknown"


def resource(gate: Gate, route: str | None = None, listener: str | None = None) -> IResource:
    """
    A resource by which callers reach a route of a gate.

    It must be reached by the path that the route has in the gate's configuration, for that is the URL by
    which tokens are issued and metadata are found. Hang one without a route at C{/.well-known} where clients
    are to find out how to get a token.

    @param gate: started before the first request, and stopped after the last: until then, and after that,
        the answer is 503.
    @param route: the name of the only route that can be reached by it; left out, all of them can, and
        what the gate itself has to say at C{/.well-known}.
    @param listener: the name of the C{[[listener]]} with C{listen = "embedded"} whose terms hold; may be left
        out where there is only one.
    @raise ValueError: there is no such route, or no such listener.
    """
    return GateResource(gate, route, listener)


class GateResource(Resource):
    """What L{resource} returns. A leaf: what is below it is for the gate to judge."""

    isLeaf = True

    def __init__(self, gate: Gate, route: str | None = None, listener: str | None = None) -> None:
        super().__init__()
        config = gate.config
        routes = [table.name for table in config.routes]
        if route is not None and route not in routes:
            raise ValueError(f"no route is named {quoted(route)}{did_you_mean(route, routes)}")
        embedded = [table.name for table in config.listeners if table.embedded]
        if not embedded:
            raise ValueError('the configuration has no [[listener]] with listen = "embedded"')
        if listener is None and len(embedded) > 1:
            raise ValueError(f"which listener is it? Say listener=..., one of {', '.join(embedded)}")
        if listener is not None and listener not in embedded:
            raise ValueError(
                f"no embedded listener is named {quoted(listener)}{did_you_mean(listener, embedded)}"
            )
        self._gate = gate
        self._route = route
        self._listener = embedded[0] if listener is None else listener

    def render(self, request: Any) -> int:
        """Serve a request of twisted.web's, whatever its method."""
        _Visit(request).begin(self._gate, self._listener, self._route)
        return NOT_DONE_YET


@implementer(IPushProducer)
class _Visit:
    """One request of the application's, outside of the passage."""

    log = Logger()

    def __init__(self, request: Any) -> None:
        self._request = request
        self._reader = AnswerReader()
        self._passage: Passage | None = None
        self._entry: Embedded | None = None
        self._begun = self._gone = self._done = False

    def begin(self, gate: Gate, listener: str, route: str | None) -> None:
        """Judge by what connection it came, and hand it over."""
        request = self._request
        if getattr(request, "channel", None) is None:
            # Over before it came to be rendered, which an application may take its time for: nothing tells
            # of that any more.
            return
        serving = gate.serving
        entry = serving.listenings.get(listener) if serving is not None else None
        if not isinstance(entry, Embedded):
            return self._turn_away(serving, listener)
        self._entry = entry
        request.notifyFinish().addCallbacks(self._ended, self._lost)
        entry.force.readiness.turn(partial(self._enter, entry, route), self)

    def _turn_away(self, serving: Serving | None, listener: str) -> None:
        """There is nobody to hand it over to."""
        found, peer, local = _ends(self._request.channel)
        if isinstance(found, Refusal):
            # Not to come again: what came with it is not to be sent in clear text twice.
            refusal = found
        elif serving is None:
            refusal = Refusal(Reason.GATE_DRAINING, "the gate does not run")
        else:
            refusal = Refusal(Reason.GATE_DRAINING, "a reload has taken the embedded listener away")
        if serving is not None:
            # Where nothing runs nobody is there to write it down, either.
            extra = None
            if refusal.reason is Reason.TLS_PLAINTEXT:
                extra = {"credential_exposed": exposes(self._head(None))}
            Entry(listener, serving.force).refuse(refusal, peer=where(peer), local=where(local), extra=extra)
        if refusal is found:
            self._send_away(refusal)
        else:
            self._refuse(refusal)

    def _enter(self, entry: Embedded, route: str | None) -> None:
        if self._gone:
            return
        channel = self._request.channel
        found, peer, local = _ends(channel)
        if isinstance(found, SSL.Connection) and channel.transport.disconnecting:
            # twisted.web has answered it with 400, and made a request of the lines that came after. It looks
            # at this itself, as all that reads lines does, but only between lines that came together.
            return self.cut()
        shaken = entry.secured(found, peer=peer, local=local, seen=lambda: self._head(None))
        if isinstance(shaken, Refusal):
            return self._send_away(shaken)
        assert isinstance(found, SSL.Connection)
        self._hand_over(entry, found, shaken, peer, local, route)

    def _hand_over(
        self,
        entry: Embedded,
        connection: SSL.Connection,
        shaken: Shaken,
        peer: object,
        local: object,
        route: str | None,
    ) -> None:
        passage = entry.pass_on(connection, shaken, self, peer=peer, local=local, route=route)
        if isinstance(passage, Refusal):
            return self._refuse(passage)
        self._passage = passage
        self._request.registerProducer(self, True)
        passage.received(self._bytes(entry.limits.body_size))

    def _bytes(self, most: int) -> bytes:
        """The request, with its body unless that is too large: then its length is enough to refuse it."""
        request = self._request
        content = request.content
        size = content.seek(0, 2)
        content.seek(0)
        told = request.requestHeaders
        said = told.hasHeader(b"content-length") or told.hasHeader(b"transfer-encoding")
        head = self._head(size if size or said else None)
        return head + content.read() if 0 < size <= most else head

    def _head(self, length: int | None) -> bytes:
        request = self._request
        headers = [
            (name, value) for name, values in request.requestHeaders.getAllRawHeaders() for value in values
        ]
        return head_bytes(request.method, request.uri, request.clientproto, headers, length)

    # What the passage calls.

    def take(self, data: bytes) -> None:
        """More of the answer."""
        body = self._reader.take(data)
        request, head = self._request, self._reader.head
        if self._gone or head is None:
            return
        if not self._begun:
            self._begun = True
            request.setResponseCode(head.status)
            # What it says of its body is all there is to say: no default is added to it.
            request.defaultContentType = None
            for name in {name for name, _ in head.headers}:
                values = [value for known, value in head.headers if known == name]
                request.responseHeaders.setRawHeaders(name, values)
            request.write(body)
        elif body:
            request.write(body)

    def over(self) -> None:
        """That was the answer."""
        if self._done or self._gone:
            return
        self._done = True
        if self._passage is not None:
            self._request.unregisterProducer()
        # Not inside the exchange: the next request of the connection may be here, and begins with this.
        assert self._entry is not None
        self._entry.force.readiness.soon(self._finish)

    def _finish(self) -> None:
        if not self._gone:
            self._gone = True
            self._request.finish()

    def cut(self) -> None:
        """The caller must not take half an answer for a whole one."""
        if self._done or self._gone:
            return
        self._gone = True
        # A request that is finished has none.
        channel = getattr(self._request, "channel", None)
        if channel is not None:
            channel.transport.abortConnection()

    # What the application's connection calls.

    def _ended(self, _: object) -> None:
        """The answer is out: ours, or one that the application has given in its place."""
        if not self._gone:
            # twisted.web has taken the producer back by then.
            self._leave(AnsweredElsewhere())

    def _lost(self, failure: Failure) -> None:
        """The connection is gone."""
        why = failure.value if isinstance(failure.value, Exception) else None
        self._leave(None if isinstance(why, ConnectionDone) else why)

    def _leave(self, error: Exception | None) -> None:
        self._gone = True
        passage, entry = self._passage, self._entry
        if not self._done and passage is not None and entry is not None:
            entry.force.readiness.turn(partial(passage.lost, error), passage)

    def pauseProducing(self) -> None:
        """The caller reads slowly."""
        self._tell(lambda passage: passage.paused())

    def resumeProducing(self) -> None:
        """The caller caught up."""
        self._tell(lambda passage: passage.resumed())

    def stopProducing(self) -> None:
        """The connection is gone, which C{notifyFinish} tells as well, with the reason."""

    def _tell(self, what: Any) -> None:
        passage, entry = self._passage, self._entry
        if passage is not None and entry is not None:
            entry.force.readiness.turn(partial(what, passage), passage)

    # What the readiness set asks of whoever has something done in its turn.

    deadline = float("inf")

    def readable(self) -> None:
        """There is no socket."""

    def writable(self) -> None:
        """There is no socket."""

    def overdue(self) -> None:
        """There is no deadline."""

    def failed(self) -> None:
        """A bug in what was done for it."""
        if self._passage is not None:
            self._passage.failed()
        else:
            self.cut()

    # Refused before there is an exchange.

    def _refuse(self, refusal: Refusal) -> None:
        self._answer(answer.refusal_bytes(refusal, id_json=None, exchange="", close=False))

    def _send_away(self, refusal: Refusal) -> None:
        channel = self._request.channel
        if isinstance(channel, HTTPChannel):
            # It would be refused again and again, and what it sends meanwhile may be a secret in clear text.
            channel.persistent = False
            self._request.responseHeaders.setRawHeaders(b"connection", [b"close"])
        if refusal.reason is Reason.PROXY_HEADER:
            self._answer(answer.refusal_bytes(refusal, id_json=None, exchange="", close=True))
        else:
            self._answer(answer.below_bytes(refusal))

    def _answer(self, raw: bytes) -> None:
        self.take(raw)
        if not self._gone:
            self._gone = True
            self._request.finish()


def _ends(channel: Any) -> tuple[SSL.Connection | Refusal, object, object]:
    """
    By what connection a request came, or why there is none that it may have come by; the address of whoever
    is at its other end, and that of ours.
    """
    # Asked of the channel: what the request says of itself, an application may have set.
    found = connection_of(getattr(channel, "transport", None))
    peer, local = _address(channel.getPeer()), _address(channel.getHost())
    if UNKNOWN in (peer, local) and not isinstance(found, Refusal):
        # Whoever counts as nobody is not counted, and no rule that shuts an address out would meet it.
        found = Refusal(Reason.PROXY_HEADER, "what stands in front gives an address that is none")
    return found, peer, local


def _address(address: Any) -> object:
    """An address as a socket says it; L{UNKNOWN} where somebody in front has said what is none."""
    if isinstance(address, IPv4Address | IPv6Address):
        try:
            ip_address(address.host)
        except ValueError:
            return UNKNOWN
        return address.host, address.port
    return None if isinstance(address, UNIXAddress) else str(address)
