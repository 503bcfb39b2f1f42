"""What an upstream asks of a caller, through a running gate over TLS: only what a rule names gets through."""

from __future__ import annotations

import json
import ssl
import threading
from typing import Any

import pytest

from mcpgate.relay.questions import UNANSWERED_MOST
from tests.relay.test_answering import (
    INITIALIZE,
    LATEST,
    bare,
    chunk,
    event,
    opened,
    opening,
    plain,
    result,
    says,
    streams,
    told,
)
from tests.running import STREAM, Behaviour, Caller, Request, World, answer_json, call, modern
from tests.waiting import PATIENCE

ASK = '[[rule]]\nname = "ask"\non = { method = %s }\nverdict = "allow"\n'
SAMPLING = "sampling/createMessage"
MAY_SAMPLE = ASK % f'"{SAMPLING}"'
MAY_ELICIT = ASK % '["elicitation/create"]'
META = "io.modelcontextprotocol/clientCapabilities"


def question(id: object = 7, method: str = SAMPLING, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode()


def respond(id: object = 7, **inside: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": id, "result": inside}


class Asking:
    """An upstream that asks while it answers a call, and answers it once it has an answer itself."""

    def __init__(self, *questions: bytes) -> None:
        self.questions = questions
        self.answered = threading.Event()
        self.answers: list[Request] = []

    def __call__(self, sock: ssl.SSLSocket, request: Request) -> None:
        if b'"initialize"' in request.body:
            return opening()(sock, request)
        message = json.loads(request.body or b"{}")
        if "method" not in message and message:
            sock.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            self.answers.append(request)
            if len(self.answers) == len(self.questions):
                self.answered.set()
        elif message.get("method") == "tools/call":
            sock.sendall(STREAM + b"".join(chunk(event(one)) for one in self.questions))
            self.answered.wait(PATIENCE)
            sock.sendall(chunk(event(result(message["id"]))) + b"0\r\n\r\n")
        else:
            answer_json(sock, request)


def heard(caller: Caller, count: int) -> list[bytes]:
    """The messages of a stream that goes on, once there are so many."""
    body = b""
    while len(told(body)) < count:
        body += caller.read_chunk()
    return told(body)


def begin(world: World, *questions: bytes, more: str = "") -> Asking:
    asking = Asking(*questions)
    world.upstream.behave = asking
    world.start(world.config(more=more))
    return asking


def dropped(world: World) -> list[tuple[str, str]]:
    return [(line["reason"], line["detail"]) for line in world.records("dropped")]


# Up to 2025-11-25: a request of the upstream's own.


def test_a_question_that_no_rule_allows_is_answered_in_its_callers_place(world: World) -> None:
    """The caller never hears of it, and the call goes on. On the record is what was asked, and who was
    told what."""
    asking = begin(world, question())
    with world.caller() as caller:
        sealed = opened(caller)
        body = caller.post(call("get_x", id=9), f"Mcp-Session-Id: {sealed}", LATEST).answer()[2]
        assert told(body) == [result(9)]
    (answer,) = asking.answers
    assert json.loads(answer.body) == {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {"code": -32601, "message": "Method not found"},
    }
    assert answer.line == b"POST /upstream/mcp HTTP/1.1"
    assert answer.headers[b"mcp-session-id"] == b"secret-1"
    assert answer.headers[b"mcp-protocol-version"] == b"2025-11-25"
    assert answer.headers[b"content-type"] == b"application/json"
    assert b"authorization" not in answer.headers
    assert dropped(world) == [("policy.question", f"{SAMPLING}: no rule allows it")]
    (line,) = [one for one in world.records("open") if one["method"] == SAMPLING]
    assert (line["verdict"], line["principal"], line["http"], line["inbound"], line["session"] != "") == (
        "block", "ci", "POST", None, True,
    )
    (end,) = [one for one in world.closes(3) if one["id"] == line["id"]]
    assert (end["outcome"], end["status"], end["bytes_in"]) == ("completed", 202, len(answer.body))


def test_a_question_that_a_rule_names_is_asked_and_answered(world: World) -> None:
    """In the bytes in which it came, and back; a ping is the protocol's own and needs no rule."""
    asked, ping = question(prompt="1.10"), b'{"jsonrpc":"2.0","id":8,"method":"ping"}'
    asking = begin(world, asked, ping, more=MAY_SAMPLE)
    with world.caller() as caller, world.caller() as other:
        held = f"Mcp-Session-Id: {opened(caller)}"
        _, headers = caller.post(call("get_x", id=9), held, LATEST).read_head()
        assert heard(caller, 2) == [asked, ping]
        for id in (7, 8):
            assert other.post(respond(id, model="m"), held, LATEST).answer()[0] == 202
        assert told(caller.read_body(headers)) == [result(9)]
    assert [json.loads(one.body)["id"] for one in asking.answers] == [7, 8]
    assert dropped(world) == []


@pytest.mark.parametrize("more", ["", '[[rule]]\nname = "all"\nverdict = "allow"\n'])
def test_a_rule_about_everything_is_not_about_what_upstreams_ask(world: World, more: str) -> None:
    begin(world, question(1, "roots/list"), question(2, "elicitation/create", message="?"), more=more)
    with world.caller() as caller:
        held = f"Mcp-Session-Id: {opened(caller)}"
        assert told(caller.post(call("get_x", id=9), held, LATEST).answer()[2]) == [result(9)]
    assert [reason for reason, _ in dropped(world)] == ["policy.question"] * 2


def test_a_rule_that_blocks_is_named(world: World) -> None:
    block = f'[[rule]]\nname = "no-model"\non = {{ method = "{SAMPLING}" }}\nverdict = "block"\n'
    begin(world, question(), more=MAY_SAMPLE + block)
    with world.caller() as caller:
        held = f"Mcp-Session-Id: {opened(caller)}"
        assert told(caller.post(call("get_x", id=9), held, LATEST).answer()[2]) == [result(9)]
    assert dropped(world) == [("policy.question", f"{SAMPLING}: rule no-model blocks it")]


def test_without_a_session_the_answer_goes_where_the_callers_would(world: World) -> None:
    """An upstream that keeps no sessions takes it or leaves it, as it would the caller's."""
    asking = begin(world, question("q"))
    with world.caller() as caller:
        assert told(caller.post(call("get_x", id=9), LATEST).answer()[2]) == [result(9)]
    (answer,) = asking.answers
    assert b"mcp-session-id" not in answer.headers and json.loads(answer.body)["id"] == "q"


def test_the_stream_of_2024_11_05_has_its_answer_at_its_endpoint(world: World) -> None:
    """Where the caller itself would POST to."""
    answered = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        if request.line.startswith(b"GET"):
            endpoint = event(b"/messages?id=secret-7", b"event: endpoint\n")
            sock.sendall(STREAM + chunk(endpoint) + chunk(event(question(), b"event: message\n")))
            answered.wait(PATIENCE)
            sock.sendall(chunk(event(b'{"jsonrpc":"2.0","method":"notifications/message"}')))
        else:
            sock.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            answered.set()

    world.upstream.behave = behave
    world.start()
    with world.caller() as caller:
        caller.send(bare(world, "GET")).read_head()
        endpoint, note = heard(caller, 2)
        assert endpoint.startswith(b"/mcp?session=") and b"notifications/message" in note
    answer = next(one for one in world.upstream.requests if one.body)
    assert answer.line == b"POST /messages?id=secret-7 HTTP/1.1"
    assert json.loads(answer.body)["error"]["code"] == -32601


def test_rules_of_today_hold_on_a_stream_of_before(world: World) -> None:
    """A GET stream may last for days."""
    go = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        if request.line.startswith(b"GET"):
            sock.sendall(STREAM + chunk(event(question(1))))
            go.wait(PATIENCE)
            sock.sendall(chunk(event(question(2))) + b"0\r\n\r\n")
        else:
            opening()(sock, request)

    world.upstream.behave = behave
    world.start(world.config(more=MAY_SAMPLE))
    with world.caller() as caller:
        held = f"Mcp-Session-Id: {opened(caller)}"
        _, headers = caller.send(bare(world, "GET", held, LATEST)).read_head()
        assert heard(caller, 1) == [question(1)]
        world.reload(world.config())
        go.set()
        assert told(caller.read_body(headers)) == []
    assert dropped(world) == [("policy.question", f"{SAMPLING}: no rule allows it")]


def test_more_than_so_many_that_nobody_answers_are_declined(world: World) -> None:
    """Pings do not count, and what was answered or withdrawn makes room."""
    first = [question(n) for n in range(UNANSWERED_MOST)]
    pings = [question(f"p{n}", "ping") for n in range(3)]
    withdrawn = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":0}}'
    asked = [*first, *pings, question("one too many"), withdrawn, question("has room")]
    world.upstream.behave = opening()
    world.start(world.config(more=MAY_SAMPLE))
    with world.caller() as caller:
        held = f"Mcp-Session-Id: {opened(caller)}"
        world.upstream.behave = streams(*map(event, asked), event(result(9)))
        heard = told(caller.post(call("get_x", id=9), held, LATEST).answer()[2])
    assert heard == [*asked[:-3], withdrawn, asked[-1], result(9)]
    assert dropped(world) == [("policy.question", f"more than {UNANSWERED_MOST} questions await an answer")]
    world.wait_for(lambda: any(b'"one too many"' in one.body for one in world.upstream.requests))


def test_the_end_of_what_may_not_be_asked_is_not_told_either(world: World) -> None:
    """notifications/elicitation/complete (2025-11-25)."""
    over = b'{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"e"}}'
    world.upstream.behave = streams(event(over), event(result(9)))
    world.start()
    with world.caller() as caller:
        assert told(caller.post(call("get_x", id=9), LATEST).answer()[2]) == [result(9)]
        world.reload(world.config(more=MAY_ELICIT))
        assert told(caller.post(call("get_x", id=9), LATEST).answer()[2]) == [over, result(9)]
    assert [reason for reason, _ in dropped(world)] == ["policy.question"]


# What callers answer, and what they declare.


def test_an_answer_to_what_was_not_asked_goes_no_further(world: World) -> None:
    """Where this worker knows all of the session. What was answered may be answered again: the first may
    have been lost."""
    asking = begin(world, question(7), more=MAY_SAMPLE)
    with world.caller() as caller, world.caller() as other:
        sealed = opened(caller)
        held = f"Mcp-Session-Id: {sealed}"
        assert other.post(respond(7), held, LATEST).answer()[0] == 202
        _, headers = caller.post(call("get_x", id=9), held, LATEST).read_head()
        assert heard(caller, 1) == [question(7)]
        for id in ("7", 8, 7, 7):
            assert other.post(respond(id), held, LATEST).answer()[0] == 202
        caller.read_body(headers)
        assert [json.loads(one.body)["id"] for one in asking.answers] == [7, 7]
        # Another worker, or this one after it has forgotten, cannot know.
        assert world.gate is not None and world.gate.force is not None
        world.gate.force.sessions.forget(sealed.encode())
        assert other.post(respond(99), held, LATEST).answer()[0] == 202
    assert json.loads(asking.answers[-1].body)["id"] == 99
    reasons = [line["reason"] for line in world.closes(8) if line["status"] == 202]
    assert sorted(map(str, reasons)) == ["None"] * 3 + ["policy.question"] * 3


def declaring(**capabilities: object) -> dict[str, Any]:
    params = {**INITIALIZE["params"], "capabilities": capabilities}  # type: ignore[dict-item]
    return {**INITIALIZE, "params": params}


def test_a_client_declares_nothing_that_it_may_not_be_asked(world: World) -> None:
    """So a well-behaved upstream does not ask; and roots that may not be asked for do not change."""
    world.upstream.behave = opening()
    world.start(world.config(more=MAY_SAMPLE))
    changed = {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}
    with world.caller() as caller:
        asked = declaring(sampling={}, roots={"listChanged": True}, elicitation={}, experimental={"a": 1})
        assert caller.post(asked).answer()[0] == 200
        assert caller.post(changed, LATEST).answer()[0] == 202
        (seen,) = world.upstream.requests
        assert json.loads(seen.body)["params"]["capabilities"] == {"sampling": {}, "experimental": {"a": 1}}
        world.reload(world.config(more=ASK % '["roots/list", "sampling/createMessage", "elicitation/*"]'))
        raw = json.dumps(asked, indent=1).encode()
        assert caller.post(raw).answer()[0] == 200
        assert caller.post(changed, LATEST).answer()[0] == 202
        assert world.upstream.requests[1].body == raw
        assert json.loads(world.upstream.requests[2].body) == changed


def test_a_request_of_2026_declares_no_more(world: World) -> None:
    """What nobody declares passes in the caller's bytes."""
    world.start(world.config(more=MAY_ELICIT))
    message, lines = modern(call("get_x"))
    message["params"]["_meta"][META] = {"elicitation": {}, "sampling": {}}
    with world.caller() as caller:
        assert caller.post(message, *lines).json()[0] == 200
        message["params"]["_meta"][META] = {"elicitation": {"url": {}}}
        raw = json.dumps(message, indent=1).encode()
        assert caller.post(raw, *lines).json()[0] == 200
    first, second = world.upstream.requests
    assert json.loads(first.body)["params"]["_meta"][META] == {"elicitation": {}}
    assert second.body == raw


# In answers: 2026-07-28, and the error of 2025-11-25.


def requiring(*methods: str) -> dict[str, object]:
    requests = {method: {"method": method, "params": {}} for method in methods}
    return {"resultType": "input_required", "inputRequests": requests, "requestState": "sealed"}


def answers(**inside: object) -> Behaviour:
    return says(plain(json.dumps({"jsonrpc": "2.0", "id": 1, **inside}).encode()))


def test_a_result_that_asks_what_no_rule_allows_is_withheld(world: World) -> None:
    """A tool says so where a model reads it, all else by an error; the record says why."""
    world.upstream.behave = answers(result=requiring("elicitation/create", SAMPLING))
    world.start(world.config(more=MAY_ELICIT))
    with world.caller() as caller:
        message, lines = modern(call("get_x"))
        status, body = caller.post(message, *lines).json()
        assert (status, body["result"]["isError"], body["result"]["resultType"]) == (200, True, "complete")
        assert "policy.question" in body["result"]["content"][0]["text"]
        assert "inputRequests" not in body["result"]
        prompt = {"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": {"name": "greet"}}
        message, lines = modern(prompt)
        status, body = caller.post(message, *lines).json()
        assert (status, body["error"]["data"]["reason"]) == (200, "policy.question")
    for line in world.closes(2):
        assert (line["outcome"], line["reason"]) == ("refused", "policy.question")
        assert line["detail"] == f"{SAMPLING}: no rule allows it"


def test_a_result_that_asks_what_rules_allow_passes_as_it_came(world: World) -> None:
    raw = json.dumps({"jsonrpc": "2.0", "id": 1, "result": requiring(SAMPLING)}, indent=1).encode()
    world.upstream.behave = says(plain(raw))
    world.start(world.config(more=MAY_SAMPLE))
    message, lines = modern(call("get_x"))
    with world.caller() as caller:
        assert caller.post(message, *lines).answer()[2] == raw


def test_it_is_withheld_on_a_stream_as_well(world: World) -> None:
    """What came before it has passed."""
    asks = json.dumps({"jsonrpc": "2.0", "id": 1, "result": requiring("roots/list")}).encode()
    note = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}'
    world.upstream.behave = streams(event(note), event(asks))
    world.start()
    message, lines = modern(call("get_x"))
    with world.caller() as caller:
        first, second = told(caller.post(message, *lines).answer()[2])
    assert first == note and json.loads(second)["result"]["isError"]
    assert world.closes(1)[0]["reason"] == "policy.question"


def test_an_error_that_wants_a_url_opened_is_a_question(world: World) -> None:
    """It passes where elicitation does, and never as an error of HTTP, where no client looks for it."""
    urls = {"elicitations": [{"mode": "url", "elicitationId": "e", "url": "https://e.test", "message": "x"}]}
    error = {"code": -32042, "message": "first this", "data": urls}
    world.upstream.behave = answers(error=error)
    world.start()
    with world.caller() as caller:
        assert caller.post(call("get_x"), LATEST).json()[1]["result"]["isError"]
        world.reload(world.config(more=MAY_ELICIT))
        assert caller.post(call("get_x"), LATEST).json()[1]["error"] == error
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()
        world.upstream.behave = says(plain(body, status="400 Bad Request"))
        assert caller.post(call("get_x"), LATEST).answer()[0] == 502


def test_what_cannot_be_read_as_a_question_is_withheld(world: World) -> None:
    """Some client may read it."""
    world.upstream.behave = answers(result={"resultType": "input_required", "inputRequests": []})
    world.start(world.config(more=MAY_SAMPLE))
    message, lines = modern(call("get_x"))
    with world.caller() as caller:
        assert caller.post(message, *lines).json()[1]["result"]["isError"]


def test_a_question_needs_the_connection_that_its_rule_demands(world: World) -> None:
    """That on which it is asked."""
    pinned = MAY_SAMPLE + 'require = { "outbound.pinned" = true }\n'
    asking = begin(world, question(), more=pinned)
    with world.caller() as caller:
        held = f"Mcp-Session-Id: {opened(caller)}"
        assert told(caller.post(call("get_x", id=9), held, LATEST).answer()[2]) == [result(9)]
    assert json.loads(asking.answers[0].body)["error"]["code"] == -32601
    assert dropped(world) == [("policy.question", f"{SAMPLING}: no rule allows it")]
    world.upstream.behave = asking = Asking(question())
    world.reload(world.config(more=pinned, upstream=f'pins = ["{world.pin}"]'))
    with world.caller() as caller, world.caller() as other:
        held = f"Mcp-Session-Id: {opened(caller)}"
        caller.post(call("get_x", id=9), held, LATEST).read_head()
        assert heard(caller, 1) == [question()]
        assert other.post(respond(), held, LATEST).answer()[0] == 202


def test_what_may_not_be_asked_for_does_not_change_in_a_batch_either(world: World) -> None:
    """2025-03-26 has batches."""
    world.start()
    changed = {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}
    with world.caller() as caller:
        assert caller.post([changed], "MCP-Protocol-Version: 2025-03-26").answer()[0] == 202
        caller.post([changed, call("get_x")], "MCP-Protocol-Version: 2025-03-26").answer()
    (seen,) = world.upstream.requests
    assert [one["method"] for one in json.loads(seen.body)] == ["tools/call"]
