"""What an application has read becomes bytes that are read again, strictly: to the same request or none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcpgate.reasons import Refusal
from mcpgate.wire.handed import head_bytes
from mcpgate.wire.http import LENGTH, NONE, RequestHead, read_request_head

HOST = (b"Host", b"gate.test")

anything = st.binary(max_size=30)
headers = st.lists(st.tuples(anything, anything), max_size=6)


def read(*lines: tuple[bytes, bytes], length: int | None = None, **parts: bytes) -> RequestHead | Refusal:
    method, target = parts.get("method", b"POST"), parts.get("target", b"/mcp")
    return read_request_head(head_bytes(method, target, parts.get("version", b"HTTP/1.1"), lines, length))


def good(head: RequestHead | Refusal) -> RequestHead:
    assert isinstance(head, RequestHead), head
    return head


def test_it_is_read_as_it_was() -> None:
    """Method, target and headers, in their order; the answer is the last on its connection."""
    head = good(read(HOST, (b"X-A", b"1"), (b"X-A", b"2"), length=7, target=b"/mcp?a=b"))
    assert (head.method, head.length, head.framing, head.keep_alive) == (b"POST", 7, LENGTH, False)
    assert [value for name, value in head.headers if name == b"x-a"] == [b"1", b"2"]


def test_framing_is_said_anew() -> None:
    """However the body came, its length is what is there."""
    chunked, expects = (b"Transfer-Encoding", b"chunked"), (b"Expect", b"100-Continue")
    head = good(read(HOST, chunked, (b"content-length", b"999"), expects, length=3))
    assert (head.length, head.framing, head.expects_continue) == (3, LENGTH, False)
    assert good(read(HOST, method=b"GET")).framing is NONE


def test_what_belongs_to_the_connection_is_still_named() -> None:
    """But for how long it lasts, which is another connection's matter."""
    head = good(read(HOST, (b"Connection", b"keep-alive, X-Mine"), (b"X-Mine", b"1"), length=0))
    assert head.nominated >= {b"x-mine"} and not head.keep_alive


def test_another_version_is_refused_as_on_a_socket() -> None:
    """HTTP/1.0 has no framing that would show where an answer was cut."""
    assert isinstance(read(HOST, version=b"HTTP/1.0", length=0), Refusal)


@given(anything, anything, headers)
def test_no_value_becomes_another_line(
    method: bytes, target: bytes, lines: list[tuple[bytes, bytes]]
) -> None:
    """Whatever is in it: there are as many lines as there were headers, and what is read was there."""
    raw = head_bytes(method, target, b"HTTP/1.1", lines, 0)
    assert raw.endswith(b"\r\n\r\n")
    found = raw[:-4].split(b"\r\n")
    dropped = {b"connection", b"content-length", b"transfer-encoding", b"trailer", b"te", b"keep-alive"}
    kept = [
        (name, value)
        for name, value in lines
        if name.lower() not in dropped
        and not (name.lower() == b"expect" and value.strip().lower() == b"100-continue")
    ]
    assert len(found) == 1 + len(kept) + 2
    head = read_request_head(raw)
    if isinstance(head, RequestHead):
        assert head.method == method and head.length == 0
        assert [name for name, _ in head.headers if name not in (b"content-length", b"connection")] == [
            name.lower() for name, _ in kept
        ]
