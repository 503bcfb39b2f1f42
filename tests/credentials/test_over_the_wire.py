"""A running gate with a token endpoint on TLS: what the upstream is shown, and what callers and records
are told when there is nothing to show."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.credentials.test_assertion import pem
from tests.credentials.token_server import SECRET, TokenServer, answered, client_of, says
from tests.running import STREAM, Request, World, answer_json, call, chunked, last_event, whole
from tests.upstream.server import nobody
from tests.waiting import eventually

OWN = 'who = { token = "nobody" }\nbearer = "env:HOME"'


@pytest.fixture
def tokens(world: World) -> Iterator[TokenServer]:
    server = TokenServer(world.directory / "upstream.crt", world.directory / "upstream.key")
    yield server
    server.close()


def secret(world: World, name: str, text: str) -> str:
    """A reference to a secret in a file of its own."""
    path = world.directory / name
    path.write_text(text)
    path.chmod(0o600)
    return f"file:{path}"


def table(world: World, name: str = "login", **keys: str) -> str:
    """A C{[[credential]]} table; strings stand as they are, so quoted."""
    lines = "\n".join(f"{key} = {value}" for key, value in keys.items())
    return f'[[credential]]\nname = "{name}"\nupstream = "server"\n{lines}\n'


def grant(world: World, tokens: TokenServer, **keys: str) -> str:
    """One that asks for tokens."""
    given = {
        "grant": '"client_credentials"',
        "token_url": f'"{tokens.url}"',
        "trust": f'"{world.authority}"',
        "client_id": '"ga:te"',
        "client_secret": f'"{secret(world, "client-secret", SECRET)}"',
        **keys,
    }
    return table(world, **{key: value for key, value in given.items() if value})


def shown(world: World) -> list[str]:
    """What the upstream was shown so far."""
    return [request.headers.get(b"authorization", b"").decode() for request in world.upstream.requests]


def ask(world: World, *lines: str, token: bool = True) -> tuple[int, Any]:
    """Call a tool on a connection of its own."""
    with world.caller() as caller:
        return caller.post(call("get_x"), *lines, token=token).json()


def refused(world: World, count: int = 1) -> dict[str, Any]:
    """The last close line, once there are so many."""
    return world.closes(count)[-1]


def test_each_caller_is_shown_with_its_own_secret(world: World) -> None:
    """By name of its token, by group; in a header of whatever name; never the caller's own."""
    now = time.time()
    _, ops = world.issued_file.issue("ann", 3600, now, groups=("ops",))
    _, other = world.issued_file.issue("ben", 3600, now)
    of_ops, of_ci = (f'"{secret(world, name, f"of-{name}")}"' for name in ("ops", "ci"))
    world.start(
        world.config(
            more=table(world, "ops", who='{ group = "ops" }', bearer=of_ops)
            + table(world, "ci", who='{ token = "ci" }', header='"X-Key"', value=of_ci)
        )
    )
    assert ask(world, f"Authorization: Bearer {ops}", token=False)[0] == 200
    assert ask(world, "X-Key: mine")[0] == 200
    status, body = ask(world, f"Authorization: Bearer {other}", token=False)
    assert status == 502 and body["error"]["message"].startswith("The gate has no credential")
    assert shown(world) == ["Bearer of-ops", ""]
    assert world.upstream.requests[1].headers[b"x-key"] == b"of-ci"
    close = refused(world, 3)
    assert close["reason"] == "upstream.credential"
    assert "ben" not in json.dumps(body) and "of-" not in json.dumps(body)


def test_a_caller_brings_no_proof_in_a_header_that_is_for_others(world: World) -> None:
    """With the key of somebody else it would be that one to an upstream that prefers keys."""
    _, ops = world.issued_file.issue("ann", 3600, time.time(), groups=("ops",))
    of_ops, of_all = (f'"{secret(world, name, f"of-{name}")}"' for name in ("ops", "all"))
    world.start(
        world.config(
            more=table(world, "ops", who='{ group = "ops" }', header='"X-Key"', value=of_ops)
            + table(world, "all", bearer=of_all)
        )
    )
    assert ask(world, "X-Key: of-ops")[0] == 200
    assert ask(world, f"Authorization: Bearer {ops}", token=False)[0] == 200
    assert [request.headers.get(b"x-key") for request in world.upstream.requests] == [None, b"of-ops"]


