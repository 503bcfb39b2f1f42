"""A gate asks token endpoints, a real one among them, for what its upstream is shown for each caller."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from mcpgate.testing import write_pair
from tests.credentials.token_server import SECRET, TokenServer, says
from tests.e2e.caller import Caller, call
from tests.e2e.lab import GateProcess, Lab, Table
from tests.e2e.providers import CI, SIGNING, Providers
from tests.e2e.recording import RecordingUpstream
from tests.waiting import eventually

RESOURCE = "https://mcp.example.com/mcp"


@pytest.fixture
def login(lab: Lab) -> Iterator[TokenServer]:
    """A server that exchanges tokens, and issues those that callers show."""
    files = lab.directory / "login.crt", lab.directory / "login.key"
    write_pair(lab.ca.server(["localhost"], lab.now), *files)
    server = TokenServer(*files)
    yield server
    server.close()


@pytest.fixture
def upstream(lab: Lab) -> Iterator[RecordingUpstream]:
    with RecordingUpstream(lab.ca.server(["localhost"], lab.now)) as upstream:
        yield upstream


def secret(lab: Lab, name: str, text: str) -> str:
    """A reference to a secret in a file of its own."""
    path = lab.directory / name
    path.write_text(text)
    path.chmod(0o600)
    return f"file:{path}"


def asked(lab: Lab, gate: GateProcess, token: str = "") -> tuple[int, str]:
    """One call on a connection of its own; which worker gets it is chance."""
    with Caller(gate, token) as caller:
        response = caller.post(call("any"))
        return response.status, response.read().decode()


def claims_in(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


def test_each_caller_is_shown_with_a_token_got_for_its_own(
    lab: Lab, login: TokenServer, upstream: RecordingUpstream
) -> None:
    """Two workers, ten connections: one token for each worker and caller, of which nothing is seen."""
    exchange = {
        "name": "theirs",
        "upstream": "weather",
        "grant": "token_exchange",
        "issuer": "login",
        "client_id": "gate",
        "client_secret": secret(lab, "client", SECRET),
    }
    issuer = {
        "name": "login",
        "issuer": login.issuer,
        "audience": "api://gate",
        "trust": str(lab.ca_file),
    }
    with lab.gate(
        upstream={"port": upstream.port},
        listener={"public_url": "https://localhost"},
        gate={"workers": 2},
        more={"credential": [exchange], "issuer": [issuer]},
    ) as gate:
        names = [login.token_of(name) for name in ("ann", "ben")]
        for _ in range(5):
            for token in names:
                assert asked(lab, gate, token)[0] == 200
        given = {f"Bearer T{number}": form["subject_token"] for number, form in enumerate(login.forms, 1)}
        # At most one for each caller and worker, and each was got with that caller's own.
        assert 2 <= len(given) <= 4 and set(given.values()) == set(names)
        assert [given[value] for value in upstream.values("authorization")] == names * 5
        # Its own token is of no use there.
        status, body = asked(lab, gate)
        assert status == 502 and "has no credential for the upstream" in body
        (row,) = gate.status()["credentials"]
        assert (row["kind"], row["held"], row["asked"]) == ("token_exchange", len(given), len(given))
        login.behave(says(400, {"error": "invalid_client", "error_description": SECRET}))
        status, body = asked(lab, gate, login.token_of("eve"))
        assert status == 502 and "invalid_client" not in body
        eventually(lambda: "invalid_client" in gate.log(), "the log says so")
        assert any("400 invalid_client" in str(line["detail"]) for line in gate.journal("close"))
        shown = lab.command("status", "--state", lab.state, "--format", "json").stdout
        assert json.loads(shown)["credentials"][0]["problem"] == "it answered 400 invalid_client"
        seen = gate.log() + repr(gate.journal()) + shown + body
        for text in (SECRET, *names, *(f"Bearer T{number}" for number in range(1, 5))):
            assert text not in seen
        assert len(gate.handshakes("provider")) >= len(given)


@pytest.mark.parametrize("proof", ["secret", "signature"])
def test_a_real_provider_takes_what_the_gate_asks_it(
    lab: Lab, providers: Providers, upstream: RecordingUpstream, proof: str
) -> None:
    """oidc-provider, by a secret in a header and by private_key_jwt; the token is for the upstream."""
    provider = providers["standard"]
    own: dict[str, Any] = {**CI, "client_secret": secret(lab, "ci", CI["client_secret"])}
    if proof == "signature":
        key = providers.directory / f"{SIGNING}.key"
        own = {"client_id": SIGNING, "assertion_key": str(key)}
    table: Table = {
        "name": "own",
        "upstream": "weather",
        "grant": "client_credentials",
        "token_url": f"{provider.issuer}/token",
        "address": f"127.0.0.1:{provider.port}",
        "trust": str(provider.ca_file),
        "resource": RESOURCE,
        "scope": "mcp",
        **own,
    }
    with lab.gate(upstream={"port": upstream.port}, more={"credential": [table]}) as gate:
        for _ in range(2):
            assert asked(lab, gate)[0] == 200, [line.get("detail") for line in gate.journal("close")]
        first, second = upstream.values("authorization")
        assert first == second
        claims = claims_in(first.removeprefix("Bearer "))
        assert (claims["aud"], claims["client_id"]) == (RESOURCE, own["client_id"])
        assert (claims["iss"], claims["scope"]) == (provider.issuer, "mcp")
