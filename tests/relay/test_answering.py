"""An upstream's answer on its way to the caller, through a running gate over TLS."""

from __future__ import annotations

import json
import ssl
import threading
import time
from typing import Any

import pytest

from mcpgate.relay import exchange
from mcpgate.relay.admission import Admission
from mcpgate.relay.asking import Asking, Turned
from mcpgate.relay.force import InForce
from mcpgate.relay.hearing import Hearing
from mcpgate.relay.judging import Judging
from mcpgate.sessions.live import REQUESTS_MOST
from tests.running import STREAM, Behaviour, Caller, Request, World, answer_json, call, modern, sized
from tests.waiting import PATIENCE
from tests.wire import event_source, heads

BATCHES = "MCP-Protocol-Version: 2025-03-26"
LATEST = "MCP-Protocol-Version: 2025-11-25"
MODERN = "MCP-Protocol-Version: 2026-07-28"
NOTE = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}'


def result(id: object = 1, **inside: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "result": inside}).encode()


def ping(id: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": id, "method": "ping"}


def event(data: bytes, before: bytes = b"") -> bytes:
    return b"%bdata: %b\n\n" % (before, data)


def plain(body: bytes, *lines: str, status: str = "200 OK", content: str = "application/json") -> bytes:
    """A whole answer that is no stream."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {content}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def chunk(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


def says(raw: bytes) -> Behaviour:
    """An upstream that has one answer."""
    return lambda sock, request: sock.sendall(raw)


def streams(*pieces: bytes, end: bool = True) -> Behaviour:
    """An upstream that answers with these pieces of a stream."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        for piece in pieces:
            sock.sendall(chunk(piece))
        if end:
            sock.sendall(b"0\r\n\r\n")

    return behave


def told(body: bytes) -> list[bytes]:
    """The messages of a stream that is whole."""
    found, rest = event_source.read(body)
    assert rest == b"", rest
    return [one.data for one in found if one.data]


def reason_in(message: Any) -> str:
    reason: str = message["error"]["data"]["reason"]
    return reason


def still_in_order(world: World, caller: Caller) -> None:
    """The connection is where the caller believes it is: the next answer is the next request's."""
    world.upstream.behave = answer_json
    assert caller.post(call("get_x", id="next")).json() == (
        200,
        {"jsonrpc": "2.0", "id": "next", "result": {}},
    )


# Documents.


def test_a_document_passes_as_it_came_and_only_when_it_is_whole(world: World) -> None:
    """Head and all: until its last byte it may still become a refusal."""
    body = b' {"jsonrpc":"2.0", "id":1,"result":{"n":1.10,"e":1e2,"big":%b,"s":"\\u0041\xe2\x80\xa8"} }\n' % (
        b"9" * 300
    )
    go, gone = threading.Event(), threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(sized(len(body)) + body[:-1])
        gone.set()
        go.wait(PATIENCE)
        sock.sendall(body[-1:])

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x"))
        assert gone.wait(PATIENCE)
        caller.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            caller.sock.recv(1)
        caller.sock.settimeout(PATIENCE)
        go.set()
        status, headers, got = caller.answer()
        assert (status, got) == (200, body)
        assert headers[b"content-length"] == b"%d" % len(body)
        still_in_order(world, caller)


def test_an_answer_that_is_too_large_says_nothing_of_those_after_it(world: World) -> None:
    """Their heads differ in nothing but the length."""

    def in_pieces(body: bytes) -> Behaviour:
        def behave(sock: ssl.SSLSocket, request: Request) -> None:
            sock.sendall(sized(len(body)) + body[:1])
            time.sleep(0.05)
            sock.sendall(body[1:])

        return behave

    world.start(world.config(more='[limits]\nanswer_size = "2KiB"\n'))
    with world.caller() as caller:
        for size, status in ((3000, 502), (30, 200), (3000, 502), (30, 200)):
            world.upstream.behave = in_pieces(result(text="x" * size))
            assert caller.post(call("get_x")).answer()[0] == status


@pytest.mark.parametrize("how", ["chunks", "close"])
def test_a_document_without_a_length_gets_one(world: World, how: str) -> None:
    """It is whole when its head goes out, so its length is known."""
    body = result()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        if how == "chunks":
            sock.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            sock.sendall(b"".join(chunk(body[at : at + 7]) for at in range(0, len(body), 7)) + b"0\r\n\r\n")
        else:
            sock.sendall(head + b"\r\n" + body)
            sock.unwrap()

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        status, headers, got = caller.post(call("get_x")).answer()
        assert (status, got, headers[b"content-length"]) == (200, body, b"%d" % len(body))
        assert b"transfer-encoding" not in headers
        still_in_order(world, caller)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (result(2), "upstream.message"),
        (result("1"), "upstream.message"),
        (NOTE, "upstream.message"),
        (b"", "upstream.message"),
        (b"{}", "upstream.message"),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}', "upstream.message"),
        (b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}', "upstream.message"),
        (b"[%b]" % result(), "upstream.message"),
        (result(pad="x" * 2048), "upstream.answer_size"),
    ],
)
def test_a_document_that_is_no_answer_is_a_502_with_the_requests_id(
    world: World, body: bytes, reason: str
) -> None:
    """The caller hears of it at once, and the upstream's bytes do not reach it."""
    world.upstream.behave = says(plain(body))
    world.start(world.config(more='[limits]\nanswer_size = "2KiB"\n'))
    with world.caller() as caller:
        status, answer = caller.post(call("get_x"), LATEST).json()
        assert (status, answer["id"], reason_in(answer)) == (502, 1, reason)
        still_in_order(world, caller)
    first = world.closes(2)[0]
    assert (first["outcome"], first["reason"]) == ("upstream_failed", reason)


