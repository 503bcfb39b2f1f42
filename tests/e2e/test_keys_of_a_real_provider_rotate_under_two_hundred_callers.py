"""Keys rotated at the provider while 200 clients call: no valid request fails, and hardly anybody is asked.

The provider is C{oidc-provider}; it publishes a new key beside the old one, and signs with it from then on,
as providers do.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Mapping

from tests.e2e.caller import call, headers_of
from tests.e2e.identified import identified, shown
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.providers import Provider, Providers

CLIENTS = 200

#: For everything, on a busy machine.
PATIENCE = 60.0


def test_no_call_fails_while_keys_rotate(lab: Lab, weather: McpServer, providers: Providers) -> None:
    """
    All call with tokens of the old key while the provider takes a new one; then half of them with tokens of
    that. Both workers learn of it by one question.
    """
    provider = providers["standard"]
    with identified(lab, weather, [provider.table()], gate={"workers": 2}) as gate:
        old = token_of(provider, gate, 0)
        assert shown(gate, old).status == 200
        fetched = provider.asked()
        answers = asyncio.run(asyncio.wait_for(calling(gate, provider), PATIENCE))
        assert answers == Counter({200: 2 * CLIENTS})
        assert {one["status"] for one in gate.exchanges(method="tools/call")} == {200}
        assert asked_for_keys(provider, fetched) == 1
        # Whoever has an old token has it until it expires, whichever worker is asked.
        assert shown(gate, old).status == 200


def token_of(provider: Provider, gate: GateProcess, number: int) -> str:
    """A token of one of the callers."""
    return provider.mint({"aud": gate.url, "sub": f"ci-{number}"})


def asked_for_keys(provider: Provider, before: Mapping[str, int]) -> int:
    """How often it was asked for its keys since then."""
    now = provider.asked()
    (path,) = [path for path in now if path.endswith(("/jwks", "/keys"))]
    return now[path] - before[path]


async def calling(gate: GateProcess, provider: Provider) -> Counter[int]:
    """All callers, each on a connection of its own, through the change of keys; their statuses."""
    answers: Counter[int] = Counter()
    context = ssl.create_default_context(cafile=str(gate.lab.ca_file))
    tokens = [token_of(provider, gate, number) for number in range(CLIENTS)]
    callers = [AsyncCaller(gate.port, token) for token in tokens]
    for caller in callers:
        await caller.connect(context)

    async def round_of_all() -> None:
        answers.update(await asyncio.gather(*(caller.call() for caller in callers)))

    going_on = asyncio.ensure_future(round_of_all())
    await asyncio.to_thread(provider.rotate)
    await going_on
    for number, caller in enumerate(callers):
        if number % 2:
            caller.token = await asyncio.to_thread(token_of, provider, gate, number)
    await round_of_all()
    for caller in callers:
        caller.close()
    return answers


class AsyncCaller:
    """One connection to a gate, on which somebody calls a tool."""

    def __init__(self, port: int, token: str) -> None:
        self.token = token
        self._port = port

    async def connect(self, context: ssl.SSLContext) -> None:
        self._read, self._write = await asyncio.open_connection("localhost", self._port, ssl=context)

    async def call(self) -> int:
        """The status of one call."""
        message = call("get_weather", {"city": "Oslo"})
        body = json.dumps(message).encode()
        lines = {
            "Host": f"localhost:{self._port}",
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Content-Length": str(len(body)),
            **headers_of(message),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._write.write(f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = (await self._read.readuntil(b"\r\n\r\n")).lower()
        if b"transfer-encoding: chunked" in answer:
            while size := int((await self._read.readuntil(b"\r\n")).split(b";")[0], 16):
                await self._read.readexactly(size + 2)
            await self._read.readexactly(2)
        else:
            length = answer.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            await self._read.readexactly(int(length))
        return int(answer.split(b" ", 2)[1])

    def close(self) -> None:
        self._write.close()
