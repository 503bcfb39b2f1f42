"""A server that speaks stdio, as one that speaks streamable HTTP (up to 2025-11-25) on a unix socket.

    python bridge.py /path/of/the.sock COMMAND ARGUMENT...

Each session has a process of its own. What the server says without being asked goes to the request that
came last and is not answered yet; else to the stream that the client has opened, when it has.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

COMMAND = sys.argv[2:]


class Session:
    """A process, and who waits for what it says."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self.child = child
        #: Each request that is not answered yet, by id: where its stream takes messages from.
        self.asked: dict[Any, asyncio.Queue[dict[str, Any] | None]] = {}
        self.stream: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.reading = asyncio.create_task(self._read())

    def write(self, message: dict[str, Any]) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self) -> None:
        assert self.child.stdout is not None
        while line := await self.child.stdout.readline():
            message = json.loads(line)
            answers = "method" not in message
            if answers and message.get("id") in self.asked:
                queue = self.asked.pop(message["id"])
                queue.put_nowait(message)
                queue.put_nowait(None)
            elif not answers:
                waiting = list(self.asked.values())
                (waiting[-1] if waiting else self.stream).put_nowait(message)
        for queue in (*self.asked.values(), self.stream):
            queue.put_nowait(None)

    def end(self) -> None:
        self.reading.cancel()
        if self.child.returncode is None:
            self.child.terminate()


SESSIONS: dict[str, Session] = {}


async def _begun() -> str:
    child = await asyncio.create_subprocess_exec(
        # Half of the largest answer that tests ask for would be too long for a line otherwise.
        *COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    name = uuid4().hex
    SESSIONS[name] = Session(child)
    return name


async def _events(queue: asyncio.Queue[dict[str, Any] | None]) -> AsyncIterator[bytes]:
    while (message := await queue.get()) is not None:
        yield b"event: message\ndata: %b\n\n" % json.dumps(message, ensure_ascii=False).encode()


async def serve(request: Request) -> Response:
    name = request.headers.get("mcp-session-id", "")
    if request.method == "POST":
        message = json.loads(await request.body())
        if message.get("method") == "initialize":
            name = await _begun()
        session = SESSIONS.get(name)
        if session is None:
            return JSONResponse({"error": "no session"}, 404 if name else 400)
        if "method" not in message or "id" not in message:
            session.write(message)
            return Response(status_code=202)
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        session.asked[message["id"]] = queue
        session.write(message)
        return StreamingResponse(
            _events(queue), media_type="text/event-stream", headers={"mcp-session-id": name}
        )
    session = SESSIONS.get(name)
    if session is None:
        return JSONResponse({"error": "no session"}, 404)
    if request.method == "GET":
        return StreamingResponse(_events(session.stream), media_type="text/event-stream")
    SESSIONS.pop(name).end()
    return Response(status_code=200)


@asynccontextmanager
async def living(app: Starlette) -> AsyncIterator[None]:
    yield
    for session in SESSIONS.values():
        session.end()


app = Starlette(routes=[Route("/mcp", serve, methods=["GET", "POST", "DELETE"])], lifespan=living)

if __name__ == "__main__":
    # A stream that a client holds open does not keep it from ending.
    uvicorn.run(app, uds=sys.argv[1], log_level="warning", timeout_graceful_shutdown=1)
