"""A route of a gate as a resource of somebody else's site: over real TLS, Twisted's, which is not ours.

The site is an ordinary one, on the reactor of the gate; its other pages go on as they were. What a caller
sees, and what is on record, is compared with what a listener of the same gate does.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from klein import Klein
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import ConnectionLost
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data
from twisted.web.util import DeferredResource

import mcpgate
from mcpgate import bodies
from mcpgate.bodies import InMemoryRequest
from mcpgate.config.load import parse_config
from mcpgate.gate import Gate
from mcpgate.testing import LocalCA, certificate_pem, write_pair
from mcpgate.web import GateResource
from tests import pki
from tests.running import (
    STREAM,
    Request,
    World,
    answer_json,
    call,
    chunked,
    event,
    held,
    last_event,
)
from tests.waiting import PATIENCE

#: What Twisted 26.10 itself does with certificates that it is given.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

#: A second way in, beside the listener that every world has.
EMBEDDED = """
[[listener]]
name = "site"
listen = "embedded"
public_url = "https://localhost"
"""


class Hosted:
    """A world whose gate is also below a site."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ports: list[Any] = []

    def site(
        self,
        root: Any,
        listen: str = "",
        options: type[CertificateOptions] = CertificateOptions,
        **named: Any,
    ) -> int:
        """Serve a tree of resources; where."""
        reactor = self.world.loop.reactor

        def serve() -> Any:
            site: Any = Site(root, reactor=reactor, **named)
            if not listen:
                # As an "ssl:" endpoint does it, which has its timers on the global reactor.
                site = TLSMemoryBIOFactory(self.options(options), False, site, clock=reactor)
            return serverFromString(reactor, listen or "tcp:0:interface=127.0.0.1").listen(site)

        port = self.world.loop.call(serve)
        self.ports.append(port)
        return int(getattr(port.getHost(), "port", 0))

    def options(self, kind: type[CertificateOptions]) -> CertificateOptions:
        """What most applications have."""
        files = self.world.certificates / "gate.key", self.world.certificates / "gate.crt"
        pair = PrivateCertificate.loadPEM(b"".join(file.read_bytes() for file in files))
        return kind(pair.privateKey.original, pair.original)

    def close(self) -> None:
        """Serve no more."""
        for port in self.ports:
            self.world.loop.call(port.stopListening)

    def root(self, **named: Any) -> Resource:
        """A page of the application's, and the gate's route beside it."""
        gate = self.world.gate
        assert gate is not None
        root = Resource()
        root.putChild(b"hello", Data(b"hello", "text/plain"))
        root.putChild(b"mcp", mcpgate.resource(gate, **{"route": "server", **named}))  # type: ignore[arg-type]
        return root


@pytest.fixture
def hosted(world: World) -> Iterator[Hosted]:
    world.start(world.config(more=EMBEDDED))
    hosted = Hosted(world)
    world.port = hosted.site(hosted.root())
    yield hosted
    hosted.close()


def of_site(world: World, kind: str) -> list[dict[str, Any]]:
    """Records of what came by the site."""
    return [
        record
        for record in world.records(kind)
        if record.get("listener", record.get("where")) == "site"
    ]


# As a listener serves.


