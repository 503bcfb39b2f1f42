"""A small MCP server without an SDK, with TLS of its own: it answers thousands of calls and holds a thousand
streams where a server of an SDK would be what is measured. It knows both eras.

    python echo.py CERTIFICATE KEY SECONDS

It prints its port. On its streams is a comment every so many SECONDS, but for those of the path C{/silent}.

Tools: C{echo} answers with the C{mark} that it is given and with the session of the request, after C{delay}
seconds, as JSON or, with C{stream}, as an event stream that begins with a notification of the same mark;
C{tell} has every open stream say one last thing and end.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from attrs import frozen

BEAT = b": still here\n\n"
LAST_CHUNK = b"0\r\n\r\n"

Json = dict[str, Any]


@frozen
class Request:
    """One request. C{message} is C{None} where there is no body."""

    method: str
    path: str
    headers: Mapping[str, str]
    message: Any

    @property
    def session(self) -> str:
        return self.headers.get("mcp-session-id", "")

    @property
    def modern(self) -> bool:
        return self.headers.get("mcp-protocol-version") == "2026-07-28"


class Echo:
    """The server: its sessions, and what its streams wait for."""

    def __init__(self, beat: float) -> None:
        self._beat = beat
        self._sessions: set[str] = set()
        self._told = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        try:
            while (request := await received(reader)) is not None:
                await self._answer(request, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        message = request.message
        method = message.get("method") if message is not None else None
        if method == "initialize":
            session = uuid4().hex
            self._sessions.add(session)
            result = {
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {}, "resources": {"subscribe": True}},
                "serverInfo": {"name": "echo", "version": "1"},
            }
            return writer.write(document(answer(message, result), f"mcp-session-id: {session}\r\n"))
        if not request.modern and request.session not in self._sessions:
            return writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        if request.method == "GET" or method == "subscriptions/listen":
            return await self._stream(request, writer)
        if message is None or "id" not in message:
            return writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        arguments = message["params"].get("arguments", {})
        if message["params"]["name"] == "tell":
            self._told.set()
            self._told = asyncio.Event()
            return writer.write(document(answer(message, text(request, "told"))))
        mark = arguments["mark"]
        result = text(request, f"{mark} {request.session or 'no session'}")
        if not arguments["stream"]:
            await asyncio.sleep(arguments["delay"])
            return writer.write(document(answer(message, result)))
        writer.write(HEAD + event(notification("notifications/message", {"level": "info", "data": mark})))
        await asyncio.sleep(arguments["delay"])
        writer.write(event(answer(message, result)) + LAST_CHUNK)
        await writer.drain()

    async def _stream(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Quiet, but for its heartbeat, until everybody is told."""
        told = self._told
        meta: Json = {}
        writer.write(HEAD)
        if request.modern:
            meta = {"_meta": {"io.modelcontextprotocol/subscriptionId": request.message["id"]}}
            wanted = request.message["params"]["notifications"]
            writer.write(
                event(
                    notification(
                        "notifications/subscriptions/acknowledged", {"notifications": wanted, **meta}
                    )
                )
            )
        await writer.drain()
        seconds = None if request.path == "/silent" else self._beat
        while True:
            try:
                async with asyncio.timeout(seconds):
                    await told.wait()
                break
            except TimeoutError:
                writer.write(chunk(BEAT))
                await writer.drain()
        writer.write(event(notification("notifications/resources/updated", {"uri": "note://last", **meta})))
        if request.modern:
            writer.write(event(answer(request.message, {"resultType": "complete", **meta})))
        writer.write(LAST_CHUNK)
        await writer.drain()


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


async def received(reader: asyncio.StreamReader) -> Request | None:
    """The next request; C{None} at the end."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first, *lines = head.split("\r\n")[:-2]
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, json.loads(body) if body else None)


def text(request: Request, said: str) -> Json:
    """The result of a tool."""
    result: Json = {"content": [{"type": "text", "text": said}]}
    return {"resultType": "complete", **result} if request.modern else result


def answer(message: Json, result: Json) -> Json:
    """The answer to a request."""
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


def notification(method: str, params: Json) -> Json:
    """What is told without being asked."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def document(message: Json, lines: str = "") -> bytes:
    """An answer of HTTP with one message."""
    body = json.dumps(message).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
    return head.encode() + body


def event(message: Json) -> bytes:
    """A message as an event."""
    return chunk(b"event: message\ndata: %b\n\n" % json.dumps(message).encode())


def chunk(octets: bytes) -> bytes:
    """A chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(octets), octets)


async def main(certificate: str, key: str, seconds: str) -> None:
    """Serve until somebody ends the process."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    echo = Echo(float(seconds))
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0, ssl=context, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
