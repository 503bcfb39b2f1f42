"""Streams cut into events: against a reader that looks at every byte, over any split into pieces."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.wire.sse import Event, EventReader, around, event_of
from tests.wire import event_source
from tests.wire.event_source import Told


def pieces(stream: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The stream, cut at these places."""
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    return [stream[begin:end] for begin, end in zip(places, places[1:], strict=False)]


#: Streams of little else than line ends, where the difficulties are.
STREAMS = st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"x", b"data: 1"]), max_size=24).map(b"".join)


LINE_ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
#: A value may hold anything but a line's end; the standard has UTF-8, upstreams have what they have.
VALUES = st.one_of(
    st.sampled_from([b"", b"message", b"{}", b'{"a": 1}', b"7", b" 7", b"\0", b":", b"\xef\xbb\xbf"]),
    # Among them all that Python splits lines of text at, and the standard does not.
    st.text(sorted("x: \0\v\f\x1c\x85\u2028\u2029\ufeff"), max_size=6).map(str.encode),
)
NAMES = st.sampled_from(
    [
        b"data",
        b"event",
        b"id",
        b"retry",
        b"",
        b"Data",
        b"data ",
        b"foo",
        b"\xef\xbb\xbfdata",
        "ï»¿data".encode(),
    ]
)
LINES = st.one_of(
    NAMES,
    st.builds(lambda *parts: b"".join(parts), NAMES, st.sampled_from([b":", b": "]), VALUES),
    st.sampled_from([b"event: message", b"data: {}", b"id: 7", b": ping", b":", b"data:", b"data: "]),
)


@st.composite
def events(draw: st.DrawFn) -> bytes:
    """An event or what stands between two, often with one kind of line end, as servers write it."""
    lines = draw(st.lists(LINES, max_size=4))
    own = draw(LINE_ENDS)
    ends = st.just(own) if draw(st.integers(0, 3)) else LINE_ENDS
    return b"".join(line + draw(ends) for line in [*lines, b""])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """By the standard's grammar: a byte order mark or none, events, perhaps an unfinished one."""
    begin = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xef\xbb", b"\xef\xbb\xbf\xef\xbb\xbf"]))
    end = draw(st.sampled_from([b"", b"", b"data: half", b"data: 1\r", b": half", b"id: 7\n"]))
    return begin + b"".join(draw(st.lists(events(), max_size=6))) + end


def told(event: Event) -> Told:
    """For comparing: the LF of a CRLF at the end may have come later than the CR."""
    return Told(event.raw, event.data, event.kind, event.id)


def is_silent(event: Event) -> bool:
    """Whether there is no field in it: blank lines and comments, or the mark at the very beginning."""
    lines, rest = event_source.lines_of(event.raw)
    return event.raw == b"\xef\xbb\xbf" or (
        not rest and all(not line.strip(b":") or line[:1] == b":" for line, _ in lines)
    )


def check(stream: bytes, cut: list[bytes]) -> list[Told]:
    """Feed the pieces; all that is promised after each of them holds. Returns the events with fields."""
    reader, out, fed = EventReader(), b"", 0
    given_out: list[Told] = []
    for piece in cut:
        fed += len(piece)
        for event in reader.feed(piece):
            out += event.raw
            assert event.ambiguous is event_source.reads_otherwise(event.raw)
            if is_silent(event):
                assert (event.data, event.kind, event.id) == (None, b"", None)
            else:
                given_out.append(told(event))
        assert len(out) + reader.size == fed
        assert out == stream[: len(out)]
        # As much as can be: only what has begun and not ended is held back.
        _, held = event_source.read(stream[:fed])
        assert reader.size == len(held)
    return given_out


