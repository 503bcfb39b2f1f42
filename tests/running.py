"""A gate in this process, on a reactor of its own in a thread, with a scripted upstream behind it.

The reactor is not Twisted's global one: so these tests also show that a gate needs nothing but what
it is given. Callers and upstreams are blocking sockets of the standard library, a TLS implementation
that is not ours.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.epollreactor import EPollReactor
from twisted.python.failure import Failure

from mcpgate.config.load import parse_config
from mcpgate.gate import Gate
from mcpgate.identity.issued import TokenFile
from mcpgate.relay.listener import Listening
from mcpgate.tls.localca import LocalCA, certificate_pem, write_pair
from tests.journals import records_in
from tests.waiting import PATIENCE, eventually


class Loop:
    """A reactor in a thread."""

    def __init__(self) -> None:
        self.reactor: Any = EPollReactor()
        self._thread = threading.Thread(
            target=self.reactor.run, kwargs={"installSignalHandlers": False}, daemon=True
        )
        self._thread.start()

    def call(self, what: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call in the reactor's thread and wait for the result."""
        done = threading.Event()
        results: list[Any] = []

        def start() -> None:
            result: Deferred[Any] = maybeDeferred(what, *arguments, **named)
            result.addBoth(results.append)
            result.addBoth(lambda _: done.set())

        self.reactor.callFromThread(start)
        assert done.wait(PATIENCE), f"{what} did not finish"
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]

    def stop(self) -> None:
        """End the thread."""
        self.reactor.callFromThread(self.reactor.stop)
        self._thread.join(PATIENCE)


class Request:
    """A request as an upstream saw it."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.head = head
        self.body = body
        self.line = head.partition(b"\r\n")[0]
        self.headers = dict(
            (name.lower(), value.strip())
            for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:] if line)
        )


#: The head of an event stream.
#: Records that are about nothing that a caller or an upstream does.
OF_ITSELF = frozenset({"segment", "generation"})
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def sized(length: int) -> bytes:
    """The head of an answer with so many bytes of body."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length


def reply(request: Request, size: int = 0) -> bytes:
    """The answer to a request as JSON-RPC: an empty result, or one that makes it so many bytes."""
    id = json.dumps(json.loads(request.body)["id"]).encode()
    return _filled(b'{"jsonrpc": "2.0", "id": %b, "result": {' % id, b"}}", size)


def whole(body: bytes) -> bytes:
    """An answer with that body."""
    return sized(len(body)) + body


def event(number: int = 0, size: int = 0) -> bytes:
    """An event of a stream, a notification, which is so many bytes if that is more than it needs."""
    opening = b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"n":%d' % number
    return _filled(opening, b"}}\n\n", size, b",")


def last_event(request: Request, size: int = 0) -> bytes:
    """The event that brings the answer to a request, after which its stream ends."""
    return b"data: %b\n\n" % reply(request, size - 8)


def chunked(payload: bytes) -> bytes:
    """One chunk of an answer."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def _filled(opening: bytes, end: bytes, size: int, separator: bytes = b"") -> bytes:
    """The two, and as much text in between, in a member of its own, as makes it so many bytes."""
    filling = size - len(opening) - len(separator) - len(b'"text":""') - len(end)
    return opening + (b'%b"text":"%b"' % (separator, b"x" * filling) if filling >= 0 else b"") + end


def modern(message: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A request as 2026-07-28 has it, and the header lines that belong to it."""
    method, params = message["method"], message.get("params", {})
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    lines = ["MCP-Protocol-Version: 2026-07-28", f"Mcp-Method: {method}"]
    name = params.get("name", params.get("uri"))
    if name is not None:
        lines.append(f"Mcp-Name: {name}")
    return message | {"params": params | {"_meta": meta}}, lines


Behaviour = Callable[["ssl.SSLSocket", Request], None]


def answer_json(sock: ssl.SSLSocket, request: Request) -> None:
    """What a small MCP server says to anything: an empty result with the request's id."""
    try:
        message = json.loads(request.body)
    except ValueError:
        message = {}
    if "id" not in message:
        sock.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        return
    sock.sendall(whole(reply(request)))


