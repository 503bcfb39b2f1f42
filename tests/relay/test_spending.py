"""Budgets on live exchanges: what is refused, in which words, what is withheld, and what is given back."""

from __future__ import annotations

import json
import ssl
import threading
from typing import Any

import pytest

from mcpgate.config.tables.policy import BudgetTable
from mcpgate.identity.principal import Principal
from mcpgate.policy.budgets import Budget, compile_budgets
from mcpgate.policy.decide import NEEDED
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.judged import Judged
from mcpgate.relay.spending import spend
from mcpgate.wire.call import Call, Nature
from tests.running import (
    STREAM,
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
    whole,
)
from tests.waiting import PATIENCE, eventually


def budgeted(world: World, *budgets: str) -> None:
    """Run a gate with these budgets, each the lines of its table."""
    more = "\n".join(f'[[budget]]\nname = "b{number}"\n{lines}' for number, lines in enumerate(budgets))
    world.start(world.config(more=more))


def told(answer: Any) -> str:
    """What a tool's result says of an error."""
    assert answer["result"]["isError"] is True
    return str(answer["result"]["content"][0]["text"])


def test_a_call_beyond_the_budget_is_told_when_to_try_again(world: World) -> None:
    """As a result that a model can read; the upstream hears nothing of it, the record says why."""
    budgeted(world, 'calls = 2\nwindow = "1h"')
    with world.caller() as caller:
        answers = [caller.post(call("get_x", id=number)).json() for number in range(3)]
    assert [status for status, _ in answers] == [200, 200, 200]
    assert "error" not in answers[1][1]
    text = told(answers[2][1])
    assert answers[2][1]["id"] == 2
    assert "Retry after 4" in text or "Retry after 3" in text
    assert "(policy.budget, x" in text
    assert len(world.upstream.requests) == 2
    closed = world.closes(3)[2]
    assert (closed["outcome"], closed["reason"]) == ("refused", "policy.budget")
    assert closed["detail"] == "b0: 2 calls in 3600 s are used up"
    opened = world.records("open")[2]
    assert (opened["verdict"], opened["rule"]) == ("block", "some")


def test_other_methods_get_an_error_with_the_seconds(world: World) -> None:
    """And in 2026-07-28 a tool's result is said to be complete."""
    budgeted(world, "calls = 1")
    read = {"jsonrpc": "2.0", "id": "r", "method": "resources/read", "params": {"uri": "note://x"}}
    message, lines = modern(call("get_x"))
    with world.caller() as caller:
        caller.post(read).json()
        status, answer = caller.post(read).json()
        assert (status, answer["id"], answer["error"]["code"]) == (200, "r", -31403)
        assert answer["error"]["data"]["reason"] == "policy.budget"
        assert 50 <= answer["error"]["data"]["retry_after"] <= 68
        assert caller.post(message, *lines).json()[1]["result"]["resultType"] == "complete"


def test_what_the_protocol_needs_and_lists_are_not_counted(world: World) -> None:
    """A budget that is used up keeps nobody from finding out."""
    budgeted(world, "calls = 1")
    with world.caller() as caller:
        for number in range(3):
            ping = {"jsonrpc": "2.0", "id": number, "method": "ping"}
            assert caller.post(ping).json()[1]["result"] == {}
            listing = {"jsonrpc": "2.0", "id": number, "method": "tools/list"}
            assert caller.post(listing).json()[1]["result"] == {}
        assert "error" not in caller.post(call("get_x")).json()[1]
        told(caller.post(call("get_x")).json()[1])


def test_a_notification_beyond_the_budget_is_dropped(world: World) -> None:
    """There is no answer in which it could be told; nor a way around the budget."""
    budgeted(world, "calls = 1")
    world.upstream.behave = lambda sock, _: sock.sendall(
        b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
    )
    silent = call("get_x")
    del silent["id"]
    with world.caller() as caller:
        for _ in range(2):
            assert caller.post(silent).answer()[0] == 202
    assert len(world.upstream.requests) == 1
    assert world.closes(2)[1]["reason"] == "policy.budget"


def test_each_message_of_a_batch_counts(world: World) -> None:
    """Those that pass go on; the others are answered among their answers."""
    budgeted(world, 'calls = 2\non = { method = "tools/call" }')

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        ids = [one["id"] for one in json.loads(request.body)]
        sock.sendall(whole(json.dumps([{"jsonrpc": "2.0", "id": id, "result": {}} for id in ids]).encode()))

    world.upstream.behave = behave
    with world.caller() as caller:
        several = [call("get_x", id=number) for number in range(4)]
        status, answers = caller.post(several, "MCP-Protocol-Version: 2025-03-26").json()
        assert status == 200
        assert {one["id"] for one in answers} == {0, 1, 2, 3}
        assert {one["id"] for one in answers if one["result"]} == {2, 3}
        assert all("policy.budget" in told(one) for one in answers if one["result"])
        status, answers = caller.post(several, "MCP-Protocol-Version: 2025-03-26").json()
        assert all("policy.budget" in told(one) for one in answers)
    assert [len(json.loads(request.body)) for request in world.upstream.requests] == [2]
    calls = world.records("open")[0]["calls"]
    assert [one["verdict"] for one in calls] == ["allow", "allow", "block", "block"]
    assert world.closes(2)[1]["reason"] == "policy.budget"