@settings(max_examples=300)
@given(streams(), st.lists(st.integers(0, 200), max_size=12))
def test_a_stream_has_the_events_of_the_standard_however_it_is_cut(stream: bytes, cuts: list[int]) -> None:
    """Whole, at any places and byte by byte; and no byte of it is lost, added or given out too early."""
    expected, _ = event_source.read(stream)
    assert check(stream, [stream]) == expected
    late_lf = [
        event._replace(raw=event.raw.removesuffix(b"\n")) if event.raw[-2:] == b"\r\n" else event
        for event in expected
    ]
    for cut in (pieces(stream, cuts), [stream[at : at + 1] for at in range(len(stream))]):
        found = check(stream, cut)
        assert all(one in both for one, both in zip(found, zip(expected, late_lf, strict=True), strict=True))


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_no_bytes_at_all_make_it_raise(cut: list[bytes]) -> None:
    """Nor be at odds with the standard, which has an answer to all of them."""
    stream = b"".join(cut)
    found, (expected, _) = check(stream, cut), event_source.read(stream)
    assert [event[1:] for event in found] == [event[1:] for event in expected]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize(
    ("lines", "data", "kind", "own"),
    [
        ([b"event: message", b'data: {"a": 1}'], b'{"a": 1}', b"message", None),
        ([b"data: {}"], b"{}", b"", None),
        ([b"data:{}"], b"{}", b"", None),
        ([b"data:  {}"], b" {}", b"", None),
        ([b"id: 7", b"event: message", b"data: {}"], b"{}", b"message", b"7"),
        ([b"event: message", b"id: 7", b"data: {}"], b"{}", b"message", b"7"),
        ([b"id: 7", b"data: {}"], b"{}", b"", b"7"),
        ([b"data: {}", b"id: 7", b"event: message"], b"{}", b"message", b"7"),
        ([b"event: endpoint", b"data: /messages?session_id=1"], b"/messages?session_id=1", b"endpoint", None),
        # Which of two fields counts.
        ([b"event: a", b"event: b", b"id: 1", b"id: 2", b"data: {}"], b"{}", b"b", b"2"),
        ([b"id: 1", b"id: 2", b"data: {}"], b"{}", b"", b"2"),
        ([b"event: message", b"event", b"data: {}"], b"{}", b"", None),
        ([b"id: 7", b"id", b"data: {}"], b"{}", b"", b""),
        ([b"id: 7", b"id: \0", b"data: {}"], b"{}", b"", b"7"),
        ([b"id: 7\0", b"data: {}"], b"{}", b"", None),
        # Several lines of data, also empty ones.
        ([b"data: {", b'data: "a": 1', b"data: }"], b'{\n"a": 1\n}', b"", None),
        ([b"data", b"data"], b"\n", b"", None),
        ([b"data: {}", b"data:"], b"{}\n", b"", None),
        # What sets a place to resume from, and what is no message at all.
        ([b"id: 7", b"data:"], b"", b"", b"7"),
        ([b"id: 7", b"data: ", b"retry: 100"], b"", b"", b"7"),
        ([b"data"], b"", b"", None),
        ([b"id: 7"], None, b"", b"7"),
        ([b"retry: 3000"], None, b"", None),
        ([b"event: message"], None, b"message", None),
        # What nobody knows goes along.
        ([b"data: {}", b": a comment", b"foo: bar", b"baz"], b"{}", b"", None),
        ([b"Data: {}", b" data: {}", b"data : {}", b"\xef\xbb\xbfdata: {}"], None, b"", None),
    ],
)
def test_the_fields_of_an_event_are_read_as_the_standard_says(
    lines: list[bytes], data: bytes | None, kind: bytes, own: bytes | None, end: bytes
) -> None:
    """With each of the three line ends, alone and after another, whole and in two pieces."""
    raw = b"".join(line + end for line in [*lines, b""])
    event = Event(raw, data, kind, own)
    assert EventReader().feed(raw) == [event]
    assert EventReader().feed(raw + raw) == [event, event]
    reader = EventReader()
    assert reader.feed(raw[:3]) == []
    assert reader.size == 3
    assert reader.feed(raw[3:]) == [event]
    assert reader.size == 0


