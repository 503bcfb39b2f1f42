"""An answer of the gate's, taken apart at whatever places it comes in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.wire.answered import AnswerReader, Head
from mcpgate.wire.forward import LAST_CHUNK, chunk

SIZED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n"
    b"connection: close\r\n\r\n{}"
)
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def read(*pieces: bytes) -> tuple[Head | None, bytes]:
    reader = AnswerReader()
    body = b"".join(reader.take(piece) for piece in pieces)
    return reader.head, body


def test_a_document_has_its_length() -> None:
    """What belongs to the connection alone is left out."""
    head, body = read(SIZED)
    assert head == Head(200, ((b"content-type", b"application/json"), (b"content-length", b"2")))
    assert body == b"{}"


def test_a_stream_comes_without_its_chunks() -> None:
    """They are for whoever has the connection to make."""
    head, body = read(CHUNKED, chunk(b"data: 1\n\n"), chunk(b"data: 2\n\n") + LAST_CHUNK)
    assert head == Head(200, ((b"content-type", b"text/event-stream"),))
    assert body == b"data: 1\n\ndata: 2\n\n"


def test_headers_may_be_repeated() -> None:
    """Each is there."""
    head, _ = read(b"HTTP/1.1 204 No Content\r\nvary: a\r\nvary: b\r\n\r\n")
    assert head == Head(204, ((b"vary", b"a"), (b"vary", b"b")))


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.data())
def test_it_may_be_cut_anywhere(parts: list[bytes], data: st.DataObject) -> None:
    """The body is the same wherever the pieces end."""
    raw = CHUNKED + b"".join(map(chunk, parts)) + LAST_CHUNK
    at = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    pieces = [raw[begin:end] for begin, end in zip([0, *at], [*at, len(raw)], strict=True)]
    head, body = read(*pieces)
    assert head is not None and head.status == 200
    assert body == b"".join(parts)


def test_what_is_no_answer_of_ours_is_a_bug() -> None:
    """And nothing of it passes."""
    with pytest.raises(ValueError, match="not the gate's chunks"):
        read(CHUNKED, b"zz\r\n")
