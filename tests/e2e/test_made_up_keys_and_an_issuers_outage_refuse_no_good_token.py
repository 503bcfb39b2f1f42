"""A gate of two workers whose issuers are asked for keys that strangers make up, or cannot be asked at all.

Providers are small, and keep count of what they were asked; a real one exchanges its keys under two hundred
callers elsewhere.
"""

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcpgate.testing import LocalCA, write_pair
from tests.e2e.lab import GateProcess, Lab
from tests.e2e.recording import RecordingUpstream
from tests.e2e.wire import trusting
from tests.identity.minting import rsa_key
from tests.provider.issuing import Issuing, answer
from tests.waiting import eventually

URL = "https://localhost:8443"
RESOURCE = f"{URL}/mcp"
STALE = 5.0


def provider(directory: Path, ca: LocalCA, host: str) -> Issuing:
    """One on TLS, by the lab's CA."""
    lab = Lab(directory, ca)
    write_pair(ca.server([host], lab.now), directory / "login.crt", directory / "login.key")
    return Issuing(directory / "login.crt", directory / "login.key", host=host, resource=RESOURCE)


class World:
    """A gate with two issuers: one whose last keys count for a day, and one that must always be there."""

    def __init__(
        self, gate: GateProcess, upstream: RecordingUpstream, login: Issuing, short: Issuing
    ) -> None:
        self.gate = gate
        self.upstream = upstream
        self.login = login
        self.short = short
        self.context = trusting(gate.lab.ca_file)

    def connect(self, source: str = "127.0.0.1") -> http.client.HTTPSConnection:
        """A new connection to the gate."""
        return http.client.HTTPSConnection(
            "localhost", self.gate.port, context=self.context, timeout=30, source_address=(source, 0)
        )

    def issuer(self, name: str) -> dict[str, Any]:
        """What status says of an issuer."""
        rows: list[dict[str, Any]] = self.gate.status()["issuers"]
        return next(row for row in rows if row["name"] == name)


def call(connection: http.client.HTTPSConnection, token: str) -> tuple[int, dict[str, str]]:
    """Call a tool; the status and the headers."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_weather"}}
    lines = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    connection.request("POST", "/mcp", json.dumps(body), lines)
    response = connection.getresponse()
    response.read()
    return response.status, {name.lower(): value for name, value in response.getheaders()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[World]:
    """The gate of this file."""
    login = provider(tmp_path_factory.mktemp("login"), ca, "login.test")
    short = provider(tmp_path_factory.mktemp("short"), ca, "short.test")
    lab = Lab(tmp_path_factory.mktemp("gate"), ca)
    issuers = [
        {
            "name": name,
            "issuer": one.minter.issuer,
            "address": f"127.0.0.1:{one.port}",
            "trust": str(lab.ca_file),
            **more,
        }
        for name, one, more in (("login", login, {}), ("short", short, {"stale": f"{STALE:g}s"}))
    ]
    with RecordingUpstream(ca.server(["localhost"], lab.now)) as upstream:
        gate = lab.gate(
            upstream={"port": upstream.port},
            listener={"public_url": URL},
            gate={"workers": 2},
            # All of them come from one machine, and fail on purpose.
            limits={"failures": 60000},
            more={"issuer": issuers},
        )
        with gate:
            yield World(gate, upstream, login, short)
    login.close()
    short.close()


def test_a_thousand_made_up_keys_cause_one_question_at_most(world: World) -> None:
    """Of both workers together, over connections to both; and whoever is good passes meanwhile."""
    login = world.login
    good = login.token()
    assert call(world.connect(), good)[0] == 200
    before = login.asked["/keys"]
    connections = [world.connect() for _ in range(10)]
    for number in range(1000):
        connection = connections[number % len(connections)]
        token = login.token(kid=f"made-up-{number}", key=rsa_key())
        # Without a body, so that the connection is kept.
        connection.request("GET", "/mcp", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        response.read()
        assert response.status == 401, number
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
    shares = [worker["refused"].get("auth.key", 0) for worker in world.gate.workers()]
    assert sum(shares) == 1000 and min(shares) > 0, f"one worker had all of them: {shares}"
    assert login.asked["/keys"] - before <= 1
    assert call(connections[0], good)[0] == 200


def test_an_issuer_out_of_reach_is_missed_after_the_stated_time_only(world: World) -> None:
    """Then callers are told to come back, operators that something is wrong, and all is well again when the
    issuer is."""
    short, gate = world.short, world.gate
    token = short.token()
    connection = world.connect()
    assert call(connection, token)[0] == 200
    short.broken = answer(503, b"{}")
    began = time.monotonic()
    lasted = began
    while True:
        status, headers = call(connection, token)
        if status != 200:
            break
        lasted = time.monotonic()
        assert lasted - began < 20, "its tokens count for ever"
        time.sleep(0.02)
    assert status == 503 and int(headers["retry-after"]) >= 1
    # How long it lasts depends on when the issuer was asked last, at most half of the stated time ago.
    assert lasted > began, "the last good keys did not count"
    assert gate.exchange(status=503)["reason"] == "auth.unavailable"
    assert call(world.connect(), world.login.token())[0] == 200, "other issuers' tokens suffer"
    eventually(lambda: world.issuer("short")["counting"] is False, "both workers refuse")
    assert "503" in world.issuer("short")["last_error"]
    told = [line["what"] for line in gate.journal("issuer") if line["issuer"] == "short"]
    assert told.count("unreachable") == 1 and "lapsed" in told
    errors = [event for event in gate.log().splitlines() if "issuer short" in event]
    assert len(errors) >= 2, gate.log()
    short.broken = None
    eventually(lambda: call(connection, token)[0] == 200, "it is accepted again")
    assert world.issuer("short")["counting"] is True
    assert token not in gate.log() + json.dumps(gate.status()) + json.dumps(gate.journal())
