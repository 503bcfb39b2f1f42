"""The official Python SDK's client works through the gate, in both eras and when left to choose."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.e2e.lab import GateProcess, McpServer
from tests.e2e.story import Story, check, check_turned_away

MODES = ("legacy", "2026-07-28", "auto")


@asynccontextmanager
async def connected(gate: GateProcess, token: str | None, mode: str) -> AsyncIterator[Client]:
    """The client as its documentation has it, trusting the lab's CA."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    trust = ssl.create_default_context(cafile=gate.lab.ca_file)
    async with (
        httpx2.AsyncClient(verify=trust, headers=headers) as http,
        Client(streamable_http_client(gate.url, http_client=http), mode=mode) as client,
    ):
        yield client


@pytest.mark.parametrize("mode", MODES)
def test_it_lists_calls_reads_and_streams(gate: GateProcess, weather: McpServer, mode: str) -> None:
    """Tools, an answer, progress as it happens, a resource; what is blocked looks unknown."""
    ticket = weather.directory / uuid4().hex
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)
        ticket.touch()

    async def tell() -> Story:
        async with connected(gate, gate.issue(f"python-{mode}"), mode) as client:
            tools = await client.list_tools()
            answer = await client.call_tool("get_weather", {"city": "Oslo"})
            slow = await client.call_tool("slow", {"ticket": ticket.name}, progress_callback=hear)
            resource = await client.read_resource("note://hello")
            with pytest.raises(Exception, match="delete_all") as blocked:
                await client.call_tool("delete_all", {})
            return Story(
                tools=[tool.name for tool in tools.tools],
                answer=answer.content[0].text,
                heard=heard,
                slow=slow.content[0].text,
                resource=resource.contents[0].text,
                blocked=str(blocked.value),
            )

    check(asyncio.run(tell()), gate, f"python-{mode}", mode)


@pytest.mark.parametrize("mode", MODES)
def test_any_json_argument_arrives_and_returns_unchanged(gate: GateProcess, mode: str) -> None:
    """What policy has no interest in passes byte for byte: big numbers, odd text, deep nesting."""
    value = {"big": 2**62, "text": "ünï\u2028code 🌦 \\ \"", "deep": [[[[{"": None}]]]], "no": False}

    async def tell() -> str:
        async with connected(gate, gate.token, mode) as client:
            return (await client.call_tool("echo", {"value": value})).content[0].text

    assert json.loads(asyncio.run(tell())) == value


@pytest.mark.parametrize("mode", MODES)
def test_without_a_token_it_is_told_how_to_get_in(gate: GateProcess, mode: str) -> None:
    """The client reports the gate's words."""

    async def tell() -> None:
        async with connected(gate, None, mode) as client:
            await client.list_tools()

    with pytest.raises(Exception) as error:
        asyncio.run(tell())
    check_turned_away(repr(error.value), gate)
