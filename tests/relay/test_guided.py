"""What callers are told who show no token, a bad one, or one for something else: through a running gate."""

from __future__ import annotations

import json
import re
import ssl
from typing import Any

import pytest

from tests.relay.foreign import LISTENER, accept_others, issuer
from tests.running import Request, World, call, modern

METADATA = "https://localhost:8443/.well-known/oauth-protected-resource/mcp"
SCOPED = """
[[rule]]
name = "writes"
verdict = "allow"
on = { method = "tools/call", name = "put_*" }
require = { scope = ["tools:write", "tools:read"] }
[[rule]]
name = "writes-a-little"
verdict = "allow"
on = { method = "tools/call", name = "put_*" }
where = { "arguments.n" = { max = 3 } }
require = { scope = "tools:write" }
"""


def start(world: World, route: str = 'scopes = ["mcp"]') -> World:
    config = world.config(listener=LISTENER, more=SCOPED + issuer())
    world.start(config.replace('path = "/mcp"', f'path = "/mcp"\n{route}'))
    accept_others(world)
    return world


def parameters(challenge: bytes) -> dict[str, str]:
    """Those of a challenge that is one, to the letter."""
    text = challenge.decode("ascii")
    assert text.startswith("Bearer ")
    found = re.findall(r'([a-z_]+)="([^"]*)"(?:, |$)', text.removeprefix("Bearer "))
    assert ", ".join(f'{name}="{value}"' for name, value in found) == text.removeprefix("Bearer ")
    assert len(dict(found)) == len(found)
    return dict(found)


def told(world: World, message: Any, token: str | None, *lines: str) -> tuple[int, dict[str, str], Any]:
    """The answer's status, the challenge, and the error."""
    more = [f"Authorization: Bearer {token}"] if token is not None else []
    with world.caller() as caller:
        status, headers, body = caller.post(message, *more, *lines, token=False).answer()
    challenge = headers.get(b"www-authenticate")
    return status, parameters(challenge) if challenge else {}, json.loads(body).get("error")


def test_who_shows_nothing_is_led_to_the_metadata(world: World) -> None:
    """With the scopes to begin with, and without an error (RFC 6750 section 3.1)."""
    start(world)
    status, challenge, error = told(world, call("get_x"), None)
    assert (status, challenge) == (401, {"resource_metadata": METADATA, "scope": "mcp"})
    assert "mcpgate token issue" not in error["message"]
    assert "authorization servers" in error["message"]
    assert error["data"]["reason"] == "auth.missing"


def test_who_shows_a_bad_token_is_led_there_too(world: World) -> None:
    """And learns what was wrong with it, in words that quote nothing."""
    start(world)
    status, challenge, error = told(world, call("get_x"), "~")
    assert status == 401
    assert challenge == {
        "resource_metadata": METADATA,
        "scope": "mcp",
        "error": "invalid_token",
        "error_description": "The bearer token was made for another resource; ask for one for this URL.",
    }


@pytest.mark.parametrize("value", ["Bearer", "Bearer a b", "bearer  a,b", 'Bearer "a"', "Bearer a=b"])
def test_what_is_no_token_at_all_is_a_bad_request(world: World, value: str) -> None:
    """RFC 6750 section 3.1: another token would not help."""
    start(world)
    with world.caller() as caller:
        status, headers, body = caller.post(call("get_x"), f"Authorization: {value}", token=False).answer()
    assert status == 400
    assert parameters(headers[b"www-authenticate"])["error"] == "invalid_request"
    assert json.loads(body)["error"]["data"]["reason"] == "auth.header"


def test_another_scheme_proves_nothing(world: World) -> None:
    """As if it were not there: a client may not know yet what is asked for."""
    start(world)
    with world.caller() as caller:
        status, headers, _ = caller.post(call("get_x"), "Authorization: Basic eDp5", token=False).answer()
    assert (status, "error" in parameters(headers[b"www-authenticate"])) == (401, False)


