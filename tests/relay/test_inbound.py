"""A caller's connection: requests cut out of bytes, in order, each judged anew when it must be."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time

import pytest

from mcpgate.identity.issued import TokenFile
from tests.running import STREAM, Request, World, call, chunked, event, held, modern, reply, whole
from tests.waiting import PATIENCE

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def test_pipelined_requests_are_answered_in_order(world: World) -> None:
    """Twenty at once, each answer with its own id."""
    world.start()
    with world.caller() as caller:
        caller.send(b"".join(world.post(call("get_x", id=number)) for number in range(20)))
        assert [caller.json()[1]["id"] for _ in range(20)] == list(range(20))
    assert world.upstream.connections == 1


def test_a_request_may_come_one_byte_at_a_time(world: World) -> None:
    """Whatever TLS records it is cut into, it is the same request."""
    world.start()
    with world.caller() as caller:
        for byte in world.post(call("get_x")):
            caller.send(bytes([byte]))
        assert caller.json()[0] == 200


def test_the_connection_is_kept_between_requests_on_both_legs(world: World) -> None:
    """One handshake on each leg serves many calls."""
    world.start()
    with world.caller() as caller:
        for number in range(5):
            assert caller.post(call("get_x", id=number)).json() == (
                200,
                {"jsonrpc": "2.0", "id": number, "result": {}},
            )
    assert world.upstream.connections == 1
    assert len(world.records("handshake")) == 2


def test_connection_close_is_honoured(world: World) -> None:
    """After the answer nothing more is served."""
    world.start()
    with world.caller() as caller:
        caller.send(world.post(PING, "Connection: close") + world.post(PING))
        assert caller.json()[0] == 200
        assert caller.closed()
    assert len(world.upstream.requests) == 1


def test_without_a_token_the_answer_says_how_to_get_in(world: World) -> None:
    """A 401 with a challenge and words; nothing reaches the upstream; the record says why."""
    world.start()
    with world.caller() as caller:
        status, headers, body = caller.post(PING, token=False).answer()
        assert status == 401
        assert headers[b"www-authenticate"].startswith(b"Bearer ")
        error = json.loads(body)["error"]
        assert "mcpgate token issue" in error["message"]
        assert error["data"]["reason"] == "auth.missing"
        # The body was small and well-framed, so the connection lives on.
        assert caller.post(PING).json()[0] == 200
    assert len(world.upstream.requests) == 1
    assert world.closes(2)[0]["reason"] == "auth.missing"


@pytest.mark.parametrize("scheme", ["Bearer mcpgate_aaaaaaaaaaaa_" + "b" * 43, "Bearer x", "Basic eDp5"])
def test_a_wrong_token_is_refused(world: World, scheme: str) -> None:
    """Whatever it looks like."""
    world.start()
    with world.caller() as caller:
        status, headers, _ = caller.post(PING, f"Authorization: {scheme}", token=False).answer()
    assert status == 401
    assert b"www-authenticate" in headers


def test_a_revoked_token_is_refused_on_a_connection_that_used_it(world: World) -> None:
    """What was judged before is judged again when the tokens change."""
    world.start()
    with world.caller() as caller:
        assert caller.post(PING).json()[0] == 200
        TokenFile(world.state / "tokens.json").revoke("ci", time.time())
        world.look()
        status, answer = caller.post(PING).json()
    assert (status, answer["error"]["data"]["reason"]) == (401, "auth.revoked")


def test_a_token_expires_on_a_connection_that_used_it(world: World) -> None:
    """Being judged once does not outlive the token."""
    world.start()
    assert world.gate is not None and world.gate.force is not None
    with world.caller() as caller:
        assert caller.post(PING).json()[0] == 200
        world.gate.force.wall = lambda: world.issued.expires + 1
        status, answer = caller.post(PING).json()
    assert (status, answer["error"]["data"]["reason"]) == (401, "auth.expired")


def test_a_host_other_than_the_server_name_is_misdirected(world: World) -> None:
    """421, also when the gate has that name on another certificate."""
    world.start()
    with world.caller(sni="localhost") as caller:
        raw = world.post(PING).replace(b"Host: localhost", b"Host: gate.test")
        status, answer = caller.send(raw).json()
    assert (status, answer["error"]["data"]["reason"]) == (421, "frame.misdirected")


def test_a_host_that_is_not_ours_is_misdirected(world: World) -> None:
    """Which is what a page that rebinds DNS would send."""
    world.start()
    with world.caller() as caller:
        raw = world.post(PING).replace(b"Host: localhost", b"Host: evil.example")
        assert caller.send(raw).json()[0] == 421


def test_an_oversized_body_is_refused_before_it_is_sent(world: World) -> None:
    """At the end of the head: no 100 Continue, no reading on."""
    world.start(world.config(more='[limits]\nbody_size = "1KiB"'))
    with world.caller() as caller:
        head = world.post(b"x" * 4096, "Expect: 100-continue").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        status, answer = caller.send(head).json()
        assert (status, answer["error"]["data"]["reason"]) == (413, "frame.body_size")
        assert caller.closed()


def test_an_unknown_caller_is_not_invited_to_send_its_body(world: World) -> None:
    """401 comes in place of 100 Continue."""
    world.start()
    with world.caller() as caller:
        head = world.post(PING, "Expect: 100-continue", token=False).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        assert caller.send(head).json()[0] == 401


def test_a_known_caller_is_invited_to_send_its_body(world: World) -> None:
    """100 Continue, then the answer."""
    world.start()
    with world.caller() as caller:
        head, _, body = world.post(PING, "Expect: 100-continue").partition(b"\r\n\r\n")
        assert caller.send(head + b"\r\n\r\n").read_head()[0] == 100
        assert caller.send(body).json()[0] == 200
    assert b"expect" not in world.upstream.requests[0].headers


def test_a_chunked_body_reaches_the_upstream_with_its_length(world: World) -> None:
    """The framing is the gate's, the bytes are the caller's."""
    world.start()
    body = json.dumps(PING).encode()
    head = world.post(PING).partition(b"\r\n\r\n")[0].rpartition(b"\r\n")[0]
    with world.caller() as caller:
        caller.send(head + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        for byte in body:
            caller.send(b"1\r\n%c\r\n" % byte)
        caller.send(b"0\r\n\r\n")
        assert caller.json()[0] == 200
    (seen,) = world.upstream.requests
    assert seen.body == body
    assert b"transfer-encoding" not in seen.headers


@pytest.mark.parametrize("body", [b"401\r\n", b"400\r\n" + b"x" * 0x400 + b"\r\n1\r\n"], ids=["one", "two"])
def test_a_chunked_body_beyond_the_limit_is_refused(world: World, body: bytes) -> None:
    """As soon as a chunk is announced that is too much; it need not come first."""
    world.start(world.config(more='[limits]\nbody_size = "1KiB"'))
    head = world.post(PING).partition(b"\r\n\r\n")[0].rpartition(b"\r\n")[0]
    with world.caller() as caller:
        caller.send(head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        assert caller.json()[0] == 413
        assert caller.closed()


@pytest.mark.parametrize(
    ("body", "reason", "code"),
    [
        (b'{"jsonrpc":"2.0","id":5,"method":"ping","method":"tools/call"}', "frame.duplicate_key", -32700),
        (b'{"jsonrpc":"2.0","id":5,"method":"ping",}', "frame.json", -32700),
        (b'[{"jsonrpc":"2.0","id":5,"method":"ping"}]', "frame.batch", -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', "frame.id", -32600),
        (b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{}}', "frame.params", -32602),
    ],
)
def test_a_body_that_two_parsers_could_read_differently_is_refused(
    world: World, body: bytes, reason: str, code: int
) -> None:
    """400 with a JSON-RPC error, and the upstream saw nothing."""
    world.start()
    with world.caller() as caller:
        # Of a revision without batches, so that there is nothing about an array that could be meant.
        status, answer = caller.post(body, "MCP-Protocol-Version: 2025-11-25").json()
    assert status == 400
    assert (answer["error"]["code"], answer["error"]["data"]["reason"]) == (code, reason)
    # The request's own id wherever it is beyond doubt, so that its caller does not wait for ever.
    assert answer["id"] == (5 if reason == "frame.params" else None)
    assert world.upstream.requests == []


def test_a_head_that_never_ends_is_refused_at_its_limit(world: World) -> None:
    """431 after the limit, not after the memory is full."""
    world.start()
    with world.caller() as caller:
        caller.send(b"POST /mcp HTTP/1.1\r\nX: " + b"a" * 40_000)
        assert caller.json()[0] == 431
        assert caller.closed()


def test_slow_heads_and_bodies_end_at_their_deadline(world: World) -> None:
    """The deadline is absolute: a byte now and then does not move it."""
    world.start(world.config(more='[limits]\nhead_timeout = "300ms"\nbody_timeout = "300ms"'))
    with world.caller() as caller:
        caller.send(b"POST /mcp HTTP/1.1\r\n")
        assert caller.json()[0] == 408
    with world.caller() as caller:
        caller.send(world.post(PING)[:-1])
        assert caller.json()[0] == 408
    reasons = [record["reason"] for record in world.closes(2)]
    assert reasons == ["frame.timeout", "frame.timeout"]


def test_an_idle_connection_is_closed_in_good_order(world: World) -> None:
    """With close_notify, after the idle timeout."""
    world.start(world.config(more='[limits]\nidle_timeout = "300ms"'))
    with world.caller() as caller:
        assert caller.post(PING).json()[0] == 200
        assert caller.sock.recv(1) == b""


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("PUT /mcp", 405),
        ("OPTIONS /mcp", 405),
        ("GET /other", 404),
        ("GET /mcp?x=1", 404),
        ("GET /mcp/", 404),
    ],
)
def test_what_is_not_served_is_told_plainly(world: World, line: str, status: int) -> None:
    """Routing is by exact match, and only three methods are served."""
    world.start()
    with world.caller() as caller:
        caller.send(world.bare(*line.split()))
        assert caller.answer()[0] == status
    assert world.upstream.requests == []


def test_a_refused_head_request_is_answered_without_a_body(world: World) -> None:
    """A body would be taken for the next answer."""
    world.start()
    with world.caller() as caller:
        caller.send(
            f"HEAD /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {world.token}\r\n\r\n".encode()
        )
        assert caller.read_head()[0] == 405
        assert caller.post(PING).json()[0] == 200


def test_a_caller_that_pipelines_and_does_not_read_is_held_back(world: World) -> None:
    """Its answers do not pile up in the gate, and none is lost once it reads."""
    size = 60_000
    world.upstream.behave = lambda sock, request: sock.sendall(whole(reply(request, size)))
    world.start()
    count = 200
    with world.caller(receive_buffer=16 * 1024) as caller:
        sender = threading.Thread(target=caller.send, args=(world.post(PING) * count,), daemon=True)
        sender.start()
        world.wait_for(lambda: world.congested)
        assert len(world.upstream.requests) < count
        for _ in range(count):
            assert len(caller.answer()[2]) == size
        sender.join(PATIENCE)


def test_a_remembered_head_does_not_stand_for_one_with_another_framing(world: World) -> None:
    """A GET may have a length of zero and no other: its body would be read as the next request."""
    world.start()
    smuggled = world.post(call("get_smuggled"))
    head = world.bare("GET").removesuffix(b"\r\n") + b"Content-Length: %d\r\n\r\n"
    with world.caller() as caller:
        assert caller.send(head % 0).answer()[0] != 400
        status, answer = caller.send(head % len(smuggled) + smuggled).json()
    assert (status, answer["error"]["data"]["reason"]) == (400, "frame.length")
    assert all(b"get_smuggled" not in request.body for request in world.upstream.requests)


def test_an_expectation_of_nothing_is_not_remembered(world: World) -> None:
    """The next request with that head has a body, and waits for its invitation."""
    world.start()
    body = json.dumps(PING).encode()
    head = world.post(b"", "Expect: 100-continue").removesuffix(b"0\r\n\r\n") + b"%d\r\n\r\n"
    with world.caller() as caller:
        assert caller.send(head % 0).json()[0] == 400
        assert caller.send(head % len(body)).read_head()[0] == 100
        assert caller.send(body).json()[0] == 200


def test_a_caller_that_sent_much_ahead_is_still_noticed_when_it_leaves(world: World) -> None:
    """While it is not read, its FIN ends what it asked for."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        sock.recv(1)

    world.upstream.behave = behave
    world.start()
    caller = world.caller()
    caller.post(call("get_x")).read_head()
    caller.send(world.post(PING) * 200)
    (inbound,) = world.listening.connections
    world.wait_for(lambda: not inbound.stream._reading)
    # A FIN and no more: a reset would be told whether one reads or not.
    caller.sock.shutdown(socket.SHUT_WR)
    assert world.upstream.gone.wait(PATIENCE)
    assert world.closes(1)[0]["reason"] == "client.gone"
    caller.sock.close()


