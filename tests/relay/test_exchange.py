"""One exchange: what the upstream sees, what the caller gets, what is written down."""

from __future__ import annotations

import contextlib
import gc
import json
import resource
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from mcpgate.evidence import witness
from mcpgate.evidence.journal import JournalError
from mcpgate.identity.denied import Denied
from mcpgate.relay.answering import Answering
from mcpgate.relay.exchange import Exchange
from mcpgate.relay.reply import Document, Events
from mcpgate.tls import stream
from mcpgate.tls.localca import write_pair
from tests.running import (
    STREAM,
    Behaviour,
    Request,
    World,
    answer_json,
    call,
    chunked,
    event,
    held,
    last_event,
    modern,
    reply,
    sized,
    whole,
)
from tests.waiting import PATIENCE


def test_an_allowed_call_reaches_the_upstream_byte_for_byte(world: World) -> None:
    """What policy judged is what the upstream gets, spacing and number forms included."""
    world.start()
    body = (
        b'{ "method":"tools/call","id" : 1,"jsonrpc":"2.0","params":{"name":"get_x","arguments":{"n":1.10}}}'
    )
    with world.caller() as caller:
        status, answer = caller.post(body).json()
    assert (status, answer) == (200, {"jsonrpc": "2.0", "id": 1, "result": {}})
    assert world.upstream.requests[0].body == body
    assert world.upstream.requests[0].line == b"POST /upstream/mcp HTTP/1.1"


def test_the_callers_credentials_cookies_and_claims_stay_at_the_gate(world: World) -> None:
    """The upstream sees the gate's credential and nothing that the caller proved itself with."""
    secret = world.directory / "secret"
    secret.write_text("upstream-secret\n")
    secret.chmod(0o600)
    world.start(world.config(upstream=f'credential = {{ bearer = "file:{secret}" }}'))
    with world.caller() as caller:
        caller.post(
            call("get_x"), "Cookie: a=b", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=x", "X-Kept: yes"
        )
        assert caller.json()[0] == 200
    (seen,) = world.upstream.requests
    assert seen.headers[b"authorization"] == b"Bearer upstream-secret"
    assert seen.headers[b"host"] == f"localhost:{world.upstream.port}".encode()
    assert seen.headers[b"x-kept"] == b"yes"
    assert not {b"cookie", b"x-forwarded-for", b"forwarded"} & set(seen.headers)
    assert world.token.encode() not in seen.head


def test_an_unlisted_tool_and_a_blocked_one_are_answered_alike_as_unknown(world: World) -> None:
    """A refusal does not tell whether the tool exists; the record does."""
    world.start()
    with world.caller() as caller:
        answers = [caller.post(call(name, id="q")).json() for name in ("rm", "get_secret")]
    for (status, answer), name in zip(answers, ("rm", "get_secret"), strict=True):
        assert status == 200
        assert answer == {
            "jsonrpc": "2.0",
            "id": "q",
            "error": {"code": -32602, "message": f"Unknown tool: {name}"},
        }
    assert world.upstream.requests == []
    closed = world.closes(2)
    assert [record["reason"] for record in closed] == ["policy.unlisted", "policy.blocked"]
    assert world.records("open")[1]["rule"] == "never"


def test_block_answers_follow_the_revision(world: World) -> None:
    """Unknown methods and resources are told as each era tells them."""
    world.start()
    unknown = {"jsonrpc": "2.0", "id": 0, "method": "acme/extra"}
    read = {"jsonrpc": "2.0", "id": 0, "method": "resources/read", "params": {"uri": "file:///etc/passwd"}}
    with world.caller() as caller:
        assert caller.post(unknown).json() == (
            200,
            {
                "jsonrpc": "2.0",
                "id": 0,
                "error": {"code": -32601, "message": "Method not found", "data": "acme/extra"},
            },
        )
        newer, lines = modern(unknown)
        assert caller.post(newer, *lines).json()[0] == 404
        assert caller.post(read).json()[1]["error"]["code"] == -32002
        newer, lines = modern(read)
        assert caller.post(newer, *lines).json()[1]["error"]["code"] == -32602


def test_a_blocked_notification_is_accepted_and_dropped(world: World) -> None:
    """A notification has no answer in which it could be refused."""
    world.start()
    with world.caller() as caller:
        status, _, body = caller.post({"jsonrpc": "2.0", "method": "notifications/acme"}).answer()
    assert (status, body) == (202, b"")
    assert world.upstream.requests == []


def test_every_exchange_has_an_open_line_before_and_a_close_line_after(world: World) -> None:
    """Both name the handshakes of both legs, which are in the journal before them."""
    order: list[str] = []

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        order.extend(record["type"] for record in world.records())
        answer_json(sock, request)

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        body = caller.post(call("get_x")).answer()[2]
        world.closes(1)
    assert order == ["handshake", "handshake", "open"]
    inbound, outbound, opened, closed = world.records()
    assert (inbound["leg"], outbound["leg"]) == ("inbound", "outbound")
    assert (opened["inbound"], opened["outbound"]) == (inbound["id"], outbound["id"])
    assert (closed["id"], closed["outbound"]) == (opened["id"], outbound["id"])
    assert (opened["principal"], opened["method"], opened["name"], opened["rule"]) == (
        "ci",
        "tools/call",
        "get_x",
        "some",
    )
    assert (closed["outcome"], closed["status"], closed["bytes_out"]) == ("completed", 200, len(body))
    assert 0 < closed["waited"] < closed["seconds"]


