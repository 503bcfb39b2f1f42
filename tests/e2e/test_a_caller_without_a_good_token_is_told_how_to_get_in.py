"""A missing, wrong, expired or revoked token is a 401 with a challenge and words that help."""

import json
import time

import pytest

from mcpgate.identity.issued import TokenFile
from tests.e2e.caller import Caller, call
from tests.e2e.lab import GateProcess
from tests.waiting import eventually


@pytest.mark.parametrize(
    ("token", "reason", "words"),
    [
        (None, "auth.missing", "mcpgate token issue NAME"),
        ("nonsense", "auth.invalid", "Ask its operators for a new one"),
        (f"mcpgate_{'a' * 12}_{'b' * 43}", "auth.invalid", "Ask its operators for a new one"),
    ],
    ids=["missing", "not one of ours", "never issued"],
)
def test_the_401_says_what_to_do(gate: GateProcess, token: str | None, reason: str, words: str) -> None:
    """In words, in the challenge that HTTP wants, and with the reason that the record has."""
    with Caller(gate, token) as caller:
        response = caller.post(call("get_weather", {"city": "Oslo"}))
        body = json.loads(response.read())
    assert response.status == 401
    assert response.getheader("www-authenticate", "").startswith('Bearer realm="mcpgate"')
    assert words in body["error"]["message"]
    assert body["error"]["data"]["reason"] == reason
    exchange = gate.exchange(id=body["error"]["data"]["exchange"])
    assert (exchange["status"], exchange["reason"], exchange["outbound"]) == (401, reason, None)


def test_a_revoked_token_is_refused_on_a_connection_that_it_opened(gate: GateProcess) -> None:
    """Revocation does not wait for the caller to connect again."""
    token = gate.issue("revoked-later")
    with Caller(gate, token) as caller:
        first = caller.post(call("get_weather", {"city": "Oslo"}))
        first.read()
        assert first.status == 200
        TokenFile(gate.lab.state / "tokens.json").revoke("revoked-later", time.time())

        def refused() -> bytes:
            response = caller.post(call("get_weather", {"city": "Oslo"}))
            body = response.read()
            return body if response.status == 401 else b""

        assert b"was revoked" in eventually(refused, "the token is refused")