def test_a_caller_does_not_see_what_the_upstream_was_shown_for_others(
    world: World, tokens: TokenServer
) -> None:
    """A tool that shows the last requests, say: to who is shown by a secret, by a token or by the upstream's
    own credential."""
    now = time.time()
    _, ops = world.issued_file.issue("ann", 3600, now, groups=("ops",))
    _, dev = world.issued_file.issue("ben", 3600, now, groups=("dev",))
    secrets = [f"secret-of-{name}-0815" for name in ("ops", "all")]
    of_ops, of_all = (f'"{secret(world, each[:13], each)}"' for each in secrets)
    world.start(
        world.config(
            upstream=f"credential = {{ bearer = {of_all} }}",
            more=table(world, "ops", who='{ group = "ops" }', header='"X-Key"', value=of_ops)
            + grant(world, tokens, who='{ group = "dev" }'),
        )
    )

    def tells(sock: Any, request: Request) -> None:
        said = {"content": [{"type": "text", "text": f"the last ones: {' and '.join(secrets)}"}]}
        sock.sendall(whole(json.dumps({"jsonrpc": "2.0", "id": 1, "result": said}).encode()))

    world.upstream.behave = tells
    for text in (ops, dev, world.token):
        status, body = ask(world, f"Authorization: Bearer {text}", token=False)
        assert status == 200
        assert body["result"]["content"][0]["text"] == "the last ones: [credential] and [credential]"
    assert shown(world) == ["", "Bearer T1", f"Bearer {secrets[1]}"]


def test_where_a_caller_connects_from_may_decide(world: World) -> None:
    """Also for one token on two connections, whose heads are the same to the byte."""
    inside, outside = (f'"{secret(world, name, f"of-{name}")}"' for name in ("inside", "outside"))
    world.start(
        world.config(
            more=table(world, "inside", who='{ address = "127.0.0.2" }', bearer=inside)
            + table(world, "outside", bearer=outside)
        )
    )
    for source in ("127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"):
        with world.caller(source=source) as caller:
            assert [caller.post(call("get_x")).json()[0] for _ in range(2)] == [200, 200]
    assert shown(world) == 2 * (["Bearer of-inside"] * 2 + ["Bearer of-outside"] * 2)