class ScriptedUpstream:
    """A TLS server whose answers are a function. C{requests} is what it saw, in order; C{received}: how
    many bytes that was, whatever they were."""

    def __init__(
        self,
        certificate: Path,
        key: Path,
        behave: Behaviour = answer_json,
        *,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.behave = behave
        self.requests: list[Request] = []
        self.connections = 0
        self.received = 0
        self.gone = threading.Event()
        self._context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        with contextlib.suppress(OSError):
            # A close alone would not wake the thread that is waiting in accept.
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        try:
            self._converse(raw)
        except (OSError, ValueError):
            pass
        finally:
            self.gone.set()

    def _converse(self, raw: socket.socket) -> None:
        # Else the end of an answer waits 40 ms for the acknowledgement of what came before it.
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._context.wrap_socket(raw, server_side=True) as sock:
            sock.settimeout(PATIENCE)
            self.connections += 1
            buffer = b""
            while True:
                while b"\r\n\r\n" not in buffer:
                    more = self._receive(sock)
                    if not more:
                        return
                    buffer += more
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                length = int(Request(head, b"").headers.get(b"content-length", b"0"))
                while len(buffer) < length:
                    buffer += self._receive(sock)
                request = Request(head, buffer[:length])
                buffer = buffer[length:]
                self.requests.append(request)
                self.behave(sock, request)

    def _receive(self, sock: ssl.SSLSocket) -> bytes:
        more = sock.recv(65536)
        self.received += len(more)
        return more


@contextlib.contextmanager
def held(upstream: ScriptedUpstream) -> Iterator[Callable[[], None]]:
    """The upstream answers nothing until the function is called, at the latest at the end."""
    release = threading.Event()

    def wait(sock: ssl.SSLSocket, request: Request) -> None:
        release.wait(PATIENCE)
        answer_json(sock, request)

    upstream.behave = wait
    try:
        yield release.set
    finally:
        release.set()


class Caller:
    """A caller's TLS connection, on which any bytes can be sent."""

    def __init__(
        self,
        world: World,
        *,
        sni: str = "localhost",
        client: tuple[Path, Path] | None = None,
        trust: Path | None = None,
        receive_buffer: int = 0,
        source: str = "",
        preface: bytes = b"",
        version: ssl.TLSVersion | None = None,
    ) -> None:
        """
        @param version: the only version of TLS that it speaks.
        @param receive_buffer: bytes, for a caller whose kernel takes little before it reads.
        @param source: the address to call from, of 127.0.0.0/8.
        @param preface: what goes out before the handshake.
        """
        context = ssl.create_default_context(cafile=str(trust or world.authority))
        if client is not None:
            context.load_cert_chain(*client)
        context.set_alpn_protocols(["http/1.1"])
        if version is not None:
            context.minimum_version = context.maximum_version = version
        raw = socket.socket()
        raw.settimeout(PATIENCE)
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            raw.bind((source, 0))
        raw.connect(("127.0.0.1", world.port))
        raw.sendall(preface)
        self.sock = context.wrap_socket(raw, server_hostname=sni)
        self._buffer = b""
        self._world = world

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, raw: bytes) -> Caller:
        self.sock.sendall(raw)
        return self

    def post(self, message: Any, *lines: str, path: str = "/mcp", token: bool = True) -> Caller:
        """Send a JSON-RPC message (or raw bytes) as a POST."""
        return self.send(self._world.post(message, *lines, path=path, token=token))

    def read_head(self) -> tuple[int, dict[bytes, bytes]]:
        """The next answer's status and headers."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        headers = dict(
            (name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines[1:])
        )
        return int(lines[0].split(b" ")[1]), headers

    def read_body(self, headers: dict[bytes, bytes]) -> bytes:
        """The body that belongs to those headers."""
        if headers.get(b"transfer-encoding") == b"chunked":
            body = b""
            while True:
                piece = self.read_chunk()
                if not piece:
                    return body
                body += piece
        length = int(headers.get(b"content-length", b"0"))
        parts = [self._buffer]
        missing = length - len(self._buffer)
        while missing > 0:
            self._buffer = b""
            self._more()
            parts.append(self._buffer)
            missing -= len(self._buffer)
        body = b"".join(parts)
        self._buffer = body[length:]
        return body[:length]

    def read_chunk(self) -> bytes:
        """The next chunk; empty is the last."""
        while b"\r\n" not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        size = int(line, 16)
        while len(self._buffer) < size + 2:
            self._more()
        piece, self._buffer = self._buffer[:size], self._buffer[size + 2 :]
        return piece

    def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """The next whole answer."""
        status, headers = self.read_head()
        return status, headers, self.read_body(headers)

    def json(self) -> tuple[int, Any]:
        """The next answer's status and its body as JSON."""
        status, _, body = self.answer()
        return status, json.loads(body) if body else None

    def closed(self) -> bool:
        """Whether the gate has closed the connection and said nothing more."""
        try:
            rest = self.sock.recv(65536)
        except (ssl.SSLError, ConnectionError):
            return True
        return rest == b"" and not self._buffer

    def _more(self) -> None:
        more = self.sock.recv(65536)
        if not more:
            raise EOFError("the gate closed the connection")
        self._buffer += more


