"""Tasks through a running gate over TLS: each is its caller's alone, and judged as the tool that made it."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.relay.test_answering import LATEST, event, plain, says, streams, told
from tests.running import Request, World, call, modern
from tests.waiting import PATIENCE

ALSO = '[[rule]]\nname = "%s"\non = { method = "%s"%s }\nverdict = "%s"\n'
NOT_FOUND = {"code": -32602, "message": "Failed to retrieve task: Task not found"}
WHEN = "2026-01-01T00:00:00Z"


def task(id: str = "t-1", status: str = "working", **more: object) -> dict[str, object]:
    return {"taskId": id, "status": status, "createdAt": WHEN, "lastUpdatedAt": WHEN, "ttl": 60000, **more}


def about(method: str, id: object = "t-1", **params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 2, "method": method, "params": {"taskId": id, **params}}


def notification(method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()


class Keeping:
    """An upstream that makes a task of every call, and has one answer to whatever else it is asked."""

    def __init__(self, *ids: str) -> None:
        self.ids = list(ids)
        self.answer: dict[str, object] = {"content": [], "isError": False}
        self.asked: list[dict[str, Any]] = []

    def __call__(self, sock: ssl.SSLSocket, request: Request) -> None:
        message = json.loads(request.body)
        self.asked.append(message)
        result = self.answer
        if message["method"] == "tools/call":
            made = task(self.ids.pop(0))
            result = {"resultType": "task", **made} if b"mcp-method" in request.headers else {"task": made}
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
        sock.sendall(plain(body))


def begin(world: World, *ids: str, more: str = "") -> Keeping:
    keeping = world.upstream.behave = Keeping(*ids)
    world.start(world.config(more=more))
    return keeping


@contextlib.contextmanager
def another(world: World) -> Iterator[None]:
    """Whatever is sent is somebody else's."""
    mine = world.token
    _, world.token = world.issued_file.issue("other", 3600, time.time())
    world.look()
    yield
    world.token = mine


@pytest.mark.parametrize("method", ["tasks/get", "tasks/result", "tasks/cancel"])
def test_a_task_is_asked_for_by_whoever_may_call_its_tool(world: World, method: str) -> None:
    """No rule names tasks. On the record is the tool, and the rule that allows it."""
    keeping = begin(world, "t-1")
    with world.caller() as caller:
        assert caller.post(call("get_x"), LATEST).json()[1]["result"]["task"]["taskId"] == "t-1"
        assert caller.post(about(method), LATEST).json() == (
            200,
            {"jsonrpc": "2.0", "id": 2, "result": keeping.answer},
        )
    line = world.records("open")[1]
    assert (line["method"], line["name"], line["verdict"], line["rule"]) == (method, "get_x", "allow", "some")


@pytest.mark.parametrize("method", ["tasks/get", "tasks/result", "tasks/cancel"])
def test_a_task_of_somebody_else_is_as_one_that_never_was(world: World, method: str) -> None:
    """The same answer to the byte, and the upstream hears nothing."""
    keeping = begin(world, "t-1")
    with world.caller() as caller:
        caller.post(call("get_x"), LATEST).json()
        with another(world):
            foreign = caller.post(about(method), LATEST).answer()
        never = caller.post(about(method, "t-0"), LATEST).answer()
        nothing = caller.post(about(method, 1), LATEST).answer()
        assert foreign == never == nothing
        assert (never[0], json.loads(never[2])["error"]) == (200, NOT_FOUND)
    assert len(keeping.asked) == 1
    assert {line["reason"] for line in world.closes(4)[1:]} == {"policy.unlisted"}


def test_a_rule_that_names_tasks_allows_none(world: World) -> None:
    """Rules name tools: whoever had such a rule would let callers use whatever ids they think of."""
    keeping = begin(world, "t-1", more=ALSO % ("tasks", "tasks/*", "", "allow"))
    with world.caller() as caller:
        caller.post(call("get_x"), LATEST).json()
        assert caller.post(about("tasks/get", "t-0"), LATEST).json()[1]["error"] == NOT_FOUND
    assert len(keeping.asked) == 1


def test_where_nobody_has_a_task_there_is_no_such_method(world: World) -> None:
    """As its upstream would say, which most likely knows of none; and what 2026-07-28 has removed is gone."""
    begin(world, "t-1")
    with world.caller() as caller:
        for method in ("tasks/get", "tasks/result", "tasks/cancel"):
            error = caller.post(about(method), LATEST).json()[1]["error"]
            assert error == {"code": -32601, "message": "Method not found", "data": method}
        message, lines = modern(call("get_x"))
        assert "result" in caller.post(message, *lines).json()[1]
        for method in ("tasks/result", "tasks/list"):
            message, lines = modern(about(method))
            status, body = caller.post(message, *lines).json()
            assert (status, body["error"]["code"]) == (404, -32601)