def test_a_document_that_breaks_off_is_a_502_with_the_requests_id(world: World) -> None:
    """Nothing of it had gone out."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(sized(1000) + result()[:20])
        sock.close()

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        status, answer = caller.post(call("get_x")).json()
        assert (status, answer["id"], reason_in(answer)) == (502, 1, "upstream.truncated")
        still_in_order(world, caller)


# Errors of HTTP, and answers without a body.

SMUGGLED = (
    b"0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 42\r\n\r\n"
    + result("next")
)


@pytest.mark.parametrize(
    "raw",
    [
        plain(b"", status="404 Not Found", content="text/event-stream"),
        plain(SMUGGLED, status="404 Not Found", content="text/event-stream"),
        plain(event(result()), status="500 Oops", content="text/event-stream"),
        b"HTTP/1.1 400 Bad\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunk(event(result()))
        + b"0\r\n\r\n",
    ],
    ids=["empty", "another answer", "a result", "in chunks"],
)
def test_an_error_of_http_that_says_it_is_a_stream_has_no_body(world: World, raw: bytes) -> None:
    """Its events are not looked into; and the upstream must not write the caller's next answer."""
    world.upstream.behave = says(raw)
    world.start()
    with world.caller() as caller:
        status, headers, body = caller.post(call("get_x"), LATEST).answer()
        assert status == int(raw[9:12]) and body == b""
        assert (headers.get(b"content-length"), headers.get(b"transfer-encoding")) == (b"0", None)
        still_in_order(world, caller)


