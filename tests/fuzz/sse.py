"""Event streams: the events, what is there of an unfinished one, and where a stream may end (wire/sse.py).

An input is a stream in pieces. 0xFF, which is in no stream of UTF-8, stands between two of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from mcpgate.wire.sse import EventMeter, EventReader
from tests.fuzz.splits import splits
from tests.fuzz.target import Target
from tests.wire import event_source

#: Of longer streams not every cut into two is tried: the time would grow with the square.
CUTS_MOST = 96

_LINE_END = re.compile(rb"\r\n|\r|\n")
#: As the parser of the TypeScript SDK has it: a CR is a line's end when something follows.
_PATIENT = re.compile(rb"\r\n|\r(?!\Z)|\n")

#: Its type, its data, and the id that it brings itself.
Event = tuple[bytes, bytes, bytes | None]


def slowly(stream: bytes) -> int:
    """The bytes since the last blank line; of bytes, Python knows the same three line ends."""
    size = 0
    for line in stream.splitlines(keepends=True):
        size = size + len(line) if line.strip(b"\r\n") else 0
    return size


def read(stream: bytes, line_end: re.Pattern[bytes] = _LINE_END) -> tuple[list[Event], int]:
    """The events that a client is told of (WHATWG HTML 9.2.6), and the bytes that it holds at the end."""
    events: list[Event] = []
    kind, pieces, own, held = b"", [], None, 0
    *lines, unfinished = line_end.split(stream)
    for line in lines:
        if not line:
            if pieces:
                events.append((kind, b"\n".join(pieces), own))
            kind, pieces, own, held = b"", [], None, 0
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            pieces.append(value)
        elif name == b"event":
            kind = value
        elif name == b"id" and b"\0" not in value:
            own = value
        else:
            continue
        held += len(line)
    return events, held + len(unfinished)


def ways(raw: bytes) -> Iterator[list[bytes]]:
    """As the input says, as every target cuts, and at each place in two."""
    yield raw.split(b"\xff")
    stream = raw.replace(b"\xff", b"")
    yield from splits(stream)
    if len(stream) <= CUTS_MOST:
        for at in range(len(stream) + 1):
            yield [stream[:at], stream[at:]]


def check(raw: bytes) -> None:
    """What reads a stream and what only measures it."""
    events_are_the_standards(raw)
    sizes_are_the_references(raw)


def events_are_the_standards(raw: bytes) -> None:
    """However a stream is cut: its events, its bytes, and no more held back than has to be."""
    stream = raw.replace(b"\xff", b"")
    expected, _ = event_source.read(stream)
    held: dict[int, int] = {}
    # The same bytes come in most of the ways.
    has_fields, reads_otherwise = cache(_has_fields), cache(event_source.reads_otherwise)
    for pieces in ways(raw):
        reader, seen, out, told = EventReader(), 0, b"", []
        for piece in pieces:
            seen += len(piece)
            for event in reader.feed(piece):
                out += event.raw
                assert event.ambiguous is reads_otherwise(event.raw), event.raw
                if has_fields(event.raw):
                    told.append(event)
                else:
                    assert (event.data, event.kind, event.id) == (None, b"", None), pieces
            assert stream.startswith(out), (pieces, seen)
            if seen not in held:
                held[seen] = len(event_source.read(stream[:seen])[1])
            assert reader.size == seen - len(out) == held[seen], (pieces, seen)
        for event, one in zip(told, expected, strict=True):
            assert (event.data, event.kind, event.id) == (one.data, one.kind, one.id), pieces
            # The LF of a CRLF may have come too late for it.
            assert event.raw == one.raw or event.raw + b"\n" == one.raw, pieces


def _has_fields(raw: bytes) -> bool:
    """Whether there is more than blank lines, comments and the mark where a stream begins."""
    lines, _ = event_source.lines_of(raw)
    return raw != b"\xef\xbb\xbf" and any(line and line[:1] != b":" for line, _ in lines)


def sizes_are_the_references(raw: bytes) -> None:
    """Sizes are the reference's after each piece, and no client loses where a stream is ended early."""
    stream = raw.replace(b"\xff", b"")
    sizes: dict[int, int] = {}
    endings: set[tuple[bytes, int]] = set()
    for pieces in ways(raw):
        meter, seen = EventMeter(), 0
        for piece in pieces:
            begin, seen = seen, seen + len(piece)
            size = meter.feed(piece)
            if seen not in sizes:
                sizes[seen] = slowly(stream[:seen])
            assert size == meter.size == sizes[seen], (pieces, seen)
            if size < len(piece):
                endings.add((stream[:begin] + meter.last_of(piece), seen - size))
            if not size:
                endings.add((stream[:seen] + meter.last_of(b""), seen))
    whole, _ = read(stream)
    for ended, at in endings:
        assert ended in (stream[:at], stream[:at] + b"\n")
        told, held = read(ended, _PATIENT)
        assert not held, "a stream ends within an event"
        # A line feed that was left behind is a blank line more, and tells nobody anything.
        assert told + read(stream[at:])[0] == whole
    for seen, size in sizes.items():
        # What the bound on an event's size is for.
        assert read(stream[:seen])[1] <= size


def seeds() -> list[bytes]:
    """Streams as servers send them, with each line end, cut where it is hardest."""
    told = [
        b"data: 1\n\n",
        b"event: message\nid: 7\ndata: {\ndata: }\n\n: ping\n\ndata: 2\n\n",
        b": ping\n\n",
        b"retry: 3000\n\nid\ndata\n\n",
        b"data: 1\n\ndata: half",
        b"\xef\xbb\xbfdata: 1\n\n\n\n",
        b"id: 7\nevent: message\ndata: {}\n\nevent: message\nid: 8\ndata: {}\n\ndata: {}\n\n",
        b"id: 7\ndata: \nretry: 100\n\nid: \0\ndata: {}\n\nid: \0\nevent:x\ndata:\ndata\n\n",
        b"event: message\ndata: {}\n: within\n\n: before\ndata: {}\n\n: half",
        "ï»¿data: 1\n\nid: 7\u2028data: 2\n\n: ping\vdata: 3\n\ndata: \x85\n\n".encode(),
    ]
    ended = [stream.replace(b"\n", end) for stream in told for end in (b"\n", b"\r", b"\r\n")]
    return [
        *ended,
        *(b"\xff".join(stream[at : at + 1] for at in range(len(stream))) for stream in ended[:3]),
        b"data: 1\r\n\r\xff\n\xffdata: 2\r\n\r\n",
        b"data: 1\r\xff\n\r\n\xff\xffdata: 2",
        b"data: 1\n\r\r\n\n\r\xff\r\xff\n\n",
        b"\r\xff\n\xffdata: 1\r\xff\r\xff\ndata: 2\n\xff\n",
    ]


WORDS = (
    *(b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r", b"\r\xff\n", b"\n\xff\n", b"\r\xff\r", b"\xff"),
    *(b"data: 1", b"event: message", b"id: 1", b": ping", b"retry: 1", b"\xef\xbb\xbf"),
    *(
        b"event: message\ndata: {}\n\n",
        b"id: 1\r\nevent: message\r\ndata: {}\r\n\r\n",
        b"id: \0",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"\v",
    ),
)

TARGET = Target(check, seeds, WORDS, longest=256)
