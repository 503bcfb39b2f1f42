"""FastMCP's client works through the gate, in both eras and when left to choose."""

import asyncio
import ssl
from uuid import uuid4

import pytest
from fastmcp import Client

from tests.e2e.lab import GateProcess, McpServer
from tests.e2e.story import Story, check, check_turned_away

MODES = ("legacy", "2026-07-28", "auto")


def trust(gate: GateProcess) -> ssl.SSLContext:
    """A client that believes the lab's CA alone."""
    return ssl.create_default_context(cafile=gate.lab.ca_file)


@pytest.mark.parametrize("mode", MODES)
def test_it_lists_calls_reads_and_streams(gate: GateProcess, weather: McpServer, mode: str) -> None:
    """Tools, an answer, progress as it happens, a resource; what is blocked looks unknown."""
    ticket = weather.directory / uuid4().hex
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)
        ticket.touch()

    async def tell() -> Story:
        token = gate.issue(f"fastmcp-{mode}")
        async with Client(gate.url, auth=token, verify=trust(gate), mode=mode) as client:
            tools = await client.list_tools()
            answer = await client.call_tool("get_weather", {"city": "Oslo"})
            slow = await client.call_tool("slow", {"ticket": ticket.name}, progress_handler=hear)
            resource = await client.read_resource("note://hello")
            with pytest.raises(Exception, match="delete_all") as blocked:
                await client.call_tool("delete_all", {})
            return Story(
                tools=[tool.name for tool in tools],
                answer=answer.content[0].text,
                heard=heard,
                slow=slow.content[0].text,
                resource=resource[0].text,
                blocked=str(blocked.value),
            )

    check(asyncio.run(tell()), gate, f"fastmcp-{mode}", mode)


@pytest.mark.parametrize("mode", MODES)
def test_without_a_token_it_is_told_how_to_get_in(gate: GateProcess, mode: str) -> None:
    """The client reports the gate's words."""

    async def tell() -> None:
        async with Client(gate.url, verify=trust(gate), mode=mode) as client:
            await client.list_tools()

    with pytest.raises(Exception) as error:
        asyncio.run(tell())
    check_turned_away(repr(error.value), gate)
