"""A caller without an SDK: one TLS connection to a gate, and the messages of either era.

For what an SDK would hide: headers, status codes, the moment at which a byte arrives, a connection
that breaks. It is the standard library's HTTP, so that nothing of ours judges ours.
"""

import json
import socket
import ssl
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from http.client import HTTPResponse, HTTPSConnection
from typing import Any, Self

from tests.e2e.lab import GateProcess
from tests.waiting import eventually

MODERN = "2026-07-28"

# Everything is on one machine. Whoever waits this long waits for ever.
PATIENCE = 20.0

# Which worker accepts is chance; that one of two gets none of so many is out of the question.
CONNECTIONS_MOST = 100


class Caller:
    """A connection from C{with} to its end. C{token=None} sends no Authorization."""

    def __init__(self, gate: GateProcess, token: str | None = "") -> None:
        self.token = gate.token if token == "" else token
        context = ssl.create_default_context(cafile=gate.lab.ca_file)
        self._http = HTTPSConnection("localhost", gate.port, context=context, timeout=PATIENCE)

    def post(self, message: object, headers: Mapping[str, str] | None = None) -> HTTPResponse:
        """Send a message; the answer, of which only the head has been read."""
        self.begin(message, headers)
        return self.receive()

    def begin(self, message: object, headers: Mapping[str, str] | None = None) -> None:
        """Send a message and wait for nothing."""
        body = json.dumps(message).encode()
        fixed = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self.token is not None:
            fixed["Authorization"] = f"Bearer {self.token}"
        self._http.request("POST", "/mcp", body, fixed | headers_of(message) | dict(headers or {}))

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send something else than a message, and wait for nothing."""
        self._http.request(method, path, body, dict(headers))

    def receive(self) -> HTTPResponse:
        """The answer to what was begun, of which only the head has been read."""
        return self._http.getresponse()

    @property
    def sock(self) -> socket.socket:
        """The connection itself."""
        sock = self._http.sock
        assert isinstance(sock, socket.socket)
        return sock

    @property
    def address(self) -> str:
        """Our end of the connection, as a record has it."""
        host, port = self.sock.getsockname()
        return f"{host}:{port}"

    def leave(self) -> None:
        """Break the connection off, as a crash would."""
        self.sock.shutdown(socket.SHUT_RDWR)
        self._http.close()

    def hang_up(self) -> None:
        """End the connection; nothing is asked on it any more."""
        self._http.close()

    def __enter__(self) -> Self:
        self._http.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()


def one_at_each(gate: GateProcess, stack: ExitStack) -> dict[int, Caller]:
    """A connection to each worker, by its number; which one accepts is not up to the caller."""
    callers: dict[int, Caller] = {}
    for _ in range(CONNECTIONS_MOST):
        caller = stack.enter_context(Caller(gate))
        peer = caller.address
        (number,) = eventually(partial(gate.workers_of, peer), "the handshake's record")
        if number in callers:
            caller.hang_up()
        else:
            callers[number] = caller
        if len(callers) == len(gate.workers()):
            return callers
    raise AssertionError(f"all {CONNECTIONS_MOST} connections came to {sorted(callers)}")


def call(tool: str, arguments: Mapping[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    """A tools/call of 2026-07-28, which needs nothing before it."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": "p",
    }
    params = {"name": tool, "arguments": dict(arguments or {}), "_meta": meta, **params}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def headers_of(message: object) -> dict[str, str]:
    """The headers that 2026-07-28 wants beside such a message."""
    match message:
        case {"method": str(method), "params": {"name": str(name), "_meta": {}}}:
            return {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, "Mcp-Name": name}
    return {}
