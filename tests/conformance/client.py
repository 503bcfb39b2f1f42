"""A client of the official Python SDK that does what each of the suite's client scenarios asks for.

    python -m tests.conformance.client URL

is what the suite runs, with the scenario's name in its environment. With C{CONFORMANCE_GATE} there too
(L{Passage}) the client does not call that URL but the gate, which has the suite's server behind it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import mcp_types as types
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from tests.conformance.passage import Passage

#: In all of the suite's servers that have anything to add.
_SUM = ("add_numbers", {"a": 5, "b": 3})

Answer = types.ElicitResult | types.ErrorData


async def sample(context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    """What the user's model would say."""
    said = types.TextContent(type="text", text="nothing")
    return types.CreateMessageResult(role="assistant", content=said, model="none")


async def roots(context: Any) -> types.ListRootsResult:
    """What the user would open."""
    return types.ListRootsResult(roots=[])


async def take_defaults(context: Any, params: types.ElicitRequestParams) -> Answer:
    """A user who changes nothing in a form (SEP-1034)."""
    schema = params.requested_schema if isinstance(params, types.ElicitRequestFormParams) else {}
    fields = schema.get("properties", {})
    content = {name: field["default"] for name, field in fields.items() if "default" in field}
    return types.ElicitResult(action="accept", content=content)


async def confirm(context: Any, params: types.ElicitRequestParams) -> Answer:
    """A user who agrees."""
    return types.ElicitResult(action="accept", content={"confirmed": True})


async def only_list(client: Client) -> None:
    await client.list_tools()


async def add(client: Client) -> None:
    await client.list_tools()
    await client.call_tool(*_SUM)


async def reconnect(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("test_reconnection", {})


async def fill_in(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("test_client_elicitation_defaults", {})


async def give_schema_back(client: Client) -> None:
    """So that the suite sees what became of it on its way."""
    listed = await client.list_tools()
    schema = next(tool.input_schema for tool in listed.tools if tool.name == "json_schema_2020_12_tool")
    await client.call_tool("json_schema_echo", {"schema": schema})


async def go_rounds(client: Client) -> None:
    """The SDK answers what it is asked and calls again by itself."""
    await client.list_tools()
    for kind in ("echo_state", "unrelated", "no_state", "no_result_type"):
        await client.call_tool(f"test_mrtr_{kind}", {})


async def call_all(client: Client) -> None:
    """Every tool that the SDK shows: it hides those whose x-mcp-header nobody could obey."""
    for tool in (await client.list_tools()).tools:
        await _try(client, tool.name, _arguments(tool.input_schema))


async def replay(client: Client) -> None:
    """The calls that the suite has written down, of tools that the SDK shows."""
    shown = {tool.name for tool in (await client.list_tools()).tools}
    for call in json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}")).get("toolCalls", ()):
        if call["name"] in shown:
            await _try(client, call["name"], call.get("arguments") or {})


async def _try(client: Client, name: str, arguments: Mapping[str, Any]) -> None:
    """The suite judges what it got of the call; its answer may be an error."""
    try:
        await client.call_tool(name, dict(arguments))
    except Exception as error:
        print(f"{name}: {error!r}", file=sys.stderr)


def _arguments(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Something of the right type for each argument that is required."""
    samples: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "object": {}, "array": []}
    fields = schema.get("properties", {})
    return {name: samples.get(fields.get(name, {}).get("type"), "x") for name in schema.get("required", ())}


Play = Callable[[Client], Awaitable[None]]

#: Each scenario's part for the client, and what the client says it can be asked.
PLAYS: Mapping[str, tuple[Play, Mapping[str, Any]]] = {
    "initialize": (only_list, {}),
    "tools_call": (add, {}),
    "elicitation-sep1034-client-defaults": (fill_in, {"elicitation_callback": take_defaults}),
    "sse-retry": (reconnect, {}),
    "json-schema-2020-12-preservation": (give_schema_back, {}),
    "json-schema-ref-no-deref": (only_list, {}),
    "request-metadata": (
        add,
        {
            "sampling_callback": sample,
            "list_roots_callback": roots,
            "elicitation_callback": take_defaults,
        },
    ),
    "sep-2322-client-request-state": (go_rounds, {"elicitation_callback": confirm}),
    "http-standard-headers": (add, {}),
    "http-custom-headers": (replay, {}),
    "http-invalid-tool-headers": (call_all, {}),
}

#: Its server speaks only the older protocol, although the suite says that it is a modern one.
_OLD = frozenset({"json-schema-ref-no-deref"})


async def main(url: str) -> None:
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    revision = os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"]
    play, able = PLAYS[scenario]
    modern = revision in MODERN_PROTOCOL_VERSIONS and scenario not in _OLD
    mode = "auto" if modern else "legacy"
    passage = Passage.from_environment(os.environ)
    if passage is None:
        async with Client(url, mode=mode, **able) as client:
            await play(client)
        return
    headers = {"Authorization": f"Bearer {passage.token}"}
    # The CA is where httpx finds it: in SSL_CERT_FILE.
    async with passage.laid(url) as gate, create_mcp_http_client(headers=headers) as http:
        transport = streamable_http_client(gate, http_client=http)
        async with Client(transport, mode=mode, **able) as client:
            await play(client)


if __name__ == "__main__":
    # Of what the newest revision deprecates and the older ones are tested with.
    warnings.simplefilter("ignore")
    asyncio.run(main(sys.argv[1]))