def test_a_batch_that_is_not_whole_uses_nothing_up(world: World) -> None:
    """None of it is forwarded."""
    budgeted(world, "calls = 1")
    nameless = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {}}
    with world.caller() as caller:
        assert caller.post([call("get_x"), nameless], "MCP-Protocol-Version: 2025-03-26").answer()[0] == 400
        assert "error" not in caller.post(call("get_x")).json()[1]


def test_concurrent_calls_are_refused_while_others_run(world: World) -> None:
    """And served again when one has ended, also when its caller just left."""
    budgeted(world, "concurrent = 1")
    with held(world.upstream) as release:
        with world.caller() as first, world.caller() as second:
            first.post(call("get_x"))
            eventually(lambda: world.upstream.requests, "the first is with the upstream")
            text = told(second.post(call("get_x")).json()[1])
            assert "policy.concurrent" in text and "Retry after" not in text
            release()
            first.json()
            assert "error" not in second.post(call("get_x")).json()[1]
    with held(world.upstream):
        with world.caller() as gone:
            gone.post(call("get_x"))
            eventually(lambda: len(world.upstream.requests) == 3, "it is with the upstream")
        world.closes(4)
    with world.caller() as caller:
        assert "error" not in caller.post(call("get_x")).json()[1]


def test_bytes_of_answers_use_a_budget_up(world: World) -> None:
    """The call that goes beyond is finished."""
    budgeted(world, 'bytes = "1KiB"')
    world.upstream.behave = lambda sock, request: sock.sendall(whole(reply(request, 5000)))
    with world.caller() as caller:
        assert len(caller.post(call("get_x")).answer()[2]) == 5000
        assert "policy.budget" in told(caller.post(call("get_x")).json()[1])


def test_each_principal_has_its_own(world: World) -> None:
    """Per tool likewise; what one uses up is not missed by another."""
    budgeted(world, 'calls = 1\nper = ["principal", "tool"]')
    _, world_token = world.issued, world.token
    with world.caller() as caller:
        assert "error" not in caller.post(call("get_x")).json()[1]
        assert "error" not in caller.post(call("get_y")).json()[1]
        told(caller.post(call("get_x")).json()[1])
        _, world.token = world.issued_file.issue("dev", 3600, 0x7FFFFFFF)
        assert world.token != world_token and world.gate is not None
        world.loop.call(world.gate.take_up_tokens)
        assert "error" not in caller.post(call("get_x")).json()[1]


# Answers that are too large.


@pytest.mark.parametrize("in_chunks", [False, True])
def test_an_answer_that_is_too_large_is_withheld(world: World, in_chunks: bool) -> None:
    """A tool's result says so; the connection to the caller goes on."""
    budgeted(world, 'result_size = "1KiB"\non = { name = "get_big" }')

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        raw = reply(request, 5000)
        if not in_chunks:
            return sock.sendall(whole(raw))
        sock.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked(raw[:900])
            + chunked(raw[900:])
            + b"0\r\n\r\n"
        )

    world.upstream.behave = behave
    with world.caller() as caller:
        answer = caller.post(call("get_big", id=7)).json()[1]
        assert answer["id"] == 7 and "policy.result_size" in told(answer)
        assert len(caller.post(call("get_x")).answer()[2]) == 5000
    closed = world.closes(2)[0]
    assert (closed["outcome"], closed["reason"]) == ("refused", "policy.result_size")
    assert closed["detail"] == "b0: more than 1024 bytes"
    assert closed["bytes_out"] < 1024


def test_an_answer_of_the_permitted_size_passes(world: World) -> None:
    """To the byte."""
    budgeted(world, 'result_size = "1KiB"')
    world.upstream.behave = lambda sock, request: sock.sendall(whole(reply(request, 1024)))
    with world.caller() as caller:
        assert len(caller.post(call("get_x")).answer()[2]) == 1024
        world.upstream.behave = lambda sock, request: sock.sendall(whole(reply(request, 1025)))
        assert "policy.result_size" in told(caller.post(call("get_x")).json()[1])


