"""Chunked bodies: the same payload however they arrive, and the one that others read (wire/chunked.py).

The first byte of the input chooses between a caller's body and an upstream's.
"""

from __future__ import annotations

import h11

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.chunked import CHUNKS_FREE, EXTENSIONS_MOST, TRAILERS_MOST, ChunkedReader
from tests.fuzz.splits import splits
from tests.fuzz.target import Target

#: What came of a body: its payload and what follows it (once finished), or why there is none.
Outcome = tuple[str, bytes, bytes]


def read(pieces: list[bytes], lenient: bool) -> Outcome:
    """Feed a reader."""
    reader = ChunkedReader(lenient=lenient)
    payload = b""
    refused = False
    for piece in pieces:
        found = reader.feed(piece)
        if isinstance(found, Refusal):
            assert found.reason is Reason.FRAME_CHUNK
            refused = True
        else:
            assert not refused, "a body was taken up again after its refusal"
            payload += found
    if refused:
        # How much came before depends on the pieces.
        return "refused", b"", b""
    return ("finished" if reader.finished else "unfinished"), payload, reader.rest


def by_hand(raw: bytes, lenient: bool) -> tuple[bytes, bytes] | None:
    """The payload and the rest of a body; C{None} if it is none, or not all of one."""
    payload = b""
    while True:
        line, found, raw = raw.partition(b"\r\n")
        if lenient:
            line = line.partition(b";")[0].rstrip(b" \t")
        if not found or not line or not all(character in b"0123456789abcdefABCDEF" for character in line):
            return None
        size = int(line, 16)
        if not size:
            break
        if raw[size : size + 2] != b"\r\n":
            return None
        payload += raw[:size]
        raw = raw[size + 2 :]
    while True:
        line, found, raw = raw.partition(b"\r\n")
        if not found:
            return None
        if not line:
            return payload, raw
        if not lenient or b":" not in line:
            return None


def by_h11(raw: bytes) -> bytes | None:
    """The payload that h11 finds up to the body's end; C{None} where it does not like the body."""
    peer = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    peer.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + raw)
    assert type(peer.next_event()) is h11.Request
    payload = b""
    try:
        while type(event := peer.next_event()) is h11.Data:
            payload += event.data
    except h11.RemoteProtocolError:
        return None
    assert type(event) is h11.EndOfMessage, event
    return payload


def check(raw: bytes) -> None:
    """Cuts change nothing, and a finished body is what two other readers find."""
    lenient, raw = bool(raw[:1] and raw[0] & 1), raw[1:]
    outcomes = {read(pieces, lenient) for pieces in splits(raw)}
    assert len(outcomes) == 1, outcomes
    ((state, payload, rest),) = outcomes
    hand = by_hand(raw, lenient)
    if state == "finished":
        assert hand == (payload, rest)
        peer = by_h11(raw)
        # It knows fewer of the forms that extensions may have.
        assert peer == payload or (peer is None and lenient)
        if not lenient:
            # An upstream's reader is the more patient one, and reads no differently.
            assert read([raw], True) == (state, payload, rest)
    elif hand is not None and not lenient:
        # Only limits may be in its way: of a size's digits, and of the number of chunks.
        limited = max(map(len, raw.split(b"\r\n"))) > 8 or raw.count(b"\r\n") > 2 * CHUNKS_FREE
        assert limited, "an honest body was not read"


def seeds() -> list[bytes]:
    """Honest bodies, and the ways to be otherwise."""
    bodies = [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"1\r\nh\r\n4\r\nello\r\n00\r\n\r\nGET / HTTP/1.1\r\n",
        b"A\r\n0123456789\r\n0\r\n\r\n",
        b"5;name=value\r\nhello\r\n0;last\r\n\r\n",
        b'5 ;a="b;c"\r\nhello\r\n0\r\nX-Trailer: 1\r\nY: 2\r\n\r\nrest',
        b"5\nhello\n0\n\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloo\r\n0\r\n\r\n",
        b"-1\r\n\r\n0\r\n\r\n",
        b"fffffffff\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX : 1\r\n\r\n",
        b"1\r\na\r\n" * 40 + b"0\r\n\r\n",
        # Beyond the limits, and just within.
        *(b"1\r\na\r\n" * count + b"0\r\n\r\n" for count in (CHUNKS_FREE - 1, CHUNKS_FREE + 1)),
        *(b"0\r\nX:" + b"x" * size + b"\r\n\r\n" for size in (TRAILERS_MOST - 2, TRAILERS_MOST)),
        (b"1;" + b"x" * 1000 + b"\r\na\r\n") * (EXTENSIONS_MOST // 1000 + 1) + b"0\r\n\r\n",
    ]
    return [bytes([choice]) + body for body in bodies for choice in (0, 1)]


WORDS = (
    b"0\r\n\r\n",
    b"\r\n",
    b"1\r\na\r\n",
    b"5\r\nhello\r\n",
    b";a=b",
    b"X: 1\r\n",
    b"00000000",
    b"ffffffff",
    b"\n",
)

TARGET = Target(check, seeds, WORDS, longest=1024)