@pytest.mark.parametrize("content", ["text/event-stream", "application/json"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_no_content_stays_without_content(world: World, content: str, method: str) -> None:
    """RFC 9110 15.3.5: whatever its Content-Type, not even a chunk of nothing follows."""
    world.upstream.behave = says(f"HTTP/1.1 204 No Content\r\nContent-Type: {content}\r\n\r\n".encode())
    world.start()
    with world.caller() as caller:
        caller.send(world.bare(method)) if method != "POST" else caller.post(ping(None) | {"id": 1})
        status, headers = caller.read_head()
        assert status == 204
        assert not {b"content-length", b"transfer-encoding"} & set(headers)
        still_in_order(world, caller)


def test_an_upstreams_own_refusal_is_relayed_to_the_byte(world: World) -> None:
    """Status, body, and whatever id it has."""
    body = b'{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600, "message":"Session not found"}}'
    world.upstream.behave = says(plain(body, "Allow: POST", status="404 Gone"))
    world.start()
    with world.caller() as caller:
        status, headers, got = caller.post(call("get_x")).answer()
        assert (status, got, headers[b"allow"]) == (404, body, b"POST")
        still_in_order(world, caller)


@pytest.mark.parametrize("body", [result(), b"[%b]" % result(), b'{"jsonrpc":"2.0","id":1,"result":NaN}'])
def test_a_result_in_an_error_of_http_is_a_502(world: World, body: bytes) -> None:
    """Some client might take it."""
    world.upstream.behave = says(plain(body, status="400 Bad Request"))
    world.start()
    with world.caller() as caller:
        status, answer = caller.post(call("get_x")).json()
        assert (status, answer["id"], reason_in(answer)) == (502, 1, "upstream.message")


def test_a_notification_gets_no_body_whatever_the_upstream_says(world: World) -> None:
    """It waits for nothing."""
    world.upstream.behave = says(plain(result()))
    world.start()
    with world.caller() as caller:
        status, headers, body = caller.post(
            {"jsonrpc": "2.0", "method": "notifications/initialized"}, LATEST
        ).answer()
        assert (status, headers[b"content-length"], body) == (200, b"0", b"")
        still_in_order(world, caller)


# Streams.

UNTOUCHED = [
    b": hello\n\n",
    b"id: 0\ndata: \nretry: 1500\n\n",
    event(NOTE, b"event: message\nid: a/7\n"),
    b"retry: 20\r\n\r\n",
    event(
        b'{"jsonrpc":"2.0","method":"notifications/x","params":{"n":1.10, "s":"\xe2\x80\xa8"}}',
        b"x-own: 1\n: in\n",
    ),
    b"data: " + NOTE + b"\r\r",
    event(b'{"jsonrpc":"2.0","id":1,"method":"ping"}'),
    event(result(), b"id: 9\n"),
    b": bye\n\n",
]


def test_events_pass_one_by_one_in_the_bytes_in_which_they_came(world: World) -> None:
    """Priming, ids, times to retry after, comments, unknown fields and line ends; each at once."""
    received = b""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        sent = 0
        for raw in UNTOUCHED:
            # In two pieces: half an event does not pass.
            sock.sendall(chunk(raw[:3]) + chunk(raw[3:]))
            sent += len(raw)
            world.wait_for(lambda sent=sent: len(received) == sent)
        sock.sendall(b"0\r\n\r\n")

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        status, headers = caller.post(call("get_x"), LATEST).read_head()
        assert (status, headers[b"content-type"]) == (200, b"text/event-stream")
        while piece := caller.read_chunk():
            received += piece
        assert received == b"".join(UNTOUCHED)
        still_in_order(world, caller)
    assert world.records("dropped") == []


def test_a_streams_head_goes_out_at_once(world: World) -> None:
    """A client that opens a stream waits for it before it goes on."""
    go = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        go.wait(PATIENCE)
        sock.sendall(chunk(event(result())) + b"0\r\n\r\n")

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        assert caller.post(call("get_x")).read_head()[0] == 200
        go.set()
        assert caller.read_chunk() == event(result())


def test_what_may_not_be_said_is_kept_and_recorded_and_the_rest_passes(world: World) -> None:
    """S-04, S-05 and S-06 of what a bad upstream answers: spoofed, repeated, of another type; and events
    of another kind."""
    world.upstream.behave = streams(
        event(result(2)),
        event(result("1")),
        event(b"/evil", b"event: endpoint\n"),
        event(result()),
        event(result(again=True)),
        event(NOTE),
    )
    world.start()
    with world.caller() as caller:
        status, _, body = caller.post(call("get_x"), LATEST).answer()
        assert (status, told(body)) == (200, [result(), NOTE])
    (opened,) = world.records("open")
    assert world.closes(1)[0]["outcome"] == "completed"
    dropped = world.records("dropped")
    assert [line["reason"] for line in dropped] == [
        *["upstream.unasked"] * 2,
        "upstream.event",
        "upstream.repeated",
    ]
    assert {line["exchange"] for line in dropped} == {opened["id"]}


def test_what_is_kept_in_a_flood_is_not_all_written_down(world: World) -> None:
    """A hundred lines of one answer; the rest is counted."""
    world.upstream.behave = streams(event(result(2)) * 300, event(result()))
    world.start()
    with world.caller() as caller:
        assert told(caller.post(call("get_x")).answer()[2]) == [result()]
    world.closes(1)
    assert len(world.records("dropped")) == 100


def test_what_an_upstream_asks_without_a_session_is_not_remembered_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks for it, and a stream may go on for days."""
    made: list[Hearing] = []
    real = Judging._hear

    def hear(self: Judging) -> Hearing:
        made.append(real(self))
        return made[-1]

    monkeypatch.setattr(Judging, "_hear", hear)
    asks = b"".join(event(json.dumps(ping(id)).encode()) for id in range(REQUESTS_MOST + 100))
    world.upstream.behave = streams(asks)
    world.start()
    with world.caller() as caller:
        assert len(told(caller.send(bare(world, "GET", LATEST)).answer()[2])) == REQUESTS_MOST + 100
    (heard,) = made
    assert heard.asked is not None and len(heard.asked) == REQUESTS_MOST


def test_in_the_modern_revision_the_upstream_asks_nothing(world: World) -> None:
    """Its request is kept; what the caller waits for comes."""
    world.upstream.behave = streams(
        event(b'{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage"}'), event(result())
    )
    world.start()
    message = call("get_x")
    message["params"]["_meta"] = heads.meta()
    with world.caller() as caller:
        body = caller.post(message, MODERN, "Mcp-Method: tools/call", "Mcp-Name: get_x").answer()[2]
        assert told(body) == [result()]
    world.closes(1)
    assert [line["reason"] for line in world.records("dropped")] == ["upstream.asks"]


@pytest.mark.parametrize(
    "broken", [b"data: {\ndata: \n\n", event(b"x"), event(b"[%b]" % result()), event(b"{}")]
)
def test_a_broken_event_becomes_an_error_on_the_stream(world: World, broken: bytes) -> None:
    """R-04 of what a bad upstream answers: the caller hears of it with its id, and of the rest nothing."""
    world.upstream.behave = streams(event(NOTE), broken, event(result()))
    world.start()
    with world.caller() as caller:
        status, _, body = caller.post(call("get_x"), LATEST).answer()
        note, error = told(body)
        assert (status, note, json.loads(error)["id"]) == (200, NOTE, 1)
        assert reason_in(json.loads(error)) == "upstream.message"
        still_in_order(world, caller)
    assert world.closes(2)[0]["outcome"] == "upstream_failed"


def test_each_request_of_a_batch_is_answered_once_when_the_stream_breaks(world: World) -> None:
    """The one whose answer had come, in the same piece as the fault, by that; the other by an error."""
    world.upstream.behave = streams(event(NOTE), event(result(1)) + event(b"x") + event(result(3)))
    world.start()
    with world.caller() as caller:
        body = caller.post([MIXED[0], MIXED[2]], BATCHES).answer()[2]
        note, answer, error = told(body)
        assert (note, answer, json.loads(error)["id"]) == (NOTE, result(1), 3)
        assert reason_in(json.loads(error)) == "upstream.message"


def test_an_answer_that_may_not_pass_is_no_answer_to_the_caller(world: World) -> None:
    """An unknown revision, on a stream that has begun with an event to resume from."""
    world.upstream.behave = streams(
        event(b"", b"id: 5\n"), event(result(protocolVersion="2030-01-01")), event(NOTE)
    )
    world.start()
    with world.caller() as caller:
        (error,) = told(caller.post(INITIALIZE).answer()[2])
        assert (json.loads(error)["id"], reason_in(json.loads(error))) == (1, "upstream.revision")
        still_in_order(world, caller)


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_an_error_follows_whole_events_only(world: World, line_end: bytes) -> None:
    """Also behind a line end of which half is there."""
    first = b"data: " + NOTE + line_end * 2
    world.upstream.behave = streams(first, b"data: half")
    world.start()
    with world.caller() as caller:
        body = caller.post(call("get_x"), LATEST).answer()[2]
        note, error = told(body)
        assert note == NOTE and reason_in(json.loads(error)) == "upstream.truncated"
        assert b"half" not in body


def test_a_stream_that_ends_without_the_answer_says_so_unless_it_can_be_resumed(world: World) -> None:
    """With an id the client comes back for it."""
    world.start()
    with world.caller() as caller:
        world.upstream.behave = streams(event(NOTE))
        note, error = told(caller.post(call("get_x", id="q"), LATEST).answer()[2])
        assert json.loads(error)["id"] == "q"
        world.upstream.behave = streams(event(NOTE, b"id: 7\n"))
        assert told(caller.post(call("get_x"), LATEST).answer()[2]) == [NOTE]
    assert [line["outcome"] for line in world.closes(2)] == ["upstream_truncated", "completed"]


def test_a_modern_stream_that_ends_without_the_answer_says_so_whatever_ids_it_has(world: World) -> None:
    """2026-07-28 removed resumption: nobody could come back for the answer."""
    world.upstream.behave = streams(event(NOTE, b"id: 7\n"))
    world.start()
    message, lines = modern(call("get_x", id="q"))
    with world.caller() as caller:
        _, error = told(caller.post(message, *lines).answer()[2])
        assert (json.loads(error)["id"], reason_in(json.loads(error))) == ("q", "upstream.truncated")
    assert world.closes(1)[0]["outcome"] == "upstream_truncated"


def test_an_event_that_is_too_large_ends_the_stream(world: World) -> None:
    """Also when it never ends."""
    world.upstream.behave = streams(b"data: " + b"x" * 2048, end=False)
    world.start(world.config(more='[limits]\nevent_size = "1KiB"\n'))
    with world.caller() as caller:
        (error,) = told(caller.post(call("get_x")).answer()[2])
        assert reason_in(json.loads(error)) == "upstream.event_size"


def test_a_stream_that_is_cut_after_its_answer_is_complete(world: World) -> None:
    """All that was asked for is there."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunk(event(result())))
        sock.close()

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        assert told(caller.post(call("get_x")).answer()[2]) == [result()]
        still_in_order(world, caller)
    assert world.closes(2)[0]["outcome"] == "completed"


def test_a_stream_that_is_cut_before_its_answer_is_seen_to_be_cut(world: World) -> None:
    """No last chunk."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunk(event(NOTE)) + chunk(b"data: ha"))
        sock.close()

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x")).read_head()
        assert caller.read_chunk() == event(NOTE)
        assert caller.closed()
    assert world.closes(1)[0]["outcome"] == "upstream_truncated"


def test_a_caller_that_leaves_with_its_answer_costs_no_connection(world: World) -> None:
    """The exchange is complete, and the upstream's connection is used again."""
    gone = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunk(event(result())))
        gone.wait(PATIENCE)
        sock.sendall(b"0\r\n\r\n")

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x")).read_head()
        assert caller.read_chunk() == event(result())
    (closed,) = world.closes(1)
    assert (closed["outcome"], closed["status"]) == ("completed", 200)
    gone.set()
    with world.caller() as caller:
        still_in_order(world, caller)
    assert world.upstream.connections == 1


def test_a_caller_that_does_not_take_its_answer_has_not_got_it(world: World) -> None:
    """To its last byte the answer is out, but a part of it never left the gate."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunk(event(result(text="x" * 16 * 1024 * 1024))))
        sock.recv(1)

    world.upstream.behave = behave
    world.start(world.config(more='[limits]\nsend_timeout = "1s"\nevent_size = "32MiB"\n'))
    with world.caller() as caller:
        caller.post(call("get_x")).read_head()
        (closed,) = world.closes(1)
        assert (closed["outcome"], closed["reason"]) == ("client_gone", "client.gone")
    assert world.upstream.gone.wait(PATIENCE)


def test_a_stream_that_nobody_needs_any_more_gets_no_more_time_for_its_end(world: World) -> None:
    """Half of its last chunk is no reason to wait for the other half as long as for an answer."""
    gone = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunk(event(result())))
        gone.wait(PATIENCE)
        sock.sendall(b"0\r\n")
        sock.recv(1)

    world.upstream.behave = behave
    world.start(world.config(upstream='answer_timeout = "1h"'))
    with world.caller() as caller:
        caller.post(call("get_x")).read_head()
        caller.read_chunk()
    world.closes(1)
    gone.set()
    world.wait_for(lambda: world.upstream.gone.is_set())


def test_a_caller_that_leaves_before_its_answer_ends_the_upstreams_work(world: World) -> None:
    """And its connection."""
    world.upstream.behave = streams(event(NOTE), end=False)
    world.start()
    with world.caller() as caller:
        caller.post(call("get_x")).read_head()
        caller.read_chunk()
    assert world.closes(1)[0]["outcome"] == "client_gone"
    assert world.upstream.gone.wait(PATIENCE)


@pytest.mark.parametrize("how", ["close", "length", "chunks", "stream"])
def test_a_bug_of_ours_ends_the_answer_however_it_is_framed(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Its caller is told, and the record is complete."""
    body = result()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        if how == "close":
            sock.sendall(head + b"\r\n" + body)
            sock.unwrap()
        elif how == "length":
            sock.sendall(sized(len(body)) + body[:1])
            time.sleep(0.05)
            sock.sendall(body[1:])
        elif how == "chunks":
            sock.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(body))
            time.sleep(0.05)
            sock.sendall(b"0\r\n\r\n")
        else:
            sock.sendall(STREAM + chunk(event(body)))

    def bug(self: Hearing, raw: bytes) -> bytes:
        raise RuntimeError("on purpose")

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        with monkeypatch.context() as patch:
            patch.setattr(Hearing, "hear", bug)
            status, answer = caller.post(call("get_x"), LATEST).json()
        assert (status, answer["id"], reason_in(answer)) == (500, 1, "gate.error")
        still_in_order(world, caller)
    assert [line["outcome"] for line in world.closes(2)] == ["failed", "completed"]