def test_secrets_rotate_without_a_restart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the upstream and of single callers, in files and as a credential of systemd's; a broken one leaves
    what was."""
    (world.directory / "credentials").mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(world.directory / "credentials"))
    _, ops = world.issued_file.issue("ann", 3600, time.time(), groups=("ops",))
    secret(world, "credentials/server", "old-1")
    world.start(
        world.config(
            upstream='credential = { bearer = "credential:server" }',
            more=table(world, "ops", who='{ group = "ops" }', bearer=f'"{secret(world, "a", "old-2")}"'),
        )
    )
    header = f"Authorization: Bearer {ops}"
    with world.caller() as one, world.caller() as two:
        assert one.post(call("get_x")).json()[0] == 200
        assert two.post(call("get_x"), header, token=False).json()[0] == 200
        secret(world, "credentials/server", "new-1")
        secret(world, "a", "new-2")
        world.look()
        assert one.post(call("get_x")).json()[0] == 200
        assert two.post(call("get_x"), header, token=False).json()[0] == 200
        secret(world, "a", "new\n3")
        world.look()
        assert two.post(call("get_x"), header, token=False).json()[0] == 200
    assert shown(world) == [f"Bearer {each}" for each in ("old-1", "old-2", "new-1", "new-2", "new-2")]
    assert "credential.ops.bearer" in world.status()["problem"]
    assert not any(text in json.dumps(world.status()) for text in ("new", "old-"))


@pytest.mark.parametrize("place", ["header", "form"])
def test_a_token_is_asked_for_once_and_shown_to_the_upstream(
    world: World, tokens: TokenServer, place: str
) -> None:
    """By client credentials; the caller waits for the first one, and knows nothing of it."""
    more = grant(
        world,
        tokens,
        client_secret_in=f'"{place}"',
        scope='["read", "call"]',
        audience='"mcp"',
        resource='"https://up.test/mcp"',
    )
    world.start(world.config(more=more))
    for _ in range(2):
        assert ask(world)[0] == 200
    assert shown(world) == ["Bearer T1", "Bearer T1"]
    (form,) = tokens.forms
    if place == "header":
        assert client_of(tokens.requests[0]) == ("ga:te", SECRET)
    else:
        assert b"authorization" not in tokens.requests[0].headers
        assert (form.pop("client_id"), form.pop("client_secret")) == ("ga:te", SECRET)
    assert form == {
        "grant_type": "client_credentials",
        "scope": "read call",
        "audience": "mcp",
        "resource": "https://up.test/mcp",
    }
    assert tokens.requests[0].line == b"POST /oauth/token HTTP/1.1"
    (row,) = world.status()["credentials"]
    assert (row["kind"], row["held"], row["problem"]) == ("client_credentials", 1, None)
    (shake,) = [line for line in world.records("handshake") if line["leg"] == "provider"]
    assert shake["where"] == "login"


def test_the_gate_signs_where_it_has_a_key(world: World, tokens: TokenServer) -> None:
    """private_key_jwt: for the token endpoint's URL, and no secret goes anywhere."""
    key = ec.generate_private_key(ec.SECP256R1())
    path = world.directory / "assertion.key"
    path.write_bytes(pem(key))
    path.chmod(0o600)
    world.start(
        world.config(
            more=grant(world, tokens, client_secret="", assertion_key=f'"{path}"', assertion_key_id='"k1"')
        )
    )
    assert ask(world)[0] == 200
    (form,) = tokens.forms
    public = ECKey.import_key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    token = jwt.decode(form["client_assertion"], public, algorithms=["ES256"])
    assert token.header["kid"] == "k1"
    assert (token.claims["iss"], token.claims["aud"]) == ("ga:te", tokens.url)
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def test_another_secret_of_the_clients_is_taken_up(world: World, tokens: TokenServer) -> None:
    """As other files are, without a restart; a token that was got with the old one is not shown any more."""
    world.start(world.config(more=grant(world, tokens)))
    assert ask(world)[0] == 200
    secret(world, "client-secret", "the-next-one")
    world.look()
    assert ask(world)[0] == 200
    assert [client_of(request)[1] for request in tokens.requests] == [SECRET, "the-next-one"]
    assert shown(world) == ["Bearer T1", "Bearer T2"]


def test_a_key_that_everybody_may_read_is_not_used(world: World, tokens: TokenServer) -> None:
    path = world.directory / "assertion.key"
    path.write_bytes(pem(ec.generate_private_key(ec.SECP256R1())))
    path.chmod(0o644)
    with pytest.raises(Exception, match="everybody on this machine may use it"):
        world.start(world.config(more=grant(world, tokens, client_secret="", assertion_key=f'"{path}"')))


def test_fifty_callers_at_once_ask_once(world: World, tokens: TokenServer) -> None:
    """Single flight, and nobody is left waiting."""
    tokens.open.clear()
    world.start(world.config(more=grant(world, tokens)))
    callers = [world.caller() for _ in range(50)]
    for caller in callers:
        caller.post(call("get_x"))
    eventually(lambda: world.status()["credentials"][0]["waiting"] == 50, "all wait")
    assert world.upstream.requests == []
    tokens.open.set()
    assert [caller.json()[0] for caller in callers] == [200] * 50
    assert len(tokens.requests) == 1 and set(shown(world)) == {"Bearer T1"}
    for caller in callers:
        caller.sock.close()


def test_a_caller_that_leaves_waits_no_more(world: World, tokens: TokenServer) -> None:
    """And its call is not made for nobody."""
    tokens.open.clear()
    world.start(world.config(more=grant(world, tokens)))
    with world.caller() as caller:
        caller.post(call("get_x"))
        eventually(lambda: world.status()["credentials"][0]["waiting"] == 1, "it waits")
    eventually(lambda: world.status()["credentials"][0]["waiting"] == 0, "it is gone")
    tokens.open.set()
    assert ask(world)[0] == 200
    assert len(world.upstream.requests) == 1 and len(tokens.requests) == 1