def test_who_comes_back_with_a_better_token_finds_its_connection(world: World) -> None:
    """As a client does after a 401 and a 403; a body that was on its way is read past."""
    start(world)
    with world.caller() as caller:
        assert caller.post(call("get_x"), token=False).json()[0] == 401
        assert caller.post(call("get_x"), "Authorization: Bearer -", token=False).json()[0] == 403
        assert caller.post(call("put_x"), "Authorization: Bearer mcp", token=False).json()[0] == 403
        assert caller.post(call("get_x"), "Authorization: Bearer mcp", token=False).json()[0] == 200


def test_the_metadata_that_a_challenge_names_are_there(world: World) -> None:
    """At the host that was dialled; the port is the public one, which a test does not have."""
    start(world)
    _, challenge, _ = told(world, call("get_x"), None)
    path = challenge["resource_metadata"].removeprefix("https://localhost:8443")
    with world.caller() as caller:
        caller.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert caller.json()[1]["resource"] == "https://localhost:8443/mcp"


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_what_a_route_asks_for_is_needed_for_anything_on_it(world: World, method: str) -> None:
    """Also for what no rule can deny, and for streams."""
    start(world)
    for token, status in (("-", 403), ("other", 403), ("mcp", 200)):
        with world.caller() as caller:
            if method == "POST":
                ping = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
                caller.post(ping, f"Authorization: Bearer {token}", token=False)
            else:
                head = f"{method} /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
                caller.send(head.encode())
            if status == 200 and method != "POST":
                # It got as far as the upstream, which does not know it.
                world.wait_for(lambda: world.upstream.requests)
                continue
            found, headers, body = caller.answer()
            assert found == status
            if status == 403:
                assert parameters(headers[b"www-authenticate"]) == {
                    "resource_metadata": METADATA,
                    "scope": "mcp",
                    "error": "insufficient_scope",
                }
                assert json.loads(body)["error"]["data"]["reason"] == "auth.scope"
    assert len(world.upstream.requests) == 1
    assert world.records("close")[0]["detail"] == "the route server demands more scopes: mcp"


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_a_tool_that_needs_more_is_a_step_up(world: World, revision: str) -> None:
    """One challenge with all that the operation needs, the route's with it; with the request's id."""
    start(world)
    for n, token, needed in (
        (9, "mcp", "mcp tools:read tools:write"),
        (9, "mcp+tools.write", "mcp tools:read tools:write"),
        (1, "mcp", "mcp tools:write"),
        (1, "mcp+tools.write", None),
        (9, "mcp+tools.write+tools.read", None),
    ):
        message: dict[str, Any] = call("put_x", id=5, n=n)
        lines: list[str] = []
        if revision == "2026-07-28":
            message, lines = modern(message)
        status, challenge, error = told(world, message, token, *lines)
        if needed is None:
            assert (status, challenge) == (200, {})
            continue
        assert status == 403
        assert challenge == {
            "resource_metadata": METADATA,
            "scope": needed,
            "error": "insufficient_scope",
        }
        assert error["data"]["scope"] == needed
        assert error["code"] == -31401
    assert len(world.upstream.requests) == 2
    details = {record.get("detail") for record in world.records("close")}
    assert "the rule writes-a-little demands more scopes: tools:write" in details
    refused = [record for record in world.records("open") if record["verdict"] == "block"]
    assert {record["rule"] for record in refused} == {"writes", "writes-a-little"}


def test_what_is_blocked_and_what_no_rule_allows_is_unknown_as_ever(world: World) -> None:
    """No scope is asked for that would not help."""
    start(world)
    for name in ("get_secret", "nothing"):
        status, challenge, error = told(world, call(name), "mcp")
        assert (status, challenge, error["code"]) == (200, {}, -32602)


