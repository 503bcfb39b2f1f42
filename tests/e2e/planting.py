"""Callers that put secrets wherever a request has room for one."""

from __future__ import annotations

from typing import Any

from tests.e2e.leaking import WRONGS
from tests.e2e.planted import Planted
from tests.waiting import eventually

_MODERN, _LEGACY = "2026-07-28", "2025-11-25"


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """A call of a tool, of 2025-11-25."""
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }


def asking(method: str, **params: Any) -> dict[str, Any]:
    """Any other request of it."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def plant(scene: Planted) -> None:
    """Callers put secrets everywhere."""
    new, ask = scene.new, scene.ask
    tool = scene.shown.new("a tool", "get_shown_tool")
    mail = f"{scene.secrets.texts['an address']}@example.com"
    masked = scene.secrets.texts["what is masked in a request"]
    assert b"result" in ask(call(tool, secret=new("an argument"), mail=mail, masked=masked))
    assert b"result" in ask(call(tool, **{new("a name of an argument"): {"deep": [new("a deep argument")]}}))
    for trick in ("get_error", "get_stream", "get_credential", *(f"wrong_{how}" for how in WRONGS)):
        assert ask(call(trick)).startswith(b"HTTP/1.1 "), trick
    lines = [f"{name}: {new(f'a header, {name}')}" for name in (
        "X-Api-Key", "Referer", "User-Agent", "X-Forwarded-For", "Baggage", "Last-Event-ID", "Via",
    )]  # fmt: skip
    lines += [f"Cookie: a={new('a cookie')}", f"tracestate: a={new('a state of a trace')}"]
    lines += ["traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]
    assert b"result" in ask(call("get_x"), *lines)
    message = call("get_x")
    for name, value in (
        ("Mcp-Session-Id", "{}"), ("Origin", "https://u:{}@a.example/"), ("Host", "{}"),
        ("Content-Type", "text/{}"),
        ("Accept", "text/{}"), ("MCP-Protocol-Version", "{}"), ("Content-Encoding", "{}"), ("Expect", "{}"),
        ("Transfer-Encoding", "{}"), ("Upgrade", "{}"), ("Authorization", "Basic {}"), ("Bad Header", "{}"),
        ("Mcp-Name", "{}"), ("Mcp-Method", "{}"), ("Traceparent", "{}"),
    ):  # fmt: skip
        ask(message, f"{name}: {value.format(new(f'a wrong header, {name}'))}")
    # Messages.
    meta = {"progressToken": new("a token of progress"), "x/y": new("what nobody asked for")}
    who = {"name": new("the name of a client"), "version": new("the version of a client")}
    opening = {
        "protocolVersion": _LEGACY,
        "capabilities": {"experimental": {new("a capability"): {}}},
        "clientInfo": who,
    }
    reference = {"type": "ref/resource", "uri": f"https://u:{new('in a reference')}@a.example/{{x}}"}
    completed = {"ref": reference, "argument": {"name": "x", "value": new("what is completed")}}
    left = {"requestId": new("an id that is cancelled"), "reason": new("why it is cancelled")}
    twice, open = new("a key twice"), '{"jsonrpc":"2.0","id":1,"method":"ping"'
    for body in (
        {**call("get_x"), "id": new("an id of a request")},
        asking("tools/call", name="get_x", _meta=meta),
        asking("initialize", **opening),
        asking("prompts/get", name="p", arguments={"a": new("of a prompt")}),
        asking("logging/setLevel", level=new("a level")),
        asking("completion/complete", **completed),
        asking("tasks/get", taskId=new("an id of a task")),
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": left},
        {"jsonrpc": "2.0", "id": new("an id of an answer"), "result": {"x": new("an answer of a client")}},
        call("delete_x", secret=new("an argument that is blocked")),
        call("path_x", path=f"/tmp/{new('a path that is blocked')}"),
        call("get_x", key=scene.secrets.new("what stops a call", f"Cnry-{id(scene):x}Stop")),
        [call("get_x", secret=new("of a batch"))],
        {**asking("ping"), "jsonrpc": new("a version of JSON-RPC")},
        {**asking("ping"), new("a member of a message"): 1},
        {**asking("tools/call"), "params": new("no params")},
        asking("tools/call", name={"a": new("no name")}),
        {**asking("ping"), "id": {"a": new("no id")}},
        f'{open},"params":{{"{twice}":1,"{twice}":2}}}}'.encode(),
        f'{open},"params":{{"a":"{new("beside no UTF-8")}'.encode() + b'\xff"}}',
        f'{open},"params":{{"a":1e99999,"b":"{new("beside no number")}"}}}}'.encode(),
        new("no JSON at all").encode(),
        f"{open}}} {new('behind a message')}".encode(),
    ):  # fmt: skip
        ask(body)
    # URLs.
    ask(call("get_x"), path=f"/mcp?key={new('a query')}")
    ask(call("get_x"), path=f"/mcp/{new('a path below')}")
    ask(call("get_x"), path=f"/{new('a path')}?{new('a query without a name')}")
    ask(call("get_x"), path=f"https://u:{new('in a target')}@localhost/mcp")
    ask(b"", path=f"/.well-known/{new('a path that is known')}", method="GET")
    ask(b"", path="/mcp", method=f"M{scene.secrets.new('a method', f'CNRY{id(scene):X}METHOD')}")
    scene.shown.new("a resource", "https://shown.example")
    uris = (
        "https://u:{}@shown.example/a", "https://shown.example/a?key={}", "https://shown.example/a#{}",
        "data:text/plain;charset={},x", "https:/u:{}@shown.example/a", "/a?key={}", "https://a/b;key={}?x",
    )  # fmt: skip
    for number, uri in enumerate(uris):
        message = {"jsonrpc": "2.0", "id": 1, "method": "resources/read"}
        there = uri.format(new(f"in a URI, {number}"))
        ask({**message, "params": {"uri": there}})
        meta = {"protocolVersion": _MODERN, "clientCapabilities": {}}
        params = {"uri": there, "_meta": {f"io.modelcontextprotocol/{key}": meta[key] for key in meta}}
        lines = [f"MCP-Protocol-Version: {_MODERN}", "Mcp-Method: resources/read"]
        other = uri.format(new(f"in a URI, {number}, of a header"))
        ask({**message, "params": params}, *lines, f"Mcp-Name: {other}")
    subscribed = f"https://u:{new('in a URI that is subscribed to')}@a.example/a"
    ask({"jsonrpc": "2.0", "id": 1, "method": "resources/subscribe", "params": {"uri": subscribed}})
    # In clear, and to whom no good token was given.
    clear = f"POST /mcp?{new('a query in clear')} HTTP/1.1\r\nHost: localhost\r\n"
    clear += f"Authorization: Bearer {new('a token in clear')}\r\nX: {new('a header in clear')}\r\n\r\n"
    scene.talk(clear.encode(), clear=True)
    ask(call("get_x"), token=new("a token of nobody"))


def fill(scene: Planted) -> None:
    """Calls until a segment is closed and compressed."""
    journal = scene.lab.state / "journal"
    while not any(journal.glob("*-00000002.jsonl*")):
        scene.ask(call("get_x"))
    eventually(lambda: list(journal.glob("*.gz")), "a segment is compressed")
