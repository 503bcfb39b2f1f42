"""An MCP server over TLS whose tools are functions: what stands behind a gate in a test.

It speaks as much of MCP (up to 2025-11-25, without streams) as a client needs to list and call tools, and
remembers what it was sent: so a test can ask whether a call that was blocked never came, and whose credential
the upstream was shown.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from attrs import field, frozen

from mcpgate.testing.servers import TLSPeer, TLSServer
from mcpgate.tls.localca import LocalCA
from mcpgate.tls.profile import profile_named

#: The newest revision of MCP that it speaks, and the one that it says it does when asked for another.
REVISION = "2025-11-25"

_REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", REVISION)

_KINDS = {int: "integer", float: "number", bool: "boolean", list: "array", dict: "object", str: "string"}

Tool = Callable[..., object]


@frozen
class Received:
    """A request as it came."""

    #: In HTTP, such as C{POST}.
    method: str
    #: With the query, if it has one.
    path: str
    #: By their names in lower case.
    headers: Mapping[str, str] = field(repr=False)
    #: What came in JSON; C{None}: there was no body.
    message: Any


class FakeUpstream(TLSServer):
    """
    An MCP server on a loopback port, from C{with} until its end::

        with FakeUpstream(ca, {"add": lambda a, b: a + b}) as upstream:
            ...  # a gate's [[upstream]] has url = upstream.url, pins = [upstream.pin]
        assert upstream.called("add") == [{"a": 1, "b": 2}]

    What a tool returns becomes the text of the answer, and what it raises an error of the tool's. Its schema
    is read off its signature. Tools run in threads of the server's.
    """

    def __init__(
        self,
        ca: LocalCA,
        tools: Mapping[str, Tool] | None = None,
        *,
        hosts: Sequence[str] = ("localhost", "127.0.0.1"),
        path: str = "/mcp",
        profile: str = "modern",
        port: int = 0,
    ) -> None:
        """
        @param ca: who issues its certificate.
        @param tools: by their names.
        @param hosts: the names in its certificate, the first of which is the one of its C{url}.
        """
        pair = ca.server(list(hosts), datetime.now(UTC))
        super().__init__(pair, self._converse, profile=profile_named(profile), port=port)
        #: The pin of its certificate, as a configuration has it.
        self.pin = pair.facts.spki_pin
        #: All that came, in order.
        self.received: list[Received] = []
        self._tools = dict(tools or {})
        self._host, self._path = hosts[0], path
        self._noting = Lock()

    @property
    def url(self) -> str:
        """Where it is, once it has begun."""
        return f"https://{self._host}:{self.port}{self._path}"

    def called(self, tool: str) -> list[dict[str, Any]]:
        """The arguments of each call of a tool that came."""
        return [
            params.get("arguments") or {}
            for one in self.received
            if isinstance(one.message, dict) and one.message.get("method") == "tools/call"
            if (params := _params(one.message)).get("name") == tool
        ]

    # HTTP, as far as it goes.

    def _converse(self, peer: TLSPeer) -> None:
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                more = peer.receive()
                if not more:
                    return peer.close()
                buffer += more
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            length = int(headers.get("content-length", "0"))
            while len(buffer) < length:
                more = peer.receive()
                if not more:
                    return peer.close()
                buffer += more
            body, buffer = buffer[:length], buffer[length:]
            method, path, _ = first.split(" ")
            request = Received(method, path, headers, json.loads(body) if body else None)
            with self._noting:
                self.received.append(request)
            peer.send(self._respond(request))

    def _respond(self, request: Received) -> bytes:
        if request.method != "POST" or not isinstance(request.message, dict):
            return b"HTTP/1.1 405 Method Not Allowed\r\nallow: POST\r\ncontent-length: 0\r\n\r\n"
        if "id" not in request.message or "method" not in request.message:
            return b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request.message["id"]}
        result = self._result(request.message["method"], _params(request.message))
        if result is None:
            answer["error"] = {"code": -32601, "message": "Method not found"}
        else:
            answer["result"] = result
        body = json.dumps(answer).encode()
        head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "
        return f"{head}{len(body)}\r\n\r\n".encode() + body

    # MCP, as far as it goes.

    def _result(self, method: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
        if method == "initialize":
            asked = params.get("protocolVersion")
            return {
                "protocolVersion": asked if asked in _REVISIONS else REVISION,
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "fake", "version": "1"},
            }
        if method == "ping":
            return {}
        if method == "tools/list":
            return {"tools": [_described(name, tool) for name, tool in self._tools.items()]}
        if method == "tools/call":
            return self._call(params)
        return None

    def _call(self, params: Mapping[str, Any]) -> dict[str, Any]:
        tool = self._tools.get(str(params.get("name")))
        try:
            said, failed = (f"Unknown tool: {params.get('name')}", True)
            if tool is not None:
                said, failed = str(tool(**params.get("arguments") or {})), False
        except Exception as error:
            said, failed = f"{type(error).__name__}: {error}", True
        return {"content": [{"type": "text", "text": said}], "isError": failed}


def _params(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Those of a message by their names: none, where it has none or has them in a row."""
    params = message.get("params")
    return params if isinstance(params, dict) else {}


def _described(name: str, tool: Tool) -> dict[str, Any]:
    """A tool as a list has it."""
    parameters = inspect.signature(tool, eval_str=True).parameters
    properties = {
        each.name: {"type": _KINDS[each.annotation]} if each.annotation in _KINDS else {}
        for each in parameters.values()
    }
    required = [each.name for each in parameters.values() if each.default is each.empty]
    return {
        "name": name,
        "description": inspect.getdoc(tool) or "",
        "inputSchema": {"type": "object", "properties": properties, "required": required},
    }
