"""Heads of requests: read in one way by everybody, or refused (wire/http.py)."""

from __future__ import annotations

import re

from mcpgate.reasons import Refusal
from mcpgate.wire.http import HEADERS_MOST, RequestHead, judge_content, judge_unfinished, read_request_head
from tests.fuzz.readings import body_after, headers_by_h11, lax_framings, ours, request_by_h11
from tests.fuzz.target import Target
from tests.fuzz.vectors import heads

#: Where heads are cut to see whether they look hopeless; it takes quadratic time.
CUTS_WITHIN = 4096


def check(raw: bytes) -> None:
    """What is accepted is complete, never looked hopeless, and means to others what it means to us."""
    if raw:
        hopeless = judge_unfinished(raw)
        assert hopeless is None or hopeless.reason.value == "frame.head"
    head = read_request_head(raw)
    if isinstance(head, Refusal):
        assert head.reason.value.startswith("frame."), head
        return
    assert raw.find(b"\r\n\r\n") + 4 == len(raw)
    for end in {1, *(match.end() for match in re.finditer(rb"[\r\n]", raw[:CUTS_WITHIN]))}:
        assert judge_unfinished(raw[:end]) is None, end
    judge_content(head)
    agreed(head, raw)


def agreed(head: RequestHead, raw: bytes) -> None:
    """Every reader here finds the same method, target, headers and end."""
    assert len(head.headers) <= HEADERS_MOST
    peer, request = request_by_h11(raw)
    assert request.method == head.method
    if request.target != head.path:
        authority = request.target.removeprefix(b"https://").removesuffix(head.path)
        assert b"/" not in authority and authority.lower() == (head.get(b"host") or b"").lower()
    assert request.http_version == b"1.1"
    assert headers_by_h11(request.headers) == headers_by_h11(head.headers)
    names = {name for name, _ in head.headers}
    for name in names:
        assert head.get(name) == b", ".join(value for other, value in head.headers if other == name)
    # "_" is "-" to CGI-like servers: it stands only where a tool chose it, and makes no two names one.
    assert all(name.startswith(b"mcp-param-") for name in names if b"_" in name)
    assert len({name.replace(b"_", b"-") for name in names}) == len(names)
    assert lax_framings(raw) <= {ours(head), ("length", 0) if ours(head) == ("none", 0) else ours(head)}
    body_after(peer, ours(head))


def seeds() -> list[bytes]:
    """The corpus, what ends a body for some only, and a name with "_", alone and as two."""
    line = b"POST /mcp HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 5\r\n"
    param = b"Mcp-Param-a_b: 1\r\n"
    tails = (
        *(b"Content_Length: 6\r\n", b"Content-Length : 6\r\n", b"Transfer_Encoding: chunked\r\n"),
        *(param, param + b"Mcp-Param-a-b: 2\r\n"),
    )
    return [*heads(), *(line + tail + b"\r\n" for tail in tails)]


WORDS = (
    *(b"POST ", b"GET ", b"DELETE ", b"HEAD ", b"OPTIONS ", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n\r\n"),
    *(b"Host: gw.test\r\n", b"Host: [::1]:1\r\n", b"https://gw.test", b"/mcp", b"%2F", b"?", b":65535"),
    *(b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"Content_Length:", b"content-length :"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity, chunked\r\n", b"\x0bchunked"),
    *(b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Connection: keep-alive, x-a, ,\r\n"),
    *(b"Mcp-Param-", b"mcp-param-a_b: 1\r\n", b"Mcp-Param-A-B: 2\r\n", b"_", b"Mcp-Param-_: \r\n"),
    *(b"Mcp-Method: a\r\n", b"Content-Type: application/json; charset=utf-8\r\n", b"\r\n ", b"\n", b"\r"),
    *(b"Authorization: Bearer token\r\n", b"Content-Encoding: gzip\r\n", b"\x85", b"\x00", b"\x7f", b"\xa0"),
)

TARGET = Target(check, seeds, WORDS)
