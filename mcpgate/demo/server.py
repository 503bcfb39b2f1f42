"""The MCP server of the demonstration: the official Python SDK's, with three tools, on a unix socket.

    python -m mcpgate.demo.server SOCKET SHOWN

It runs as a process of its own and prints the name of every tool that it has run, a line each: so it
can be asked afterwards whether a call that the gate blocked really never came. Into the file C{SHOWN} it
writes the credential that each request has shown, a line each: so it can be asked whose they were.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from starlette.types import ASGIApp, Receive, Scope, Send

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


class Noting:
    """Notes what every request shows, before the server has it."""

    def __init__(self, app: ASGIApp, shown: Path) -> None:
        self._app = app
        self._shown = shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            found = [value for name, value in scope["headers"] if name == b"authorization"]
            with self._shown.open("ab") as file:
                file.write(b", ".join(found) + b"\n")
        await self._app(scope, receive, send)


if __name__ == "__main__":
    app = Noting(server.streamable_http_app(), Path(sys.argv[2]))
    uvicorn.run(app, uds=sys.argv[1], log_level="warning")