def test_an_event_stream_is_handed_on_event_by_event(world: World) -> None:
    """The first event is with the caller while the upstream has not written the second."""
    events = [b"event: message\n" + event(number) for number in range(3)]
    received: list[bytes] = []

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        events.append(last_event(request))
        sock.sendall(STREAM)
        for number, one in enumerate(events):
            sock.sendall(chunked(one))
            world.wait_for(lambda number=number: len(received) > number)
        sock.sendall(b"0\r\n\r\n")

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        status, headers = caller.post(call("get_x")).read_head()
        assert (status, headers[b"content-type"]) == (200, b"text/event-stream")
        assert world.status()["callers"]["streams"] == 1
        for _ in range(4):
            received.append(caller.read_chunk())
        assert caller.read_chunk() == b""
        assert received == events
        # The connection is clean: it serves the next request.
        world.upstream.behave = answer_json
        assert caller.post(call("get_x")).answer()[0] == 200
        world.closes(2)
        assert world.status()["callers"]["streams"] == 0
    assert world.upstream.connections == 1
    assert [line.get("streamed") for line in world.records("close")] == [True, None]


def test_a_caller_that_goes_away_ends_the_upstreams_work(world: World) -> None:
    """A disconnect is carried across, and the record says whose it was."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        assert sock.recv(1) == b""

    world.upstream.behave = behave
    world.start()
    caller = world.caller()
    caller.post(call("get_x")).read_head()
    caller.sock.close()
    assert world.upstream.gone.wait(20)
    (closed,) = world.closes(1)
    assert (closed["outcome"], closed["reason"]) == ("client_gone", "client.gone")


def test_an_answer_that_breaks_off_is_seen_to_be_broken(world: World) -> None:
    """A document, of which nothing was passed on, becomes an error; a stream is cut where it broke."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    cut = {
        "length": head + b'Content-Length: 10\r\n\r\n{"a"',
        "chunked": head + b'Transfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n',
        "stream": STREAM + chunked(event()) + b"b\r\ndata: {",
    }

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(cut[request.headers[b"x-how"].decode()])
        sock.unwrap()

    world.upstream.behave = behave
    world.start()
    for how in ("length", "chunked"):
        with world.caller() as caller:
            status, answer = caller.post(call("get_x", id="q"), f"X-How: {how}").json()
        assert (status, answer["id"]) == (502, "q")
        assert answer["error"]["data"]["reason"] == "upstream.truncated"
    with world.caller() as caller:
        assert caller.post(call("get_x"), "X-How: stream").read_head()[0] == 200
        assert caller.read_chunk() == event()
        with pytest.raises((EOFError, ssl.SSLError, ConnectionError)):
            caller.read_chunk()
    assert {record["outcome"] for record in world.closes(3)} == {"upstream_truncated"}


def test_a_stream_that_breaks_off_behind_its_answer_is_complete(world: World) -> None:
    """Nothing is missing that anybody waits for, so nothing looks as if it were."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(last_event(request)))
        sock.unwrap()

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        assert b'"result"' in caller.post(call("get_x")).answer()[2]
    assert world.closes(1)[0]["outcome"] == "completed"


def test_a_body_without_length_ends_only_by_close_notify(world: World) -> None:
    """A bare FIN may be an attacker's cut (RFC 8446 6.1)."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + reply(request))
        if request.headers[b"x-how"] == b"notify":
            sock.unwrap()
        raise OSError("done")

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        assert caller.post(call("get_x"), "X-How: notify").json()[1]["result"] == {}
    with world.caller() as caller:
        status, answer = caller.post(call("get_x"), "X-How: fin").json()
    assert (status, answer["error"]["data"]["reason"]) == (502, "upstream.truncated")
    assert "result" not in answer


def test_an_upstreams_own_challenge_never_reaches_the_caller(world: World) -> None:
    """Its 401 is about the gate's credential; the caller hears of a bad gateway."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(
            b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer resource_metadata="https://up/"\r\n'
            b"Content-Length: 0\r\n\r\n"
        )

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        status, headers, body = caller.post(call("get_x", id=7)).answer()
    assert status == 502
    assert b"www-authenticate" not in headers
    assert json.loads(body)["id"] == 7
    assert json.loads(body)["error"]["data"]["reason"] == "upstream.unauthorized"


def test_an_upstream_that_cannot_be_reached_is_a_502_with_the_requests_id(world: World) -> None:
    """The reason is in the answer and in the record."""
    world.start()
    world.upstream.close()
    with world.caller() as caller:
        status, answer = caller.post(call("get_x", id=9)).json()
    assert (status, answer["id"]) == (502, 9)
    assert answer["error"]["data"]["reason"] == "upstream.unreachable"


def test_answers_that_are_not_http_are_refused(world: World) -> None:
    """A malformed answer reaches nobody."""
    for raw in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"HTTP/1.1 +200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"SSH-2.0-x\r\n\r\n",
    ):
        world.upstream.behave = lambda sock, request, raw=raw: sock.sendall(raw)  # type: ignore[misc]
        if world.gate is None:
            world.start()
        with world.caller() as caller:
            status, answer = caller.post(call("get_x")).json()
        assert (status, answer["error"]["data"]["reason"]) == (502, "upstream.framing"), raw


def test_bytes_that_nobody_asked_for_never_meet_the_next_request(world: World) -> None:
    """An upstream cannot put an answer in store for somebody else, not even one that would fit."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(whole(reply(request)) + whole(reply(request, 99)))

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        for _ in range(3):
            assert caller.post(call("get_x")).json()[1]["result"] == {}
    assert world.upstream.connections == 3


