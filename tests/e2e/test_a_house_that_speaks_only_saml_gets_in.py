"""An assertion of a real SAML identity provider becomes a token with which official clients call."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call, one_at_each
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.saml import GROUPS, MAIL, IdentityProvider, form
from tests.e2e.typescript import printed
from tests.waiting import eventually

#: How callers know the gate, whatever port it has here.
PUBLIC = "https://localhost:8443"
ENDPOINT = f"{PUBLIC}/token"
ALICE = "alice@example.org"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[IdentityProvider]:
    with IdentityProvider(tmp_path_factory.mktemp("saml"), ca) as running:
        yield running


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer, provider: IdentityProvider
) -> Iterator[GateProcess]:
    """A gate of two workers that takes its word: who is in "staff" may call, and nobody else."""
    lab = Lab(tmp_path_factory.mktemp("house"), ca)
    (lab.directory / "house.xml").write_bytes(provider.metadata("old"))
    saml = {"name": "house", "metadata": "house.xml", "groups": GROUPS}
    staff = {"issuer": "house", "group": "staff", "claim.mail": "*@example.org"}
    with lab.gate(
        upstream={"url": weather.url},
        listener={"public_url": PUBLIC, "tokens": True},
        rules=[{"name": "staff", "who": staff, "verdict": "allow"}],
        gate={"workers": 2},
        more={"saml": [{**saml, "attribute.mail": MAIL}]},
    ) as running:
        yield running


def exchange(gate: GateProcess, assertion: bytes) -> tuple[int, Any]:
    """Ask the token endpoint."""
    context = ssl.create_default_context(cafile=gate.lab.ca_file)
    http = HTTPSConnection("localhost", gate.port, context=context, timeout=20)
    http.request("POST", "/token", form(assertion), FORM)
    response = http.getresponse()
    said = json.loads(response.read())
    http.close()
    return response.status, said


def token(gate: GateProcess, provider: IdentityProvider, groups: str = "staff,all", key: str = "old") -> str:
    """Log in, and exchange what comes of it."""
    status, said = exchange(gate, provider.assertion(key, user=ALICE, recipient=ENDPOINT, groups=groups))
    assert status == 200, said
    assert isinstance(said["access_token"], str)
    return said["access_token"]


async def weather_of(gate: GateProcess, token: str) -> str:
    """Call a tool with the official Python client."""
    trust = ssl.create_default_context(cafile=gate.lab.ca_file)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(verify=trust, headers=headers) as http,
        Client(streamable_http_client(gate.url, http_client=http), mode="auto") as client,
    ):
        return str((await client.call_tool("get_weather", {"city": "Oslo"})).content[0].text)


def test_the_official_python_client_calls(house: GateProcess, provider: IdentityProvider) -> None:
    """As the person that the identity provider speaks of, by name, with groups and mail."""
    assert "Oslo" in asyncio.run(weather_of(house, token(house, provider)))
    called = house.exchange(method="tools/call", verdict="allow")
    assert (called["principal"], called["how"]) == (f"house/{ALICE}", "saml")
    assert (called["issuer"], called["subject"], called["rule"]) == ("house", ALICE, "staff")


def test_the_official_typescript_client_calls(house: GateProcess, provider: IdentityProvider) -> None:
    """The same, of the other language."""
    found = printed(
        ["calls.mjs", "v2"],
        NODE_EXTRA_CA_CERTS=str(house.lab.ca_file),
        GATE_URL=house.url,
        GATE_TOKEN=token(house, provider),
        CALLS=json.dumps([["get_weather", {"city": "Oslo"}]]),
    )
    assert "Oslo" in json.dumps(found["results"])


def test_who_is_in_another_group_may_not(house: GateProcess, provider: IdentityProvider) -> None:
    """Its token is good, and no rule is about it."""
    guest = token(house, provider, groups="guests")
    with Caller(house, guest) as caller:
        answer = json.loads(caller.post(call("get_weather", {"city": "Oslo"})).read())
    assert answer["error"]["message"] == "Unknown tool: get_weather"


def test_an_assertion_that_one_worker_took_the_other_does_not(
    house: GateProcess, provider: IdentityProvider
) -> None:
    """Nor does the first one a second time."""
    assertion = form(provider.assertion("old", user=ALICE, recipient=ENDPOINT, groups="staff"))
    with ExitStack() as stack:
        first, second = one_at_each(house, stack).values()
        statuses = []
        for caller in (first, second, first):
            caller.ask("POST", "/token", assertion, FORM)
            response = caller.receive()
            statuses.append((response.status, json.loads(response.read()).get("error")))
    assert statuses == [(200, None), (400, "invalid_grant"), (400, "invalid_grant")]
    eventually(lambda: len(house.exchanges(reason="auth.replayed")) == 2, "both refusals")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"recipient": "https://other.example.org/token"}, "auth.audience"),
        ({"recipient": "https://other.example.org/token", "audience": ENDPOINT}, "auth.place"),
        ({"recipient": ENDPOINT, "audience": "urn:another-service"}, "auth.audience"),
        ({"recipient": ENDPOINT, "key": "new"}, "auth.signature"),
    ],
)
def test_what_it_says_to_others_is_not_for_us(
    house: GateProcess, provider: IdentityProvider, asked: dict[str, str], reason: str
) -> None:
    """Each is what the same identity provider would give another service, or signs with a key that the gate
    does not know."""
    key = asked.pop("key", "old")
    before = len(house.exchanges(reason=reason))
    status, answer = exchange(house, provider.assertion(key, user=ALICE, **asked))
    assert (status, answer["error"]) == (400, "invalid_grant")
    eventually(lambda: len(house.exchanges(reason=reason)) == before + 1, "the record says why")


def test_a_rollover_is_a_file_that_changes(house: GateProcess, provider: IdentityProvider) -> None:
    """The identity provider signs with its new key; once its new metadata are there, that is the one that
    counts, at both workers, and what was granted before is good still."""
    before = token(house, provider)
    path = house.lab.directory / "house.xml"
    fresh = Path(f"{path}.new")
    fresh.write_bytes(provider.metadata("new"))
    fresh.replace(path)

    def accepted() -> bool:
        assertions = [provider.assertion("new", user=ALICE, recipient=ENDPOINT) for _ in range(2)]
        return all(exchange(house, assertion)[0] == 200 for assertion in assertions)

    eventually(accepted, "the new key counts")
    eventually(
        lambda: exchange(house, provider.assertion("old", user=ALICE, recipient=ENDPOINT))[0] == 400,
        "the old key counts no more",
    )
    assert "Oslo" in asyncio.run(weather_of(house, before))
