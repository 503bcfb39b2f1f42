"""Heads of upstreams' answers, and what goes on to the caller of them (wire/http.py, wire/forward.py).

The first byte of the input chooses the request's method.
"""

from __future__ import annotations

import h11

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.forward import answer_for_caller
from mcpgate.wire.http import Framing, read_response_head
from tests.fuzz.readings import answer_by_h11, body_after, headers_by_h11, ours
from tests.fuzz.target import Target

METHODS = (b"POST", b"GET", b"HEAD", b"DELETE")


def check(raw: bytes) -> None:
    """h11 finds the same status, headers and end in what is accepted, and in what the caller gets of it."""
    method, raw = METHODS[raw[0] % len(METHODS)] if raw else b"POST", raw[1:]
    head = read_response_head(raw, method)
    if isinstance(head, Refusal):
        assert head.reason in (Reason.UPSTREAM_FRAMING, Reason.UPSTREAM_REDIRECT, Reason.UPSTREAM_CONTENT)
        return
    assert raw.find(b"\r\n\r\n") + 4 == len(raw)
    if head.status == 101:
        # Never asked for; whoever reads answers refuses it by its number.
        return
    peer, answer = answer_by_h11(raw, method)
    assert answer.status_code == head.status
    assert headers_by_h11(answer.headers) == headers_by_h11(head.headers)
    if head.status < 200:
        assert type(answer) is h11.InformationalResponse
        return
    body_after(peer, ours(head))
    emitted = answer_for_caller(head, chunked=head.framing in (Framing.CHUNKED, Framing.CLOSE))
    again = read_response_head(emitted, method)
    assert not isinstance(again, Refusal), again
    assert again.status == head.status
    assert again.framing is (Framing.CHUNKED if head.framing is Framing.CLOSE else head.framing)
    assert again.length == head.length
    kept = [pair for pair in again.headers if pair[0] not in (b"content-length", b"transfer-encoding")]
    assert all(pair in head.headers for pair in kept)
    names = {name for name, _ in kept}
    assert not names & {b"set-cookie", b"www-authenticate", b"connection", b"server", *head.nominated}
    peer, answer = answer_by_h11(emitted, method)
    body_after(peer, ours(again))


def seeds() -> list[bytes]:
    """Each framing, and what must not have one."""
    heads = [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nServer: x\r\nVary: a\r\nVary: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nMcp-Session-Id: 1\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nX_y: z\r\n\r\n",
        b"HTTP/1.1 304 \r\nContent-Length: 7\r\n\r\n",
        b"HTTP/1.1 401\r\nWWW-Authenticate: Bearer\r\nConnection: close, x-one\r\nX-One: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    ]
    return [bytes([choice]) + head for head in heads for choice in range(len(METHODS))]


WORDS = (
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b" 200 OK\r\n", b" 204 \r\n", b" 304 \r\n", b" 101 \r\n", b"\r\n\r\n"),
    *(b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Connection: close\r\n", b"Connection: content-length, x\r\n", b"Content-Encoding: identity\r\n"),
    *(
        b"Content-Encoding: gzip\r\n",
        b"Trailer: x\r\n",
        b"Access-Control-Allow-Origin: *\r\n",
        b"\x85",
        b"\x00",
    ),
)

TARGET = Target(check, seeds, WORDS)