def test_get_and_delete_are_relayed_for_callers_who_may_use_anything(world: World) -> None:
    """Legacy streams and the end of a session, by the id that the upstream gave it."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        if request.line.startswith(b"POST"):
            body = reply(request).replace(b"{}", b'{"protocolVersion":"2025-03-26"}')
            sock.sendall(whole(body).replace(b"\r\n", b"\r\nMcp-Session-Id: s\r\n", 1))
        elif request.line.startswith(b"GET"):
            sock.sendall(STREAM + chunked(event()) + b"0\r\n\r\n")
        else:
            sock.sendall(sized(0))

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        _, headers, _ = caller.post({"jsonrpc": "2.0", "id": 1, "method": "initialize"}).answer()
        line = b"\r\nMcp-Session-Id: %b\r\n\r\n" % headers[b"mcp-session-id"]
        for method, body in (("GET", event()), ("DELETE", b"")):
            status, _, found = caller.send(world.bare(method).replace(b"\r\n\r\n", line)).answer()
            assert (status, found) == (200, body)
    _, streamed, deleted = world.upstream.requests
    for request, method in ((streamed, b"GET"), (deleted, b"DELETE")):
        assert request.line == method + b" /upstream/mcp HTTP/1.1"
        assert request.headers[b"mcp-session-id"] == b"s"


def test_a_route_without_any_allowing_rule_offers_nothing(world: World) -> None:
    """Not even a stream: 405, as from a server that has none."""
    text = world.config().replace('verdict = "allow"', 'verdict = "block"')
    world.start(text)
    with world.caller() as caller:
        caller.send(
            b"GET /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %b\r\n\r\n" % world.token.encode()
        )
        status, headers, _ = caller.answer()
    assert (status, headers[b"allow"]) == (405, b"POST")
    assert world.upstream.requests == []


def test_a_slow_reader_stops_the_upstream_and_loses_nothing(world: World) -> None:
    """What is not read is not fetched: memory stays bounded, order and content stay."""
    # Several times what all the buffers on the way can hold.
    count, size = 768, 64 * 1024
    sent: list[int] = [0]

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        for number in range(count):
            sock.sendall(chunked(event(number, size)))
            sent[0] += 1
        sock.sendall(chunked(last_event(request)) + b"0\r\n\r\n")

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x")).read_head()
        # The upstream does not get further than the buffers on the way, while nobody reads.
        world.wait_for(lambda: world.congested)
        assert sent[0] < count // 2
        received = []
        while piece := caller.read_chunk():
            received.append(piece)
    events = b"".join(received).split(b"\n\n")
    assert [each + b"\n\n" for each in events[:count]] == [event(number, size) for number in range(count)]
    assert b'"result"' in events[count]


def test_what_is_over_does_not_wait_for_the_garbage_collector(world: World) -> None:
    """An answer may be of many MiB, and the collector looks when it likes."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        how = request.headers[b"x-how"]
        if how == b"stream":
            sock.sendall(STREAM + chunked(last_event(request)) + b"0\r\n\r\n")
        elif how == b"refused":
            sock.sendall(whole(b"[]"))
        else:
            sock.sendall(whole(reply(request, 100_000)))

    def kept() -> int:
        return sum(type(each) in (Exchange, Answering, Document, Events) for each in gc.get_objects())

    world.upstream.behave = behave
    world.start()
    gc.collect()
    gc.disable()
    try:
        with world.caller() as caller:
            for how in ("document", "stream", "refused"):
                caller.post(call("get_x"), f"X-How: {how}").answer()
        world.closes(3)
        world.wait_for(lambda: not world.loop.call(kept))
    finally:
        gc.enable()


def test_a_stuck_journal_stops_forwarding(world: World) -> None:
    """Nothing happens off the record: without an open line there is no request."""
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x")).answer()
        world.closes(1)
        (journal,) = (world.state / "journal").glob("*.jsonl")
        with file_size_limit(journal.stat().st_size):
            status, answer = caller.post(call("get_x")).json()
            assert world.status()["journal"]["failure"] is not None
        assert (status, answer["error"]["data"]["reason"]) == (503, "gate.journal")
        assert len(world.upstream.requests) == 1
        assert caller.post(call("get_x")).answer()[0] == 200
    # What was owed is there now, in order.
    reasons = [record["reason"] for record in world.closes(3)]
    assert reasons == [None, "gate.journal", None]


def test_a_request_whose_open_line_was_dropped_is_not_forwarded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if the journal can be written again by the time it would be: the line is not owed any more."""
    world.start()
    assert world.gate is not None and world.gate.force is not None
    journal = world.gate.force.witness.journal
    append, failing = journal.append, [1000]

    def fail_first(lines: Sequence[bytes]) -> None:
        if failing[0]:
            failing[0] -= 1
            raise JournalError("the disk is full")
        append(lines)

    with world.caller() as caller:
        assert caller.post(call("get_x", id="first")).json()[0] == 200
        world.closes(1)
        monkeypatch.setattr(witness, "OWED_MOST", 2)
        monkeypatch.setattr(journal, "append", fail_first)
        assert caller.post(call("get_x")).json()[0] == 503
        world.records()
        # For the line of a new connection's handshake, and for the exchange's own.
        failing[0] = 2
        status, answer = caller.post(call("get_x")).json()
        assert (status, answer["error"]["data"]["reason"]) == (503, "gate.journal")
        assert len(world.upstream.requests) == 1
        assert caller.post(call("get_x")).json()[0] == 200


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Meanwhile no file of this process can grow beyond that, as with a full disk or a quota."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_answer_that_stalls_ends_at_the_answer_timeout(world: World) -> None:
    """Whatever its framing, with an error, as nothing of it was passed on; the record says who it was."""
    heads = {
        "length": sized(10),
        "chunked": sized(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"2\r\n",
        "close": sized(0).replace(b"Content-Length: 0\r\n", b""),
    }

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(heads[request.headers[b"x-how"].decode()] + b"{")
        sock.recv(1)

    world.upstream.behave = behave
    world.start(world.config(upstream='answer_timeout = "300ms"'))
    for how in heads:
        with world.caller() as caller:
            status, answer = caller.post(call("get_x", id="q"), f"X-How: {how}").json()
        assert (status, answer["id"]) == (504, "q")
        assert answer["error"]["data"]["reason"] == "upstream.timeout"
    assert {record["reason"] for record in world.closes(3)} == {"upstream.timeout"}


def test_a_quiet_event_stream_is_not_cut(world: World) -> None:
    """Its silence says nothing: the next event may take hours."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        time.sleep(1.0)
        sock.sendall(chunked(last_event(request)) + b"0\r\n\r\n")

    world.upstream.behave = behave
    world.start(world.config(upstream='answer_timeout = "300ms"'))
    with world.caller() as caller:
        assert b'"result"' in caller.post(call("get_x")).answer()[2]