def test_after_a_body_that_is_not_json_nothing_more_is_read(world: World) -> None:
    """Whoever sends a form to an MCP server may be wrong about its length, too."""
    world.start()
    with world.caller() as caller:
        raw = world.post(b"a=1").replace(b"application/json", b"application/x-www-form-urlencoded")
        assert caller.send(raw + world.post(PING)).json()[0] == 415
        assert caller.closed()
    assert world.upstream.requests == []


def test_a_head_that_is_hopeless_is_refused_at_once_wherever_it_is_cut(world: World) -> None:
    """A CR at the end of one piece may be half of a line's end; what follows it says that it is not."""
    world.start()
    with world.caller() as caller:
        caller.send(b"POST /mcp HTTP/1.1\r\nA: b\r")
        world.wait_for(lambda: [each for each in world.listening.connections if each._judged])
        assert caller.send(b"xyz").answer()[0] == 400
        assert caller.closed()


ADDRESSED = """
[[rule]]
name = "near"
verdict = "allow"
who = { address = "127.0.0.2" }
on = { name = "near_*" }
"""
NEW_LEG = """
[[rule]]
name = "new"
verdict = "allow"
on = { name = "new_*" }
require = { "inbound.version" = "TLSv1.3" }
"""


def test_one_head_is_judged_for_each_address_that_sends_it(world: World) -> None:
    """The very bytes of the one caller, from elsewhere, are another's."""
    world.start(world.config(more=ADDRESSED))
    with world.caller(source="127.0.0.2") as near, world.caller(source="127.0.0.3") as far:
        for _ in range(2):
            assert near.post(call("near_x")).json()[1]["result"] == {}
            assert far.post(call("near_x")).json()[1]["error"]["message"] == "Unknown tool: near_x"
    assert {one["rule"] for one in world.records("open")} == {"near", None}


