"""The server of C{servers/echo.py} as a process, and a caller of many: thousands of calls or streams at once.

Both are asyncio and the standard library's TLS; what they read of HTTP is as strict as it is short.
"""

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Self

from attrs import frozen

from mcpgate.testing import write_pair
from tests.e2e.caller import MODERN
from tests.e2e.lab import HOSTS, SERVERS, GateProcess, Lab

LEGACY = "2025-11-25"

META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": LEGACY,
        "capabilities": {},
        "clientInfo": {"name": "one of many", "version": "1"},
    },
}


class EchoServer:
    """The server, from C{with} to its end; its log is in the lab's directory."""

    def __init__(self, lab: Lab, beat: float = 15.0) -> None:
        """
        @param beat: seconds between two comments on a stream.
        """
        self.port = 0
        certificate, key = lab.directory / "echo.crt", lab.directory / "echo.key"
        write_pair(lab.ca.server(HOSTS, lab.now), certificate, key)
        self._command = [
            sys.executable, str(SERVERS / "echo.py"), str(certificate), str(key), str(beat),
        ]  # fmt: skip
        self.log_file = lab.directory / "echo.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log)
        assert self._process.stdout is not None
        port = self._process.stdout.readline()
        assert port, f"it does not serve: {self.log_file.read_text()}"
        self.port = int(port)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None and self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@frozen
class Heard:
    """An answer. C{whole}: it came to the end that its head promised."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True

    def messages(self) -> list[dict[str, Any]]:
        """What it says, be it one message or a stream of them."""
        if self.headers["content-type"] == "application/json":
            return [json.loads(self.body)]
        return [
            json.loads(line.removeprefix(b"data: "))
            for line in self.body.split(b"\n")
            if line.startswith(b"data: ")
        ]


class Talk:
    """A connection to a gate, on which one asks again and again."""

    def __init__(self, gate: GateProcess, context: ssl.SSLContext, token: str, path: str = "/mcp") -> None:
        self._gate = gate
        self._context = context
        self._head = f"Host: localhost\r\nAuthorization: Bearer {token}\r\n"
        self._path = path
        self.session = ""

    async def begin(self) -> Self:
        """Connect; also again."""
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._gate.port, ssl=self._context, server_hostname="localhost"
        )
        return self

    async def open_session(self) -> Self:
        """Have a session from here on; the era before is without one."""
        heard = await self.ask(INITIALIZE)
        assert heard.status == 200
        self.session = heard.headers["mcp-session-id"]
        return self

    async def ask(self, message: Mapping[str, Any]) -> Heard:
        """The answer to a message."""
        self.send(message)
        return await self.hear()

    def send(self, message: Mapping[str, Any] | None) -> None:
        """Ask, and do not wait; without a message it is a GET."""
        body = b"" if message is None else json.dumps(message).encode()
        lines = {"Accept": "application/json, text/event-stream"}
        if message is not None:
            lines |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if message is not None and "_meta" in message.get("params", ()):
            lines |= {"MCP-Protocol-Version": MODERN, "Mcp-Method": message["method"]}
            if "name" in message["params"]:
                lines["Mcp-Name"] = message["params"]["name"]
        elif self.session:
            lines |= {"MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": self.session}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        method = "POST" if message is not None else "GET"
        self._writer.write(f"{method} {self._path} HTTP/1.1\r\n{self._head}{head}\r\n".encode() + body)

    async def hear(self) -> Heard:
        """The next answer, whole."""
        status, headers = await self.head()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            try:
                while piece := await self.piece():
                    body += piece
            except (ConnectionError, asyncio.IncompleteReadError):
                return Heard(status, headers, body, whole=False)
        else:
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Heard(status, headers, body)

    async def head(self) -> tuple[int, dict[str, str]]:
        """The next answer's status and headers."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split(" ")[1]), headers

    async def piece(self) -> bytes:
        """The next chunk of a stream; none at its end."""
        size = int(await self._reader.readuntil(b"\r\n"), 16)
        piece = await self._reader.readexactly(size + 2)
        return piece[:-2]

    def leave(self) -> None:
        """Break it off, whatever is on its way."""
        self._writer.transport.abort()


def modern(method: str, id: int, **params: Any) -> dict[str, Any]:
    """A request of 2026-07-28."""
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": {**params, "_meta": META}}


def legacy(method: str, id: int, **params: Any) -> dict[str, Any]:
    """A request of the revisions before."""
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