def test_a_gate_that_stops_leaves_nobody_waiting(world: World, tokens: TokenServer) -> None:
    """Those that wait for a token are ended like others."""
    tokens.open.clear()
    world.start(world.config(more=grant(world, tokens)))
    with world.caller() as caller:
        caller.post(call("get_x"))
        eventually(lambda: world.status()["credentials"][0]["waiting"] == 1, "it waits")
        world.stop_gate()
        with pytest.raises((EOFError, OSError)):
            caller.answer()


def _slow(sock: Any, request: Request) -> None:
    threading.Event().wait(1.5)
    sock.sendall(answered(200, b"{}"))


def _cut(sock: Any, request: Request) -> None:
    sock.sendall(answered(200, b'{"access_token":"T","token_type":"Bearer"}')[:-9])
    sock.unwrap()


GOOD = {"access_token": "T1", "token_type": "Bearer", "expires_in": 60}


@pytest.mark.parametrize(
    ("behaviour", "detail"),
    [
        (says(400, {"error": "invalid_client", "error_description": SECRET}), "400 invalid_client"),
        (says(401, {"error": "invalid_client"}), "401 invalid_client"),
        (says(500, b"Traceback: " + SECRET.encode()), "it answered 500"),
        (says(302, b"", "Location: https://elsewhere.test/"), "it answered 302"),
        (says(200, b"<html>"), "not a JSON object"),
        (says(200, b"x" * 70_000), "more than 65536 bytes"),
        (says(200, GOOD | {"expires_in": 0}), "has expired already"),
        (says(200, GOOD | {"access_token": "a\r\nx: y"}), "no header can carry"),
        (lambda sock, request: sock.sendall(b"garbage\r\n\r\n"), "not HTTP"),
        (_cut, ""),
        (_slow, "within 0.3 s"),
        (lambda sock, request: sock.close(), ""),
    ],
    ids=[
        *("invalid_client", "unauthorized", "fault", "redirect", "html", "large", "expired", "injection"),
        *("garbage", "cut", "slow", "closed"),
    ],
)
def test_what_is_wrong_with_a_token_endpoint_is_in_the_record_alone(
    world: World, tokens: TokenServer, behaviour: Callable[..., None], detail: str
) -> None:
    """Callers are told which leg it is, all in the same words; the next one is refused without asking."""
    tokens.behave(behaviour)
    slow = '"300ms"' if behaviour is _slow else '"5s"'
    world.start(world.config(more=grant(world, tokens, answer_timeout=slow)))
    for _ in range(2):
        status, body = ask(world)
        assert status == 502
        told = json.dumps(body)
        assert body["error"]["message"] == (
            "The gate has no credential for the upstream now, so nothing was sent to it."
        )
        assert SECRET not in told and "token" not in told and "login" not in told
    close = refused(world, 2)
    assert close["reason"] == "upstream.credential" and detail in close["detail"]
    assert close["detail"].startswith("login: the token endpoint: ")
    assert world.upstream.requests == [] and len(tokens.requests) == 1
    seen = json.dumps(world.records()) + json.dumps(world.status())
    assert SECRET not in seen and "elsewhere" not in seen
    assert world.status()["credentials"][0]["problem"]


def test_a_token_endpoint_is_verified_like_an_upstream(world: World, tokens: TokenServer) -> None:
    """By CA, name and pins of its own: what is not it gets no secret, and the handshake is recorded."""
    pin = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    cases = (
        ({"token_url": f'"https://localhost:{nobody()}/token"'}, "upstream.unreachable"),
        ({"trust": '"system"'}, "tls.unknown_ca"),
        ({"pins": f'["{pin}"]'}, "tls.pin"),
        ({"token_url": '"https://other.test/token"', "address": f'"localhost:{tokens.port}"'}, "tls.name"),
    )
    for count, (keys, reason) in enumerate(cases, 1):
        text = world.config(more=grant(world, tokens, **keys))
        world.reload(text) if world.gate is not None else world.start(text)
        status, body = ask(world)
        assert status == 502 and reason not in json.dumps(body)
        shakes = [line for line in world.records("handshake") if line["leg"] == "provider"]
        assert shakes[-1]["reason"] == reason
        assert reason in world.closes(count)[-1]["detail"]
    assert tokens.requests == [] and world.upstream.requests == []