def test_a_stream_that_is_too_large_ends_with_the_answer_that_says_so(world: World) -> None:
    """What came before is with the caller; its connection goes on."""
    budgeted(world, 'result_size = "1KiB"\non = { name = "get_big" }')

    begun = threading.Event()

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(event(1, 300) + event(2, 300)))
        begun.wait(PATIENCE)
        sock.sendall(chunked(last_event(request, 2000)) + b"0\r\n\r\n")

    world.upstream.behave = behave
    with world.caller() as caller:
        _, headers = caller.post(call("get_big", id=7)).read_head()
        assert caller.read_chunk() == event(1, 300) + event(2, 300)
        begun.set()
        last = json.loads(caller.read_body(headers).partition(b"data: ")[2])
        assert last["id"] == 7 and "policy.result_size" in told(last)
        world.upstream.behave = answer_json
        assert "error" not in caller.post(call("get_x")).json()[1]
    assert world.closes(2)[0]["reason"] == "policy.result_size"


def test_one_answer_of_a_batch_that_is_too_large_is_replaced(world: World) -> None:
    """The others pass as they came."""
    budgeted(world, 'result_size = "1KiB"\non = { name = "get_big" }')

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        large = {"content": [{"type": "text", "text": "x" * 2000}]}
        answers = [{"jsonrpc": "2.0", "id": one["id"], "result": large} for one in json.loads(request.body)]
        sock.sendall(whole(json.dumps(answers).encode()))

    world.upstream.behave = behave
    with world.caller() as caller:
        several = [call("get_big", id=1), call("get_x", id=2)]
        one, other = caller.post(several, "MCP-Protocol-Version: 2025-03-26").json()[1]
    assert one["id"] == 1 and "policy.result_size" in told(one)
    assert other["result"]["content"][0]["text"] == "x" * 2000
    assert world.closes(1)[0]["reason"] == "policy.result_size"


# Budgets that only record.


def test_a_budget_that_only_records_is_named_in_the_record(world: World) -> None:
    """Its caller notices nothing."""
    budgeted(world, "calls = 1\nshadow = true", 'result_size = "1KiB"\nshadow = true')
    world.upstream.behave = lambda sock, request: sock.sendall(whole(reply(request, 1500)))
    with world.caller() as caller:
        for _ in range(2):
            assert len(caller.post(call("get_x")).answer()[2]) == 1500
    first, second = world.closes(2)
    assert (first["outcome"], first["over"]) == ("completed", ["b1"])
    assert (second["outcome"], second["over"]) == ("completed", ["b0", "b1"])


# Facts, and what goes wrong.


def test_status_shows_what_is_used(world: World) -> None:
    """For each budget; and nothing of names."""
    budgeted(world, 'calls = 1\nper = "tool"', "calls = 1\nshadow = true")
    with world.caller() as caller:
        for name in ("get_x", "get_x", "get_y"):
            caller.post(call(name)).json()
    assert world.gate is not None
    status = world.loop.call(world.gate.status)
    assert status["budgets"] == [
        {"name": "b0", "keys": 2, "refused": 1},
        {"name": "b1", "keys": 1, "refused": 1},
    ]
    assert status["ledger"] == {"failure": None, "forgotten": 0}


def test_a_gate_that_cannot_count_refuses_what_a_budget_is_about(world: World) -> None:
    """And nothing else; status says why."""
    (world.state / "budgets").mkdir()
    budgeted(world, 'calls = 9\non = { name = "get_x" }')
    with world.caller() as caller:
        assert "policy.budget" in told(caller.post(call("get_x")).json()[1])
        assert "error" not in caller.post(call("get_y")).json()[1]
    assert world.closes(2)[0]["detail"] == "b0: it cannot be counted"
    assert world.gate is not None
    assert "Is a directory" in world.loop.call(world.gate.status)["ledger"]["failure"]
    (world.state / "budgets").rmdir()
    world.loop.call(world.gate.look)
    with world.caller() as caller:
        assert "error" not in caller.post(call("get_x")).json()[1]


def test_without_budgets_there_is_no_file(world: World) -> None:
    """Nor where none of them counts anything."""
    budgeted(world, 'result_size = "1KiB"')
    with world.caller() as caller:
        assert "error" not in caller.post(call("get_x")).json()[1]
    assert not (world.state / "budgets").exists()


def test_what_was_used_outlives_a_restart_and_a_reload(world: World) -> None:
    """Also a limit that is changed finds what was used."""
    budgeted(world, "calls = 2")
    with world.caller() as caller:
        for _ in range(2):
            caller.post(call("get_x")).json()
    assert world.gate is not None
    world.loop.call(world.gate.stopService)
    budgeted(world, "calls = 2")
    with world.caller() as caller:
        told(caller.post(call("get_x")).json()[1])


def test_a_call_that_needs_a_ledger_where_there_is_none_is_refused() -> None:
    """As after a stop."""
    known: tuple[Budget, ...] = compile_budgets([BudgetTable(name="b", calls=1)])
    judged = Judged(Call("tools/call", "x", Nature.NAMED, (("tools/call", "x"),)), NEEDED, "", known)
    found = spend(None, judged, Principal("ci", "token", "", None), "r", 1)
    assert isinstance(found, Refusal) and found.reason is Reason.POLICY_BUDGET
