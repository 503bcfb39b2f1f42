"""An upstream that shows secrets in all that an answer can have, right or wrong."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from mcpgate.testing import TLSPeer
from tests.e2e.recording import Received, answer

#: In which ways it answers wrongly: the tools are C{wrong_status} and so on.
WRONGS = (
    "status", "header", "type", "json", "twice", "utf8", "challenge", "redirect", "id", "event", "length",
)  # fmt: skip

#: Its secrets.
NAMES = (
    *(f"a wrong {how}" for how in WRONGS),
    "a cookie of the upstream",
    "a header of the upstream",
    "what the upstream says it is",
    "a session of the upstream",
    "an instruction",
    "an error",
    "more of an error",
    "a result",
    "a link in a result",
    "an image",
    "structured",
    "a resource",
    "a message of a log",
    "an updated resource",
    "a question of the upstream",
    "a comment of a stream",
    "an event id",
)

_LEGACY = "2025-11-25"


def leak(text: Mapping[str, str], peer: TLSPeer, request: Received) -> None:
    """Answer with secrets, in the way that the called tool is named for."""
    message = json.loads(request.body or b"{}")
    params = message.get("params") or {}
    name = str(params.get("name", params.get("uri", message.get("method"))))
    known = {"jsonrpc": "2.0", "id": message.get("id", 0)}
    lines = [
        f"set-cookie: a={text['a cookie of the upstream']}",
        f"x-note: {text['a header of the upstream']}",
    ]
    lines += [f"server: {text['what the upstream says it is']}"]
    if message.get("method") == "initialize":
        lines += [f"mcp-session-id: {text['a session of the upstream']}"]
        result: dict[str, Any] = {"protocolVersion": _LEGACY, "capabilities": {"tools": {}}}
        result |= {"serverInfo": {"name": "x", "version": "1"}, "instructions": text["an instruction"]}
        return peer.send(answer(json.dumps({**known, "result": result}).encode(), *lines))
    wrong = name.partition("_")[2] if name.startswith("wrong_") else ""
    if wrong:
        return _wrong(peer, wrong, known, text[f"a wrong {wrong}"])
    if name == "get_credential":
        said = request.all("authorization")[0]
        result = {"content": [{"type": "text", "text": said}]}
        return peer.send(answer(json.dumps({**known, "result": result}).encode(), *lines))
    if name == "get_error":
        error = {"code": -32001, "message": text["an error"], "data": {"x": text["more of an error"]}}
        return peer.send(answer(json.dumps({**known, "error": error}).encode(), *lines))
    masked = text["what is masked in an answer"]
    content = [
        {"type": "text", "text": f"{text['a result']} {masked} {text['an address']}@example.com"},
        {
            "type": "resource_link",
            "name": "x",
            "uri": f"https://a.example/?k={text['a link in a result']}",
        },
        {
            "type": "image",
            "mimeType": "image/png",
            "data": b64encode(text["an image"].encode()).decode(),
        },
    ]
    result = {"content": content, "structuredContent": {"secret": text["structured"], "masked": masked}}
    if message.get("method") == "resources/read":
        result = {"contents": [{"uri": params["uri"], "text": text["a resource"]}]}
    if name == "get_stream":
        told = {"jsonrpc": "2.0", "method": "notifications/message"}
        told |= {"params": {"level": "info", "logger": "x", "data": text["a message of a log"]}}
        news = {"jsonrpc": "2.0", "method": "notifications/resources/updated"}
        news |= {"params": {"uri": f"https://u:{text['an updated resource']}@a.example/?k=v"}}
        asked = {"jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage"}
        asked |= {
            "params": {"messages": [], "systemPrompt": text["a question of the upstream"], "maxTokens": 1}
        }
        events = f": {text['a comment of a stream']}\n\nid: {text['an event id']}\n".encode()
        events += b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in (told, news, asked))
        events += b"data: %b\n\n" % json.dumps({**known, "result": result}).encode()
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        return peer.send(f"{head}content-length: {len(events)}\r\n\r\n".encode() + events)
    peer.send(answer(json.dumps({**known, "result": result}).encode(), *lines))


def _wrong(peer: TLSPeer, how: str, known: Mapping[str, Any], secret: str) -> None:
    good = json.dumps({**known, "result": {"content": []}}).encode()
    event = f"event: {secret}\ndata: {{{secret}\n\n".encode()
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    peer.send({
        "status": answer(secret.encode(), status=f"500 {secret}"),
        "header": f"HTTP/1.1 200 OK\r\nbad header {secret}\r\n\r\n".encode(),
        "type": answer(good).replace(b"application/json", f"text/{secret}; a={secret}".encode()),
        "json": answer(b'{"jsonrpc": "2.0", "id": %b, "result": {"%b": ' % (b"1", secret.encode())),
        "twice": answer(good[:-1] + f', "{secret}": 1, "{secret}": 2}}'.encode()),
        "utf8": answer(good[:-1] + f', "x": "{secret}'.encode() + b'\xff"}'),
        "challenge": answer(b"", f'www-authenticate: Bearer error="{secret}"', status=f"401 {secret}"),
        "redirect": answer(b"", f"location: https://localhost/{secret}", status="307 Go"),
        "id": answer(json.dumps({**known, "id": secret, "result": {}}).encode()),
        "event": f"{head}content-length: {len(event)}\r\n\r\n".encode() + event,
        "length": f"HTTP/1.1 200 OK\r\ncontent-length: {secret}\r\n\r\n".encode(),
    }[how])  # fmt: skip
    if how in ("header", "json", "length"):
        raise ConnectionError
