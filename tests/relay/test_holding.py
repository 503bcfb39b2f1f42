"""A call that waits for a person: what its caller sees, what people do, and what the upstream gets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from mcpgate.holds.held import WHY_MOST
from mcpgate.ops.control import SOCKET, ControlError, ask
from mcpgate.relay import holding
from mcpgate.tls.readiness import NEVER
from tests.running import STREAM, Caller, Request, World, call, chunked, event, last_event, modern, whole
from tests.waiting import eventually

HOLD = """
[[rule]]
name = "four-eyes"
on = { method = ["tools/call", "prompts/get"], name = "get_held*" }
verdict = "hold"
wait = "20s"
said = "Deletes need a second pair of eyes."
"""
ERROR = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}'
STREAMS = "Accept: application/json, text/event-stream"


@pytest.fixture
def gate(world: World) -> World:
    return world.start(world.config(more=HOLD))


def verb(world: World, name: str, /, **arguments: object) -> dict[str, Any]:
    """What somebody asks of the gate over its control socket."""
    return ask(world.state / SOCKET, name, **arguments)


def held(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = verb(world, "held")["held"]
    return found


def the_one(world: World) -> str:
    """The id of the call that waits."""
    (one,) = eventually(lambda: held(world), "a call waits")
    return str(one["id"])


def messages(body: bytes) -> list[Any]:
    """The messages of a stream."""
    return [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: ")]


def with_token(message: dict[str, Any], token: object = "p1") -> dict[str, Any]:
    return message | {"params": message["params"] | {"_meta": {"progressToken": token}}}


def asking_back(message: dict[str, Any], **more: object) -> tuple[dict[str, Any], list[str]]:
    """A request of 2026-07-28 whose client shows forms."""
    newer, lines = modern(message)
    newer["params"] |= more
    newer["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = {"elicitation": {}}
    return newer, [*lines, STREAMS]


def answered(caller: Caller, id: object = 1) -> tuple[int, Any]:
    """The next answer's status, and the message that answers the request."""
    status, headers, body = caller.answer()
    if headers[b"content-type"] == b"text/event-stream":
        (found,) = [one for one in messages(body) if one.get("id") == id]
        return status, found
    return status, json.loads(body)


def reason_in(answer: Any) -> str:
    """The reason in a tool's result."""
    assert answer["result"]["isError"] is True
    return str(answer["result"]["content"][0]["text"])


def test_an_approved_call_is_made_and_its_caller_sees_it_wait(gate: World) -> None:
    """It hears of it at once, on the stream that then brings the answer; the bytes are the caller's."""
    body = json.dumps(with_token(call("get_held", id=7, path="/x"))).encode()
    with gate.caller() as caller:
        status, headers = caller.post(body, STREAMS).read_head()
        assert (status, headers[b"content-type"]) == (200, b"text/event-stream")
        (told,) = messages(caller.read_chunk())
        assert told["method"] == "notifications/progress"
        assert told["params"]["progressToken"] == "p1" and -20 <= told["params"]["progress"] < 0
        hold = the_one(gate)
        assert hold in told["params"]["message"] and "second pair of eyes" in told["params"]["message"]
        assert gate.upstream.requests == []
        assert verb(gate, "approve", id=hold, reason="seen")["decided"] == "approved"
        assert messages(caller.read_body({b"transfer-encoding": b"chunked"})) == [
            {"jsonrpc": "2.0", "id": 7, "result": {}}
        ]
        # The connection is clean: it serves the next request.
        assert caller.post(call("get_x")).json()[0] == 200
    assert gate.upstream.requests[0].body == body
    assert held(gate) == []


def test_the_record_says_who_let_it_pass(gate: World) -> None:
    """The decision is written before the call is opened; the open line names hold, rule and person."""
    with gate.caller() as caller:
        caller.post(call("get_held", secret="hunter2"), STREAMS)
        hold = the_one(gate)
        by = verb(gate, "approve", id=hold, reason="seen")["by"]
        answered(caller)
    gate.closes(1)
    kinds = [record["type"] for record in gate.records() if record["type"] != "handshake"]
    assert kinds == ["decision", "open", "close"]
    (decided,) = gate.records("decision")
    (opened,) = gate.records("open")
    assert (decided["hold"], decided["exchange"]) == (hold, opened["id"])
    assert (decided["decided"], decided["by"], decided["why"]) == ("approved", by, "seen")
    assert "uid " in by
    assert (opened["verdict"], opened["rule"]) == ("hold", "four-eyes")
    assert (opened["hold"], opened["decided"], opened["by"]) == (hold, "approved", by)
    assert "hunter2" not in json.dumps(gate.records())