@pytest.mark.parametrize("lifetime", [0.001, 10**400], ids=["short", "long"])
def test_a_token_endpoint_that_says_nonsense_of_times_is_not_asked_without_end(
    world: World, tokens: TokenServer, lifetime: float
) -> None:
    """A token that is over before it is shown is none; one that is good for ever is asked for once a day."""
    tokens.lifetime = lifetime
    world.start(world.config(more=grant(world, tokens)))
    assert ask(world)[0] == (502 if lifetime < 1 else 200)
    assert len(tokens.forms) == 1


def test_a_token_endpoint_that_is_down_is_found_again(world: World, tokens: TokenServer) -> None:
    """A second later, without anybody's doing."""
    tokens.behave(says(503, b"", "Retry-After: 2"))
    world.start(world.config(more=grant(world, tokens)))
    with world.caller() as caller:
        for _ in range(2):
            status, body = caller.post(call("get_x")).json()
            assert status == 502
        assert body["error"]["data"]["retry_after"] == 2
    tokens.behave(None)
    eventually(lambda: ask(world)[0] == 200, "there are tokens again")
    assert world.status()["credentials"][0]["problem"] is None


def test_what_the_upstream_does_not_take_is_replaced(world: World, tokens: TokenServer) -> None:
    """The caller whose call showed it is told which leg it was; the next one is served with a fresh token;
    an upstream that takes none has not the token endpoint asked each time."""

    def picky(sock: Any, request: Request) -> None:
        if request.headers[b"authorization"] == b"Bearer T1":
            sock.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Bearer\r\n\r\n")
        else:
            answer_json(sock, request)

    world.upstream.behave = picky
    world.start(world.config(more=grant(world, tokens)))
    status, body = ask(world)
    assert status == 502 and "did not accept the gate's own credential" in body["error"]["message"]
    assert ask(world)[0] == 200
    assert len(tokens.requests) == 2
    world.upstream.behave = lambda sock, request: sock.sendall(
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
    )
    for _ in range(5):
        assert ask(world)[0] == 502
    assert len(tokens.requests) == 2


def test_a_token_that_is_not_enough_for_one_call_is_kept_for_others(
    world: World, tokens: TokenServer
) -> None:
    """A caller that asks for too much, while the token endpoint is down, does not take it from all."""
    refusal = b'Bearer error="insufficient_scope"'

    def picky(sock: Any, request: Request) -> None:
        if b"too_much" in request.body:
            head = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nWWW-Authenticate: %b\r\n\r\n" % refusal
            return sock.sendall(head)
        answer_json(sock, request)

    world.upstream.behave = picky
    world.start(world.config(more=grant(world, tokens)))
    assert ask(world)[0] == 200
    tokens.behave(says(503, {}))
    with world.caller() as caller:
        assert caller.post(call("get_too_much")).json()[0] == 502
        assert caller.post(call("get_x")).json()[0] == 200
    assert shown(world) == ["Bearer T1"] * 3


def exchanging(world: World, tokens: TokenServer, **keys: str) -> None:
    """A gate that exchanges its callers' tokens."""
    issuer = f'''
[[issuer]]
name = "login"
issuer = "{tokens.issuer}"
audience = "api://gate"
trust = "{world.authority}"
'''
    more = grant(world, tokens, grant='"token_exchange"', **keys) + issuer
    world.start(world.config(listener='public_url = "https://localhost"', more=more))