def test_a_carriage_return_ends_an_event_at_once() -> None:
    """Its reader would else wait for an event that may come in an hour. The LF is passed on as it comes."""
    reader = EventReader()
    assert reader.feed(b"data: 1\r\n\r") == [Event(b"data: 1\r\n\r", b"1")]
    assert reader.feed(b"\n") == [Event(b"\n")]
    assert reader.size == 0
    assert reader.feed(b"data: 2\r\r") == [Event(b"data: 2\r\r", b"2")]
    assert reader.feed(b"\ndata: 3\n\n") == [Event(b"\n"), Event(b"data: 3\n\n", b"3")]


def test_a_heartbeat_waits_for_nothing() -> None:
    """A comment is given out with its line, and the blank line that most servers send after it, too."""
    reader = EventReader()
    assert reader.feed(b": ping\n\n") == [Event(b": ping\n\n")]
    assert reader.feed(b": ping\n") == [Event(b": ping\n")]
    assert reader.feed(b": pi") == []
    assert reader.size == 4
    assert reader.feed(b"ng\r") == [Event(b": pi" + b"ng\r")]
    assert reader.feed(b"\ndata: 1\n: within\n") == [Event(b"\n")]
    assert reader.feed(b"\n: after\ndata") == [Event(b"data: 1\n: within\n\n", b"1"), Event(b": after\n")]
    assert reader.size == 4


def test_a_byte_order_mark_counts_at_the_very_beginning_only() -> None:
    """It is given out by itself: whatever becomes of the first event, it stays the first."""
    mark = b"\xef\xbb\xbf"
    event = Event(b"data: 1\n\n", b"1")
    assert EventReader().feed(mark + event.raw) == [Event(mark), event]
    reader = EventReader()
    assert [reader.feed(mark[at : at + 1]) for at in range(3)] == [[], [], [Event(mark)]]
    assert reader.feed(event.raw + mark + event.raw) == [event, Event(mark + event.raw)]
    # A part of one is no mark.
    assert EventReader().feed(mark[:2] + event.raw) == [Event(mark[:2] + event.raw)]


def test_a_piece_full_of_line_ends_is_no_flood_of_events() -> None:
    """One read may bring a quarter of a million of them."""
    reader = EventReader()
    reader.feed(b"data: 1\n\n")
    for flood in (b"\n" * 4096, b"\r" * 4096, b":\n" * 2048, b"\n:\r\n" * 1024):
        assert reader.feed(flood) == [Event(flood)]


def test_what_is_held_back_at_the_end_is_counted() -> None:
    """So that whoever bounds it, and whoever asks whether the stream ended between two events, can see."""
    reader = EventReader()
    assert reader.feed(b"") == []
    assert reader.feed(b"data: 1\n\nda") == [Event(b"data: 1\n\n", b"1")]
    assert reader.size == 2
    assert reader.feed(b"ta: 2\n") == []
    assert reader.feed(b"") == []
    assert reader.size == 8


@pytest.mark.parametrize(
    ("raw", "ambiguous"),
    [
        ("id: 7\vdata: {}\v\v\ndata: {}\n\n", True),
        ("id: 7\u2028data: {}\u2028\u2028\nevent: message\ndata: {}\n\n", True),
        ("event: x\x1edata: {}\ndata: {}\n\n", True),
        ("data: {}\nfoo\x85data: {}\n\n", True),
        (": ping\fdata: {}\f\f\n\n", True),
        ("ï»¿data: {}\n\n", True),
        ("ï»¿event: x\ndata: {}\n\n", True),
        # Honest ones, with characters that they may have.
        ('data: {"a": "\u2028 \u2029 \x85"}\n\n', False),
        ("id: é\nevent: ï»¿\ndata: ï»¿\n\n", False),
        (": ping é\n\n", False),
    ],
)
def test_what_clients_read_in_two_ways_is_marked(raw: str, ambiguous: bool) -> None:
    """A message may hide there from the gate: no field named data holds it."""
    stream = raw.encode()
    (event,) = EventReader().feed(stream)
    assert event.ambiguous is ambiguous
    by_byte = EventReader()
    parts = [event for at in range(len(stream)) for event in by_byte.feed(stream[at : at + 1])]
    assert any(event.ambiguous for event in parts) is ambiguous