def test_a_call_is_answered_as_a_listener_answers_it(hosted: Hosted) -> None:
    """The same answer, by the same upstream request, with the same records; beside pages of its own."""
    world = hosted.world
    with world.caller() as caller:
        status, headers, body = caller.post(call("get_x")).answer()
        caller.send(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert caller.answer()[2] == b"hello"
    assert status == 200 and json.loads(body) == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert headers[b"content-type"] == b"application/json"
    assert b"transfer-encoding" not in headers
    (seen,) = world.upstream.requests
    assert world.token.encode() not in seen.head and b"connection: close" not in seen.head.lower()
    (close,) = world.closes(1)
    (opened,) = world.records("open")
    assert (opened["listener"], opened["route"], opened["principal"]) == ("site", "server", "ci")
    (shaken,) = of_site(world, "handshake")
    assert opened["inbound"] == close["inbound"] == shaken["id"]
    assert shaken["outcome"] == "ok" and shaken["handshake"]["version"] == "TLSv1.3"
    assert shaken["peer"].startswith("127.0.0.1:") and shaken["handshake"]["own"]["dns_names"]


def test_requests_of_one_connection_share_its_handshake(hosted: Hosted) -> None:
    """It was one handshake, and is one record; another connection is another."""
    world = hosted.world
    with world.caller() as caller, world.caller() as other:
        for _ in range(3):
            assert caller.post(PING).json()[0] == 200
        assert other.post(PING).json()[0] == 200
    world.closes(4)
    assert len(of_site(world, "handshake")) == 2
    assert len({record["inbound"] for record in world.records("open")}) == 2


def test_pipelined_requests_are_answered_in_order(hosted: Hosted) -> None:
    """Each after the one before it."""
    world = hosted.world
    with world.caller() as caller:
        caller.send(b"".join(world.post(PING | {"id": number}) for number in range(5)))
        assert [caller.json()[1]["id"] for _ in range(5)] == list(range(5))


def test_rules_and_tokens_hold(hosted: Hosted) -> None:
    """A blocked name is unknown, and without a token nobody is let in."""
    world = hosted.world
    with world.caller() as caller:
        status, told = caller.post(call("get_secret")).json()
        assert (status, told["error"]["code"]) == (200, -32602)
        status, headers, _ = caller.post(call("get_x"), token=False).answer()
        assert status == 401 and headers[b"www-authenticate"].startswith(b"Bearer")
    assert world.upstream.requests == []
    assert [record["reason"] for record in world.closes(2)] == ["policy.blocked", "auth.missing"]


def test_events_pass_one_by_one(hosted: Hosted) -> None:
    """As they come, each before the next is written; the stream ends whole."""
    world = hosted.world
    goes_on = threading.Event()

    def stream(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(event(1)))
        goes_on.wait(PATIENCE)
        sock.sendall(chunked(last_event(request)) + b"0\r\n\r\n")

    world.upstream.behave = stream
    with world.caller() as caller:
        status, headers = caller.post(call("get_x")).read_head()
        assert status == 200 and headers[b"content-type"] == b"text/event-stream"
        assert caller.read_chunk() == event(1)
        goes_on.set()
        assert caller.read_body(headers).startswith(b"data: ")
        world.upstream.behave = answer_json
        assert caller.post(PING).json()[0] == 200


def test_a_caller_that_leaves_ends_the_upstream_call(hosted: Hosted) -> None:
    """The connection to the upstream ends with the caller's, and the record says why."""
    world = hosted.world
    with held(world.upstream):
        caller = world.caller()
        caller.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        caller.sock.close()
        (close,) = world.closes(1)
        assert close["reason"] == "client.gone"
    assert world.upstream.gone.wait(PATIENCE)
    world.wait_for(lambda: world.status()["callers"]["connections"] == 0)


def test_half_an_answer_is_seen_to_be_half(hosted: Hosted) -> None:
    """No last chunk is made up where the upstream broke off."""
    world = hosted.world
    seen = threading.Event()

    def breaks(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(event(1)))
        seen.wait(PATIENCE)
        sock.sendall(b"10\r\nhalf")
        sock.close()

    world.upstream.behave = breaks
    with world.caller() as caller:
        caller.send(world.bare("GET"))
        status, headers = caller.read_head()
        assert status == 200 and caller.read_chunk() == event(1)
        seen.set()
        with pytest.raises((EOFError, OSError)):
            caller.read_body(headers)


def test_a_slow_reader_stops_the_upstream(hosted: Hosted) -> None:
    """What the caller does not take is not read from the upstream; taken up, all of it comes."""
    world = hosted.world
    events, sent = 300, threading.Event()

    def floods(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        for number in range(events):
            sock.sendall(chunked(event(number, 64 * 1024)))
        sent.set()
        sock.sendall(chunked(last_event(request)) + b"0\r\n\r\n")

    world.upstream.behave = floods
    assert world.gate is not None and world.gate.serving is not None
    entry = world.gate.serving.listenings["site"]

    def congested() -> bool:
        return bool(world.loop.call(lambda: any(each.stream.congested for each in entry.connections)))

    with world.caller(receive_buffer=8192) as caller:
        caller.post(call("get_x")).read_head()
        world.wait_for(congested)
        assert not sent.is_set()
        found = 0
        while piece := caller.read_chunk():
            found += piece.count(b'"n":')
    assert found == events


def test_a_large_answer_comes_whole(hosted: Hosted) -> None:
    """A document of a megabyte, with the length that it has."""
    world = hosted.world

    def large(sock: ssl.SSLSocket, request: Request) -> None:
        text = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"text": "x" * 1_000_000}}).encode()
        sock.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (len(text), text)
        )

    world.upstream.behave = large
    with world.caller() as caller:
        _, headers, body = caller.post(call("get_x")).answer()
    assert int(headers[b"content-length"]) == len(body) > 1_000_000


def test_other_methods_go_the_same_way(hosted: Hosted) -> None:
    """HEAD has no body, DELETE and GET reach the upstream, what is not served is said to be so."""
    world = hosted.world
    with world.caller() as caller:
        caller.send(world.bare("HEAD"))
        status, headers = caller.read_head()
        assert status == 405 and headers[b"allow"] == b"POST, GET, DELETE"
        caller.send(world.bare("DELETE"))
        assert caller.answer()[0] in (202, 400, 404, 405)
        assert caller.post(PING).json()[0] == 200


