"""Two callers of our own: one over our TLS, post-quantum groups included, and one in clear.

The machine's Python, Node and curl may know no post-quantum groups yet; pyOpenSSL brings an OpenSSL
that does, and C{tls.contexts} asks for them.
"""

from __future__ import annotations

import json
import socket
import struct

from attrs import frozen
from OpenSSL import SSL

from mcpgate.demo.promise import DemoFailed
from mcpgate.reasons import Refusal
from mcpgate.tls.contexts import client_connection, client_context
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.trust import TrustStore
from mcpgate.tls.verify import Note
from mcpgate.wire.chunked import ChunkedReader
from mcpgate.wire.http import Framing, read_response_head

#: The only text that this machine's loopback ever carries in clear for the demonstration.
MARKER = "mcpgate-demo-plaintext-marker"

HOST = "localhost"
ADDRESS = "127.0.0.1"

# Seconds for a whole answer: everything is on this machine.
_PATIENCE = 10.0

_REVISION = "2026-07-28"


@frozen
class Reply:
    """An HTTP answer. C{caller} is the C{address:port} it was asked from, by which the record is found."""

    status: int
    body: bytes
    caller: str

    @property
    def message(self) -> dict[str, object]:
        """The JSON-RPC message in the body; empty if there is none."""
        try:
            message = json.loads(self.body)
        except ValueError:
            return {}
        return message if isinstance(message, dict) else {}


def call(
    port: int, path: str, *, trust: TrustStore, token: str, tool: str, arguments: dict[str, str]
) -> Reply:
    """One C{tools/call} of 2026-07-28, which needs no session, over TLS of our own."""
    body = json.dumps(_message(tool, arguments)).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {HOST}:{port}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        f"MCP-Protocol-Version: {_REVISION}",
        "Mcp-Method: tools/call",
        f"Mcp-Name: {tool}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    request = "\r\n".join([*lines, "", ""]).encode() + body
    with _connected(port) as sock:
        note = Note()
        context = client_context(PROFILES["modern"], trust, pair=None)
        connection = client_connection(context, sock, host=HOST, pins=None, note=note)
        try:
            connection.do_handshake()
            connection.sendall(request)
            raw = _until_closed(connection)
        except (SSL.Error, OSError) as error:
            why = note.refusal or repr(error)
            raise DemoFailed(f"our own TLS client could not speak with the gate: {why}") from error
        return _reply(raw, sock)


def in_clear(port: int) -> Reply:
    """HTTP in clear to the TLS port: the marker, and nothing that anybody would want to steal."""
    request = f"GET /{MARKER} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode()
    with _connected(port) as sock:
        sock.sendall(request)
        raw = bytearray()
        while part := sock.recv(65536):
            raw += part
        return _reply(bytes(raw), sock)


def _message(tool: str, arguments: dict[str, str]) -> dict[str, object]:
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": tool,
            "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": _REVISION,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "mcpgate-demo", "version": "1"},
            },
        },
    }


def _connected(port: int) -> socket.socket:
    sock = socket.create_connection((ADDRESS, port), timeout=_PATIENCE)
    # A Python timeout would make the socket non-blocking, which OpenSSL answers with "want read";
    # the kernel's own does not.
    sock.settimeout(None)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", int(_PATIENCE), 0))
    return sock


def _until_closed(connection: SSL.Connection) -> bytes:
    raw = bytearray()
    while True:
        try:
            raw += connection.recv(65536)
        except SSL.ZeroReturnError:
            return bytes(raw)


def _reply(raw: bytes, sock: socket.socket) -> Reply:
    head_end = raw.find(b"\r\n\r\n") + 4
    head = read_response_head(raw[:head_end], b"POST")
    if isinstance(head, Refusal):
        raise DemoFailed(f"the gate's answer is not HTTP: {head}")
    body: bytes | Refusal = raw[head_end:]
    if head.framing is Framing.CHUNKED:
        body = ChunkedReader(lenient=False).feed(raw[head_end:])
    if isinstance(body, Refusal):
        raise DemoFailed(f"the gate's answer is not HTTP: {body}")
    address, port = sock.getsockname()
    return Reply(head.status, body, f"{address}:{port}")
