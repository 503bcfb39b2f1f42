"""Event streams: the events, and what is held back of an unfinished one (wire/sse.py).

An input is a stream in pieces. 0xFF, which is in no stream of UTF-8, stands between two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from mcpgate.wire.sse import EventReader
from tests.fuzz.splits import splits
from tests.fuzz.target import Target
from tests.wire import event_source

#: Of longer streams not every cut into two is tried: the time would grow with the square.
CUTS_MOST = 96


def ways(raw: bytes) -> Iterator[list[bytes]]:
    """As the input says, as every target cuts, and at each place in two."""
    yield raw.split(b"\xff")
    stream = raw.replace(b"\xff", b"")
    yield from splits(stream)
    if len(stream) <= CUTS_MOST:
        for at in range(len(stream) + 1):
            yield [stream[:at], stream[at:]]


def check(raw: bytes) -> None:
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
