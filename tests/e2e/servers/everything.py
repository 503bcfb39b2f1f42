"""An MCP server of the official Python SDK that does whatever a server can do, in clear on a unix socket.

    python everything.py /path/of/the.sock          streamable HTTP, both eras
    python everything.py /path/of/the.sock sse      HTTP+SSE as of 2024-11-05

C{everything.mjs} is the same server on the TypeScript SDK: same names, same words.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import mcp.types as mcp
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel

server = MCPServer("everything", version="1", log_level="WARNING")

#: Where files are left to be seen, and looked for.
HERE = Path(sys.argv[1]).parent

NOTE = "note://changing"
QUESTION = "How is the weather?"

# Milliseconds after which a client comes back to a stream that we closed; what is said meanwhile is
# said at once, so it waits in the store long before.
RETRY = 100


class Store(EventStore):
    """What was sent, so that a client which comes back gets the rest of its stream.

    The SDK names a stream after its request's id, whatever the session: so clients come one by one.
    """

    def __init__(self) -> None:
        self._sent: list[tuple[str, mcp.JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: mcp.JSONRPCMessage | None) -> str:
        self._sent.append((stream_id, message))
        return str(len(self._sent))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        last = int(last_event_id)
        stream = self._sent[last - 1][0]
        for number, (of, message) in enumerate(self._sent[last:], last + 1):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


@server.tool()
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


@server.tool()
async def slow(ctx: Context, ticket: str) -> str:
    """Tells its progress; goes on after each time when there is a file of that name and number.

    So a caller that makes the file when it hears of the progress proves that it heard in time.
    """
    for progress in (0, 50, 100):
        await ctx.report_progress(progress, 100)
        while not HERE.joinpath(f"{ticket}-{progress}").exists():
            await asyncio.sleep(0.01)
    return "done"


@server.tool()
async def log(ctx: Context) -> str:
    """Logs twice."""
    await ctx.log("info", "one")
    await ctx.log("warning", {"two": 2})
    return "logged"


def answered(ctx: Context, key: str) -> Any:
    """In the modern era, what the client answered to the question of that key; None if not asked yet."""
    return (ctx.input_responses or {}).get(key)


def is_modern(ctx: Context) -> bool:
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


@server.tool()
async def ask_model(ctx: Context) -> str | mcp.InputRequiredResult:
    """Has the client's model say something."""
    asked = mcp.SamplingMessage(role="user", content=mcp.TextContent(type="text", text=QUESTION))
    if not is_modern(ctx):
        said = await ctx.session.create_message([asked], max_tokens=100, related_request_id=ctx.request_id)
    elif (said := answered(ctx, "model")) is None:
        params = mcp.CreateMessageRequestParams(messages=[asked], max_tokens=100)
        return mcp.InputRequiredResult(
            input_requests={"model": mcp.CreateMessageRequest(params=params)}, request_state="asked"
        )
    return f"the model says: {said.content.text}"


class Answer(BaseModel):
    answer: str


@server.tool()
async def ask_user(ctx: Context) -> str | mcp.InputRequiredResult:
    """Asks the client's user."""
    if not is_modern(ctx):
        said = await ctx.elicit(QUESTION, Answer)
        return f"the user says: {said.data.answer if said.action == 'accept' else said.action}"
    reply = answered(ctx, "user")
    if reply is None:
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {"answer": {"type": "string"}},
            "required": ["answer"],
        }
        params = mcp.ElicitRequestFormParams(message=QUESTION, requested_schema=schema)
        return mcp.InputRequiredResult(
            input_requests={"user": mcp.ElicitRequest(params=params)}, request_state="asked"
        )
    return f"the user says: {reply.content['answer'] if reply.action == 'accept' else reply.action}"


note = "blank"

#: Sessions of the legacy era that want to know of the note.
watching: list[Any] = []


@server.resource(NOTE)
def changing() -> str:
    """A note that changes."""
    return note


@server.tool()
async def write(ctx: Context, text: str) -> str:
    """Changes the note."""
    global note
    note = text
    for session in watching:
        await session.send_resource_updated(NOTE)
    await ctx.notify_resource_updated(NOTE)
    return "written"


@server.tool()
async def linger(ctx: Context, ticket: str) -> str:
    """Says that it began, then works until it is cancelled, and leaves files to say so, too."""
    try:
        await ctx.report_progress(0, 1, "begun")
        HERE.joinpath(f"{ticket}.begun").touch()
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        HERE.joinpath(ticket).touch()
        raise
    return "undisturbed"


@server.tool()
async def part(ctx: Context) -> str:
    """Ends its stream before it has answered, so that the client must come back for the rest."""
    await ctx.report_progress(0, 2, "before")
    await ctx.close_sse_stream()
    await ctx.report_progress(1, 2, "meanwhile")
    return "met again"


async def subscribe(ctx: Any, params: mcp.SubscribeRequestParams) -> mcp.EmptyResult:
    assert params.uri == NOTE
    watching.append(ctx.session)
    return mcp.EmptyResult()


async def set_level(ctx: Any, params: mcp.SetLevelRequestParams) -> mcp.EmptyResult:
    return mcp.EmptyResult()


# What the SDK leaves to its low level.
for method, wanted, serve in (
    ("resources/subscribe", mcp.SubscribeRequestParams, subscribe),
    ("logging/setLevel", mcp.SetLevelRequestParams, set_level),
):
    server._lowlevel_server.add_request_handler(method, wanted, serve)


if __name__ == "__main__":
    if "sse" in sys.argv:
        app = server.sse_app()
    else:
        app = server.streamable_http_app(event_store=Store(), retry_interval=RETRY)
    uvicorn.run(app, uds=sys.argv[1], log_level="warning", timeout_graceful_shutdown=1)
