"""A call that a rule holds, made by the official clients in a thread of its own while the test decides."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import mcp.types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcpgate.ops.control import ask
from tests.e2e.lab import GateProcess
from tests.e2e.typescript import printed
from tests.waiting import eventually

#: The rules of these tests: everything is allowed, but the weather is for people to decide.
RULES = (
    {"name": "all", "verdict": "allow"},
    {
        "name": "four-eyes",
        "on": {"method": "tools/call", "name": "get_weather"},
        "verdict": "hold",
        "wait": "30s",
        "said": "The weather is a serious matter.",
    },
)


@dataclass
class Told:
    """What a client saw. C{asked}: what its user was asked; C{heard}: progress, with its words."""

    text: str = ""
    error: bool = False
    asked: list[str] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)


@contextmanager
def calling(
    gate: GateProcess, client: str, era: str, action: str, meanwhile: Callable[[], object] = bool
) -> Iterator[Future[Told]]:
    """A client calls; its future has what came of it. C{meanwhile}: while the Python client's user thinks."""
    with ThreadPoolExecutor(1) as pool:
        if client == "python":
            yield pool.submit(lambda: asyncio.run(_python(gate, era, action, meanwhile)))
        else:
            yield pool.submit(_typescript, gate, client, era, action)


async def _python(gate: GateProcess, era: str, action: str, meanwhile: Callable[[], object]) -> Told:
    told = Told()

    async def elicit(context: object, params: Any) -> mcp.types.ElicitResult:
        told.asked.append(params.message)
        await asyncio.to_thread(meanwhile)
        content: dict[str, str] | None = {} if action == "accept" else None
        return mcp.types.ElicitResult(action=action, content=content)  # type: ignore[arg-type]

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.heard.append([progress, message or ""])

    trust = ssl.create_default_context(cafile=gate.lab.ca_file)
    headers = {"Authorization": f"Bearer {gate.token}"}
    async with (
        httpx2.AsyncClient(verify=trust, headers=headers) as http,
        Client(
            streamable_http_client(gate.url, http_client=http),
            mode=era,
            elicitation_callback=None if action == "none" else elicit,
        ) as client,
    ):
        result = await client.call_tool("get_weather", {"city": "Oslo"}, progress_callback=hear)
        told.text, told.error = result.content[0].text, bool(result.is_error)
    return told


def _typescript(gate: GateProcess, client: str, era: str, action: str) -> Told:
    facts = printed(
        ("held.mjs", client, era, action, "get_weather", "Oslo"),
        NODE_EXTRA_CA_CERTS=str(gate.lab.ca_file),
        GATE_URL=gate.url,
        GATE_TOKEN=gate.token,
    )
    assert "failed" not in facts, facts
    return Told(facts["text"], facts["isError"], facts["asked"], facts["heard"])


def held(gate: GateProcess) -> list[dict[str, Any]]:
    """The calls that wait."""
    found: list[dict[str, Any]] = ask(gate.lab.state / "control.sock", "held")["held"]
    return found


def the_hold(gate: GateProcess) -> str:
    """The id of the one call that waits, once there is one."""
    (one,) = eventually(lambda: held(gate), "a call waits")
    return str(one["id"])