def test_whoever_decides_sees_what_it_is_about(gate: World) -> None:
    """Who, what, since when and for how long; the arguments as they are, up to a bound."""
    with gate.caller() as caller:
        caller.post(call("get_held", path="/srv/x", long="y" * 40000), STREAMS)
        hold = the_one(gate)
        (listed,) = held(gate)
        (shown,) = verb(gate, "held", id=hold)["held"]
        assert len(listed["params"]) == 1024 and listed["cut"] is True
        assert shown["params"].startswith('{"name": "get_held", "arguments": {"path": "/srv/x"')
        assert len(shown["params"]) == 16384 and shown["cut"] is True
        assert (shown["principal"], shown["route"], shown["rule"]) == ("ci", "server", "four-eyes")
        assert (shown["method"], shown["name"]) == ("tools/call", "get_held")
        assert 0 < shown["left"] <= 20 and shown["since"] < shown["deadline"]
        with pytest.raises(ControlError, match="no call waits as w-none"):
            verb(gate, "held", id="w-none")


def test_a_denied_call_is_refused_with_the_reason_that_was_given(gate: World) -> None:
    """As a tool's result that a model can read; nothing reaches the upstream."""
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS)
        verb(gate, "deny", id=the_one(gate), reason="not on a Friday")
        status, answer = answered(caller)
    assert status == 200
    text = reason_in(answer)
    assert "did not permit it" in text and "not on a Friday" in text and "policy.denied" in text
    assert gate.upstream.requests == []
    (closed,) = gate.closes(1)
    assert (closed["outcome"], closed["status"], closed["reason"]) == ("refused", 200, "policy.denied")
    assert gate.records("open")[0]["decided"] == "denied"


def test_a_prompt_is_refused_with_an_error(gate: World) -> None:
    """Only tools have results that say why; the reason stands in the error's data."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": {"name": "get_held"}}
    with gate.caller() as caller:
        caller.post(message, STREAMS)
        verb(gate, "deny", id=the_one(gate), reason="no")
        error = answered(caller)[1]["error"]
    assert (error["code"], error["data"]["reason"], error["data"]["said"]) == (-31403, "policy.denied", "no")


def test_what_nobody_decides_in_time_is_refused(world: World) -> None:
    """And is on no list any more."""
    world.start(world.config(more=HOLD.replace("20s", "1s")))
    with world.caller() as caller:
        caller.post(call("get_held"), STREAMS)
        hold = the_one(world)
        assert "policy.undecided" in reason_in(answered(caller)[1])
        assert held(world) == []
        with pytest.raises(ControlError, match="no call waits"):
            verb(world, "approve", id=hold)
    assert world.upstream.requests == []
    assert world.closes(1)[0]["reason"] == "policy.undecided"


def test_a_caller_that_takes_only_documents_simply_waits(gate: World) -> None:
    """No byte before the answer, which then comes as the upstream wrote it."""
    with gate.caller() as caller:
        caller.post(call("get_held"), "Accept: application/json")
        verb(gate, "approve", id=the_one(gate))
        status, headers, body = caller.answer()
    assert (status, headers[b"content-type"]) == (200, b"application/json")
    assert body == b'{"jsonrpc": "2.0", "id": 1, "result": {}}'
    with gate.caller() as caller:
        caller.post(call("get_held"))
        verb(gate, "deny", id=the_one(gate))
        assert "policy.denied" in reason_in(caller.json()[1])


def test_a_stream_of_the_upstreams_goes_on_where_the_wait_ended(gate: World) -> None:
    """Its events come at once, in order, on the stream that its caller has."""
    passed = threading.Event()

    def behave(sock: Any, request: Request) -> None:
        sock.sendall(STREAM + chunked(event(1)))
        passed.wait(20)
        sock.sendall(chunked(last_event(request)) + b"0\r\n\r\n")

    gate.upstream.behave = behave
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS).read_head()
        assert caller.read_chunk().startswith(b":")
        verb(gate, "approve", id=the_one(gate))
        assert messages(caller.read_chunk())[0]["params"] == {"n": 1}
        passed.set()
        assert messages(caller.read_body({b"transfer-encoding": b"chunked"}))[0]["id"] == 1
    assert gate.closes(1)[0]["outcome"] == "completed"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (whole(b'{"jsonrpc": "2.0",\r\n "id": 1,\n "result": {"a": 1}}'), None),
        (whole(ERROR).replace(b"200 OK", b"400 Bad"), -32602),
        (whole(ERROR.replace(b'"id":1', b'"id":2')).replace(b"200 OK", b"400 Bad"), "upstream.message"),
        (whole(ERROR[:-1]).replace(b"200 OK", b"400 Bad"), "upstream.message"),
        (b"HTTP/1.1 404 Not\r\nContent-Length: 4\r\nContent-Type: text/x\r\n\r\ngone", "upstream.message"),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", "upstream.message"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "upstream.unauthorized"),
    ],
)
def test_whatever_the_upstream_answers_becomes_an_event(gate: World, raw: bytes, code: object) -> None:
    """The head went out before: what HTTP would say is said in a message that the client can match."""
    gate.upstream.behave = lambda sock, request: sock.sendall(raw)
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS)
        verb(gate, "approve", id=the_one(gate))
        status, answer = answered(caller)
    assert status == 200
    if code is None:
        assert answer["result"] == {"a": 1}
    else:
        assert code in (answer["error"]["code"], answer["error"].get("data", {}).get("reason"))


def test_an_upstream_that_is_gone_by_then_is_told_on_the_stream(gate: World) -> None:
    """Any refusal behind the stream's head is an event."""
    gate.upstream.close()
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS)
        verb(gate, "approve", id=the_one(gate))
        assert answered(caller)[1]["error"]["data"]["reason"] == "upstream.unreachable"