def test_a_chunked_body_arrives_with_its_length(hosted: Hosted) -> None:
    """The application has read it; the upstream gets what was judged."""
    world = hosted.world
    body = json.dumps(PING).encode()
    head = world.post(b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
    with world.caller() as caller:
        assert caller.send(head + chunked(body) + b"0\r\n\r\n").json()[0] == 200
    assert world.upstream.requests[0].body == body


def test_a_body_that_is_too_large_is_refused(hosted: Hosted) -> None:
    """By its length; what came of it goes nowhere."""
    world = hosted.world
    world.reload(world.config(more=EMBEDDED + '\n[limits]\nbody_size = "1KiB"\n'))
    with world.caller() as caller:
        assert caller.post(b"[" + b" " * 2000 + b"]").answer()[0] == 413
    assert world.closes(1)[0]["reason"] == "frame.body_size"


def test_a_header_that_would_be_two_is_refused(hosted: Hosted) -> None:
    """Doubled headers are judged as they came, as by a listener."""
    world = hosted.world
    with world.caller() as caller:
        assert caller.post(PING, "Authorization: Bearer x").answer()[0] == 400
    assert world.closes(1)[0]["reason"] == "frame.duplicate_header"


class Impatient(Resource):
    """An application that answers what it has handed over, when it is told to."""

    isLeaf = True

    def __init__(self, world: World) -> None:
        super().__init__()
        assert world.gate is not None
        self._gated = mcpgate.resource(world.gate, route="server")
        self._loop = world.loop
        self.request: Any = None

    def render(self, request: Any) -> Any:
        self.request = request
        return self._gated.render(request)

    def give_up(self, polite: bool) -> None:
        def answer() -> None:
            if polite:
                self.request.unregisterProducer()
            if not self.request.startedWriting:
                self.request.setResponseCode(504)
            self.request.finish()

        self._loop.call(answer)


@pytest.mark.parametrize("polite", [False, True])
@pytest.mark.parametrize("begun", [False, True])
def test_an_application_may_answer_in_place_of_the_gate(hosted: Hosted, begun: bool, polite: bool) -> None:
    """The call ends as if its caller had left: nothing is kept, and nothing of the answer comes after."""
    world = hosted.world
    goes_on = threading.Event()

    def late(sock: ssl.SSLSocket, request: Request) -> None:
        if begun:
            sock.sendall(STREAM + chunked(event(1)))
        goes_on.wait(PATIENCE)
        sock.sendall((b"" if begun else STREAM) + chunked(last_event(request)) + b"0\r\n\r\n")

    world.upstream.behave = late
    assert world.gate is not None and world.gate.serving is not None
    entry = world.gate.serving.listenings["site"]
    impatient, root = Impatient(world), Resource()
    root.putChild(b"mcp", impatient)
    world.port = hosted.site(root)
    with capturedLogs() as logged, world.caller() as caller:
        caller.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        if begun:
            caller.read_head()
            assert caller.read_chunk() == event(1)
        impatient.give_up(polite)
        assert caller.read_chunk() == b"" if begun else caller.answer()[0] == 504
        (close,) = world.closes(1)
        assert (close["reason"], close["detail"]) == (
            "client.gone",
            "the application answered the request itself",
        )
        assert not entry.connections and world.status()["callers"]["connections"] == 0
        goes_on.set()
        assert world.upstream.gone.wait(PATIENCE)
        # The connection goes on, and its next request is served.
        world.upstream.behave = answer_json
        assert caller.post(PING).json()[0] == 200
        assert world.loop.call(world.gate.drain, PATIENCE) is True
    told = [str(one["log_failure"].value) for one in logged if "log_failure" in one]
    assert told == ([] if polite else ["Producer was not unregistered for b'/mcp'"])


def test_a_caller_that_leaves_before_it_is_rendered_is_let_go(hosted: Hosted) -> None:
    """What an application takes its time for, nobody may be waiting for any more."""
    world, gate = hosted.world, hosted.world.gate
    assert gate is not None
    gated, waiting, lost = mcpgate.resource(gate, route="server"), Deferred(), []

    class Slow(Resource):
        def getChild(self, name: Any, request: Any) -> Any:
            request.notifyFinish().addErrback(lost.append)
            return DeferredResource(waiting)

    world.port = hosted.site(Slow())
    with capturedLogs() as logged:
        with world.caller() as caller:
            caller.post(PING)
        world.wait_for(lambda: lost)
        world.loop.call(waiting.callback, gated)
        world.reload(world.config())
        waiting = Deferred()
        with world.caller() as caller:
            caller.post(PING)
        world.wait_for(lambda: len(lost) == 2)
        world.loop.call(waiting.callback, gated)
    assert not [one for one in logged if "log_failure" in one]
    assert of_site(world, "handshake") == [] and world.upstream.requests == []


@pytest.mark.parametrize("transport", ["twisted", "mcptls", "haproxy"])
@pytest.mark.parametrize(
    "line",
    ["Content-Length: 7", "Transfer-Encoding: chunked", "Origin: https://elsewhere.example\0", "A name: x"],
)
def test_what_twisted_has_refused_is_not_executed(hosted: Hosted, transport: str, line: str) -> None:
    """twisted.web answers 400 in the middle of a head, and makes a request of what comes after it."""
    world = hosted.world
    tls = f"mcptls:modern:tcp:0:interface=127.0.0.1:certificates={world.certificates}"
    if transport != "twisted":
        world.port = hosted.site(hosted.root(), tls if transport == "mcptls" else f"haproxy:{tls}")
    with world.caller() as caller:
        if transport == "haproxy":
            caller.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n")
        # A good one first: that it can be served by this transport at all.
        assert caller.post(PING).json()[0] == 200
        head, _, body = world.post(call("get_x")).partition(b"\r\n\r\n")
        lines = [*head.split(b"\r\n"), line.encode(), b"X-Last: 1", b""]
        with contextlib.suppress(OSError):
            for each in (*(each + b"\r\n" for each in lines), body):
                caller.send(each)
                # Lines that come together, Twisted itself drops.
                time.sleep(0.01)
        with contextlib.suppress(OSError, EOFError):
            assert caller.read_head()[0] == 400
            assert caller.closed()
    # Nor is it a moment later: what comes after it is on record.
    world.port = hosted.site(hosted.root())
    with world.caller() as caller:
        assert caller.post(PING).json()[0] == 200
    world.closes(2)
    assert len(world.records("open")) == len(world.upstream.requests) == 2


# Where it leads.


def test_it_leads_to_its_route_and_nowhere_else(hosted: Hosted) -> None:
    """Other paths below it, and other routes of the gate, are not there."""
    world = hosted.world
    gate = world.gate
    assert gate is not None
    root = Resource()
    root.putChild(b"elsewhere", mcpgate.resource(gate, route="server"))
    here = world.port
    there = hosted.site(root)
    for port, path in ((here, "/mcp/sub"), (there, "/elsewhere"), (here, "/mcp/")):
        world.port = port
        with world.caller() as caller:
            assert caller.post(PING, path=path).answer()[0] == 404
    assert {record["reason"] for record in world.closes(3)} == {"route.unknown"}


def test_one_without_a_route_has_all_of_them(hosted: Hosted) -> None:
    """Whatever the listener has, it has."""
    world = hosted.world
    gate = world.gate
    assert gate is not None
    root = Resource()
    root.putChild(b"mcp", mcpgate.resource(gate))
    world.port = hosted.site(root)
    with world.caller() as caller:
        assert caller.post(PING).json()[0] == 200


def test_another_route_at_the_same_place_is_not_reached(world: World) -> None:
    """The restriction is the resource's, whatever the path is: heads that one has judged help no other."""
    other = '[[route]]\npath = "/other"\nupstream = "server"\nname = "other"\n'
    world.start(world.config(more=EMBEDDED + other))
    hosted = Hosted(world)
    gate = world.gate
    assert gate is not None
    try:
        root = Resource()
        root.putChild(b"mcp", mcpgate.resource(gate, route="server"))
        wrong = Resource()
        wrong.putChild(b"mcp", mcpgate.resource(gate, route="other"))
        right, left = hosted.site(root), hosted.site(wrong)
        for port, status in ((right, 200), (left, 404), (right, 200)):
            world.port = port
            with world.caller() as caller:
                assert caller.post(PING).answer()[0] == status
    finally:
        hosted.close()


def test_it_can_be_returned_from_a_klein_route(hosted: Hosted) -> None:
    """As any resource can."""
    world = hosted.world
    gate = world.gate
    assert gate is not None
    app = Klein()
    gated = mcpgate.resource(gate, route="server")

    @app.route("/mcp", methods=["POST", "GET", "DELETE"])
    def mcp(request: Any) -> Any:
        return gated

    world.port = hosted.site(app.resource())
    with world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 200


def test_what_is_not_configured_is_said_at_once(world: World) -> None:
    """When the resource is made, and not to a caller."""
    plain = Gate(world.loop.reactor, parse_config(world.config().encode(), world.directory / "gate.toml"))
    with pytest.raises(ValueError, match='no \\[\\[listener\\]\\] with listen = "embedded"'):
        GateResource(plain)
    text = world.config(more=EMBEDDED + EMBEDDED.replace('"site"', '"sight"'))
    gate = Gate(world.loop.reactor, parse_config(text.encode(), world.directory / "gate.toml"))
    with pytest.raises(ValueError, match="one of site, sight"):
        GateResource(gate)
    with pytest.raises(ValueError, match='no embedded listener is named "sihgt"; did you mean "sight"'):
        GateResource(gate, listener="sihgt")
    with pytest.raises(ValueError, match='no route is named "sever"; did you mean "server"'):
        GateResource(gate, "sever", "site")
    assert GateResource(gate, "server", "site").isLeaf


# By which connection.


def plain(port: int, raw: bytes) -> bytes:
    """An exchange in clear text."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while more := sock.recv(65536):
            answer += more
        return answer


def test_clear_text_is_refused_whatever_is_said_of_it(hosted: Hosted) -> None:
    """The token it carried reaches nobody; no header makes TLS of it."""
    world = hosted.world
    port = hosted.site(hosted.root(), "tcp:0:interface=127.0.0.1")
    claims = ("X-Forwarded-Proto: https", "Forwarded: proto=https", "X-Forwarded-For: 10.0.0.1")
    answer = plain(port, world.post(call("get_x"), *claims, "Connection: close"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 ")
    assert json.loads(body)["error"]["data"]["reason"] == "tls.plaintext"
    assert "clear text" in json.loads(body)["error"]["message"]
    assert world.upstream.requests == []
    (refused,) = of_site(world, "handshake")
    assert (refused["outcome"], refused["reason"]) == ("refused", "tls.plaintext")
    assert refused["peer"].startswith("127.0.0.1:")
    # Somebody has to be told of the token.
    assert refused["extra"] == {"credential_exposed": True}


def test_clear_text_without_a_credential_exposes_none(hosted: Hosted) -> None:
    """Whoever is told of those that were exposed is not told of this."""
    world = hosted.world
    port = hosted.site(hosted.root(), "tcp:0:interface=127.0.0.1")
    plain(port, world.post(PING, "Connection: close", token=False))
    assert of_site(world, "handshake")[0]["extra"] == {"credential_exposed": False}


def test_a_connection_that_was_refused_ends(hosted: Hosted) -> None:
    """Nothing more is taken by it, whatever the application's site would do with it."""
    world = hosted.world
    port = hosted.site(hosted.root(), "tcp:0:interface=127.0.0.1")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        sock.sendall(world.post(PING) * 3)
        answer = b""
        while more := sock.recv(65536):
            answer += more
    assert answer.count(b"HTTP/1.1 403 ") == 1
    assert b"\r\nconnection: close\r\n" in answer.lower()


@pytest.mark.parametrize("stopped", [True, False])
def test_clear_text_is_not_told_to_come_again(hosted: Hosted, stopped: bool) -> None:
    """Where nobody serves, neither: a token was shown in clear text, once is enough, and is told of."""
    world = hosted.world
    port = hosted.site(hosted.root(), "tcp:0:interface=127.0.0.1")
    if stopped:
        world.stop_gate()
    else:
        world.reload(world.config())
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        sock.sendall(world.post(PING) * 3)
        answer = b""
        while more := sock.recv(65536):
            answer += more
    assert answer.count(b"HTTP/1.1 ") == answer.count(b"HTTP/1.1 403 ") == 1
    assert b"\r\nconnection: close\r\n" in answer.lower() and b"retry-after" not in answer.lower()
    found = [(one["reason"], one["extra"]) for one in of_site(world, "handshake")]
    assert found == ([] if stopped else [("tls.plaintext", {"credential_exposed": True})])


@pytest.mark.parametrize(
    ("line", "status", "peer"),
    [
        ("TCP4 192.0.2.7 192.0.2.1 1234 443", 200, "192.0.2.7:1234"),
        ("TCP6 2001:db8::7 ::1 1234 443", 200, "[2001:db8::7]:1234"),
        ("UNKNOWN here there 1 2", 200, "127.0.0.1:"),
        ("TCP6 zz:zz ::1 1 2", 400, "unknown"),
        ("TCP4 some-where 192.0.2.1 1 2", 400, "unknown"),
        ("TCP4 192.0.2.7 here 1 2", 400, "192.0.2.7:1"),
    ],
)
def test_an_address_that_is_none_is_refused(hosted: Hosted, line: str, status: int, peer: str) -> None:
    """What stands in front may say anything: whoever is nobody would be counted and shut out by nothing."""
    world = hosted.world
    world.port = hosted.site(
        hosted.root(), f"mcptls:modern:haproxy:tcp:0:interface=127.0.0.1:certificates={world.certificates}"
    )
    with capturedLogs() as logged, world.caller(preface=f"PROXY {line}\r\n".encode()) as caller:
        found, told = caller.post(call("get_x")).json()
        assert found == 200 or caller.closed()
    (shaken,) = of_site(world, "handshake")
    assert shaken["peer"].startswith(peer)
    assert found == status
    if status == 400:
        assert shaken["reason"] == told["error"]["data"]["reason"] == "proxy.header"
        assert world.upstream.requests == []
    assert not [one for one in logged if "log_failure" in one]


def test_a_unix_socket_is_clear_text_too(hosted: Hosted, tmp_path: Path) -> None:
    """A proxy in front may have seen TLS; the gate has not."""
    world = hosted.world
    hosted.site(hosted.root(), f"unix:{tmp_path}/site.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(f"{tmp_path}/site.sock")
        sock.sendall(world.post(call("get_x")))
        assert sock.recv(65536).startswith(b"HTTP/1.1 403 ")
    assert of_site(world, "handshake")[0]["reason"] == "tls.plaintext"


def test_a_handshake_that_is_not_known_is_refused(hosted: Hosted) -> None:
    """A channel without a transport that could be asked, as HTTP/2 has it."""
    world = hosted.world

    class Hidden(Resource):
        isLeaf = True

        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def render(self, request: Any) -> Any:
            request.channel = Veil(request.channel)
            return self.inner.render(request)

    class Veil:
        """What an H2Stream is to its request."""

        transport = None

        def __init__(self, channel: Any) -> None:
            self._channel = channel

        def __getattr__(self, name: str) -> Any:
            return getattr(self._channel, name)

    assert world.gate is not None
    root = Resource()
    root.putChild(b"mcp", Hidden(mcpgate.resource(world.gate, route="server")))
    world.port = hosted.site(root)
    with world.caller() as caller:
        status, told = caller.post(call("get_x")).json()
    assert (status, told["error"]["data"]["reason"]) == (403, "tls.unobserved")
    assert of_site(world, "handshake")[0]["reason"] == "tls.unobserved"
    assert world.upstream.requests == []


def test_a_connection_below_the_floor_is_refused(hosted: Hosted) -> None:
    """The application lets TLS 1.2 in, and the gate's profile does not; another profile does."""
    world = hosted.world
    with world.caller(version=ssl.TLSVersion.TLSv1_2) as caller:
        status, told = caller.post(call("get_x")).json()
        assert (status, told["error"]["data"]["reason"]) == (403, "tls.version")
    (refused,) = of_site(world, "handshake")
    assert (refused["reason"], refused["handshake"]["version"]) == ("tls.version", "TLSv1.2")
    world.reload(world.config(more=EMBEDDED + 'profile = "intermediate"\n'))
    with world.caller(version=ssl.TLSVersion.TLSv1_2) as caller:
        assert caller.post(call("get_x")).json()[0] == 200


def test_a_stricter_profile_counts_for_connections_that_are_open(hosted: Hosted) -> None:
    """Judged again with the next request; the record of the handshake is the one that ends."""
    world = hosted.world
    with world.caller() as caller:
        assert caller.post(PING).json()[0] == 200
        world.reload(world.config(more=EMBEDDED + "require_pq = true\n"))
        status, told = caller.post(PING).json()
    reached = [record for record in of_site(world, "handshake") if record["outcome"] == "ok"]
    if status == 200:
        # This machine's OpenSSL speaks a post-quantum group, so there is nothing to refuse.
        assert reached[0]["handshake"]["post_quantum"] is True
    else:
        assert (status, told["error"]["data"]["reason"]) == (403, "tls.group")
        refused = of_site(world, "handshake")[-1]
        assert refused["extra"]["ended"] == reached[0]["id"]


class Lax(CertificateOptions):
    """An application that asks for client certificates, and takes any."""

    def getContext(self) -> Any:
        context = super().getContext()
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        return context


@pytest.mark.parametrize(
    ("issuer", "purpose", "reason"),
    [
        ("clients", "client", None),
        ("clients", "server", "tls.chain"),
        ("others", "client", "tls.unknown_ca"),
    ],
)
def test_a_certificate_that_the_application_takes_is_judged(
    world: World, tmp_path: Path, issuer: str, purpose: str, reason: str | None
) -> None:
    """By the gate's own CA, and for what it is: a server's certificate is nobody's name."""
    now, mine = datetime.now(UTC), tmp_path / "clients"
    mine.mkdir()
    authorities = {name: LocalCA.create(name, now) for name in ("clients", "others")}
    (mine / "ca.pem").write_bytes(certificate_pem(authorities["clients"].certificate))
    made = authorities[issuer]
    pair = made.client("ci.test", now) if purpose == "client" else made.server(["ci.test"], now)
    write_pair(pair, mine / "it.crt", mine / "it.key")
    demand = f'client_certificates = "required"\nclient_ca = "{mine}/ca.pem"\n'
    world.start(world.config(more=EMBEDDED + demand))
    hosted = Hosted(world)
    try:
        world.port = hosted.site(hosted.root(), options=Lax)
        with world.caller(client=(mine / "it.crt", mine / "it.key")) as caller:
            status, told = caller.post(call("get_x"), token=False).json()
    finally:
        hosted.close()
    found = None if status == 200 else told["error"]["data"]["reason"]
    assert found == reason == of_site(world, "handshake")[-1]["reason"]
    assert [record["principal"] for record in world.records("open")] == ["ci.test"] * (reason is None)


@pytest.mark.parametrize("sent", [True, False], ids=["sent", "in the file of CAs"])
def test_a_chain_below_the_floor_is_refused_as_a_listener_refuses_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    """A leaf of a good key that a CA of a small one has signed, which the application takes."""
    root, mine = pki.Authority.root(), tmp_path / "clients"
    small = root.intermediate(key=pki.rsa_key(1024))
    pair = small.issue("ci.test", usage=pki.FOR_CLIENTS)
    mine.mkdir()
    (mine / "ca.pem").write_bytes(pki.pem(root.certificate, *(() if sent else [small.certificate])))
    chain = pki.pem(*(pair.chain if sent else pair.chain[:1]))
    files = pki.write(mine / "it.crt", chain), pki.write(mine / "it.key", pki.key_pem(pair.key))
    demand = f'client_certificates = "required"\nclient_ca = "{mine}/ca.pem"\n'
    world.start(world.config(more=EMBEDDED + demand, listener=demand))
    context = ssl.create_default_context

    def lax(*arguments: Any, **named: Any) -> ssl.SSLContext:
        made = context(*arguments, **named)
        made.set_ciphers("DEFAULT:@SECLEVEL=0")
        return made

    monkeypatch.setattr(ssl, "create_default_context", lax)
    hosted = Hosted(world)
    try:
        with contextlib.suppress(OSError, EOFError), world.caller(client=files) as caller:
            caller.post(call("get_x"), token=False).json()
        world.port = hosted.site(hosted.root(), options=Lax)
        with world.caller(client=files) as caller:
            status, told = caller.post(call("get_x"), token=False).json()
    finally:
        hosted.close()
    assert (status, told["error"]["data"]["reason"]) == (403, "tls.key")
    assert [(one["where"], one["reason"]) for one in world.records("handshake")] == [
        ("public", "tls.key"),
        ("site", "tls.key"),
    ]
    assert world.upstream.requests == []


def test_who_is_not_let_in_any_more_is_recorded_once(hosted: Hosted) -> None:
    """The handshake of a connection ends once; requests that come after it are not more ends of it."""
    world = hosted.world
    world.reload(world.config(more=EMBEDDED + 'profile = "intermediate"\n'))
    with world.caller(version=ssl.TLSVersion.TLSv1_2) as caller:
        assert caller.post(PING).json()[0] == 200
        world.reload(world.config(more=EMBEDDED))
        caller.send(world.post(PING) * 20)
        assert caller.json()[0] == 403
        assert caller.closed()
    ended = [one for one in of_site(world, "handshake") if (one.get("extra") or {}).get("ended")]
    assert [one["reason"] for one in ended] == ["tls.version"]


def test_another_host_than_the_connections_is_misdirected(hosted: Hosted) -> None:
    """Host and server name have to agree, as on a listener."""
    world = hosted.world
    with world.caller(sni="gate.test") as caller:
        assert caller.post(PING).answer()[0] == 421


# Its life.


def test_a_drain_lets_a_call_finish_and_takes_no_more(hosted: Hosted) -> None:
    """What is under way ends in good order; what comes is told to come again."""
    world = hosted.world
    gate = world.gate
    assert gate is not None
    with held(world.upstream) as release, world.caller() as caller, world.caller() as late:
        assert late.post(PING, token=False).answer()[0] == 401
        caller.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        results: list[bool] = []
        world.loop.call(lambda: gate.drain(PATIENCE).addCallback(results.append) and None)
        status, headers, _ = late.post(PING).answer()
        assert status == 503 and b"retry-after" in headers
        assert results == []
        release()
        assert caller.json()[0] == 200
        world.wait_for(lambda: results == [True])


def test_a_gate_that_does_not_run_answers_503(hosted: Hosted) -> None:
    """Before its start and after its stop; the rest of the site goes on."""
    world = hosted.world
    world.stop_gate()
    with world.caller() as caller:
        assert caller.post(PING).answer()[0] == 503
        caller.send(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert caller.answer()[2] == b"hello"


def test_a_stop_ends_what_is_under_way_visibly(hosted: Hosted) -> None:
    """At the deadline; nobody takes half an answer for a whole one."""
    world = hosted.world
    with held(world.upstream), world.caller() as caller:
        caller.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        world.stop_gate()
        assert caller.closed()


def test_an_embedded_listener_comes_and_goes_with_a_reload(hosted: Hosted) -> None:
    """Taken out of the configuration it serves nobody; put back, it does."""
    world = hosted.world
    with world.caller() as caller:
        world.reload(world.config())
        assert caller.post(PING).answer()[0] == 503
        assert of_site(world, "handshake")[-1]["reason"] == "gate.draining"
        world.reload(world.config(more=EMBEDDED))
        assert caller.post(PING).json()[0] == 200


def test_status_knows_the_way_in(hosted: Hosted) -> None:
    """By its name, with nothing bound."""
    listeners = {one["name"]: one for one in hosted.world.status()["listeners"]}
    assert listeners["site"]["address"] == "" and listeners["site"]["listen"] == "embedded"


# Bodies on their way in.


def test_a_body_need_not_reach_the_disk(hosted: Hosted) -> None:
    """C{InMemoryRequest} holds what a resource is to have, and no more than that."""
    world = hosted.world
    world.port = hosted.site(hosted.root(), requestFactory=InMemoryRequest)
    with world.caller() as caller:
        assert caller.post(PING | {"params": {"text": "x" * 300_000}}).json()[0] == 200
        too_much = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n"
        assert caller.send(too_much + b"x" * 1000).read_head()[0] == 413
    with world.caller() as caller:
        caller.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises((EOFError, OSError)):
            for _ in range(100):
                caller.send(chunked(b"x" * 100_000))
            assert caller.read_head()[0] == 413
            caller.read_head()
    assert len(world.upstream.requests) == 1


FORMS = {
    b"application/x-www-form-urlencoded": b"a=2&b=3",
    b"multipart/form-data; boundary=x": (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n--x--\r\n'
    ),
}


class Arguments(Resource):
    """A page that says what was put into C{args}, and how much there is to read."""

    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        names = sorted((name.decode(), values[0].decode()) for name, values in request.args.items())
        return json.dumps([names, len(request.content.read())]).encode()


class WithForms(InMemoryRequest):
    """As an application asks for them."""

    forms = True


@pytest.mark.parametrize("kind", FORMS)
def test_no_form_is_taken_apart_unless_it_is_asked_for(hosted: Hosted, kind: bytes) -> None:
    """It is done before any resource is asked, and while it is done nobody is served."""
    world, form = hosted.world, FORMS[kind]

    def answer(**named: Any) -> Any:
        world.port = hosted.site(Arguments(), **named)
        with world.caller() as caller:
            head = b"POST /?q=1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
            return caller.send(head % (kind, len(form)) + form).json()[1]

    assert answer(requestFactory=InMemoryRequest) == [[["q", "1"]], len(form)]
    (names, length) = answer(requestFactory=WithForms)
    assert ["a", "2"] in names and length == len(form)
    # What the page says of other requests.
    for other in ({}, {"requestFactory": WithForms}):
        assert answer(parsePOSTFormSubmission=False, **other) == [[["q", "1"]], len(form)]


class Stream:
    """
    What a request knows of HTTP/2: as C{twisted.web._http2.H2Stream}, which has no transport and no timers,
    and is known to its connection only after its head.
    """

    transport = None

    def __init__(self) -> None:
        self.site = Site(Resource(), reactor=Clock())
        self.clock: Any = self.site.reactor
        self.did: list[Any] = []

    def getPeer(self) -> None:
        return None

    getHost = getPeer

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        self.did.append((code, dict(headers.getAllRawHeaders())))

    def abortConnection(self) -> None:
        self.did.append("reset")


@pytest.mark.parametrize("announced", [True, False])
def test_over_http2_too_much_ends_its_stream_alone(announced: bool) -> None:
    """The connection has streams of others; and it is not done while it deals with this one."""
    stream = Stream()
    request = InMemoryRequest(stream, queued=False)
    request.process = lambda: stream.did.append("processed")  # type: ignore[method-assign]
    request.gotLength(request.most + 1 if announced else None)
    if announced:
        # A second content-length, which h2 takes if it is the same.
        request.gotLength(request.most + 1)
    request.handleContentChunk(b"x" * request.most)
    request.handleContentChunk(b"x")
    request.requestReceived(b"POST", b"/mcp", b"HTTP/2")
    assert stream.did == []
    stream.clock.advance(0)
    assert stream.did == [(b"413", {b"Content-Length": [b"0"]}), "reset"]
    assert not stream.clock.getDelayedCalls()


@pytest.mark.parametrize("when", ["before", "by the answer"])
def test_over_http2_a_stream_that_is_gone_is_left_alone(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its caller may have left first; or it reads nothing, so that the answer ends the whole connection."""
    stream = Stream()
    request = InMemoryRequest(stream, queued=False)
    request.gotLength(request.most + 1)
    gone = Failure(ConnectionLost())
    if when == "before":
        request.connectionLost(gone)
    else:
        monkeypatch.setattr(stream, "writeHeaders", lambda *_: request.connectionLost(gone))
    stream.clock.advance(0)
    assert stream.did == []




def test_who_sent_too_much_cannot_keep_the_connection(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS waits for the other end to agree that it is over; this one never does."""
    monkeypatch.setattr(bodies, "LINGER", 0.1)
    world = hosted.world
    world.port = hosted.site(hosted.root(), requestFactory=InMemoryRequest)
    ended: list[Any] = []
    lost = InMemoryRequest.connectionLost
    monkeypatch.setattr(
        InMemoryRequest, "connectionLost", lambda self, reason: (lost(self, reason), ended.append(reason))
    )
    with world.caller() as caller:
        length = InMemoryRequest.most + 1
        caller.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length)
        assert caller.read_head()[0] == 413
        world.wait_for(lambda: ended)
    assert world.upstream.requests == []