def test_a_reload_that_looks_at_addresses_counts_on_open_connections(world: World) -> None:
    """Heads that were judged for all callers alike are judged again, for each."""
    world.start()
    with world.caller(source="127.0.0.2") as near, world.caller(source="127.0.0.3") as far:
        for caller in (near, far):
            assert "error" in caller.post(call("near_x")).json()[1]
        world.reload(world.config(more=ADDRESSED))
        for _ in range(2):
            assert "result" in near.post(call("near_x")).json()[1]
            assert "error" in far.post(call("near_x")).json()[1]
        world.reload(world.config())
        assert "error" in near.post(call("near_x")).json()[1]


def test_what_the_callers_leg_negotiated_is_judged_for_each_connection(world: World) -> None:
    """One that is not as demanded is told so, by a tool's result that says why."""
    world.start(world.config(listener='profile = "intermediate"', more=NEW_LEG))
    with world.caller() as new, world.caller(version=ssl.TLSVersion.TLSv1_2) as old:
        assert (new.sock.version(), old.sock.version()) == ("TLSv1.3", "TLSv1.2")
        for _ in range(2):
            assert new.post(call("new_x")).json()[1]["result"] == {}
            refused = old.post(call("new_x")).json()[1]["result"]
            assert refused["isError"] and "policy.transport" in refused["content"][0]["text"]
        assert old.post(call("get_x")).json()[1]["result"] == {}
    assert [one["reason"] for one in world.closes(5) if one["reason"]] == ["policy.transport"] * 2