def test_signs_of_life_come_until_it_is_decided(gate: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress increases, and stays below what the upstream will say; without a token they are comments."""
    monkeypatch.setattr(holding, "BEAT", 0.1)
    monkeypatch.setattr(holding, "TOLD", 0.5)
    with gate.caller() as caller:
        caller.post(with_token(call("get_held"), 5), STREAMS).read_head()
        chunks = [caller.read_chunk() for _ in range(7)]
        told = [message["params"]["progress"] for chunk in chunks for message in messages(chunk)]
        assert 2 <= len(told) < 7 and told == sorted(set(told)) and told[-1] < 0
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS).read_head()
        assert [caller.read_chunk()[:1] for _ in range(3)] == [b":"] * 3


def test_a_caller_that_hangs_up_is_not_waited_for(gate: World) -> None:
    """Nobody can approve it any more."""
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS).read_head()
        hold = the_one(gate)
    gate.wait_for(lambda: held(gate) == [])
    with pytest.raises(ControlError, match="no call waits"):
        verb(gate, "approve", id=hold)
    (closed,) = gate.closes(1)
    assert (closed["outcome"], closed["status"]) == ("client_gone", 200)
    assert gate.records("open")[0]["hold"] == hold
    assert gate.upstream.requests == []


def test_a_client_that_cancels_withdraws_what_it_asked_for(gate: World) -> None:
    """By another connection, as clients do that go on; what others hold under equal ids is left alone."""
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    with gate.caller() as caller, gate.caller() as other:
        caller.post(call("get_held", id="1"), STREAMS).read_head()
        hold = the_one(gate)
        assert other.post(cancel).answer()[0] == 202
        assert the_one(gate) == hold
        cancel["params"] = {"requestId": "1"}
        assert other.post(cancel).answer()[0] == 202
        (answer,) = messages(caller.read_body({b"transfer-encoding": b"chunked"}))
        assert "policy.undecided" in reason_in(answer)
        assert held(gate) == []
    (decided,) = gate.records("decision")
    assert (decided["decided"], decided["by"]) == ("withdrawn", "the caller")
    assert [request.body[:30] for request in gate.upstream.requests] == [json.dumps(cancel).encode()[:30]] * 2


@pytest.mark.parametrize("how", ["drain", "retire"])
def test_a_gate_that_is_told_to_stop_makes_no_held_call(gate: World, how: str) -> None:
    """It is refused at once, cleanly: nobody could decide about it any more."""
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS).read_head()
        the_one(gate)
        if how == "drain":
            gate.stop_gate()
        else:
            gate.reload(gate.config(more=HOLD).replace('"public"', '"other"'))
        body = caller.read_body({b"transfer-encoding": b"chunked"})
        assert "policy.undecided" in reason_in(messages(body)[0])
    assert gate.upstream.requests == []
    assert [record["reason"] for record in gate.records("close")] == ["policy.undecided"]


def test_an_approved_call_is_judged_by_what_is_in_force_then(gate: World) -> None:
    """A rule that blocks by now, another rule that holds, a token that was revoked meanwhile."""
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS)
        hold = the_one(gate)
        gate.reload(gate.config(more=HOLD + '[[rule]]\nname="no"\non={name="get_held"}\nverdict="block"'))
        verb(gate, "approve", id=hold)
        assert answered(caller)[1]["error"]["message"] == "Unknown tool: get_held"
    gate.reload(gate.config(more=HOLD))
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS)
        hold = the_one(gate)
        gate.reload(gate.config(more=HOLD.replace("four-eyes", "six-eyes")))
        verb(gate, "approve", id=hold)
        assert "policy.undecided" in reason_in(answered(caller)[1])
    gate.reload(gate.config(more=HOLD))
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS)
        hold = the_one(gate)
        gate.issued_file.revoke(gate.issued.id, 0)
        verb(gate, "tokens")
        assert answered(caller)[1]["error"]["data"]["reason"] == "auth.revoked"
    assert gate.upstream.requests == []


def test_what_no_rule_holds_by_then_is_made(gate: World) -> None:
    """Somebody has approved it, and nobody need have."""
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS)
        hold = the_one(gate)
        gate.reload(gate.config())
        verb(gate, "approve", id=hold)
        assert answered(caller)[1]["result"] == {}


def test_it_is_decided_once(gate: World) -> None:
    """And with a reason of a reasonable length."""
    with gate.caller() as caller:
        caller.post(*asked(gate))
        caller.answer()
        hold = the_one(gate)
        with pytest.raises(ControlError, match="at most 1024 characters"):
            verb(gate, "approve", id=hold, reason="x" * (WHY_MOST + 1))
        verb(gate, "approve", id=hold)
        for word in ("approve", "deny"):
            with pytest.raises(ControlError, match="approved already, by"):
                verb(gate, word, id=hold)


def asked(world: World, **more: object) -> tuple[Any, ...]:
    message, lines = asking_back(call("get_held", path="/x"), **more)
    return message, *lines


def come_back(first: Any, action: str = "accept", id: object = 2, **params: object) -> tuple[Any, ...]:
    """The next round of a request that was answered with a question."""
    state = first["result"]["requestState"]
    responses = {key: {"action": action, "content": {}} for key in first["result"]["inputRequests"]}
    message, lines = asking_back(call("get_held", id=id, path="/x"))
    message["params"] |= {"inputResponses": responses, "requestState": state, **params}
    return message, *lines


def test_a_caller_that_shows_forms_is_asked_to_come_back(gate: World) -> None:
    """2026-07-28: the request ends with a question; approved, the next one is forwarded without the round's
    own members."""
    with gate.caller() as caller:
        status, first = caller.post(*asked(gate)).json()
        assert status == 200
        hold = the_one(gate)
        result = first["result"]
        assert (first["id"], result["resultType"]) == (1, "input_required")
        (question,) = result["inputRequests"].values()
        assert question["method"] == "elicitation/create"
        assert (question["params"]["mode"], question["params"]["requestedSchema"]) == (
            "form",
            {"type": "object", "properties": {}},
        )
        assert hold in question["params"]["message"]
        assert hold not in result["requestState"]
        verb(gate, "approve", id=hold)
        assert caller.post(*come_back(first)).json()[1] == {"jsonrpc": "2.0", "id": 2, "result": {}}
        # An approval is for one call.
        assert "policy.undecided" in reason_in(answered(caller.post(*come_back(first, id=3)), 3)[1])
    (seen,) = gate.upstream.requests
    params = json.loads(seen.body)["params"]
    assert set(params) == {"name", "arguments", "_meta"} and params["arguments"] == {"path": "/x"}
    gate.closes(3)
    opened = gate.records("open")
    assert [one["decided"] for one in opened] == [None, "approved", None]
    assert [one["verdict"] for one in opened] == ["hold"] * 3


def test_it_may_come_back_before_it_is_decided(gate: World) -> None:
    """Then it waits for a while itself."""
    with gate.caller() as caller:
        first = caller.post(*asked(gate)).json()[1]
        caller.post(*come_back(first))
        hold = the_one(gate)
        assert caller.read_head()[1][b"content-type"] == b"text/event-stream"
        verb(gate, "approve", id=hold)
        (answer,) = messages(caller.read_body({b"transfer-encoding": b"chunked"}))
        assert answer["result"] == {}


def test_whoever_comes_back_too_early_is_asked_again(gate: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a state that is as good as the first."""
    monkeypatch.setattr(holding, "ROUND", 0.1)
    with gate.caller() as caller:
        first = caller.post(*asked(gate)).json()[1]
        second = answered(caller.post(*come_back(first)), 2)[1]
        assert second["result"]["resultType"] == "input_required"
        verb(gate, "deny", id=the_one(gate), reason="no")
        assert "policy.denied" in reason_in(caller.post(*come_back(second)).json()[1])



@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_a_user_who_declines_withdraws_the_call(gate: World, action: str) -> None:
    """It cannot be approved any more."""
    with gate.caller() as caller:
        first = caller.post(*asked(gate)).json()[1]
        hold = the_one(gate)
        assert "policy.denied" in reason_in(caller.post(*come_back(first, action)).json()[1])
        with pytest.raises(ControlError, match="no call waits"):
            verb(gate, "approve", id=hold)
    assert gate.records("decision")[0]["decided"] == "withdrawn"


@pytest.mark.parametrize("what", ["arguments", "principal", "bytes", "restart"])
def test_a_state_is_good_for_nobody_and_nothing_else(gate: World, what: str) -> None:
    """Not for other arguments, another caller, or a state with one character changed; and after a restart
    for nothing. The approval stays for whoever it was given to."""
    with gate.caller() as caller:
        first = caller.post(*asked(gate)).json()[1]
        verb(gate, "approve", id=the_one(gate))
        message, *lines = come_back(first)
        if what == "arguments":
            message["params"]["arguments"] = {"path": "/y"}
        elif what == "bytes":
            state = message["params"]["requestState"]
            message["params"]["requestState"] = state[:-1] + ("A" if state[-1] != "A" else "B")
    mine = gate.token
    if what == "principal":
        gate.token = gate.issued_file.issue("somebody", 3600, gate.issued.created)[1]
        verb(gate, "tokens")
    elif what == "restart":
        gate.stop_gate()
        gate.start(gate.config(more=HOLD))
    with gate.caller() as caller:
        assert "policy.undecided" in reason_in(answered(caller.post(message, *lines), 2)[1])
    assert gate.upstream.requests == []
    gate.token = mine
    with gate.caller() as caller:
        answer = answered(caller.post(*come_back(first, id=9)), 9)[1]
    if what == "restart":
        assert "policy.undecided" in reason_in(answer)
    else:
        assert answer["result"] == {}


def test_a_round_with_the_upstream_is_waited_for_on_the_stream(gate: World) -> None:
    """Its state and answers would be lost in a round of ours; they are forwarded as they came."""
    message, *lines = asked(gate, requestState="theirs", inputResponses={"q": {"action": "accept"}})
    with gate.caller() as caller:
        caller.post(message, *lines).read_head()
        verb(gate, "approve", id=the_one(gate))
        assert messages(caller.read_body({b"transfer-encoding": b"chunked"}))[0]["result"] == {}
    seen = json.loads(gate.upstream.requests[0].body)["params"]
    assert (seen["requestState"], seen["inputResponses"]) == ("theirs", {"q": {"action": "accept"}})


def test_a_state_of_a_rule_that_is_gone_is_taken_away(gate: World) -> None:
    """The upstream never sees a round of ours."""
    with gate.caller() as caller:
        first = caller.post(*asked(gate)).json()[1]
        gate.reload(gate.config())
        assert caller.post(*come_back(first)).json()[1]["result"] == {}
    assert b"requestState" not in gate.upstream.requests[0].body


def test_what_cannot_wait_is_refused(gate: World) -> None:
    """A call in a batch, whose other calls are made."""
    with gate.caller() as caller:
        body = json.dumps([call("get_held", id=1), call("get_x", id=2)]).encode()
        gate.upstream.behave = lambda sock, request: sock.sendall(
            whole(b'[{"jsonrpc":"2.0","id":2,"result":{}}]')
        )
        theirs, ours = caller.post(body, "MCP-Protocol-Version: 2025-03-26").json()[1]
    assert theirs["id"] == 2 and "policy.undecided" in reason_in(ours)


def test_one_caller_cannot_fill_the_docket(gate: World) -> None:
    """Beyond its share its calls are refused at once, and may be tried again later."""
    callers = [gate.caller() for _ in range(32)]
    try:
        for one in callers:
            one.post(call("get_held"), STREAMS)
        gate.wait_for(lambda: len(held(gate)) == 32)
        with gate.caller() as caller:
            answer = answered(caller.post(call("get_held"), STREAMS))[1]
        assert "policy.undecided" in reason_in(answer) and "Retry after 60 seconds" in reason_in(answer)
    finally:
        for one in callers:
            with suppress(OSError):
                one.sock.close()
    gate.wait_for(lambda: held(gate) == [])


def test_an_approval_that_cannot_be_written_is_none(gate: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens off the record; once it can be, it is approved."""
    assert gate.gate is not None and gate.gate.force is not None
    witness = gate.gate.force.witness
    settle: Callable[[], bool] = witness.settle
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS)
        hold = the_one(gate)
        monkeypatch.setattr(witness, "settle", lambda: False)
        with pytest.raises(ControlError, match="could not be written"):
            verb(gate, "approve", id=hold)
        monkeypatch.setattr(witness, "settle", settle)
        verb(gate, "approve", id=hold)
        assert answered(caller)[1]["result"] == {}


def test_while_it_waits_nothing_of_the_upstreams_is_taken(world: World) -> None:
    """With one connection to the upstream, others are served meanwhile."""
    world.start(world.config(more=HOLD, upstream="connections = 1"))
    with world.caller() as caller, world.caller() as other:
        caller.post(call("get_held"), STREAMS).read_head()
        hold = the_one(world)
        assert other.post(call("get_x")).json()[1]["result"] == {}
        verb(world, "approve", id=hold)
        assert messages(caller.read_body({b"transfer-encoding": b"chunked"}))[0]["result"] == {}


def test_requests_behind_a_held_one_wait_their_turn(gate: World) -> None:
    """One connection is answered in order (RFC 9112 9.3.2)."""
    with gate.caller() as caller:
        caller.send(gate.post(call("get_held", id=1), STREAMS) + gate.post(call("get_x", id=2)))
        verb(gate, "approve", id=the_one(gate))
        assert answered(caller, 1)[1]["id"] == 1
        assert caller.json()[1]["id"] == 2


def test_a_caller_that_reads_again_gets_signs_of_life_again(gate: World) -> None:
    """While it does not read, the time is that of its stream."""
    with gate.caller() as caller:
        caller.post(call("get_held"), STREAMS).read_head()
        the_one(gate)
        (inbound,) = gate.listening.connections

        def again() -> tuple[float, float]:
            inbound.stream.congested, inbound.stream.deadline = True, NEVER
            inbound.resumed()
            while_it_does_not = inbound.stream.deadline
            inbound.stream.congested = False
            inbound.resumed()
            return while_it_does_not, inbound.stream.deadline

        before, after = gate.loop.call(again)
        assert before == NEVER and after < NEVER
        verb(gate, "approve", id=the_one(gate))
        assert messages(caller.read_body({b"transfer-encoding": b"chunked"}))[0]["result"] == {}


def test_a_budget_counts_a_held_call_when_it_is_made(world: World) -> None:
    """One that was denied costs nothing; one that is beyond the budget by then is refused on its stream."""
    budget = """
[[budget]]
name = "few"
on = { name = "get_held" }
per = ["principal"]
window = "1h"
calls = 1
"""
    world.start(world.config(more=HOLD + budget))
    for word, expected in (("deny", "policy.denied"), ("approve", None), ("approve", "policy.budget")):
        with world.caller() as caller:
            caller.post(call("get_held"), STREAMS)
            verb(world, word, id=the_one(world))
            answer = answered(caller)[1]
            assert answer["result"] == {} if expected is None else expected in reason_in(answer)
    assert len(world.upstream.requests) == 1


def test_a_call_that_needs_more_of_the_upstreams_leg_is_refused_after_all(world: World) -> None:
    """What a rule demands of the connection is judged when there is one; who approved it is on record."""
    strict = """
[[rule]]
name = "pinned"
on = { method = "tools/call", name = "get_held_pinned" }
verdict = "allow"
require = { "outbound.pinned" = true }
"""
    text = world.config(more=HOLD + strict).replace('"get_*", ', '"get_x", ')
    world.start(text)
    with world.caller() as caller:
        caller.post(call("get_held_pinned"), STREAMS)
        hold = the_one(world)
        verb(world, "approve", id=hold)
        assert "policy.transport" in reason_in(answered(caller)[1])
    world.closes(1)
    (opened,) = world.records("open")
    assert (opened["hold"], opened["decided"]) == (hold, "approved")
    assert world.upstream.requests == []