def seconds(work: Callable[[], object]) -> float:
    """The processor time that it takes, at best."""
    taken = []
    for _ in range(5):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def in_pieces(times: int) -> Callable[[], object]:
    """One event, in so many pieces."""

    def work() -> None:
        reader = EventReader()
        for _ in range(times):
            reader.feed(b"data: " + b"x" * 1024)
        assert len(reader.feed(b"\n\n")) == 1

    return work


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda times: lambda: EventReader().feed(b"data: {}\n\n" * times), id="usual events"),
        pytest.param(
            lambda times: lambda: EventReader().feed(b"data\n\n" * times + b"\r"), id="one CR at the end"
        ),
        pytest.param(
            lambda times: lambda: EventReader().feed(b"data: 1\r\r" * times + b"\n"), id="one LF at the end"
        ),
        pytest.param(
            lambda times: lambda: EventReader().feed(b"x\r\n\r\n:\n" * times), id="comments between"
        ),
        pytest.param(
            lambda times: lambda: EventReader().feed(b"id: 1\n" * times), id="one that does not end"
        ),
        pytest.param(in_pieces, id="many pieces"),
    ],
)
def test_what_comes_is_looked_at_once(work: Callable[[int], Callable[[], object]]) -> None:
    """Eight times as much takes eight times as long, and not sixty-four times."""
    assert seconds(work(4000)) < 24 * seconds(work(500))


def test_an_event_shows_no_secret() -> None:
    """Where one is printed, as in a traceback, its size has to do."""
    assert repr(Event(b"data: hunter2\n\n", b"hunter2", b"hunter2", b"hunter2")) == "Event(15 bytes)"


def test_a_message_of_ours_is_one_event() -> None:
    """Of the usual kind: clients take no other for a message."""
    written = event_of(b'{"a": 1}')
    assert EventReader().feed(written) == [Event(written, b'{"a": 1}', b"message")]


@pytest.mark.parametrize("message", [b"{\n}", b"{}\r", b"{}\n\ndata: {}"])
def test_a_message_with_line_ends_is_not_written(message: bytes) -> None:
    """It would be another event than it says, or two."""
    with pytest.raises(ValueError):
        event_of(message)


def as_told_to_python(stream: bytes) -> list[tuple[str, str]]:
    """What the HTTP client under the official Python SDK reads: kind and data of what has data."""
    request = httpx2.Request("POST", "https://gw.test/mcp")
    head = {"content-type": "text/event-stream"}
    answer = httpx2.Response(200, headers=head, content=stream, request=request)
    return [(event.event, event.data) for event in httpx2.EventSource(answer) if event.data]


@given(st.lists(events(), max_size=6).map(b"".join))
def test_the_python_clients_see_the_same_messages(stream: bytes) -> None:
    """They know of no byte order mark, and else differ only in what has no data."""
    stream = b"\n" + stream
    found = [event for event in EventReader().feed(stream) if event.data]
    read = [(event.kind.decode() or "message", event.data.decode()) for event in found if event.data]
    assert as_told_to_python(stream) == read




def test_around_the_data_stand_the_other_fields_and_the_comments() -> None:
    event = EventReader().feed(b"id: 7\r\n: hello\r\ndata: {}\r\ndata\r\nretry: 5\r\nodd: 1\r\n\r\n")[0]
    assert around(event) == b"id: 7\n: hello\nretry: 5\nodd: 1"
    assert around(EventReader().feed(b"data: {}\n\n")[0]) == b""