def test_a_slow_caller_is_not_held_against_the_upstream(world: World) -> None:
    """While the caller does not read, the upstream is not read either: it cannot be late."""
    count, size = 384, 64 * 1024

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        for number in range(count):
            sock.sendall(chunked(event(number, size)))
        sock.sendall(chunked(last_event(request)) + b"0\r\n\r\n")

    world.upstream.behave = behave
    world.start(world.config(upstream='answer_timeout = "300ms"\nquiet_timeout = "300ms"'))
    with world.caller() as caller:
        _, headers = caller.post(call("get_x")).read_head()
        world.wait_for(lambda: world.congested)
        # Longer than the upstream's time, and the tick by which time is told.
        time.sleep(0.7)
        assert len(caller.read_body(headers)) > count * size
    assert world.closes(1)[0]["outcome"] == "completed"


class Stuffed:
    """The records of a stream whose kernel takes nothing, for as long as it is full."""

    full = True

    def __init__(self, records: Any) -> None:
        self._records = records

    def read(self) -> Any:
        return self._records.read()

    def write(self, data: bytes) -> Any:
        return 0 if self.full else self._records.write(data)


@pytest.mark.parametrize("how", ["document", "stream"])
def test_a_slow_caller_does_not_stop_the_connection_of_the_next_one(world: World, how: str) -> None:
    """Once its answer is complete the connection is somebody else's, however much is still unread."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        if how == "document":
            return sock.sendall(whole(reply(request, stream.HIGH_WATER + 60)))
        # The last record, and no other, fills the caller's buffer above the mark.
        sock.sendall(STREAM + chunked(event(size=stream.HIGH_WATER - 2000)))
        sock.sendall(chunked(last_event(request, 4000)) + b"0\r\n\r\n")

    world.upstream.behave = behave
    world.start(world.config(upstream='answer_timeout = "2s"'))
    with world.caller() as slow:
        (inbound,) = world.wait_for(lambda: list(world.listening.connections))
        inbound.stream._records = Stuffed(inbound.stream._records)
        slow.post(call("get_x"))
        world.wait_for(lambda: inbound.stream.congested and not inbound.busy)
        world.upstream.behave = answer_json
        with world.caller() as caller:
            assert caller.post(call("get_x")).json()[0] == 200
    assert world.upstream.connections == 1


def test_a_second_answer_in_the_same_breath_reaches_nobody(world: World) -> None:
    """Not even the caller that waited for the connection, though it is made out to be for it."""
    release = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        if json.loads(request.body)["id"] != "A":
            return answer_json(sock, request)
        release.wait(PATIENCE)
        # Two records that arrive together.
        sock.sendall(whole(reply(request)))
        sock.sendall(whole(reply(request, 99).replace(b'"A"', b'"B"')))

    world.upstream.behave = behave
    world.start(world.config(upstream="connections = 1"))
    with world.caller() as first, world.caller() as second:
        first.post(call("get_x", id="A"))
        world.wait_for(lambda: len(world.upstream.requests) == 1)
        second.post(call("get_x", id="B"))
        world.wait_for(lambda: world.status()["upstreams"][0]["connections"]["waiting"] == 1)
        # Both records are in the kernel before the gate looks: its reactor is busy meanwhile.
        world.loop.reactor.callFromThread(lambda: (release.set(), time.sleep(0.3)))
        assert first.json() == (200, {"jsonrpc": "2.0", "id": "A", "result": {}})
        assert second.json() == (200, {"jsonrpc": "2.0", "id": "B", "result": {}})


@contextlib.contextmanager
def standing_still(world: World) -> Iterator[None]:
    """The gate does nothing meanwhile."""
    still, over = threading.Event(), threading.Event()

    def stand() -> None:
        still.set()
        over.wait(PATIENCE)

    world.loop.reactor.callFromThread(stand)
    assert still.wait(PATIENCE)
    try:
        yield
    finally:
        over.set()


def test_an_upstream_that_closes_with_its_answer_gets_no_further_request(world: World) -> None:
    """The next caller's request goes over another connection, not into the void."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        # The gate sees neither before both are there: a goodbye that is still on its way when the next
        # request goes out is nobody's fault, and a POST is not sent twice.
        with standing_still(world):
            answer_json(sock, request)
            sock.close()
        raise OSError("goodbye")

    world.upstream.behave = behave
    world.start(world.config(upstream="connections = 1"))
    callers = [world.caller() for _ in range(6)]
    for number, caller in enumerate(callers):
        caller.post(call("get_x", id=number))
    for number, caller in enumerate(callers):
        assert caller.json() == (200, {"jsonrpc": "2.0", "id": number, "result": {}})
        caller.sock.close()


@pytest.mark.parametrize("digits", [b"", b"\0", b"x"])
def test_a_known_answer_head_vouches_for_none_whose_length_is_no_number(world: World, digits: bytes) -> None:
    """A caller would get half a head, and the next answer on its connection as the rest of it."""
    sizes = iter([50, 99])

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        size = next(sizes, None)
        last = sized(0).replace(b": 0\r", b": %b\r" % digits)
        sock.sendall(whole(reply(request, size)) if size is not None else last)

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        assert [len(caller.post(call("get_x")).answer()[2]) for _ in range(2)] == [50, 99]
        status, answer = caller.post(call("get_x")).json()
    assert (status, answer["error"]["data"]["reason"]) == (502, "upstream.framing")


