"""Other readers of HTTP/1.1: a head that we accept must mean to them what it means to us.

One is h11, strict and by other hands. The others are as lax as servers are known to be, each in its
own way; where they would disagree about a body's end, there is something to smuggle through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import h11

#: More of a body than this is not made to see whether h11 counts it as we do.
BODY_MOST = 4096
#: What h11 would hold of a head; ours are capped by the callers.
HEAD_MOST = 1 << 20

Framing = tuple[str, int]


def ours(head: Any) -> Framing:
    """A head's framing as the readers here tell it."""
    return head.framing.value, head.length


def body_after(peer: h11.Connection, framing: Framing) -> None:
    """C{peer}, which has read the head, must find the body's end where we do."""
    kind, length = framing
    if length > BODY_MOST:
        return
    body = {"none": b"", "length": b"x" * length, "chunked": b"1\r\nx\r\n0\r\n\r\n", "close": b"x"}[kind]
    if body:
        peer.receive_data(body)
    seen = 0
    while type(event := peer.next_event()) is h11.Data:
        seen += len(event.data)
    if kind == "close":
        assert event is h11.NEED_DATA, event
        peer.receive_data(b"")
        event = peer.next_event()
    assert type(event) is h11.EndOfMessage, event
    assert seen == (1 if kind == "chunked" else len(body))


def request_by_h11(raw: bytes) -> tuple[h11.Connection, h11.Request]:
    """How h11 reads a request's head."""
    peer = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_MOST)
    peer.receive_data(raw)
    event = peer.next_event()
    assert type(event) is h11.Request, event
    return peer, event


def answer_by_h11(
    raw: bytes, method: bytes
) -> tuple[h11.Connection, h11.Response | h11.InformationalResponse]:
    """How h11 reads the head of an answer to a request with that method."""
    peer = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_MOST)
    peer.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"x")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(raw)
    event = peer.next_event()
    assert type(event) in (h11.Response, h11.InformationalResponse), event
    return peer, event


def headers_by_h11(headers: Any) -> tuple[tuple[bytes, bytes], ...]:
    """Headers for comparison: h11 hands on a coding in lower case."""
    return tuple((name, value.lower() if name == b"transfer-encoding" else value) for name, value in headers)


def lax_framings(raw: bytes) -> set[Framing]:
    """Every way in which a lax server might find the end of this request's body."""
    found = set()
    for lines in _lax_lines(raw):
        named = [_lax_name_and_value(line) for line in lines[1:]]
        lengths = [value for name, value in named if name == b"content-length"]
        codings = [value for name, value in named if name == b"transfer-encoding"]
        if any(b"chunked" in value.lower() for value in codings):
            found.add(("chunked", 0))
        elif codings:
            found.add(("unknown coding", 0))
        if lengths:
            # The first or the last of several, and each by another notion of a number.
            for value in (lengths[0], lengths[-1]):
                found |= {("length", number) for number in _lax_numbers(value)}
        if not lengths and not codings:
            found.add(("none", 0))
    return found


def _lax_lines(raw: bytes) -> Iterator[list[bytes]]:
    yield raw.split(b"\r\n\r\n")[0].split(b"\r\n")
    yield [line.rstrip(b"\r") for line in re.split(rb"\r?\n\r?\n", raw)[0].split(b"\n")]
    # Anything that Python calls a line end, as http.client once did.
    yield [line for line in raw.decode("latin-1").encode("latin-1").splitlines() if line]
    # Folded lines taken as one.
    yield re.sub(rb"\r?\n[ \t]+", b" ", raw).split(b"\r\n\r\n")[0].split(b"\r\n")


def _lax_name_and_value(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    # White space around, and "_" for "-", as CGI has it.
    return name.lower().strip().replace(b"_", b"-"), value.strip()


def _lax_numbers(value: bytes) -> set[int]:
    """By Python, by C (up to the first character that is none), in octal and in hexadecimal."""
    leading = re.match(rb"[0-9]*", value)
    assert leading is not None
    numbers = {int(leading[0] or b"0")}
    for base in (0, 10):
        try:
            numbers.add(int(value, base))
        except ValueError:
            if re.fullmatch(rb"0[0-7]+", value):
                numbers.add(int(value, 8))
    return numbers