def test_arguments_are_judged_for_each_call(world: World) -> None:
    """Though the name is known; and what a rule in the shadow would have said is on record."""
    world.start(
        world.config(
            more="""
[[rule]]
name = "below"
verdict = "allow"
on = { name = "read" }
where = { "arguments.path" = "/srv/*" }
[[rule]]
name = "new"
verdict = "block"
on = { name = "read" }
where = { "arguments.path" = "*.key" }
shadow = true
"""
        )
    )
    with world.caller() as caller:
        paths = {"/srv/a": True, "/etc/a": False, "/srv/../etc/a": False, "/srv/a.key": True}
        for path, good in paths.items():
            result = caller.post(call("read", path=path)).json()[1]["result"]
            assert ("isError" not in result) is good, path
    opened = world.records("open")
    assert [one["verdict"] for one in opened] == ["allow", "block", "block", "allow"]
    assert [one.get("shadow") for one in opened] == [None, None, None, {"new": "block"}]
    assert "/srv" not in str(opened)


LISTEN = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {}}
MASK = '[[rule]]\nname = "no-mail"\nmask = ["email"]\n'
OTHER = '[[rule]]\nname = "other"\non = { name = "other_*" }\nverdict = "block"\n'


@pytest.mark.parametrize("form", ["GET", "listen"])
@pytest.mark.parametrize("change", ["masked", "closed", "other"])
def test_a_stream_is_not_above_rules_that_are_younger_than_it(world: World, form: str, change: str) -> None:
    """It ends between two events where they would mask what it brings, or not let it begin; opened again it
    goes by them. Where they mean the same for it, it goes on."""
    go = threading.Event()
    mail = event().replace(b'"n":0', b'"level":"info","data":"kim@example.com"')

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(event()))
        go.wait(PATIENCE)
        sock.sendall(chunked(mail))

    world.upstream.behave = behave
    world.start()
    message, lines = modern(LISTEN)
    asked = world.post(message, *lines) if form == "listen" else world.bare("GET")
    with world.caller() as caller:
        _, headers = caller.send(asked).read_head()
        caller.read_chunk()
        text = world.config(more={"masked": MASK, "closed": "", "other": OTHER}[change])
        who = 'who = { token = "none" }\n' if change == "closed" else ""
        world.reload(text.replace('name = "some"\n', f'name = "some"\n{who}'))
        go.set()
        if change == "other":
            assert caller.read_chunk() == mail
            return
        assert caller.read_body(headers) == b""
        if change == "masked":
            caller.sock.close()
            with world.caller() as again:
                again.send(asked).read_head()
                assert again.read_chunk() + again.read_chunk() == event() + mail.replace(
                    b"kim@example.com", b"[email]"
                )
    reason = {"masked": "policy.content", "closed": "policy.unlisted"}[change]
    assert reason in [one["reason"] for one in world.records("close")]


