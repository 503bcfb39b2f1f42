"""Secrets out of a vault, by the HTTP API that it documents.

The vault here is a small server of ours on TLS that speaks that API: no Vault itself has been asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.credentials.test_over_the_wire import ask, refused, secret, shown, table
from tests.credentials.token_server import answered
from tests.running import Request, ScriptedUpstream, World
from tests.waiting import eventually

TOKEN = "hvs.the-token-of-the-gate"
SECRET = "a-secret-out-of-the-vault"


class Vault:
    """Keeps one secret, C{secret/mcp/github}, for whoever has the token."""

    def __init__(self, world: World) -> None:
        self.values: Any = {"token": SECRET}
        self.status = 200
        self._server = ScriptedUpstream(
            world.directory / "upstream.crt", world.directory / "upstream.key", self._answer
        )
        self.url = f"https://localhost:{self._server.port}"
        self.close = self._server.close

    @property
    def requests(self) -> list[Request]:
        """What was asked."""
        return self._server.requests

    def _answer(self, sock: Any, request: Request) -> None:
        if request.headers.get(b"x-vault-token") != TOKEN.encode():
            return sock.sendall(answered(403, b'{"errors":["permission denied"]}'))
        if request.line != b"GET /v1/secret/data/mcp/github HTTP/1.1":
            return sock.sendall(answered(404, b'{"errors":[]}'))
        metadata = {"version": 3, "destroyed": False, "deletion_time": ""}
        body = {"request_id": "r", "lease_duration": 0, "data": {"data": self.values, "metadata": metadata}}
        sock.sendall(answered(self.status, json.dumps(body).encode()))


@pytest.fixture
def vault(world: World) -> Iterator[Vault]:
    vault = Vault(world)
    yield vault
    vault.close()


def tables(world: World, vault: Vault, *, token: str = TOKEN, keys: str = "", **credential: str) -> str:
    """The vault's table, and a credential out of it."""
    given = credential or {"bearer": '"vault:main:secret/mcp/github#token"'}
    return f'''{table(world, "github", **given)}
[[vault]]
name = "main"
url = "{vault.url}"
trust = "{world.authority}"
token = "{secret(world, "vault-token", token)}"
{keys}
'''


def test_a_secret_is_read_when_it_is_needed_and_shown(world: World, vault: Vault) -> None:
    """Once for all callers, by the token and the namespace that are configured."""
    world.start(world.config(more=tables(world, vault, keys='namespace = "team-a"')))
    for _ in range(3):
        assert ask(world)[0] == 200
    assert shown(world) == 3 * [f"Bearer {SECRET}"]
    (request,) = vault.requests
    assert request.headers[b"x-vault-namespace"] == b"team-a"
    assert request.headers[b"x-vault-request"] == b"true"
    (row,) = world.status()["credentials"]
    assert (row["kind"], row["held"], row["problem"]) == ("vault", 1, None)
    seen = json.dumps(world.status()) + json.dumps(world.records())
    assert SECRET not in seen and TOKEN not in seen


def test_it_may_be_any_header_and_the_callers_own_of_that_name_stays_here(
    world: World, vault: Vault
) -> None:
    """As with a secret in a file."""
    keys = {"header": '"X-Api-Key"', "value": '"vault:main:secret/mcp/github#token"'}
    world.start(world.config(more=tables(world, vault, **keys)))
    assert ask(world, "X-Api-Key: mine")[0] == 200
    (request,) = world.upstream.requests
    assert request.headers[b"x-api-key"] == SECRET.encode()
    assert b"mine" not in request.head and b"authorization" not in request.headers


def test_a_secret_that_is_rotated_there_is_taken_up(world: World, vault: Vault) -> None:
    """By itself, after a while; and at once if the upstream does not take the old one any more."""
    world.start(world.config(more=tables(world, vault, keys='refresh = "1s"')))
    assert ask(world)[0] == 200
    vault.values = {"token": "the-next-secret"}
    eventually(lambda: ask(world)[0] and shown(world)[-1] == "Bearer the-next-secret", "it is read again")


def test_a_vault_that_is_down_is_not_noticed_while_its_secrets_are_young(world: World, vault: Vault) -> None:
    """They do not end with it; but a gate that begins has none."""
    world.start(world.config(more=tables(world, vault, keys='refresh = "1s"')))
    assert ask(world)[0] == 200
    vault.status = 503
    eventually(lambda: ask(world)[0] == 200 and world.status()["credentials"][0]["problem"], "it is noted")
    assert ask(world)[0] == 200
    assert world.status()["credentials"][0]["problem"].startswith("it answered 503")


@pytest.mark.parametrize(
    ("values", "status", "token", "reference", "detail"),
    [
        ({"token": SECRET}, 200, "wrong", "secret/mcp/github#token", "it answered 403"),
        ({"token": SECRET}, 200, TOKEN, "secret/mcp/gitlab#token", "it answered 404"),
        ({"token": SECRET}, 503, TOKEN, "secret/mcp/github#token", "it answered 503"),
        ({"token": SECRET}, 200, TOKEN, "secret/mcp/github#tokens", "no text named tokens"),
        ({"token": [SECRET]}, 200, TOKEN, "secret/mcp/github#token", "no text named token"),
        ({"token": f"{SECRET}\r\nx: y"}, 200, TOKEN, "secret/mcp/github#token", "a header cannot carry"),
        ({"token": ""}, 200, TOKEN, "secret/mcp/github#token", "it is empty"),
        (None, 200, TOKEN, "secret/mcp/github#token", "no text named token"),
    ],
)
def test_what_is_no_secret_to_show_is_told_in_the_record(
    world: World, vault: Vault, values: Any, status: int, token: str, reference: str, detail: str
) -> None:
    """By its place, never by what is there."""
    vault.values, vault.status = values, status
    world.start(world.config(more=tables(world, vault, token=token, bearer=f'"vault:main:{reference}"')))
    code, body = ask(world)
    assert code == 502 and "vault" not in json.dumps(body)
    close = refused(world)
    assert close["reason"] == "upstream.credential"
    assert close["detail"].startswith("github: the vault: ") and detail in close["detail"]
    assert SECRET not in json.dumps(close) and world.upstream.requests == []


def test_another_engine_is_no_use(world: World, vault: Vault) -> None:
    """Version 1 answers in another form."""
    world.start(world.config(more=tables(world, vault)))
    vault._server.behave = lambda sock, request: sock.sendall(
        answered(200, json.dumps({"data": {"token": SECRET}}).encode())
    )
    assert ask(world)[0] == 502
    assert "none of a key-value engine of version 2" in refused(world)["detail"]
