"""A gate that has no secret of an upstream, but is a client of its authorization server: a real one.

By a secret, and by a signed assertion (private_key_jwt). The token is for the upstream, is asked for once,
and nobody but the upstream ever sees it.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.caller import Caller, call
from tests.e2e.lab import HOSTS, Lab, Table
from tests.e2e.providers import CI, KEYED, Provider, Providers
from tests.e2e.recording import RecordingUpstream

#: What the upstream is called where its tokens come from.
RESOURCE = "https://mcp.internal.example/mcp"


def credential(lab: Lab, provider: Provider, providers: Providers, how: str) -> Table:
    """A client of that provider."""
    secret = lab.directory / "client.secret"
    secret.touch(0o600)
    secret.write_text(CI["client_secret"], encoding="ascii")
    proof: Mapping[str, object] = {
        "secret": {"client_id": CI["client_id"], "client_secret": f"file:{secret}"},
        "key": {"client_id": KEYED, "assertion_key": str(providers.directory / "keyed.key")},
    }[how]
    return {
        "name": "upstreams",
        "upstream": "weather",
        "grant": "client_credentials",
        "token_url": f"{provider.issuer}/token",
        "address": f"127.0.0.1:{provider.port}",
        "trust": str(provider.ca_file),
        "resource": RESOURCE,
        "scope": ["mcp"],
        **proof,
    }


@pytest.mark.parametrize("how", ["secret", "key"])
def test_the_upstream_is_shown_a_token_that_is_for_it(lab: Lab, providers: Providers, how: str) -> None:
    """One for all calls; the caller's own token stays here."""
    provider = providers["standard"]
    asked = provider.asked().get("/token", 0)
    with RecordingUpstream(lab.ca.server(HOSTS, lab.now)) as upstream:
        config = lab.config(
            upstream={"port": upstream.port}, more={"credential": [credential(lab, provider, providers, how)]}
        )
        with lab.gate(config) as gate, Caller(gate) as caller:
            for _ in range(3):
                answer = caller.post(call("get_weather", {"city": "Oslo"}))
                assert (answer.status, json.loads(answer.read())["id"]) == (200, 1)
            journal, log = str(gate.journal()), gate.log()
    shown = {value for request in upstream.requests for value in request.all("authorization")}
    (value,) = shown
    token = value.removeprefix("Bearer ")
    said = claims(token)
    assert (said["aud"], said["client_id"]) == (RESOURCE, {"secret": CI["client_id"], "key": KEYED}[how])
    assert provider.asked()["/token"] == asked + 1
    for secret in (token, gate.token, CI["client_secret"]):
        assert secret not in journal + log


def test_without_the_provider_the_caller_is_told_whose_fault_it_is(lab: Lab, providers: Providers) -> None:
    """The leg, and nothing of the credential."""
    provider = providers["standard"]
    with RecordingUpstream(lab.ca.server(HOSTS, lab.now)) as upstream:
        table = {**credential(lab, provider, providers, "secret"), "address": "127.0.0.1:1"}
        config = lab.config(upstream={"port": upstream.port}, more={"credential": [table]})
        with lab.gate(config) as gate, Caller(gate) as caller:
            answer = caller.post(call("get_weather", {"city": "Oslo"}))
            message = json.loads(answer.read())
    assert (answer.status, message["error"]["data"]["reason"]) == (502, "upstream.credential")
    assert "id.example.com" not in str(message) and "127.0.0.1:1" not in str(message)
    assert upstream.requests == []


def claims(token: str) -> dict[str, Any]:
    """What a token says."""
    said: dict[str, Any] = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
    return said
