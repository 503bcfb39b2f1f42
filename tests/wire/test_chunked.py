"""Chunked bodies are read to the byte, however they are cut, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.chunked import CHUNKS_FREE, EXTENSIONS_MOST, TRAILERS_MOST, ChunkedReader
from mcpgate.wire.forward import LAST_CHUNK, chunk


def take(reader: ChunkedReader, pieces: list[bytes]) -> bytes | Refusal:
    """The payload of all the pieces, or the refusal that ends them."""
    payload = b""
    for piece in pieces:
        found = reader.feed(piece)
        if isinstance(found, Refusal):
            return found
        payload += found
    return payload


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    """The bytes cut at these places, in whatever order they are given."""
    edges = sorted({0, len(raw), *(place % (len(raw) + 1) for place in places)})
    return [raw[begin:end] for begin, end in zip(edges, edges[1:], strict=False)] or [raw]


PLACES = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.binary(max_size=8), PLACES, st.booleans())
def test_payload_and_rest_do_not_depend_on_how_the_bytes_arrive(
    chunks: list[bytes], rest: bytes, places: list[int], lenient: bool
) -> None:
    reader = ChunkedReader(lenient=lenient)
    raw = b"".join(map(chunk, chunks)) + LAST_CHUNK + rest
    assert take(reader, cut(raw, places)) == b"".join(chunks)
    assert reader.finished and reader.rest == rest


BODY = b"5\r\nhello\r\n0A\r\n, world!!!\r\n0\r\n\r\n"


@given(st.integers(0, len(BODY)), st.integers(0, 2), st.binary(max_size=3), PLACES, st.booleans())
def test_the_verdict_on_a_mutated_body_does_not_depend_on_how_it_arrives(
    at: int, removed: int, added: bytes, places: list[int], lenient: bool
) -> None:
    raw = BODY[:at] + added + BODY[at + removed :]
    whole, pieces = ChunkedReader(lenient=lenient), ChunkedReader(lenient=lenient)
    assert take(whole, [raw]) == take(pieces, cut(raw, places))
    assert (whole.finished, whole.rest) == (pieces.finished, pieces.rest)


@given(st.binary())
def test_no_bytes_make_the_reader_raise_and_what_strict_takes_lenient_takes_alike(raw: bytes) -> None:
    strict, lenient = ChunkedReader(lenient=False), ChunkedReader(lenient=True)
    payload = strict.feed(raw)
    assert isinstance(payload, Refusal) or lenient.feed(raw) == payload


@pytest.mark.parametrize(
    "raw",
    [b"0x5\r\n", b"+5\r\n", b"-5\r\n", b"5_0\r\n", b" 5\r\n", b"\r\n", b"g\r\n", b"5\nhello", b"5\rhello"]
    + [b"5\r\nhelloXX0\r\n", b"5\r\nhello\n0\r\n", b"5\r\nhellox\r\n0\r\n\r\n", b"0\n", b"1" * 17 + b"\r\n"]
    + [b"5\r\nhello\r\n0\r\nXX", b"5\r\r;x\r\n", b"5;a=\0\r\n", b"5;a\nb\r\n", b"5;a\rb\r\n"],
)
@pytest.mark.parametrize("lenient", [False, True])
def test_malformed_chunks_are_refused_for_good(raw: bytes, lenient: bool) -> None:
    reader = ChunkedReader(lenient=lenient)
    if lenient and raw.endswith(b"XX"):
        raw += b"\r\n\r\n"
    for data in (raw, b"", b"5\r\nhello\r\n0\r\n\r\n"):
        found = reader.feed(data)
        assert isinstance(found, Refusal) and found.reason is Reason.FRAME_CHUNK
    assert not reader.finished


@pytest.mark.parametrize(
    "raw",
    [
        b"5;a=b\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0;x\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX-T: 1\r\nY_Z:\r\n\r\n",
    ],
)
def test_extensions_and_trailers_are_refused_from_callers_and_dropped_from_upstreams(raw: bytes) -> None:
    assert isinstance(ChunkedReader(lenient=False).feed(raw), Refusal)
    for pieces in ([raw], [raw[at : at + 1] for at in range(len(raw))]):
        reader = ChunkedReader(lenient=True)
        assert take(reader, pieces) == b"hello"
        assert reader.finished


@pytest.mark.parametrize("trailer", [b"X\r\n", b"X : 1\r\n", b"X: a\nb\r\n", b" X: 1\r\n"])
def test_malformed_trailers_are_refused(trailer: bytes) -> None:
    assert isinstance(ChunkedReader(lenient=True).feed(b"0\r\n" + trailer + b"\r\n"), Refusal)


def test_endless_trailers_and_extensions_are_refused() -> None:
    reader = ChunkedReader(lenient=True)
    assert reader.feed(b"0\r\nX: ") == b""
    assert isinstance(reader.feed(b"x" * (TRAILERS_MOST + 1)), Refusal)
    reader = ChunkedReader(lenient=True)
    extended = b"1;" + b"e" * 1000 + b"\r\nx\r\n"
    assert isinstance(take(reader, [extended] * (EXTENSIONS_MOST // 1000 + 1)), Refusal)


@pytest.mark.parametrize(("size", "taken"), [(TRAILERS_MOST, True), (TRAILERS_MOST + 1, False)])
def test_the_bound_on_trailers_does_not_depend_on_how_they_arrive(size: int, taken: bool) -> None:
    """What ends them counts on neither side of it."""
    raw = b"0\r\nX: " + b"x" * (size - 3) + b"\r\n\r\n"
    for cut in (0, *range(len(raw) - 6, len(raw))):
        reader = ChunkedReader(lenient=True)
        reader.feed(raw[:cut])
        reader.feed(raw[cut:])
        assert reader.finished is taken, cut


def test_a_callers_tiny_chunks_are_bounded_and_an_upstreams_are_not() -> None:
    tiny = chunk(b"x") * (CHUNKS_FREE + 10)
    refusal = ChunkedReader(lenient=False).feed(tiny)
    assert isinstance(refusal, Refusal) and refusal.reason is Reason.FRAME_CHUNK_COUNT
    assert isinstance(ChunkedReader(lenient=False, most=CHUNKS_FREE + 10).feed(tiny), bytes)
    assert ChunkedReader(lenient=True).feed(tiny) == b"x" * (CHUNKS_FREE + 10)


def test_large_chunks_earn_more_of_them() -> None:
    reader = ChunkedReader(lenient=False)
    body = chunk(b"x" * 256) * (2 * CHUNKS_FREE) + LAST_CHUNK
    assert reader.feed(body) == b"x" * 256 * 2 * CHUNKS_FREE
    assert reader.finished


def test_a_chunk_is_handed_on_as_it_arrives() -> None:
    reader = ChunkedReader(lenient=True)
    assert reader.feed(b"1") == b""
    assert reader.feed(b"0\r\n0123") == b"0123"
    assert reader.feed(b"456789abcde") == b"456789abcde"
    assert reader.feed(b"f\r") == b"f"
    assert reader.feed(b"\n0\r\n\r") == b""
    assert not reader.finished
    assert reader.feed(b"\nHTTP/1.1") == b""
    assert reader.finished and reader.rest == b"HTTP/1.1"
