"""HTTP+SSE as of 2024-11-05 with two workers: the stream is at one, and each POST may come to the other.

The worker that has the stream passes on answers to what it never saw asked. So the official client works
as with one worker; and what it POSTs to is of no use to anybody else at either.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import mcp
import mcp.types
import pytest
from mcp.client.sse import sse_client

from mcpgate.testing import LocalCA
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.tour import MODEL_SAYS, TOOL_OF
from tests.journals import text_of
from tests.waiting import eventually

# What a revision has is shown as long as the SDKs have it, deprecated or not.
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")

#: Which worker accepts is chance; that one of two gets none of so many is out of the question.
CALLS = 40

# Everything is on one machine. Whoever waits this long waits for ever.
PATIENCE = 20.0


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[McpServer]:
    with McpServer(tmp_path_factory.mktemp("old"), ca, "everything.py", "sse") as server:
        yield server


@pytest.fixture
def gate(lab: Lab, server: McpServer) -> Iterator[GateProcess]:
    with lab.gate(upstream={"url": server.at("/sse")}, gate={"workers": 2}) as gate:
        yield gate


@asynccontextmanager
async def connected(gate: GateProcess, token: str, posted: list[str]) -> AsyncIterator[mcp.Client]:
    """The official client, with a new connection for each POST; C{posted} is where they go."""
    trust = ssl.create_default_context(cafile=gate.lab.ca_file)

    async def seen(request: httpx2.Request) -> None:
        if request.method == "POST":
            posted.append(str(request.url))

    def http(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            verify=trust,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
            limits=httpx2.Limits(max_keepalive_connections=0),
            event_hooks={"request": [seen]},
        )

    async def sample(context: object, params: Any) -> mcp.types.CreateMessageResult:
        said = mcp.types.TextContent(type="text", text=MODEL_SAYS)
        return mcp.types.CreateMessageResult(role="assistant", model="a", content=said)

    transport = sse_client(gate.url, httpx_client_factory=http)
    async with mcp.Client(transport, mode="legacy", sampling_callback=sample) as client:
        yield client


def by_worker(gate: GateProcess, **facts: object) -> dict[int, list[Mapping[str, Any]]]:
    """The open records with these facts, by the worker in whose journal they are."""
    return {
        worker: [
            one
            for one in records
            if one["type"] == "open" and all(one[key] == value for key, value in facts.items())
        ]
        for worker, records in gate.by_worker().items()
    }


def test_answers_come_whichever_worker_takes_the_call(gate: GateProcess, server: McpServer) -> None:
    """List, calls, progress as it happens and a question of the server's; nothing names the session."""
    owner, other = gate.issue("owner"), gate.issue("other")
    posted: list[str] = []
    ticket = uuid4().hex
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)
        Path(server.directory, f"{ticket}-{progress:g}").touch()

    async def tell() -> None:
        async with connected(gate, owner, posted) as client:
            tools = await client.list_tools()
            assert sorted(tool.name for tool in tools.tools) == sorted(TOOL_OF.values())
            for number in range(CALLS):
                answer = await client.call_tool("get_weather", {"city": f"city {number}"})
                assert answer.content[0].text == f"sunny in city {number}"
            slow = await client.call_tool("slow", {"ticket": ticket}, progress_callback=hear)
            assert (slow.content[0].text, heard) == ("done", [0, 50, 100])
            for _ in range(4):
                said = await client.call_tool("ask_model", {})
                assert said.content[0].text == f"the model says: {MODEL_SAYS}"
            # While it is open, nobody else can speak in it, at either worker.
            for _ in range(CALLS):
                assert await asyncio.to_thread(status_of, gate, other, posted[0]) == 404
            await client.call_tool("get_weather", {"city": "Oslo"})

    asyncio.run(asyncio.wait_for(tell(), 3 * PATIENCE))

    gate.settled(principal="owner")
    streams = by_worker(gate, principal="owner", http="GET")
    calls = by_worker(gate, principal="owner", method="tools/call")
    assert sum(map(len, streams.values())) == 1
    assert all(calls.values()) and len(calls) == 2, "all calls came to one worker"
    refused = by_worker(gate, principal="other")
    assert all(refused.values()) and not any(one["outbound"] for each in refused.values() for one in each)
    # Nothing was kept from the client.
    assert gate.journal("dropped") == []
    (endpoint,) = set(posted)
    query = urlsplit(endpoint).query
    sealed = query.partition("=")[2]
    assert len(sealed) > 32
    for written in (gate.log(), text_of(gate.lab.state)):
        assert query not in written and sealed not in written and "session_id=" not in written
    assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


def test_it_is_over_with_its_stream(gate: GateProcess) -> None:
    """The server keeps no session without a stream, and its own answer to a later POST is passed on."""
    owner = gate.issue("owner")
    posted: list[str] = []

    async def tell() -> None:
        async with connected(gate, owner, posted) as client:
            await client.list_tools()

    asyncio.run(asyncio.wait_for(tell(), PATIENCE))
    eventually(lambda: status_of(gate, owner, posted[0]) in (400, 404), "the session is over")


def status_of(gate: GateProcess, token: str, url: str) -> int:
    """The status of a ping that somebody POSTs there."""
    context = ssl.create_default_context(cafile=gate.lab.ca_file)
    http = HTTPSConnection("localhost", gate.port, context=context, timeout=PATIENCE)
    try:
        where = urlsplit(url)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        body = '{"jsonrpc":"2.0","id":"x","method":"ping"}'
        http.request("POST", f"{where.path}?{where.query}", body, headers)
        return http.getresponse().status
    finally:
        http.close()