def test_all_who_wait_hear_when_the_only_dial_fails(world: World) -> None:
    """Each with the reason of the dial, none left to a timeout."""
    world.start(world.config(upstream="connections = 1"))
    world.upstream.close()
    callers = [world.caller() for _ in range(3)]
    for caller in callers:
        caller.post(call("get_x"))
    for caller in callers:
        status, answer = caller.json()
        assert (status, answer["error"]["data"]["reason"]) == (502, "upstream.unreachable")
        caller.sock.close()


def test_an_upstream_in_clear_is_not_told_to_the_caller_as_its_own_fault(world: World) -> None:
    """The caller spoke TLS; it hears of a bad gateway, the record of plaintext."""
    world.start()
    world.upstream.close()
    port = world.upstream.port
    with socket.create_server(("127.0.0.1", port)) as clear:

        def serve() -> None:
            sock, _ = clear.accept()
            with sock:
                sock.recv(65536)
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        with world.caller() as caller:
            status, answer = caller.post(call("get_x")).json()
    assert (status, answer["error"]["data"]["reason"]) == (502, "tls.plaintext")
    assert "clear text" not in answer["error"]["message"]


def test_a_caller_that_takes_nothing_is_dropped_after_a_while(world: World) -> None:
    """It would hold the upstream's connection for ever."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        for number in range(768):
            sock.sendall(chunked(event(number, 64 * 1024)))

    world.upstream.behave = behave
    world.start(world.config(more='[limits]\nsend_timeout = "500ms"'))
    with world.caller() as caller:
        caller.post(call("get_x")).read_head()
        (closed,) = world.closes(1)
    assert (closed["outcome"], closed["reason"]) == ("client_gone", "client.gone")
    assert "does not read" in closed["detail"]


def test_a_deleted_journal_is_begun_anew(world: World) -> None:
    """Rather than written on where nobody will ever see it."""
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x")).answer()
        world.closes(1)
        (journal,) = (world.state / "journal").glob("*.jsonl")
        journal.unlink()
        world.look()
        caller.post(call("get_x")).answer()
        found = world.wait_for(lambda: len(world.records()) == 3 and world.records())
    assert [record["type"] for record in found] == ["repair", "open", "close"]
    assert (found[0]["what"], found[0]["file"]) == ("deleted", journal.name)


def test_refusals_and_streams_are_recorded_with_all_that_is_known(world: World) -> None:
    """The route of a stranger's request, and the verdict on a stream."""
    world.upstream.behave = lambda sock, request: sock.sendall(STREAM + b"0\r\n\r\n")
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x"), token=False).answer()
        assert caller.send(world.bare("GET")).answer()[0] == 200
        world.closes(2)
    stranger, stream_opened = world.records("open")
    assert (stranger["route"], stranger["upstream"], stranger["principal"]) == ("server", "server", None)
    assert (stream_opened["http"], stream_opened["verdict"]) == ("GET", "allow")


def test_a_stray_answer_on_a_connection_at_rest_reaches_nobody(world: World) -> None:
    """Also where it arrives in the very turn in which the next caller's request does."""
    later = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        answer_json(sock, request)
        if json.loads(request.body)["id"] == "first":
            later.wait(PATIENCE)
            # Made out to be for whoever comes next.
            sock.sendall(whole(reply(request, 99).replace(b'"first"', b'"second"')))

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        assert caller.post(call("get_x", id="first")).json()[0] == 200
        world.wait_for(lambda: world.status()["upstreams"][0]["connections"]["idle"] == 1)

        def both_are_there() -> None:
            # The reactor is busy while the next request and the stray answer arrive, in this order.
            caller.post(call("get_x", id="second"))
            time.sleep(0.2)
            later.set()
            time.sleep(0.2)

        world.loop.call(both_are_there)
        assert caller.json() == (200, {"jsonrpc": "2.0", "id": "second", "result": {}})


def test_the_rest_of_an_answer_is_the_callers_also_where_the_connection_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller that takes its time gets all of it; the lingering begins when nothing is left."""
    monkeypatch.setattr(stream, "LINGER", 0.3)
    size = stream.HIGH_WATER - 1000
    world.upstream.behave = lambda sock, request: sock.sendall(whole(reply(request, size)))
    world.start()
    with world.caller() as caller:
        (inbound,) = world.wait_for(lambda: list(world.listening.connections))
        records = inbound.stream._records = Stuffed(inbound.stream._records)
        caller.post(call("get_x"), "Connection: close")
        world.closes(1)
        time.sleep(1.0)
        records.full = False
        assert len(caller.answer()[2]) == size


def test_whoever_waits_is_dialed_for_when_another_dial_fails(world: World) -> None:
    """One connection in use by a stream does not keep the others waiting for a free place."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        if json.loads(request.body)["id"] == "stream":
            sock.sendall(STREAM)
            sock.recv(1)
        else:
            answer_json(sock, request)

    world.upstream.behave = behave
    world.start(world.config(upstream="connections = 2"))
    with world.caller() as streaming, world.caller() as one, world.caller() as two:
        streaming.post(call("get_x", id="stream")).read_head()
        world.upstream.close()
        one.post(call("get_x", id="one"))
        two.post(call("get_x", id="two"))
        for caller in (one, two):
            assert caller.json()[0] == 502


def drained(world: World) -> None:
    """Begin a drain of the one connection that there is."""

    def drain() -> None:
        (inbound,) = world.listening.connections
        inbound.drain()

    world.loop.call(drain)


