"""Keys rotated at the provider while 200 clients call: no valid request fails, and hardly anybody is asked.

The provider is C{oidc-provider}; it publishes a new key beside the old one, and signs with it from then on,
as providers do.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping

from tests.e2e.caller import call, headers_of
from tests.e2e.identified import identified, shown
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.providers import Provider, Providers

CLIENTS = 200

#: How many tokens with a key that nobody knows are shown.
BOGUS = 1000

#: For everything, on a busy machine.
PATIENCE = 60.0


def test_no_call_fails_while_keys_rotate(lab: Lab, weather: McpServer, providers: Providers) -> None:
    """
    All call with tokens of the old key; then, while they go on, half of them with tokens of the new one. Both
    workers learn of it by one question.
    """
    provider = providers["standard"]
    with identified(lab, weather, [provider.table()], gate={"workers": 2}) as gate:
        shown(gate, token_of(provider, gate, 0))
        fetched = provider.asked()
        answers = asyncio.run(asyncio.wait_for(calling(gate, provider), PATIENCE))
        assert answers == Counter({200: 3 * CLIENTS})
        assert {one["status"] for one in gate.exchanges(method="tools/call")} == {200}
        assert asked_for_keys(provider, fetched) == 1
        # Whoever has an old token has it until it expires, whichever worker is asked.
        assert shown(gate, token_of(provider, gate, 1)).status == 200


def test_a_thousand_unknown_keys_cause_one_question(
    lab: Lab, weather: McpServer, providers: Providers
) -> None:
    """Anybody can name a key; that the provider is not asked for each is why it is still there for others."""
    provider = providers["okta"]
    table = provider.table(preset="okta", audience=["api://mcp"])
    with identified(lab, weather, [table], gate={"workers": 2}) as gate:
        assert shown(gate, provider.mint()).status == 200
        fetched = provider.asked()
        _, _, rest = provider.mint().partition(".")
        tokens = [f"{header(kid=f'bogus-{number}')}.{rest}" for number in range(BOGUS)]
        answers = asyncio.run(asyncio.wait_for(all_of(gate, tokens), PATIENCE))
        assert answers == Counter({401: BOGUS})
        assert asked_for_keys(provider, fetched) <= 1
        assert shown(gate, provider.mint()).status == 200


def header(**members: str) -> str:
    """The first part of a token."""
    return urlsafe_b64encode(json.dumps({"alg": "RS256", **members}).encode()).decode().rstrip("=")


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
    callers = [AsyncCaller(gate, token_of(provider, gate, number)) for number in range(CLIENTS)]
    for caller in callers:
        await caller.connect()

    async def round_of_all() -> None:
        answers.update(await asyncio.gather(*(caller.call() for caller in callers)))

    await round_of_all()
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


async def all_of(gate: GateProcess, tokens: list[str]) -> Counter[int]:
    """The statuses that each token gets, over a few connections."""
    callers = [AsyncCaller(gate, "") for _ in range(20)]

    async def run(caller: AsyncCaller, own: list[str]) -> list[int]:
        await caller.connect()
        statuses = []
        for caller.token in own:
            statuses.append(await caller.listen())
        caller.close()
        return statuses

    runs = (run(caller, tokens[number :: len(callers)]) for number, caller in enumerate(callers))
    return Counter(status for statuses in await asyncio.gather(*runs) for status in statuses)


class AsyncCaller:
    """One connection to a gate, on which somebody calls a tool."""

    def __init__(self, gate: GateProcess, token: str) -> None:
        self.token = token
        self._gate = gate

    async def connect(self) -> None:
        context = ssl.create_default_context(cafile=str(self._gate.lab.ca_file))
        self._read, self._write = await asyncio.open_connection("localhost", self._gate.port, ssl=context)

    async def call(self) -> int:
        """The status of one call."""
        message = call("get_weather", {"city": "Oslo"})
        lines = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **headers_of(message),
        }
        return await self._ask("POST", lines, json.dumps(message).encode())

    async def listen(self) -> int:
        """The status of a request without a body, after whose refusal the connection goes on."""
        return await self._ask("GET", {"Accept": "text/event-stream"}, b"")

    async def _ask(self, method: str, lines: Mapping[str, str], body: bytes) -> int:
        usual = {
            "Host": f"localhost:{self._gate.port}",
            "Authorization": f"Bearer {self.token}",
            **({"Content-Length": str(len(body))} if body else {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in {**usual, **lines}.items())
        self._write.write(f"{method} /mcp HTTP/1.1\r\n{head}\r\n".encode() + body)
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