def test_a_callers_own_token_is_exchanged_for_one_that_the_upstream_takes(
    world: World, tokens: TokenServer
) -> None:
    """Each for its own, on connections that all share; the caller's own goes to the token endpoint alone."""
    actor = secret(world, "actor", "actor-of-the-gate")
    # Nothing that a time or a hash may have in it.
    tokens.prefix = "exchanged."
    exchanging(world, tokens, actor=f'"{actor}"', audience='"mcp"', requested_token_type='"urn:x:access"')
    for name in ("ann", "ben", "ann", "ben"):
        assert ask(world, as_(tokens, name), token=False)[0] == 200
    assert shown(world) == ["Bearer exchanged.1", "Bearer exchanged.2"] * 2
    subjects = [form["subject_token"] for form in tokens.forms]
    assert subjects == [tokens.token_of("ann"), tokens.token_of("ben")]
    assert tokens.forms[0] | {"subject_token": ""} == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "",
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "actor_token": "actor-of-the-gate",
        "actor_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "requested_token_type": "urn:x:access",
        "audience": "mcp",
    }
    assert world.upstream.connections < 4
    theirs = tokens.token_of("ann").encode()
    assert not any(theirs in request.head + request.body for request in world.upstream.requests)
    seen = json.dumps(world.records()) + json.dumps(world.status())
    assert theirs.decode() not in seen and "exchanged." not in seen


def test_pipelined_calls_of_two_callers_never_show_each_others(world: World, tokens: TokenServer) -> None:
    """Also where many come at once, while tokens are being asked for."""
    exchanging(world, tokens)
    names = [f"caller{number}" for number in range(12)]
    callers = [(name, world.caller()) for name in names * 2]
    for name, caller in callers:
        message = call("get_x", id=name)
        caller.send(world.post(message, as_(tokens, name), token=False) * 2)
    for name, caller in callers:
        assert [caller.json()[1]["id"] for _ in range(2)] == [name, name]
        caller.sock.close()
    given = {form["subject_token"]: f"T{number}" for number, form in enumerate(tokens.forms, 1)}
    assert len(given) == 12
    owners: dict[str, set[str]] = {}
    for request in world.upstream.requests:
        name = json.loads(request.body)["id"]
        owners.setdefault(request.headers[b"authorization"].decode(), set()).add(name)
    assert len(owners) == 12 and all(len(names) == 1 for names in owners.values())


def test_what_one_callers_exchange_is_refused_for_is_no_others(world: World, tokens: TokenServer) -> None:
    """A caller whose token is not taken there; and one that has none to exchange."""

    def picky(sock: Any, request: Request) -> None:
        if tokens.token_of("ben").encode() in request.body:
            return says(400, {"error": "invalid_grant"})(sock, request)
        tokens.grant(sock, request)

    tokens.behave(picky)
    exchanging(world, tokens)
    assert ask(world, as_(tokens, "ann"), token=False)[0] == 200
    assert ask(world, as_(tokens, "ben"), token=False)[0] == 502
    assert refused(world, 2)["detail"] == "login: the token endpoint: it answered 400 invalid_grant"
    assert ask(world, as_(tokens, "ann"), token=False)[0] == 200


def test_a_caller_without_a_token_to_exchange_is_told_so_in_the_record(
    world: World, tokens: TokenServer
) -> None:
    """A token that this gate issued goes to nobody else."""
    world.start(world.config(more=grant(world, tokens, grant='"token_exchange"')))
    assert ask(world)[0] == 502
    assert "no token that could be exchanged" in refused(world)["detail"]
    assert tokens.requests == []


def test_a_session_is_ended_with_what_it_was_opened_with(world: World, tokens: TokenServer) -> None:
    """Also by the gate itself, when nobody is there any more."""
    opened = b'{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{},'
    opened += b'"serverInfo":{"name":"s","version":"1"}}}'

    def stateful(sock: Any, request: Request) -> None:
        if request.line.startswith(b"POST"):
            line = b"Mcp-Session-Id: s1\r\nContent-Length: %d\r\n\r\n" % len(opened)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + line + opened)
        else:
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    world.upstream.behave = stateful
    exchanging(world, tokens)
    initialize = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "c", "version": "1"},
        },
    }
    assert ask_message(world, initialize, as_(tokens, "ann")) == 200
    assert world.gate is not None and world.gate.serving is not None
    serving = world.gate.serving
    mark = next((world.state / "sessions").glob("[0-9a-f]*"))
    assert json.loads(mark.read_bytes())["credential"] == "login"
    long_ago = time.time() - 2 * 86400
    serving.force.sessions.marks.put_off(mark.name, long_ago)
    world.loop.call(serving._idle.sweep)
    eventually(lambda: len(world.upstream.requests) == 2, "it is ended")
    assert shown(world) == ["Bearer T1", "Bearer T1"]
    assert world.upstream.requests[1].line.startswith(b"DELETE")