def test_a_rule_that_blocks_a_method_of_tasks_blocks_it(world: World) -> None:
    """It is the operator's way to say that tasks are not to be cancelled, say."""
    keeping = begin(world, "t-1", more=ALSO % ("no-cancel", "tasks/cancel", "", "block"))
    with world.caller() as caller:
        caller.post(call("get_x"), LATEST).json()
        assert caller.post(about("tasks/cancel"), LATEST).json()[1]["error"] == NOT_FOUND
        assert "result" in caller.post(about("tasks/get"), LATEST).json()[1]
    assert world.records("open")[1]["rule"] == "no-cancel"
    assert [message["method"] for message in keeping.asked] == ["tools/call", "tasks/get"]


def test_what_is_blocked_today_was_made_in_vain(world: World) -> None:
    """Rules of today: the result does not come out any more, also if it was asked for before."""
    keeping = begin(world, "t-1", "t-2")
    with world.caller() as caller:
        for name in ("get_x", "get_y"):
            caller.post(call(name), LATEST).json()
        world.reload(world.config(more=ALSO % ("now", "tools/call", ', name = "get_x"', "block")))
        assert caller.post(about("tasks/result", "t-1"), LATEST).json()[1]["error"] == NOT_FOUND
        assert "result" in caller.post(about("tasks/result", "t-2"), LATEST).json()[1]
    assert (world.records("open")[2]["rule"], len(keeping.asked)) == ("now", 3)


def test_what_a_tool_made_is_withheld_with_the_tool(world: World) -> None:
    """Its upstream has changed it, and nobody has accepted that (C{definitions})."""
    keeping = world.upstream.behave = Keeping("t-1", "t-2")
    world.start(world.config(upstream='definitions = "quarantine"'))
    first = [{"name": name, "inputSchema": {"type": "object"}} for name in ("get_x", "get_y")]
    changed = [{**first[0], "description": "Otherwise."}, first[1]]
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with world.caller() as caller:
        keeping.answer = {"tools": first}
        caller.post(listing, LATEST).json()
        for name in ("get_x", "get_y"):
            caller.post(call(name), LATEST).json()
        keeping.answer = {"tools": changed}
        caller.post(listing, LATEST).json()
        keeping.answer = {"content": []}
        error = caller.post(about("tasks/result", "t-1"), LATEST).json()[1]["error"]
        assert error["data"]["reason"] == "policy.definition"
        assert "result" in caller.post(about("tasks/result", "t-2"), LATEST).json()[1]
    assert keeping.asked[-1]["params"]["taskId"] == "t-2"


def test_another_gate_finds_the_task(world: World) -> None:
    """It is in the state directory, for all workers."""
    keeping = begin(world, "t-1")
    with world.caller() as caller:
        caller.post(call("get_x"), LATEST).json()
    world.stop_gate()
    world.start()
    with world.caller() as caller:
        assert "result" in caller.post(about("tasks/result"), LATEST).json()[1]
    assert len(keeping.asked) == 2


def test_an_upstream_cannot_give_one_tools_task_to_another(world: World) -> None:
    """Its result would be judged by the wrong rules."""
    begin(world, "t-1", "t-1")
    with world.caller() as caller:
        caller.post(call("get_x"), LATEST).json()
        assert caller.post(call("get_y"), LATEST).json()[0] == 502
        assert "result" in caller.post(about("tasks/result"), LATEST).json()[1]
    assert [line["name"] for line in world.records("open")] == ["get_x", "get_y", "get_x"]


def test_a_list_of_tasks_has_the_callers_own(world: World) -> None:
    """Of tools that it may use; in order, with the cursor, and every other byte as it was."""
    keeping = begin(world, "a", "b", "c")
    with world.caller() as caller:
        for name in ("get_x", "get_y", "get_x"):
            caller.post(call(name), LATEST).json()
        listing = {"jsonrpc": "2.0", "id": 2, "method": "tasks/list"}
        entries = [task("b"), task("t-0"), {"taskId": 1}, task("a"), task("c"), "c"]
        keeping.answer = {"nextCursor": "7", "tasks": entries}
        got = caller.post(listing, LATEST).json()[1]
        assert got["result"] == {"nextCursor": "7", "tasks": [task("b"), task("a"), task("c")]}
        with another(world):
            assert caller.post(listing, LATEST).json()[1]["result"] == {"nextCursor": "7", "tasks": []}
        world.reload(world.config(more=ALSO % ("now", "tools/call", ', name = "get_y"', "block")))
        assert caller.post(listing, LATEST).json()[1]["result"]["tasks"] == [task("a"), task("c")]
        keeping.answer = {"tasks": [task("a")]}
        raw = json.dumps({"jsonrpc": "2.0", "id": 2, "result": keeping.answer}).encode()
        assert caller.post(listing, LATEST).answer()[2] == raw


