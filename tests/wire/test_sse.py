"""Where events end: against a reference that looks at every byte, over any split into pieces."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.wire.sse import EventMeter, is_event_stream


def slowly(stream: bytes) -> int:
    """The size of the unfinished event, one byte after the other as the standard has it."""
    size, blank, after_cr = 0, True, False
    for byte in stream:
        if byte == 0x0A and after_cr:
            # The second half of a CRLF; the first has ended the line, and perhaps the event.
            after_cr = False
            size += size > 0
            continue
        after_cr = byte == 0x0D
        size += 1
        if byte in (0x0A, 0x0D):
            if blank:
                size = 0
            blank = True
        else:
            blank = False
    return size


def pieces(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The stream, cut at these places."""
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    return [stream[begin:end] for begin, end in zip(places, places[1:], strict=False)]


#: Streams of little else than line ends, where the difficulties are.
STREAMS = st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"x", b"data: 1"]), max_size=24).map(b"".join)


@given(STREAMS, st.lists(st.integers(0, 80), max_size=12))
def test_every_piece_leaves_what_the_reference_finds(stream: bytes, cuts: list[int]) -> None:
    """After each piece, however the stream was cut."""
    meter = EventMeter()
    seen = b""
    for piece in pieces(stream, cuts):
        seen += piece
        assert meter.feed(piece) == slowly(seen) == meter.size


@given(STREAMS)
def test_one_byte_at_a_time_is_the_same(stream: bytes) -> None:
    meter = EventMeter()
    for at in range(len(stream)):
        assert meter.feed(stream[at : at + 1]) == slowly(stream[: at + 1])


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_any_bytes_at_all_can_be_measured(stream: bytes, cuts: list[int]) -> None:
    meter = EventMeter()
    for piece in pieces(stream, cuts):
        meter.feed(piece)
    assert meter.size == slowly(stream)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_an_event_ends_with_a_blank_line_of_either_kind(end: bytes) -> None:
    meter = EventMeter()
    line = b"data: {}" + end
    assert meter.feed(line) == len(line)
    assert meter.feed(end) == 0
    assert meter.feed(line + end) == 0


def test_the_line_feed_after_a_blank_lines_carriage_return_belongs_to_it() -> None:
    """Else the next event would begin one byte early, and the stream never be between two."""
    meter = EventMeter()
    assert meter.feed(b"data: 1\r\n\r") == 0
    assert meter.feed(b"\n") == 0
    assert meter.feed(b"data: 2\r\n") == 9


def test_what_follows_the_last_event_of_a_piece_counts_from_there() -> None:
    meter = EventMeter()
    assert meter.feed(b"data: 1\n\ndata: 2\n\ndata:") == 5
    assert meter.feed(b" 3") == 7


def test_no_bytes_change_nothing() -> None:
    meter = EventMeter()
    meter.feed(b"data")
    assert meter.feed(b"") == 4


def test_a_comment_that_keeps_a_stream_awake_is_an_event_too() -> None:
    """C{: ping} and a blank line, as several servers send it."""
    assert EventMeter().feed(b": ping\n\n") == 0


@pytest.mark.parametrize(
    ("fed", "ended"),
    [
        ([b"data: 1\n\n"], b""),
        ([b"data: 1\r\n\r"], b"\n"),
        ([b"data: 1\r\r"], b"\n"),
        ([b"data: 1\r\n\r", b"\n"], b""),
        ([], b""),
    ],
)
def test_a_stream_that_ends_with_half_a_line_end_gets_the_other_half(fed: list[bytes], ended: bytes) -> None:
    """Whoever waits for what follows a CR would lose the event before it."""
    meter = EventMeter()
    for piece in fed:
        assert meter.feed(piece) == 0
    assert meter.last_of(b"") == ended


@pytest.mark.parametrize(
    ("piece", "last"),
    [
        (b"1\n\ndata: 2", b"1\n\n"),
        (b"1\r\n\r\ndata: 2\r\n", b"1\r\n\r\n"),
        (b"1\r\n\r", b"1\r\n\r\n"),
        (b"1\r\rdata", b"1\r\r\n"),
    ],
)
def test_of_the_last_piece_goes_on_what_is_before_the_unfinished_event(piece: bytes, last: bytes) -> None:
    """And no CR is the last byte of a stream here either."""
    meter = EventMeter()
    meter.feed(b"data: ")
    meter.feed(piece)
    assert meter.last_of(piece) == last


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (b"text/event-stream", True),
        (b"Text/Event-Stream; charset=utf-8", True),
        (b"application/json", False),
        (b"", False),
        (None, False),
    ],
)
def test_an_event_stream_is_known_by_its_type(content_type: bytes | None, expected: bool) -> None:
    """However that is spelt."""
    assert is_event_stream(content_type) is expected