def test_lists_show_what_another_token_could_use(world: World) -> None:
    """Or no client would know what to ask for."""
    start(world)
    tools = [{"name": name, "inputSchema": {}} for name in ("get_x", "put_x", "drop_x")]

    def listing(sock: ssl.SSLSocket, request: Request) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).encode()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        sock.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    world.upstream.behave = listing
    with world.caller() as caller:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        said = caller.post(message, "Authorization: Bearer mcp", token=False).json()[1]
    assert [tool["name"] for tool in said["result"]["tools"]] == ["get_x", "put_x"]


def test_each_message_of_a_batch_is_judged_by_itself(world: World) -> None:
    """What lacks a scope is answered by an error of its own, and the rest goes on."""
    start(world)

    def both(sock: ssl.SSLSocket, request: Request) -> None:
        answers = [{"jsonrpc": "2.0", "id": each["id"], "result": {}} for each in json.loads(request.body)]
        body = json.dumps(answers).encode()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        sock.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    world.upstream.behave = both
    batch = [call("get_x", id=1), call("put_x", id=2, n=9)]
    with world.caller() as caller:
        lines = ["MCP-Protocol-Version: 2025-03-26", "Authorization: Bearer mcp"]
        status, answers = caller.post(batch, *lines, token=False).json()
    assert status == 200
    found = {each["id"]: each for each in answers}
    assert found[1]["result"] == {}
    assert found[2]["error"]["data"]["scope"] == "mcp tools:read tools:write"
    assert [each["id"] for each in json.loads(world.upstream.requests[0].body)] == [1]


def test_a_notification_that_lacks_a_scope_is_dropped(world: World) -> None:
    """It has no answer."""
    rule = '[[rule]]\nname = "x"\nverdict = "allow"\non = { method = "x/y" }\nrequire = { scope = "x" }\n'
    world.start(world.config(listener=LISTENER, more=rule + issuer()))
    accept_others(world)
    with world.caller() as caller:
        lines = "Authorization: Bearer mcp"
        message = {"jsonrpc": "2.0", "method": "x/y"}
        status, headers, _ = caller.post(message, lines, token=False).answer()
    assert (status, b"www-authenticate" in headers) == (202, False)
    assert world.upstream.requests == []
    assert world.closes(1)[0]["reason"] == "auth.scope"


def test_where_no_issuer_is_accepted_nobody_is_led_anywhere(world: World) -> None:
    """The challenge is as it was, and words say how to get in. An issued token has no scopes."""
    world.start(world.config(listener=LISTENER, more=SCOPED))
    status, challenge, error = told(world, call("get_x"), None)
    assert (status, challenge) == (401, {"realm": "mcpgate"})
    assert "mcpgate token issue" in error["message"]
    status, challenge, error = told(world, call("put_x", n=1), world.token)
    assert status == 403
    assert challenge == {"realm": "mcpgate", "scope": "tools:write", "error": "insufficient_scope"}


@pytest.mark.parametrize("status", [401, 403, 407])
@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_upstreams_own_challenge_stays_there(world: World, status: int, revision: str, kind: str) -> None:
    """It would lead the caller to a foreign server, with a token that is not for it."""
    start(world)
    evil = "https://evil.test/metadata"

    def challenging(sock: ssl.SSLSocket, request: Request) -> None:
        body = json.dumps({"error": "insufficient_scope", "resource_metadata": evil}).encode()
        sock.sendall(b"HTTP/1.1 %d No\r\nContent-Type: %b\r\n" % (status, kind.encode()))
        sock.sendall(b'WWW-Authenticate: Bearer resource_metadata="%b"\r\n' % evil.encode())
        sock.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    world.upstream.behave = challenging
    message: dict[str, Any] = call("get_x")
    lines: list[str] = []
    if revision == "2026-07-28":
        message, lines = modern(message)
    with world.caller() as caller:
        caller.post(message, "Authorization: Bearer mcp", *lines, token=False)
        found, headers, body = caller.answer()
    assert found == 502
    assert evil.encode() not in body and b"www-authenticate" not in headers
    assert json.loads(body)["error"]["data"]["reason"] == "upstream.unauthorized"