@pytest.mark.parametrize("method", ["notifications/tasks/status", "notifications/tasks"])
def test_what_is_told_of_tasks_is_told_of_the_callers_own(world: World, method: str) -> None:
    begin(world, "mine")
    own, foreign = (notification(method, **task(id)) for id in ("mine", "theirs"))
    with world.caller() as caller:
        caller.post(call("get_x"), LATEST).json()
        last = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}}).encode()
        world.upstream.behave = streams(event(foreign), event(own), event(last))
        assert told(caller.post(call("get_x"), LATEST).answer()[2]) == [own, last]
    (line,) = world.records("dropped")
    assert (line["reason"], line["detail"]) == ("policy.unlisted", "of a task that is not the caller's")


# The extension of 2026-07-28.


def test_the_extensions_tasks_follow_their_tools_too(world: World) -> None:
    """Their ids are in the header, too, and their results in tasks/get."""
    keeping = begin(world, "t-1")
    with world.caller() as caller:
        message, lines = modern(call("get_x"))
        assert caller.post(message, *lines).json()[1]["result"]["resultType"] == "task"
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            message, lines = modern(about(method, inputResponses={}))
            assert "result" in caller.post(message, *lines, "Mcp-Name: t-1").json()[1]
            message, lines = modern(about(method, "t-0"))
            status, body = caller.post(message, *lines, "Mcp-Name: t-0").json()
            assert (status, body["error"]) == (200, NOT_FOUND)
    assert len(keeping.asked) == 4


def listen(**wanted: object) -> tuple[dict[str, Any], list[str]]:
    return modern(
        {"jsonrpc": "2.0", "id": 3, "method": "subscriptions/listen", "params": {"notifications": wanted}}
    )


def test_listening_for_tasks_follows_each_of_them(world: World) -> None:
    """And for resources beside them."""
    keeping = begin(world, "a", "b")
    with world.caller() as caller:
        for name in ("get_x", "get_y"):
            caller.post(call(name), LATEST).json()
        for wanted, passes in [
            ({"taskIds": ["a", "b"]}, True),
            ({"taskIds": ["a"], "resourceSubscriptions": ["note://x"], "toolsListChanged": True}, True),
            ({"taskIds": ["a", "t-0"]}, False),
            ({"taskIds": ["a"], "resourceSubscriptions": ["file:///x"]}, False),
        ]:
            message, lines = listen(**wanted)
            answer = caller.post(message, *lines).json()[1]
            assert ("result" in answer) is passes, answer
    assert len(keeping.asked) == 4
    assert [line["name"] for line in world.records("open")[2:4]] == ["get_x get_y", "get_x"]


def test_what_a_task_asks_is_judged_as_every_question(world: World) -> None:
    """In its state, and in what is told of it."""
    keeping = begin(world, "t-1")
    asks = {"inputRequests": {"a": {"method": "sampling/createMessage", "params": {}}}}
    with world.caller() as caller:
        message, lines = modern(call("get_x"))
        caller.post(message, *lines).json()
        keeping.answer = {"resultType": "complete", **task(status="input_required"), **asks}
        message, lines = modern(about("tasks/get"))
        answer = caller.post(message, *lines, "Mcp-Name: t-1").json()[1]
        assert answer["error"]["data"]["reason"] == "policy.question"
        note = notification("notifications/tasks", **task(), **asks)
        last = json.dumps({"jsonrpc": "2.0", "id": 3, "result": {}}).encode()
        world.upstream.behave = streams(event(note), event(last))
        message, lines = listen(taskIds=["t-1"])
        assert told(caller.post(message, *lines).answer()[2]) == [last]


# Tasks that a client keeps for what it was asked (2025-11-25).


def test_a_client_tells_of_its_own_tasks_where_it_may_be_asked(world: World) -> None:
    note = json.loads(notification("notifications/tasks/status", **task()))
    world.upstream.behave = says(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    world.start()
    with world.caller() as caller:
        assert caller.post(note, LATEST).answer()[0] == 202
        assert world.upstream.requests == []
        world.reload(world.config(more=ALSO % ("ask", "elicitation/create", "", "allow")))
        assert caller.post(note, LATEST).answer()[0] == 202
    assert len(world.upstream.requests) == 1


def test_a_task_in_a_stream_is_known_before_its_caller_knows_it(world: World) -> None:
    """So whoever hears of it can ask for it at once, also at another worker."""
    made = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"task": task()}}).encode()
    world.upstream.behave = streams(event(made), end=False)
    world.start()
    with world.caller() as caller, world.caller() as other:
        caller.post(call("get_x"), LATEST).read_head()
        assert told(caller.read_chunk()) == [made]
        world.upstream.behave = Keeping()
        other.sock.settimeout(PATIENCE)
        assert "result" in other.post(about("tasks/result"), LATEST).json()[1]