def test_a_bug_of_ours_with_a_request_that_waited_is_not_the_answers_before_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its caller sees the end of the connection; the upstream's connection is used again."""
    real = exchange.ask

    def ask(body: bytes, admission: Admission, id: str, force: InForce) -> Asking | Turned:
        if b"get_bug" in body:
            raise RuntimeError("on purpose")
        return real(body, admission, id, force)

    world.start()
    monkeypatch.setattr(exchange, "ask", ask)
    with world.caller() as caller:
        caller.send(world.post(call("get_x")) + world.post(call("get_bug")))
        assert caller.answer()[0] == 200
        assert caller.closed()
    assert [line["outcome"] for line in world.closes(2)] == ["completed", "failed"]
    with world.caller() as caller:
        still_in_order(world, caller)
    assert world.upstream.connections == 1


# Batches.

MIXED = [call("get_a", id=1), call("rm", id=2), call("get_b", id=3)]


def ids(body: bytes) -> list[object]:
    return [one["id"] for one in json.loads(body)]


def test_a_batch_answered_as_a_document_has_our_refusals_joined_in(world: World) -> None:
    """The upstream saw only what was allowed."""
    world.upstream.behave = says(plain(b"[ %b,%b ]" % (result(3), result(1))))
    world.start()
    with world.caller() as caller:
        status, headers, body = caller.post(MIXED, BATCHES).answer()
        assert (status, ids(body), headers[b"content-type"]) == (200, [3, 1, 2], b"application/json")
        assert json.loads(body)[2]["error"]["message"] == "Unknown tool: rm"
        still_in_order(world, caller)
    assert [one["id"] for one in json.loads(world.upstream.requests[0].body)] == [1, 3]