def as_(tokens: TokenServer, name: str) -> str:
    """The header of a caller whose token that server has issued."""
    return f"Authorization: Bearer {tokens.token_of(name)}"


def ask_message(world: World, message: dict[str, Any], *lines: str) -> int:
    """Send any message on a connection of its own."""
    with world.caller() as caller:
        status: int = caller.post(message, *lines, token=False).answer()[0]
    return status


def test_an_issuer_may_say_itself_where_tokens_are_asked_for(world: World, tokens: TokenServer) -> None:
    """Then its own keys for TLS count."""
    exchanging(world, tokens, token_url="", trust="", issuer='"login"')
    assert ask(world, as_(tokens, "ann"), token=False)[0] == 200
    assert shown(world) == ["Bearer T1"]
    (form,) = tokens.forms
    assert form["subject_token"] == tokens.token_of("ann")


def test_an_issuer_that_says_nothing_of_a_token_endpoint_is_no_use(
    world: World, tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers are not kept waiting for long."""
    monkeypatch.setattr("mcpgate.credentials.kept.DISCOVERED_WITHIN", 0.2)

    def silent(sock: Any, request: Request) -> None:
        if b"openid-configuration" in request.line:
            return says(200, {"issuer": tokens.issuer, "jwks_uri": f"{tokens.issuer}/jwks"})(sock, request)
        tokens.grant(sock, request)

    tokens.behave(silent)
    exchanging(world, tokens, token_url="", trust="", issuer='"login"')
    assert ask(world, as_(tokens, "ann"), token=False)[0] == 502
    assert "the issuer's discovery document names none" in refused(world)["detail"]


def test_what_was_shown_is_not_said_again_even_if_it_is_not_kept_any_more(
    world: World, tokens: TokenServer
) -> None:
    """A token that was got for the caller, in the answer to a call that is older than the configuration."""
    token = "t0ken-that-was-asked-for-and-is-a-secret"
    tokens.members["access_token"] = token
    waiting, go_on = threading.Event(), threading.Event()

    def leak(sock: Any, request: Request) -> None:
        waiting.set()
        go_on.wait(20)
        shown = request.headers[b"authorization"].decode()
        result = {"content": [{"type": "text", "text": f"you said {shown}"}]}
        id = json.loads(request.body)["id"]
        sock.sendall(whole(json.dumps({"jsonrpc": "2.0", "id": id, "result": result}).encode()))

    world.upstream.behave = leak
    world.start(world.config(more=grant(world, tokens)))
    with world.caller() as caller:
        caller.post(call("get_x"))
        assert waiting.wait(20)
        world.reload(world.config(more=grant(world, tokens, client_id='"another"')))
        go_on.set()
        status, body = caller.json()
    assert status == 200 and "you said" in json.dumps(body)
    assert token not in json.dumps(body) and token not in json.dumps(world.records())


def test_what_is_answered_in_a_callers_place_shows_the_same(world: World, tokens: TokenServer) -> None:
    """The upstream asks the caller what it may not ask; the gate says no, on behalf of that caller."""

    def asks(sock: Any, request: Request) -> None:
        message = json.loads(request.body)
        if "error" in message:
            return sock.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        question = b'data: {"jsonrpc":"2.0","id":7,"method":"roots/list"}\n\n'
        sock.sendall(STREAM + chunked(question) + chunked(last_event(request)) + chunked(b""))

    world.upstream.behave = asks
    exchanging(world, tokens)
    for name in ("ann", "ben"):
        assert ask_message(world, call("get_x"), as_(tokens, name)) == 200
    eventually(lambda: len(world.upstream.requests) == 4, "both questions are declined")
    answers = [request for request in world.upstream.requests if b'"error"' in request.body]
    assert [request.headers[b"authorization"] for request in answers] == [b"Bearer T1", b"Bearer T2"]
