"""What the gate makes of the answers of bad upstreams, and of odd ones: C{tests/vectors/answers.json}.

Each case is an answer to a request with the id 1. C{told} is what arrives, message by message or as a
document; C{error}, the reason in an error with that id behind it; C{cut}, that the caller sees half.
"""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.running import Caller, Request, World, answer_json, call
from tests.wire import event_source, heads

CASES = json.loads((Path(__file__).resolve().parent.parent / "vectors" / "answers.json").read_text())


def asked(case: Any) -> tuple[Any, list[str]]:
    revision = case.get("revision", "2025-11-25")
    message, lines = call("get_x"), [f"MCP-Protocol-Version: {revision}"]
    if revision == heads.MODERN:
        message["params"]["_meta"] = heads.meta()
        lines += ["Mcp-Method: tools/call", "Mcp-Name: get_x"]
    return message, lines


def read(caller: Caller) -> tuple[int, dict[bytes, bytes], bytes, bool]:
    """The answer, and whether it was cut."""
    status, headers = caller.read_head()
    body = b""
    if headers.get(b"transfer-encoding") != b"chunked":
        return status, headers, caller.read_body(headers), False
    while True:
        try:
            piece = caller.read_chunk()
        except (EOFError, OSError):
            return status, headers, body, True
        if not piece:
            return status, headers, body, False
        body += piece


@pytest.mark.parametrize("by_byte", [False, True], ids=["in pieces", "by the byte"])
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_an_answer_is_judged_as_it_should_be(world: World, case: Any, by_byte: bool) -> None:
    """However it comes; and the connection of the caller serves its next request, if it was not cut."""
    head = [f"HTTP/1.1 {case['status']}", f"Content-Type: {case['type']}", *case.get("lines", ())]
    pieces = [piece.encode() for piece in case["pieces"]]
    if by_byte:
        whole = b"".join(pieces)
        pieces = [whole[at : at + 1] for at in range(len(whole))]

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall("\r\n".join([*head, "Transfer-Encoding: chunked", "", ""]).encode())
        for piece in pieces:
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        if case["end"] == "cut":
            sock.close()
        else:
            sock.sendall(b"0\r\n\r\n")

    world.upstream.behave = behave
    world.start()
    expect = case["expect"]
    with world.caller() as caller:
        message, lines = asked(case)
        status, headers, body, cut = read(caller.post(message, *lines))
        assert (status, cut) == (expect["status"], expect.get("cut", False))
        told = [piece.encode() for piece in expect.get("told", ())]
        if headers.get(b"content-type", b"").startswith(b"text/event-stream") and status < 300:
            events, rest = event_source.read(body)
            assert rest == b""
            found = [event.data for event in events if event.data]
            assert sum(event.data is None and event.kind == b"" for event in events) >= expect.get(
                "ignored", 0
            )
        else:
            found = [body] if body else []
        if "error" in expect:
            error = json.loads(found.pop() or b"")
            assert (error["id"], error["error"]["data"]["reason"]) == (1, expect["error"])
        assert found == told
        unwanted = {
            b"set-cookie",
            b"alt-svc",
            b"www-authenticate",
            b"location",
            b"access-control-allow-origin",
        }
        assert not unwanted & set(headers)
        if not cut:
            world.upstream.behave = answer_json
            next_one = caller.post(call("get_x", id="next")).json()
            assert next_one == (200, {"jsonrpc": "2.0", "id": "next", "result": {}})
    closed = world.closes(1 if cut else 2)[0]
    fault = expect.get("error")
    if fault is not None or cut:
        assert closed["outcome"] in ("upstream_failed", "upstream_truncated"), closed
        assert fault is None or closed["reason"] == fault
    else:
        assert closed["outcome"] == "completed"
    assert [line["reason"] for line in world.records("dropped")] == expect.get("dropped", [])
