"""The MCP server of the demonstration: the official Python SDK's, with three tools, on a unix socket.

    python -m mcpgate.demo.server SOCKET

It runs as a process of its own and prints the name of every tool that it has run, a line each: so it
can be asked afterwards whether a call that the gate blocked really never came.
"""

from __future__ import annotations

import sys

import click
import uvicorn
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("weather", version="1")


@server.tool()
def get_weather(city: str) -> str:
    """The weather in a city."""
    click.echo("get_weather")
    return f"sunny in {city}"


@server.tool()
async def slow(ctx: Context) -> str:
    """Tells how far it is, then that it is done."""
    click.echo("slow")
    for percent in (0, 50, 100):
        await ctx.report_progress(percent, 100)
    return "done"


@server.tool()
def delete_all() -> str:
    """What nobody may call."""
    click.echo("delete_all")
    return "gone"


if __name__ == "__main__":
    uvicorn.run(server.streamable_http_app(), uds=sys.argv[1], log_level="warning")