def test_a_batch_answered_as_a_stream_begins_with_our_refusals(world: World) -> None:
    """Also where the upstream's stream begins with a byte order mark, which counts only at the beginning."""
    for mark in (b"", b"\xef\xbb\xbf"):
        world.upstream.behave = streams(mark + event(result(3)), event(b"[%b]" % result(1)))
        if world.gate is None:
            world.start()
        with world.caller() as caller:
            status, _, body = caller.post(MIXED, BATCHES).answer()
            first, second, third = told(body)
            assert (status, json.loads(first)["id"], second, third) == (
                200,
                2,
                result(3),
                b"[%b]" % result(1),
            )


def test_a_batch_answered_with_nothing_still_has_our_refusals(world: World) -> None:
    """An upstream takes a batch of notifications with 202."""
    world.upstream.behave = says(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    world.start()
    messages = [{"jsonrpc": "2.0", "method": "notifications/initialized"}, call("rm", id=2)]
    with world.caller() as caller:
        status, _, body = caller.post(messages, BATCHES).answer()
        assert (status, ids(body)) == (200, [2])
        still_in_order(world, caller)


def test_of_an_answer_to_a_batch_what_nobody_asked_for_is_kept(world: World) -> None:
    """An answer to what was not let through is the gate's alone to give."""
    world.upstream.behave = says(plain(b"[%b,%b,%b]" % (result(1), result(2, leaked=True), result(3))))
    world.start()
    with world.caller() as caller:
        body = caller.post(MIXED, BATCHES).answer()[2]
        assert ids(body) == [1, 3, 2] and b"leaked" not in body
    world.closes(1)
    assert [line["reason"] for line in world.records("dropped")] == ["upstream.unasked"]


def test_an_untouched_batch_and_its_answer_keep_their_bytes(world: World) -> None:
    """In both directions."""
    asked = b" [ %b ,\n%b]" % (json.dumps(MIXED[0]).encode(), json.dumps(MIXED[2]).encode())
    answer = b"[%b ,\n %b ] " % (result(3), result(1))
    world.upstream.behave = says(plain(answer))
    world.start()
    with world.caller() as caller:
        assert caller.post(asked, BATCHES).answer()[2] == answer
    assert world.upstream.requests[0].body == asked


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"])
def test_where_a_revision_has_no_batches_none_is_forwarded_and_none_passes_back(
    world: World, revision: str
) -> None:
    """Only 2025-03-26 has them."""
    world.start()
    with world.caller() as caller:
        status, answer = caller.post([call("get_x")], f"MCP-Protocol-Version: {revision}").json()
        assert (status, answer["id"], reason_in(answer)) == (400, None, "frame.batch")
    assert world.upstream.requests == []


# Sessions.


def opening(*lines: str, body: bytes = result(protocolVersion="2025-11-25")) -> Behaviour:
    """An upstream that opens a session."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        if b'"initialize"' in request.body:
            sock.sendall(plain(body, *(lines or ("Mcp-Session-Id: secret-1",))))
        else:
            answer_json(sock, request)

    return behave


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "c", "version": "1"},
    },
}


def opened(caller: Caller) -> str:
    """What the caller holds of a session that it has opened."""
    status, headers, _ = caller.post(INITIALIZE).answer()
    assert status == 200
    return headers[b"mcp-session-id"].decode()


def bare(world: World, method: str, *lines: str, token: str = "", path: str = "/mcp") -> bytes:
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {token or world.token}",
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode()


def test_a_session_id_is_sealed_for_the_caller_and_unsealed_for_the_upstream(world: World) -> None:
    """What one side holds, the other never sees."""
    world.upstream.behave = opening()
    world.start()
    with world.caller() as caller:
        sealed = opened(caller)
        assert "secret" not in sealed
        for send in (
            lambda: caller.post(call("get_x"), f"Mcp-Session-Id: {sealed}", LATEST),
            lambda: caller.send(bare(world, "GET", f"Mcp-Session-Id: {sealed}", LATEST)),
            lambda: caller.send(bare(world, "DELETE", f"Mcp-Session-Id: {sealed}", LATEST)),
        ):
            send()
            caller.answer()
    seen = [request.headers.get(b"mcp-session-id") for request in world.upstream.requests]
    assert seen == [None, *[b"secret-1"] * 3]
    assert not any(sealed.encode() in request.head for request in world.upstream.requests)
    assert "secret-1" not in json.dumps(world.records())


def test_who_opens_a_session_with_another_one_leaves_that(world: World) -> None:
    """It is not in use any more, so it can be idle one day, and nothing is owed in it."""
    world.upstream.behave = opening()
    world.start()
    assert world.gate is not None and world.gate.force is not None
    sessions = world.gate.force.sessions
    with world.caller() as caller:
        one = opened(caller)
        _, headers, _ = caller.post(INITIALIZE, f"Mcp-Session-Id: {one}", LATEST).answer()
        world.closes(2)
        for sealed in (one.encode(), headers[b"mcp-session-id"]):
            live = sessions.known(sealed)
            assert live is not None and (live.streams, live.outstanding) == (0, {})


def test_a_session_id_in_any_other_answer_stays_at_the_gate(world: World) -> None:
    """Only initialize opens a session; a refused one opens none."""
    world.start()
    with world.caller() as caller:
        world.upstream.behave = says(plain(result(), "Mcp-Session-Id: secret-1"))
        assert b"mcp-session-id" not in caller.post(call("get_x")).answer()[1]
        world.upstream.behave = opening(body=result(protocolVersion="2030-01-01"))
        status, headers, body = caller.post(INITIALIZE).answer()
        assert (status, reason_in(json.loads(body))) == (502, "upstream.revision")
        assert b"mcp-session-id" not in headers
        world.upstream.behave = opening("Mcp-Session-Id: with space")
        assert caller.post(INITIALIZE).answer()[0] == 502


def test_a_session_with_an_open_request_ends_like_any_other(world: World) -> None:
    """DELETE asks nothing that could be answered, whatever the caller still waits for (the official
    Python server answers it with 200 and an empty body that is called JSON)."""
    world.start()
    assert world.gate is not None and world.gate.force is not None
    with world.caller() as caller:
        world.upstream.behave = opening()
        sealed = opened(caller)
        held = f"Mcp-Session-Id: {sealed}"
        world.upstream.behave = streams(event(b"", b"id: 5\n"))
        caller.post(call("get_x", id=9), held, LATEST).answer()
        world.upstream.behave = says(plain(b""))
        status, _, body = caller.send(bare(world, "DELETE", held, LATEST)).answer()
        assert (status, body) == (200, b"")
    world.closes(3)
    assert world.gate.force.sessions.known(sealed.encode()) is None


def test_unknown_foreign_and_altered_sessions_are_answered_alike(world: World) -> None:
    """404 with the request's id, and the upstream sees nothing."""
    world.upstream.behave = opening()
    world.start()
    _, other = world.issued_file.issue("other", 3600, time.time())
    world.look()
    with world.caller() as caller:
        sealed = opened(caller)
        answers = []
        for held, token in ((sealed, other), (sealed[:-4] + "AAAA", ""), ("unknown", ""), ("secret-1", "")):
            body = json.dumps(call("get_x")).encode()
            raw = bare(
                world,
                "POST",
                f"Mcp-Session-Id: {held}",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
                token=token,
            )
            status, headers, answer = caller.send(raw + body).answer()
            found = json.loads(answer)
            found["error"]["data"].pop("exchange")
            answers.append((status, sorted(headers), found))
        assert all(one == answers[0] for one in answers)
        assert (answers[0][0], answers[0][2]["id"]) == (404, 1)
        for method in ("GET", "DELETE"):
            status, _, _ = caller.send(bare(world, method, f"Mcp-Session-Id: {sealed}", token=other)).answer()
            assert status == 404
    assert len(world.upstream.requests) == 1


def test_a_session_that_is_over_is_as_unknown_as_any_other(world: World) -> None:
    """Also on a connection on which it was good, and whatever is asked of it."""
    world.upstream.behave = opening()
    world.start(world.config(more='[limits]\nsession_lifetime = "1m"\n'))
    assert world.gate is not None and world.gate.force is not None
    with world.caller() as caller:
        held = f"Mcp-Session-Id: {opened(caller)}"
        assert caller.post(call("get_x"), held, LATEST).answer()[0] == 200
        seen = len(world.upstream.requests)
        later = time.time() + 61
        world.gate.force.wall = lambda: later
        over = caller.post(call("get_x"), held, LATEST).json()
        unknown = caller.post(call("get_x"), "Mcp-Session-Id: unknown", LATEST).json()
        for _, answer in (over, unknown):
            answer["error"]["data"].pop("exchange")
        assert over == unknown and (over[0], over[1]["id"]) == (404, 1)
        for method in ("GET", "DELETE"):
            assert caller.send(bare(world, method, held, LATEST)).answer()[0] == 404
        assert len(world.upstream.requests) == seen


def test_an_answer_may_come_by_another_stream_of_its_session(world: World) -> None:
    """Resumed with Last-Event-ID, it is passed on and recorded with the exchange of its request."""
    world.start()
    with world.caller() as caller:
        world.upstream.behave = opening()
        held = f"Mcp-Session-Id: {opened(caller)}"
        world.upstream.behave = streams(event(b"", b"id: 5\n"))
        caller.post(call("get_x", id=9), held, LATEST).answer()
        world.upstream.behave = streams(event(result(9), b"id: 6\n"), event(result("elsewhere"), b"id: 7\n"))
        status, _, body = caller.send(bare(world, "GET", held, "Last-Event-ID: 5", LATEST)).answer()
        assert (status, told(body)) == (200, [result(9)])
        # It may have been lost on the way: who comes back for it gets it again.
        body = caller.send(bare(world, "GET", held, "Last-Event-ID: 5", LATEST)).answer()[2]
        assert told(body) == [result(9)]
        # On a stream that resumes nothing, an answer is nobody's.
        world.upstream.behave = streams(event(result("elsewhere")), event(NOTE))
        assert told(caller.send(bare(world, "GET", held, LATEST)).answer()[2]) == [NOTE]
    assert world.upstream.requests[2].headers[b"last-event-id"] == b"5"
    _, asked, resumed, again, plain_get = (line["id"] for line in world.records("open"))
    assert [(line["exchange"], line["request"]) for line in world.records("answered")] == [
        (resumed, asked),
        (again, asked),
    ]
    # All of the session came by here, so an answer to what was not asked here is somebody else's.
    assert [(line["exchange"], line["reason"]) for line in world.records("dropped")] == [
        (each, "upstream.unasked") for each in (resumed, again, plain_get)
    ]


def test_an_answer_that_was_lost_on_its_way_comes_again(world: World) -> None:
    """To the gate it was delivered; its caller resumes from the event before it."""
    world.start()
    with world.caller() as caller:
        world.upstream.behave = opening()
        held = f"Mcp-Session-Id: {opened(caller)}"
        world.upstream.behave = streams(event(b"", b"id: 5\n"), event(result(9), b"id: 6\n"))
        assert told(caller.post(call("get_x", id=9), held, LATEST).answer()[2]) == [result(9)]
        world.upstream.behave = streams(event(result(9), b"id: 6\n"), event(result(9), b"id: 6\n"))
        body = caller.send(bare(world, "GET", held, "Last-Event-ID: 5", LATEST)).answer()[2]
        assert told(body) == [result(9)]
    assert [line["reason"] for line in world.records("dropped")] == ["upstream.repeated"]


def test_the_stream_that_opened_a_session_can_be_resumed(world: World) -> None:
    """The answer to initialize may get lost on its way, too; and no other revision comes in by that."""
    world.start()
    opens = STREAM.replace(b"\r\n\r\n", b"\r\nMcp-Session-Id: secret-1\r\n\r\n")
    first = opens + chunk(event(b"", b"id: 5\n"))
    good, bad = (event(result(protocolVersion=of), b"id: 6\n") for of in ("2025-11-25", "2030-01-01"))
    with world.caller() as caller:
        for rest in (b"", chunk(good)):
            world.upstream.behave = says(first + rest + b"0\r\n\r\n")
            _, headers, _ = caller.post(INITIALIZE).answer()
            held = f"Mcp-Session-Id: {headers[b'mcp-session-id'].decode()}"
            world.upstream.behave = streams(good)
            status, _, body = caller.send(bare(world, "GET", held, "Last-Event-ID: 5", LATEST)).answer()
            assert (status, body) == (200, good)
        world.upstream.behave = says(STREAM + chunk(bad))
        assert caller.send(bare(world, "GET", held, "Last-Event-ID: 5", LATEST)).answer()[0] == 502


def test_nobody_resumes_from_an_event_of_another_session(world: World) -> None:
    """An upstream that numbers the events of all sessions together would send what is somebody else's."""
    world.start()
    with world.caller() as caller:
        world.upstream.behave = opening()
        one, two = (f"Mcp-Session-Id: {opened(caller)}" for _ in range(2))
        world.upstream.behave = streams(event(result(9), b"id: 5\n"))
        caller.post(call("get_x", id=9), one, LATEST).answer()
        seen = len(world.upstream.requests)
        for event_id in ("5", "4", ""):
            status, answer = caller.send(bare(world, "GET", two, f"Last-Event-ID: {event_id}", LATEST)).json()
            assert (status, reason_in(answer)) == (400, "session.event")
        assert len(world.upstream.requests) == seen


def test_after_a_restart_a_session_may_be_answered_what_this_gate_has_not_seen(world: World) -> None:
    """Its requests came by the gate of before; the answer is subject to what every answer is."""
    world.start()
    assert world.gate is not None and world.gate.force is not None
    with world.caller() as caller:
        world.upstream.behave = opening()
        sealed = opened(caller)
        held = f"Mcp-Session-Id: {sealed}"
        world.gate.force.sessions.forget(sealed.encode())
        world.upstream.behave = streams(event(result("before"), b"id: 7\n"))
        body = caller.send(bare(world, "GET", held, "Last-Event-ID: 5", LATEST)).answer()[2]
        assert told(body) == [result("before")]
    assert [line["request"] for line in world.records("answered")] == [None]


def test_what_was_answered_with_an_error_of_ours_is_not_answered_again(world: World) -> None:
    """The stream ended without an answer, and could not be resumed: the caller was told."""
    world.start()
    with world.caller() as caller:
        world.upstream.behave = opening()
        held = f"Mcp-Session-Id: {opened(caller)}"
        world.upstream.behave = streams(event(NOTE))
        _, error = told(caller.post(call("get_x", id=9), held, LATEST).answer()[2])
        assert reason_in(json.loads(error)) == "upstream.truncated"
        world.upstream.behave = streams(event(result(9)), event(NOTE))
        assert told(caller.send(bare(world, "GET", held, LATEST)).answer()[2]) == [NOTE]


def test_a_stream_of_another_session_brings_no_answer_to_this_one(world: World) -> None:
    """Two sessions with the same ids in flight."""
    world.start()
    with world.caller() as caller:
        world.upstream.behave = opening()
        one, two = (f"Mcp-Session-Id: {opened(caller)}" for _ in range(2))
        world.upstream.behave = streams(event(b"", b"id: 5\n"))
        caller.post(call("get_x", id=9), one, LATEST).answer()
        world.upstream.behave = streams(event(result(9)))
        assert told(caller.send(bare(world, "GET", two, LATEST)).answer()[2]) == []


def test_an_answer_that_the_rules_of_today_block_is_kept(world: World) -> None:
    """Its request was allowed when it was forwarded, and the answer comes by another stream."""
    world.start()
    with world.caller() as caller:
        world.upstream.behave = opening()
        held = f"Mcp-Session-Id: {opened(caller)}"
        world.upstream.behave = streams(event(b"", b"id: 5\n"))
        caller.post(call("get_x", id=9), held, LATEST).answer()
        world.reload(
            world.config(more='[[rule]]\nname = "now"\non = { name = "get_x" }\nverdict = "block"\n')
        )
        world.upstream.behave = streams(event(result(9)), event(NOTE))
        body = caller.send(bare(world, "GET", held, "Last-Event-ID: 5", LATEST)).answer()[2]
        assert told(body) == [NOTE]
    assert [line["reason"] for line in world.records("dropped")] == ["policy.blocked"]


def test_an_answer_that_comes_later_is_masked_by_the_rules_of_today(world: World) -> None:
    """Whoever comes back for it gets it as whoever asks now."""
    mask = '[[rule]]\nname = "m"\nmask = ["email"]\n'
    world.start()
    for before, after, found in (("", mask, b"[email]"), (mask, "", b"kim@example.com")):
        world.reload(world.config(more=before))
        with world.caller() as caller:
            world.upstream.behave = opening()
            held = f"Mcp-Session-Id: {opened(caller)}"
            world.upstream.behave = streams(event(b"", b"id: 5\n"))
            caller.post(call("get_x", id=9), held, LATEST).answer()
            world.reload(world.config(more=after))
            world.upstream.behave = streams(event(result(9, text="kim@example.com")))
            body = caller.send(bare(world, "GET", held, "Last-Event-ID: 5", LATEST)).answer()[2]
            assert told(body) == [result(9, text="kim@example.com").replace(b"kim@example.com", found)]


@pytest.mark.parametrize("form", ["small", "error", "large", "stream"])
def test_what_is_masked_is_in_no_header_either(world: World, form: str) -> None:
    """The line is left out, and the answer is the same without it."""
    world.start()
    world.reload(world.config(more='[[rule]]\nname = "m"\nmask = ["email"]\n'))
    lines = ("X-User: kim@example.com", "X-Other: stays")
    body = result(1, text="x" * (200_000 if form == "large" else 5))
    raw = plain(body, *lines)
    if form == "stream":
        body = event(body)
        raw = STREAM.replace(b"\r\n\r\n", ("\r\n" + "\r\n".join([*lines, "", ""])).encode())
        raw += chunk(body) + b"0\r\n\r\n"
    elif form == "error":
        body = b"not now"
        raw = plain(body, *lines, status="503 Service Unavailable", content="text/plain")
    world.upstream.behave = says(raw)
    with world.caller() as caller:
        for _ in range(2):
            status, head, got = caller.post(call("get_x")).answer()
            assert (status, got) == (503 if form == "error" else 200, body)
            assert "stays" in str(head) and "kim" not in str(head)


# The old HTTP+SSE transport.


def test_the_old_transport_posts_to_the_gate_and_is_answered_on_its_stream(world: World) -> None:
    """The upstream's place is sealed in the gate's URL, and its query is in no record."""
    posted: list[Request] = []
    done = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        if request.line.startswith(b"GET"):
            sock.sendall(STREAM + chunk(event(b"/messages?id=secret-7", b"event: endpoint\n")))
            world.wait_for(lambda: posted)
            sock.sendall(
                chunk(event(b"/evil?id=2", b"event: endpoint\n") + event(result(4), b"event: message\n"))
            )
            done.wait(PATIENCE)
            sock.sendall(b"0\r\n\r\n")
        else:
            posted.append(request)
            sock.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\nAccepted")

    world.upstream.behave = behave
    world.start()
    with world.caller() as stream, world.caller() as caller:
        stream.send(bare(world, "GET", "Accept: text/event-stream")).read_head()
        ((found,), _) = event_source.read(stream.read_chunk())
        assert found.kind == b"endpoint" and found.data is not None
        place = found.data.decode()
        assert place.startswith("/mcp?session=") and "secret" not in place
        status, _, body = caller.post(call("get_x", id=4), path=place).answer()
        assert (status, body) == (202, b"")
        body = b""
        while b"result" not in body:
            body += stream.read_chunk()
        assert told(body) == [result(4)]
        for path in (place[:-1], place + "A", f"/mcp?session={'A' * 90}"):
            assert caller.post(call("get_x"), path=path).answer()[0] == 404
        done.set()
    assert [request.line for request in posted] == [b"POST /messages?id=secret-7 HTTP/1.1"]
    records = json.dumps(world.records())
    assert "secret-7" not in records and place.partition("=")[2] not in records


@pytest.mark.parametrize(
    "named",
    [
        b"https://evil.test/messages",
        b"//evil.test/x",
        b"http://localhost/x",
        b"javascript:x",
        b"/a b",
        b"/\xc3\xa9",
    ],
)
def test_an_endpoint_elsewhere_ends_the_stream(world: World, named: bytes) -> None:
    """Messages that were judged for this upstream go nowhere else."""
    world.upstream.behave = streams(event(named, b"event: endpoint\n"), end=False)
    world.start()
    with world.caller() as caller:
        caller.send(bare(world, "GET"))
        try:
            caller.read_head()
            rest = caller.sock.recv(65536)
        except (EOFError, OSError):
            rest = b""
        assert named not in rest
    assert world.closes(1)[0]["reason"] == "upstream.endpoint"


def test_an_upstream_without_sessions_can_be_resumed(world: World) -> None:
    """Nothing tells whose the answer is, but that its caller came back for it; the line says so."""
    world.start()
    with world.caller() as caller:
        world.upstream.behave = streams(event(b"", b"id: 5\n"))
        assert told(caller.post(call("get_x", id=9), LATEST).answer()[2]) == []
        world.upstream.behave = streams(event(result(9), b"id: 6\n"))
        body = caller.send(bare(world, "GET", "Last-Event-ID: 5", LATEST)).answer()[2]
        assert told(body) == [result(9)]
    assert [line["request"] for line in world.records("answered")] == [None]
