"""The MCP server for tests: real clients can use it, directly and through a gate."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.request import Request, urlopen

import pytest

from mcpgate.testing import FakeUpstream, LocalCA, certificate_pem
from tests.running import World, call
from tests.waiting import eventually

NOW = datetime.now(UTC)


def add(a: int, b: int = 1) -> int:
    """Adds two numbers."""
    return a + b


def fail() -> None:
    """Never works."""
    raise RuntimeError("broken")


@pytest.fixture(scope="module")
def ca() -> LocalCA:
    return LocalCA.create("upstreams", NOW)


@pytest.fixture
def upstream(ca: LocalCA) -> Iterator[FakeUpstream]:
    with FakeUpstream(ca, {"add": add, "fail": fail}) as upstream:
        yield upstream


def ask(upstream: FakeUpstream, ca: LocalCA, message: object) -> tuple[int, object]:
    """One message, posted by the standard library."""
    trust = ssl.create_default_context(cadata=certificate_pem(ca.certificate).decode())
    headers = {"Content-Type": "application/json", "X-Mine": "1"}
    request = Request(upstream.url, json.dumps(message).encode(), headers)
    with urlopen(request, context=trust, timeout=20) as answer:
        body = answer.read()
        return answer.status, json.loads(body) if body else None


def test_tools_are_functions(upstream: FakeUpstream, ca: LocalCA) -> None:
    """Listed by their signatures, called by their names; what came is remembered."""
    _, listed = ask(upstream, ca, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    tools = {tool["name"]: tool for tool in listed["result"]["tools"]}  # type: ignore[index]
    assert tools["add"]["description"] == "Adds two numbers."
    assert tools["add"]["inputSchema"] == {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a"],
    }
    assert ask(upstream, ca, call("add", a=2))[1] == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"content": [{"type": "text", "text": "3"}], "isError": False},
    }
    assert upstream.called("add") == [{"a": 2}] and upstream.called("fail") == []
    last = upstream.received[-1]
    assert (last.method, last.path, last.headers["x-mine"]) == ("POST", "/mcp", "1")


def test_what_goes_wrong_is_said(upstream: FakeUpstream, ca: LocalCA) -> None:
    """A tool's own failure and an unknown one are errors of the tool, an unknown method is one of MCP."""
    for name, said in (("fail", "RuntimeError: broken"), ("none", "Unknown tool: none")):
        result = ask(upstream, ca, call(name))[1]["result"]  # type: ignore[index]
        assert result == {"content": [{"type": "text", "text": said}], "isError": True}
    unknown = ask(upstream, ca, {"jsonrpc": "2.0", "id": 1, "method": "no/such"})[1]
    assert unknown["error"]["code"] == -32601  # type: ignore[index]
    assert ask(upstream, ca, {"jsonrpc": "2.0", "method": "notifications/initialized"}) == (202, None)


@pytest.mark.parametrize("without", [{}, {"params": None}, {"params": ["add"]}])
def test_a_call_of_nothing_is_no_call_of_a_tool(
    upstream: FakeUpstream, ca: LocalCA, without: dict[str, object]
) -> None:
    """It is answered with an error of a tool's, and hides no other call from who asks."""
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    result = ask(upstream, ca, asked | without)[1]["result"]  # type: ignore[index]
    assert result == {"content": [{"type": "text", "text": "Unknown tool: None"}], "isError": True}
    ask(upstream, ca, asked | {"params": {"name": "fail", "arguments": None}})
    assert upstream.called("add") == [] and upstream.called("fail") == [{}]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_official_client_can_use_it(upstream: FakeUpstream, ca: LocalCA, mode: str) -> None:
    """The Python SDK's, in the era that this server speaks, and when left to choose."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    trust = ssl.create_default_context(cadata=certificate_pem(ca.certificate).decode())

    async def tell() -> tuple[list[str], str]:
        async with (
            httpx2.AsyncClient(verify=trust) as http,
            Client(streamable_http_client(upstream.url, http_client=http), mode=mode) as client,
        ):
            tools = await client.list_tools()
            answer = await client.call_tool("add", {"a": 20, "b": 22})
            return [tool.name for tool in tools.tools], answer.content[0].text

    assert asyncio.run(tell()) == (["add", "fail"], "42")


def test_a_gate_before_it_shows_whose_credential_it_had(world: World) -> None:
    """None of the caller's; and what was blocked never came."""
    with FakeUpstream(world.ca, {"get_x": lambda: "x", "get_secret": lambda: "s"}) as upstream:
        text = world.config().replace(
            f"https://localhost:{world.upstream.port}/upstream/mcp", upstream.url
        )
        world.start(text)
        with world.caller() as caller:
            assert caller.post(call("get_x")).json()[1]["result"]["content"][0]["text"] == "x"
            caller.post(call("get_secret")).answer()
    assert upstream.called("get_x") == [{}] and upstream.called("get_secret") == []
    assert "authorization" not in upstream.received[0].headers


def test_a_caller_that_leaves_in_the_middle_is_let_go(upstream: FakeUpstream, ca: LocalCA) -> None:
    """In a body as in a head: nothing waits, or turns in circles, for what will never come."""
    trust = ssl.create_default_context(cadata=certificate_pem(ca.certificate).decode())
    for part in (b"POST /mcp HT", b"POST /mcp HTTP/1.1\r\ncontent-length: 100\r\n\r\n{"):
        with (
            socket.create_connection(("localhost", upstream.port), 20) as raw,
            trust.wrap_socket(raw, server_hostname="localhost") as sock,
        ):
            sock.sendall(part)
            sock.unwrap()
    eventually(lambda: upstream.ended == upstream.accepted == 2, "both are over")
    assert upstream.received == []