class World:
    """A directory with a CA, certificates and tokens; an upstream; a running gate."""

    def __init__(self, loop: Loop, directory: Path) -> None:
        self.loop = loop
        self.directory = directory
        now = datetime.now(UTC)
        self.ca = LocalCA.create("test root", now)
        self.authority = directory / "ca.pem"
        self.authority.write_bytes(certificate_pem(self.ca.certificate))
        self.certificates = directory / "tls"
        self.certificates.mkdir()
        self.state = directory / "state"
        self.state.mkdir(mode=0o700)
        write_pair(
            self.ca.server(["localhost", "gate.test"], now),
            self.certificates / "gate.crt",
            self.certificates / "gate.key",
        )
        pair = self.ca.server(["localhost"], now)
        self.pin = pair.facts.spki_pin
        write_pair(pair, directory / "upstream.crt", directory / "upstream.key")
        self.upstream = ScriptedUpstream(directory / "upstream.crt", directory / "upstream.key")
        self.issued_file = TokenFile(self.state / "tokens.json")
        self.issued, self.token = self.issued_file.issue("ci", 3600, time.time())
        self.gate: Gate | None = None
        self.port = 0

    def config(self, *, listener: str = "", upstream: str = "", more: str = "", gate: str = "") -> str:
        """The configuration, with lines added to its tables."""
        return f"""
[gate]
state = "{self.state}"
{gate or 'watch = "1h"'}
[[listener]]
name = "public"
listen = "tcp:0:interface=127.0.0.1"
certificates = "{self.certificates}"
{listener}
[[upstream]]
name = "server"
url = "https://localhost:{self.upstream.port}/upstream/mcp"
trust = "{self.authority}"
{upstream}
[[route]]
path = "/mcp"
upstream = "server"
[[rule]]
name = "some"
on = {{ method = ["tools/call", "resources/read", "prompts/get"], name = ["get_*", "note://*", "greet"] }}
verdict = "allow"
[[rule]]
name = "never"
on = {{ name = "get_secret" }}
verdict = "block"
{more}
"""

    def start(self, text: str | None = None) -> World:
        """Run the gate."""
        parsed = parse_config((text or self.config()).encode(), self.directory / "gate.toml")
        self.gate = Gate(self.loop.reactor, parsed)
        self.loop.call(self.gate.startService)
        self.port = self.loop.call(self.gate.address, "public").port
        return self

    @property
    def listening(self) -> Listening:
        """The gate's listener, with its connections."""
        assert self.gate is not None and self.gate.serving is not None
        return self.gate.serving.listenings["public"]

    @property
    def congested(self) -> bool:
        """Whether the gate has stopped feeding a caller that does not read."""
        return bool(self.loop.call(lambda: any(each.stream.congested for each in self.listening.connections)))

    def reload(self, text: str) -> None:
        """Give the gate another configuration."""
        assert self.gate is not None
        self.loop.call(self.gate.reload, parse_config(text.encode(), self.directory / "gate.toml"))

    def look(self) -> None:
        """Have the gate look at its files now."""
        assert self.gate is not None
        self.loop.call(self.gate.look)

    def status(self) -> dict[str, Any]:
        """What the gate says of itself."""
        assert self.gate is not None
        status: dict[str, Any] = self.loop.call(self.gate.status)
        return status

    def stop_gate(self) -> None:
        """Stop the gate, without waiting for what is in flight."""
        if self.gate is not None and self.gate.running:
            self.loop.call(self.gate.drain, 0)
            self.loop.call(self.gate.stopService)

    def stop(self) -> None:
        """Stop the gate and the upstream."""
        self.stop_gate()
        self.upstream.close()

    def caller(self, **named: Any) -> Caller:
        """A new connection to the gate."""
        return Caller(self, **named)

    def post(self, message: Any, *lines: str, path: str = "/mcp", token: bool = True) -> bytes:
        """A POST as bytes."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        head = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *lines]
        if token:
            head.append(f"Authorization: Bearer {self.token}")
        head.append(f"Content-Length: {len(body)}")
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    def bare(self, method: str, path: str = "/mcp") -> bytes:
        """A request without a body, as bytes."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}"
        return head.encode() + b"\r\n\r\n"

    def records(self, kind: str | None = None) -> list[dict[str, Any]]:
        """
        The journal so far, with all that the turn has told that answered the last caller.

        @param kind: of one type; left out, all but what it says of itself and of the gate (C{OF_ITSELF}).
        """
        if self.gate is not None and self.gate.running:
            self.loop.call(lambda: None)
        found = [dict(record) for record in records_in(self.state)]
        if kind is None:
            return [record for record in found if record["type"] not in OF_ITSELF]
        return [record for record in found if record["type"] == kind]

    def closes(self, count: int) -> list[dict[str, Any]]:
        """The close lines, once there are so many: they are written after the answer went out."""
        self.wait_for(lambda: len(self.records("close")) >= count)
        found = self.records("close")
        assert len(found) == count
        return found

    def wait_for(self, found: Callable[[], Any]) -> Any:
        """Wait until something is true: for what happens after an answer was sent."""
        return eventually(found, "it becomes true")


def call(name: str, id: Any = 1, **arguments: Any) -> dict[str, Any]:
    """A tools/call message."""
    return {
        "jsonrpc": "2.0",
        "id": id,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }


@contextlib.contextmanager
def started(loop: Loop, directory: Path, **tables: str) -> Iterator[World]:
    """A world with a running gate."""
    world = World(loop, directory)
    try:
        yield world.start(world.config(**tables))
    finally:
        world.stop()