def test_a_notification_needs_the_connection_that_its_rule_demands(world: World) -> None:
    """As a request does; it is dropped, alone and in a batch, and the record says why."""
    pinned = '[[rule]]\nname = "p"\nverdict = "allow"\non = { method = "notifications/x" }\n'
    pinned += 'require = { "outbound.pinned" = true }\n'
    said = {"jsonrpc": "2.0", "method": "notifications/x", "params": {}}
    world.start(world.config(more=pinned))
    with world.caller() as caller:
        assert caller.post(said).answer()[0] == 202
        assert caller.post([said]).answer()[0] == 202
        assert world.upstream.requests == []
        assert [one["reason"] for one in world.closes(2)] == ["policy.transport"] * 2
    world.reload(world.config(more=pinned, upstream=f'pins = ["{world.pin}"]'))
    with world.caller() as caller:
        assert caller.post(said).answer()[0] == 202
    assert json.loads(world.upstream.requests[0].body) == said


@pytest.mark.parametrize("change", ["revoked", "blocked", "other"])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_a_body_that_takes_its_time_is_judged_by_what_is_in_force_then(
    world: World, form: str, change: str
) -> None:
    """Whoever kept some of it back would call with a token that is good nowhere any more."""
    world.start()
    raw = world.post(call("get_x", a="x" * 100))
    if form == "chunked":
        head, _, body = raw.partition(b"\r\n\r\n")
        head = head[: head.rindex(b"\r\n")] + b"\r\nTransfer-Encoding: chunked"
        raw = head + b"\r\n\r\n" + chunked(body) + b"0\r\n\r\n"
    with world.caller() as caller:
        caller.send(raw[:-50])
        world.wait_for(lambda: [each for each in world.listening.connections if each._awaiting is not None])
        if change == "revoked":
            world.issued_file.revoke("ci", time.time())
            world.look()
        else:
            name = "get_x" if change == "blocked" else "other_x"
            world.reload(world.config(more=OTHER.replace("other_*", name)))
        status, answer = caller.send(raw[-50:]).json()
        if change == "revoked":
            assert (status, answer["error"]["data"]["reason"]) == (401, "auth.revoked")
        else:
            assert (status, "error" in answer) == (200, change == "blocked")
        assert len(world.upstream.requests) == (change == "other")
        # The connection is where its caller believes it is.
        assert caller.post(call("get_x")).answer()[0] == status
    assert {one["principal"] for one in world.records("open")} <= {"ci", None}


