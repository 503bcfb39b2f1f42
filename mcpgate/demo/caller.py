"""The official Python SDK's client as somebody would use it: it knows a URL, a CA and a token.

    SSL_CERT_FILE=ca.pem MCPGATE_TOKEN=... python -m mcpgate.demo.caller URL ERA...

It runs as a process of its own, so that the CA which it trusts is that one and no other: it comes by
the environment, as does the token, which would be seen by everybody on a command line. For each era
(C{legacy} or a version) it prints a L{Visit} as a line of JSON.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence

import click
import httpx2
import msgspec
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from mcpgate.demo.visit import Visit


async def visit(url: str, era: str, token: str) -> Visit:
    """List the tools, call one, call one that tells its progress, and call the blocked one."""
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(streamable_http_client(url, http_client=http), mode=era) as client,
    ):
        tools = await client.list_tools()
        answer = await client.call_tool("get_weather", {"city": "Oslo"})
        last = await client.call_tool("slow", {}, progress_callback=hear)
        try:
            gone = await client.call_tool("delete_all", {})
        except MCPError as error:
            refused = (error.code, error.message)
        else:
            # Not refused at all: the demonstration will say so.
            refused = (0, _text(gone))
        return Visit(
            protocol=client.protocol_version,
            tools=[tool.name for tool in tools.tools],
            answer=_text(answer),
            progress=heard,
            last=_text(last),
            refused=refused,
        )


def _text(result: CallToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, TextContent))


async def visits(url: str, eras: Sequence[str], token: str) -> None:
    """One visit after the other."""
    for era in eras:
        click.echo(msgspec.json.encode(await visit(url, era, token)))


if __name__ == "__main__":
    asyncio.run(visits(sys.argv[1], sys.argv[2:], os.environ["MCPGATE_TOKEN"]))
