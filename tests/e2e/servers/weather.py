"""An MCP server of the official Python SDK, in both eras, in clear on the unix socket that is named.

    python weather.py /path/of/the.sock
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("weather", version="1")

#: Where files are left to be seen, and looked for.
HERE = Path(sys.argv[1]).parent


@server.tool()
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


@server.tool()
def delete_all() -> str:
    """What nobody may call."""
    return "gone"


@server.tool()
def echo(value: Any) -> Any:
    """Whatever JSON it is given."""
    return value


@server.tool()
async def slow(ctx: Context, ticket: str) -> str:
    """Tells its progress; does not go on after the first time until a file of that name is there.

    So a caller that makes the file when it hears of the progress proves that it heard in time.
    """
    await ctx.report_progress(0, 100, "begun")
    while not HERE.joinpath(ticket).exists():
        await asyncio.sleep(0.01)
    await ctx.report_progress(50, 100, "half")
    await ctx.report_progress(100, 100, "all")
    return "done"


@server.tool()
async def linger(ctx: Context, ticket: str) -> str:
    """Says that it began, then works until it is cancelled, and leaves a file to say so."""
    try:
        await ctx.report_progress(0, 1, "begun")
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        HERE.joinpath(ticket).touch()
        raise
    return "undisturbed"


@server.resource("note://hello")
def hello() -> str:
    """A note."""
    return "hello resource"


@server.prompt()
def greet(name: str) -> str:
    """A greeting."""
    return f"Please greet {name}."


if __name__ == "__main__":
    uvicorn.run(server.streamable_http_app(), uds=sys.argv[1], log_level="warning")