def test_a_call_that_waits_for_a_connection_is_not_made_with_a_revoked_token(world: World) -> None:
    """It is good nowhere from then on; and others are served."""
    world.start(world.config(upstream="connections = 1"))
    _, other = world.issued_file.issue("other", 3600, time.time())
    world.look()
    with held(world.upstream) as release, world.caller() as first, world.caller() as second:
        mine, world.token = world.token, other
        first.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        world.token = mine
        second.post(call("get_y"))
        assert world.gate is not None and world.gate.force is not None
        pools = world.gate.force.pools
        world.wait_for(lambda: any(pool.counts()["waiting"] for pool in pools.values()))
        world.issued_file.revoke("ci", time.time())
        world.look()
        release()
        assert first.answer()[0] == 200
        status, answer = second.json()
        assert (status, answer["error"]["data"]["reason"]) == (401, "auth.revoked")
        world.token = other
        assert second.post(call("get_z")).answer()[0] == 200
    assert [json.loads(one.body)["params"]["name"] for one in world.upstream.requests] == ["get_x", "get_z"]


def test_a_stream_is_not_opened_over_a_connection_that_no_rule_would_take(world: World) -> None:
    """What comes on it may be what the rules want encrypted so; nor does an answer pass."""
    text = world.config(listener='profile = "intermediate"')
    allow = 'require = { "inbound.version" = "TLSv1.3" }\nverdict = "allow"'
    world.upstream.behave = lambda sock, request: sock.sendall(STREAM + chunked(event()) + b"0\r\n\r\n")
    world.start(text.replace('verdict = "allow"', allow))
    with world.caller() as new, world.caller(version=ssl.TLSVersion.TLSv1_2) as old:
        assert old.send(world.bare("GET")).answer()[0] == 405
        assert old.post({"jsonrpc": "2.0", "id": 1, "result": {}}).answer()[0] == 202
        assert world.upstream.requests == []
        assert new.send(world.bare("GET")).answer()[0] == 200
