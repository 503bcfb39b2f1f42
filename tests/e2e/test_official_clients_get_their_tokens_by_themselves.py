"""An official client that has nothing but its id and secret at a provider, and the gate's URL, gets in.

The gate's 401 names its metadata, these name the authorization server, that one gives a token for the gate's
URL: all of it is what the SDKs do by themselves, and the provider is a real one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.identified import identified
from tests.e2e.lab import QUESTIONS, GateProcess, Lab, McpServer, Table
from tests.e2e.node import PACKAGES, node
from tests.e2e.providers import CI, Providers
from tests.e2e.typescript import CLIENTS, PATIENCE

#: By which name each knows its client, and what it calls the scopes that it was given.
ISSUERS: dict[str, tuple[Table, str]] = {
    "standard": ({}, "standard/ci"),
    "okta": ({"preset": "okta", "audience": ["api://mcp"]}, "okta/ci"),
}

RULES: list[Table] = [
    {"name": "weather", "on": {"method": "tools/call", "name": "get_weather"}, "verdict": "allow"},
    {
        "name": "writers-may-echo",
        "on": {"method": "tools/call", "name": "echo"},
        "require": {"scope": ["tools:write"]},
        "verdict": "allow",
    },
    QUESTIONS,
]

COMMANDS: dict[str, Callable[[], Sequence[str]]] = {
    "python": lambda: (sys.executable, str(CLIENTS / "obtains.py")),
    "typescript": lambda: (node(), str(CLIENTS / "obtains.mjs")),
}


@pytest.fixture(scope="module", params=ISSUERS)
def issuer(request: pytest.FixtureRequest) -> str:
    """Whose tokens the gate accepts."""
    return str(request.param)


@pytest.fixture(scope="module")
def gate(
    tmp_path_factory: pytest.TempPathFactory,
    ca: LocalCA,
    weather: McpServer,
    providers: Providers,
    issuer: str,
) -> Iterator[GateProcess]:
    """A gate that accepts that one's."""
    lab = Lab(tmp_path_factory.mktemp("obtains"), ca)
    tables = [providers[issuer].table(**ISSUERS[issuer][0])]
    with identified(lab, weather, tables, rules=RULES, route={"scopes": ["mcp"]}) as running:
        yield running


def obtained(
    gate: GateProcess, providers: Providers, client: str, issuer: str, calls: object, era: str
) -> dict[str, Any]:
    """What a client that gets its token by itself has printed."""
    done = subprocess.run(
        COMMANDS[client](),
        env={
            **os.environ,
            **providers.env(gate.lab.ca_file),
            "NODE_PACKAGES": str(PACKAGES),
            "GATE_URL": gate.url,
            "ERA": era,
            "ISSUER": providers[issuer].issuer,
            "CLIENT_ID": CI["client_id"],
            "CLIENT_SECRET": CI["client_secret"],
            "CALLS": json.dumps(calls),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr + providers.log()
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize("client", COMMANDS)
def test_a_client_finds_its_way_from_the_401_to_an_answer(
    gate: GateProcess, providers: Providers, issuer: str, client: str
) -> None:
    """It asks for the scope that the gate has told it, and is known by the name that its issuer gives it."""
    said = obtained(gate, providers, client, issuer, [["get_weather", {"city": "Oslo"}]], "auto")
    assert said["answers"] == ["sunny in Oslo"]
    assert {str(scope) for scope in said["scopes"]} <= {"mcp", "None"} and len(said["scopes"]) == 1
    called = gate.exchange(method="tools/call", name="get_weather")
    assert called["principal"].startswith(ISSUERS[issuer][1])
    assert (called["issuer"], called["how"], called["status"]) == (issuer, "jwt", 200)
    refused = gate.exchange(reason="auth.missing")
    assert (refused["status"], refused["outbound"]) == (401, None)


@pytest.mark.parametrize("issuer", ["standard"], indirect=True)
@pytest.mark.parametrize(
    ("client", "era"), [("python", "legacy"), ("python", "2026-07-28"), ("typescript", "2026-07-28")]
)
def test_a_client_steps_up_when_a_tool_needs_more(
    gate: GateProcess, providers: Providers, issuer: str, client: str, era: str
) -> None:
    """The 403 names all scopes that the call needs; the client gets another token, and the call passes."""
    calls = [["get_weather", {"city": "Oslo"}], ["echo", {"value": "written"}]]
    said = obtained(gate, providers, client, issuer, calls, era)
    assert said["answers"] == ["sunny in Oslo", "written"]
    assert len(said["scopes"]) == 2
    refused = gate.exchange(method="tools/call", name="echo", status=403)
    assert refused["reason"] == "auth.scope"
    assert gate.exchange(method="tools/call", name="echo", status=200)["rule"] == "writers-may-echo"