@pytest.mark.parametrize("how", ["get", "listen"])
def test_a_drain_ends_a_stream_between_two_events(world: World, how: str) -> None:
    """As if the upstream had ended it, so that its client opens it again somewhere else."""
    left = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(event()))
        try:
            sock.recv(1)
        finally:
            left.set()

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        if how == "get":
            caller.send(world.bare("GET"))
        else:
            listen, lines = modern({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen"})
            caller.post(listen, *lines)
        caller.read_head()
        assert caller.read_chunk() == event()
        drained(world)
        assert caller.read_chunk() == b""
        assert caller.sock.recv(1) == b""
    assert left.wait(PATIENCE)
    (closed,) = world.closes(1)
    assert (closed["outcome"], closed["reason"], closed["status"]) == ("drained", "gate.draining", 200)
    assert closed["bytes_out"] == len(event())


def test_a_drain_sends_nothing_of_the_event_that_is_on_its_way(world: World) -> None:
    """Half an event is never the end of a stream; and nobody knows when the other half will come."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(event(1) + event(2)[:20]))
        sock.recv(1)

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        caller.send(world.bare("GET")).read_head()
        assert caller.read_chunk() == event(1)
        drained(world)
        assert caller.read_chunk() == b""
        assert caller.closed()
    assert world.upstream.gone.wait(PATIENCE)
    (closed,) = world.closes(1)
    assert (closed["outcome"], closed["bytes_out"]) == ("drained", len(event(1)))


def test_a_drain_never_ends_a_stream_with_half_a_line_end(world: World) -> None:
    """The TypeScript SDK waits for what follows a CR, and would lose the event that it ends."""
    first = event().replace(b"\n", b"\r\n")

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(first[:-1]))
        sock.recv(1)

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        caller.send(world.bare("GET")).read_head()
        # The standard has it that the event ends here, so it is not held back.
        received = caller.read_chunk()
        assert received == first[:-1]
        drained(world)
        while piece := caller.read_chunk():
            received += piece
        assert caller.closed()
    assert received == first
    assert world.closes(1)[0]["bytes_out"] == len(received)


def test_a_drain_lets_calls_finish_also_where_they_are_answered_by_a_stream(world: World) -> None:
    """Nobody could ask for that answer again."""
    go_on = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(event()))
        assert go_on.wait(PATIENCE)
        sock.sendall(chunked(last_event(request)) + b"0\r\n\r\n")

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x")).read_head()
        assert caller.read_chunk() == event()
        drained(world)
        go_on.set()
        assert b'"result"' in caller.read_chunk()
        assert caller.read_chunk() == b""
    assert world.closes(1)[0]["outcome"] == "completed"


def test_a_drain_refuses_a_stream_that_has_not_begun(world: World) -> None:
    """Its client may come again; waiting for the upstream would only hold up the stop."""
    with held(world.upstream):
        world.start()
        with world.caller() as caller:
            caller.send(world.bare("GET"))
            world.wait_for(lambda: world.upstream.requests)
            drained(world)
            status, headers, _ = caller.answer()
    assert (status, headers[b"retry-after"]) == (503, b"1")
    assert world.closes(1)[0]["reason"] == "gate.draining"


def test_a_drain_refuses_a_stream_whose_request_comes_in_the_middle_of_it(world: World) -> None:
    """Half of its head was there when the others were ended: it would last until the drain's deadline."""
    world.upstream.behave = lambda sock, request: sock.sendall(STREAM) or sock.recv(1)  # type: ignore[func-returns-value]
    world.start()
    assert world.gate is not None and world.gate.force is not None
    head, finished = world.bare("GET"), list[bool]()
    with world.caller() as caller:
        caller.send(head[:20])
        world.wait_for(lambda: any(one.busy for one in world.listening.connections))
        world.loop.call(lambda: world.gate.drain(PATIENCE / 2).addCallback(finished.append) and None)
        status, headers, _ = caller.send(head[20:]).answer()
        assert (status, headers[b"connection"]) == (503, b"close")
        world.wait_for(lambda: finished)
    assert finished == [True]
    assert world.closes(1)[0]["reason"] == "gate.draining"


@pytest.mark.parametrize("what", ["blocked", "notification", "response", "stream"])
def test_an_answer_of_the_gates_own_says_when_it_is_the_last(world: World, what: str) -> None:
    """Or the caller might send its next request to nobody."""
    closed_to_all = world.config().partition("[[rule]]")[0]
    world.start(world.config() if what == "blocked" else closed_to_all)
    assert world.gate is not None and world.gate.force is not None
    request = {
        "blocked": world.post(call("rm")),
        "notification": world.post({"jsonrpc": "2.0", "method": "notifications/acme"}),
        "response": world.post({"jsonrpc": "2.0", "id": 1, "result": {}}),
        "stream": world.bare("GET"),
    }[what]
    with world.caller() as caller:
        caller.send(request[:20])
        world.wait_for(lambda: any(one.busy for one in world.listening.connections))
        world.loop.call(lambda: world.gate.drain(PATIENCE) and None)
        _, headers, _ = caller.send(request[20:]).answer()
        assert headers[b"connection"] == b"close"
        assert caller.closed()


def test_a_drain_serves_what_has_just_been_sent(world: World) -> None:
    """A request that is in the kernel when the gate is told to stop is not lost with the connection."""
    world.start()
    with world.caller() as caller:

        def send_and_drain() -> None:
            caller.post(call("get_x"))
            time.sleep(0.05)
            (inbound,) = world.listening.connections
            inbound.drain()

        world.wait_for(lambda: world.listening.connections)
        world.loop.call(send_and_drain)
        assert caller.json()[0] == 200


# Pages in browsers.

PAGE = "Origin: https://app.test"
NAMED = 'origins = ["https://app.test"]'


def readable(headers: dict[bytes, bytes]) -> bool:
    """Whether the browser of that page lets it read the answer, the session and the challenge."""
    exposed = headers.get(b"access-control-expose-headers", b"")
    assert (b"mcp-session-id" in exposed) == (b"www-authenticate" in exposed)
    assert headers.get(b"vary") == (b"origin" if exposed else None)
    return bool(exposed) and headers.get(b"access-control-allow-origin") == b"https://app.test"


def test_every_answer_to_a_page_can_be_read_by_it(world: World) -> None:
    """What the upstream says, what policy blocks, what the gate refuses, with and without a body to come."""
    world.start(world.config(listener=NAMED))
    note = {"jsonrpc": "2.0", "method": "notifications/acme"}
    cases: list[tuple[int, bytes]] = [
        (200, world.post(call("get_x"), PAGE)),
        # The same head again, which is not read twice.
        (200, world.post(call("get_y"), PAGE)),
        (200, world.post(call("rm"), PAGE)),
        (202, world.post(note, PAGE)),
        (400, world.post(b"{", PAGE)),
        (401, world.post(call("get_x"), PAGE, token=False)),
        (404, world.post(call("get_x"), PAGE, path="/none")),
        (415, world.post(call("get_x"), PAGE, "Content-Encoding: gzip")),
        (405, world.bare("OPTIONS").replace(b"\r\n\r\n", f"\r\n{PAGE}\r\n\r\n".encode())),
    ]
    chunked = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{PAGE}\r\n"
    chunked += f"Authorization: Bearer {world.token}\r\nTransfer-Encoding: chunked\r\n\r\nx"
    cases.append((400, chunked.encode()))
    for status, raw in cases:
        with world.caller() as caller:
            found, headers, _ = caller.send(raw).answer()
        assert found == status, raw
        assert readable(headers), raw
        assert (b"www-authenticate" in headers) == (status == 401)
    late = world.closes(len(cases))[-1]["id"]
    (opened,) = [record for record in world.records("open") if record["id"] == late]
    assert (opened["principal"], opened["route"]) == ("ci", "server")


def test_a_stream_and_a_head_without_body_can_be_read_by_a_page(world: World) -> None:
    """The lines come with the head, before the first event; ours, whatever the upstream allowed."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM.replace(b"\r\n\r\n", b"\r\nAccess-Control-Allow-Origin: *\r\n\r\n"))
        sock.sendall(chunked(b": ok\r\n\r\n") + chunked(last_event(request)) + b"0\r\n\r\n")

    world.upstream.behave = behave
    world.start(world.config(listener=NAMED))
    with world.caller() as caller:
        status, headers, body = caller.post(call("get_x"), PAGE).answer()
        assert (status, body.partition(b"data")[0]) == (200, b": ok\r\n\r\n")
        assert readable(headers)
        bare = world.bare("HEAD").replace(b"\r\n\r\n", f"\r\n{PAGE}\r\n\r\n".encode())
        status, headers = caller.send(bare).read_head()
        assert status == 405 and readable(headers)
    assert not {b"origin", b"sec-fetch-mode"} & set(world.upstream.requests[0].headers)


def test_a_page_that_is_not_named_gets_403_and_its_browser_no_permission(world: World) -> None:
    """Good token or not; nothing is sent on, and the record names the origin."""
    world.start(world.config(listener=NAMED))
    with world.caller() as caller:
        status, headers, body = caller.post(call("get_x"), "Origin: https://evil.test").answer()
    assert status == 403
    assert not readable(headers)
    assert json.loads(body)["error"]["data"]["reason"] == "mcp.origin"
    assert world.upstream.requests == []
    (closed,) = world.closes(1)
    assert (closed["outcome"], closed["detail"]) == ("refused", "a page of https://evil.test")


def test_a_preflight_is_an_exchange_of_its_own_and_the_connection_goes_on(world: World) -> None:
    """Completed, without a principal; the request that it was for follows on the same connection."""
    world.start(world.config(listener=NAMED))
    asks = f"OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\n{PAGE}\r\nAccess-Control-Request-Method: POST\r\n"
    asks += "Access-Control-Request-Headers: authorization,content-type,mcp-param-city\r\n\r\n"
    with world.caller() as caller:
        # Sent ahead, as a browser never does: it must not be lost.
        caller.send(asks.encode() + world.post(call("get_x"), PAGE))
        status, headers = caller.read_head()
        assert status == 204
        assert b"content-length" not in headers and b"transfer-encoding" not in headers
        assert headers[b"access-control-allow-headers"].endswith(b"mcp-param-city")
        status, headers, _ = caller.answer()
        assert status == 200 and readable(headers)
    preflight, real = world.closes(2)
    assert (preflight["outcome"], preflight["status"], preflight["reason"]) == ("completed", 204, None)
    opened = {record["id"]: record for record in world.records("open")}
    first = opened[preflight["id"]]
    assert (first["http"], first["principal"], first["route"]) == ("OPTIONS", None, "server")
    assert first["outbound"] is None and first["verdict"] is None
    assert opened[real["id"]]["principal"] == "ci"


def test_a_page_is_told_once_that_a_refusal_is_the_last(world: World) -> None:
    """With the lines that let it read that."""
    world.start(world.config(listener=NAMED))
    with world.caller() as caller:
        head = ["POST /mcp HTTP/1.1", "Host: localhost", PAGE, f"Authorization: Bearer {world.token}"]
        head += ["Content-Type: text/plain", "Content-Length: 9"]
        raw = caller.send("\r\n".join([*head, "", ""]).encode()).sock.recv(65536)
        lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
        assert lines.count(b"access-control-allow-origin: https://app.test") == 1
        assert lines.count(b"connection: close") == 1


def revoked(world: World) -> None:
    """The token of all callers is revoked, as C{mcpgate token revoke} does it."""
    world.issued_file.revoke(world.issued.id, time.time())
    assert world.gate is not None
    world.loop.call(world.gate.take_up_tokens)


def waits_for_answer(sock: ssl.SSLSocket, request: Request) -> None:
    """Nothing comes, until the gate leaves."""
    sock.settimeout(PATIENCE)
    sock.recv(1)


def sends_half(sock: ssl.SSLSocket, request: Request) -> None:
    """Half a document."""
    raw = reply(request)
    sock.sendall(sized(len(raw)) + raw[:9])
    sock.recv(1)


@pytest.mark.parametrize("behave", [waits_for_answer, sends_half])
def test_a_revoked_callers_call_is_refused_and_its_upstream_let_go(world: World, behave: Behaviour) -> None:
    """It waits for no answer any more; nothing of what has come by then goes on to it."""
    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        revoked(world)
        status, said = caller.json()
        assert (status, said["id"], said["error"]["data"]["reason"]) == (401, 1, "auth.revoked")
        assert world.upstream.gone.wait(PATIENCE)
        assert caller.post(call("get_x")).json()[0] == 401
    assert {one["reason"] for one in world.closes(2)} == {"auth.revoked"}


def test_a_revoked_callers_stream_ends_with_a_word_in_the_place_of_its_answer(world: World) -> None:
    """Between two events; the upstream goes on for nobody."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(event()) + chunked(event(1)[:9]))
        sock.recv(1)

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x", id="a")).read_head()
        assert caller.read_chunk() == event()
        revoked(world)
        last = json.loads(caller.read_chunk().partition(b"data: ")[2])
        assert (last["id"], last["error"]["data"]["reason"]) == ("a", "auth.revoked")
        assert caller.read_chunk() == b""
    assert world.upstream.gone.wait(PATIENCE)
    (closed,) = world.closes(1)
    assert (closed["outcome"], closed["reason"], closed["status"]) == ("refused", "auth.revoked", 200)


def test_a_token_that_only_expires_lets_its_calls_finish(world: World) -> None:
    """So do changes of other tokens: it was good when the call was made."""
    world.issued, world.token = world.issued_file.issue("brief", 2.0, time.time())
    with held(world.upstream) as release:
        world.start()
        with world.caller() as caller:
            caller.post(call("get_x"))
            world.wait_for(lambda: world.upstream.requests)
            world.wait_for(lambda: time.time() > world.issued.expires)
            world.issued_file.issue("other", 60.0, time.time())
            world.look()
            release()
            assert caller.json()[1]["result"] == {}
            assert caller.post(call("get_x")).json()[0] == 401


def test_what_others_have_issued_ends_as_well_when_it_is_denied(world: World) -> None:
    """Here a client's certificate, by the hash that records show: its stream, and its call."""
    files = world.directory / "client.crt", world.directory / "client.key"
    pair = world.ca.client("spiffe://example.org/ci", datetime.now(UTC))
    write_pair(pair, *files)

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        if request.line.startswith(b"GET"):
            sock.sendall(STREAM + chunked(event()))
        sock.recv(1)

    world.upstream.behave = behave
    world.start(world.config(listener=f'client_certificates = "optional"\nclient_ca = "{world.authority}"'))
    get = world.bare("GET").replace(f"Authorization: Bearer {world.token}".encode(), b"Accept: */*")
    with world.caller(client=files) as first, world.caller(client=files) as second:
        first.send(get).read_head()
        assert first.read_chunk() == event()
        second.post(call("get_x"), token=False)
        world.wait_for(lambda: len(world.upstream.requests) == 2)
        proof = world.records("open")[0]["proof"]
        assert proof == pair.facts.sha256
        now = time.time()
        world.issued_file.deny(Denied(now, now + 60, id=proof))
        world.look()
        assert first.read_chunk() == b""
        status, said = second.json()
        assert (status, said["error"]["data"]["reason"]) == (401, "auth.revoked")
    assert {one["reason"] for one in world.closes(2)} == {"auth.revoked"}


def test_a_call_by_a_token_ends_when_the_certificate_beside_it_is_denied(world: World) -> None:
    """The token is as good as before, for whoever shows another certificate or none."""
    files = world.directory / "client.crt", world.directory / "client.key"
    pair = world.ca.client("spiffe://example.org/ci", datetime.now(UTC))
    write_pair(pair, *files)
    world.upstream.behave = waits_for_answer
    world.start(world.config(listener=f'client_certificates = "optional"\nclient_ca = "{world.authority}"'))
    with world.caller(client=files) as caller, world.caller() as other:
        caller.post(call("get_x"))
        other.post(call("get_x"))
        world.wait_for(lambda: len(world.upstream.requests) == 2)
        now = time.time()
        world.issued_file.deny(Denied(now, now + 60, id=pair.facts.sha256))
        world.look()
        status, said = caller.json()
        assert (status, said["error"]["data"]["reason"]) == (401, "auth.revoked")
        assert caller.post(call("get_x")).json()[0] == 401
        assert len(world.records("close")) == 2


def test_a_caller_that_is_blocked_by_now_has_nothing_more_of_its_calls(world: World) -> None:
    """By a rule about it that blocks whatever it asks for. Other rules are for what is asked next."""
    world.upstream.behave = waits_for_answer
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        rule = '[[rule]]\nname = "out"\nverdict = "block"\nwho = {{ token = "{}" }}\n{}'
        for who, on in (("eve", ""), ("ci", 'on = { name = "*" }'), ("ci", 'on = { method = "*/call" }')):
            world.reload(world.config(more=rule.format(who, on)))
            assert not world.records("close")
        world.reload(world.config(more=rule.format("ci", "")))
        status, said = caller.json()
        assert (status, said["id"], said["error"]["data"]["reason"]) == (200, 1, "policy.blocked")
    assert world.upstream.gone.wait(PATIENCE)
    (closed,) = world.closes(1)
    assert closed["detail"] == "the rule out blocks its caller since"
