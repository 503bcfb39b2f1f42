"""What an upstream says: which of its messages may pass, and that nothing else does (relay/reply.py).

The first byte of the input chooses how the rest is read: as a stream, a document, or an error of HTTP,
and what the revision has. Of the rest, 0xFF, which is in no UTF-8, stands between two pieces.
"""

from __future__ import annotations

import json
from typing import Any

from mcpgate.policy.asked import Asked
from mcpgate.policy.rules import ALLOW, Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.hearing import Hearing
from mcpgate.relay.reply import Document, Error, Events
from mcpgate.wire.call import Call, Nature
from mcpgate.wire.jsonrpc import parse, parse_batch
from tests.fuzz.message import WORDS as JSON_WORDS
from tests.fuzz.splits import splits
from tests.fuzz.sse import WORDS as STREAM_WORDS
from tests.fuzz.strict_json import strict
from tests.fuzz.target import Target
from tests.wire import event_source

#: What waits for an answer: two that look alike, and one that is easily taken for none.
WAITING: tuple[int | str, ...] = (1, "1", 0)
ASKED = Asked(Call("ping", None, Nature.PROTOCOL, (("ping", None),)), Verdict(ALLOW, None, None), "x")
MARKS = (b"\xef\xbb\xbf", "\u00ef\u00bb\u00bf".encode())

STREAM, DOCUMENT, ERROR = range(3)
BATCHES, MODERN, STRANGERS = 4, 8, 16


class Law:
    """Who may say what, written down a second time, over what the standard library reads."""

    def __init__(self, choice: int) -> None:
        self.batches = bool(choice & BATCHES)
        self.modern = bool(choice & MODERN)
        self.strangers = bool(choice & STRANGERS)
        self.waiting = [*WAITING]
        self.kept = 0

    def passes(self, data: bytes) -> list[Any] | None:
        """The messages that may pass of one or several; C{None}: it cannot be read in one way."""
        found = parse(data)
        if isinstance(found, Refusal):
            # Whether what is refused is at fault, and what is accepted is not, is shown by other targets.
            if found.reason is not Reason.FRAME_BATCH or not self.batches:
                return None
            if isinstance(parse_batch(data), Refusal):
                return None
        value = strict(data)
        passing = [one for one in (value if type(value) is list else [value]) if self._may(one)]
        return passing

    def _may(self, message: dict[str, Any]) -> bool:
        if "method" not in message:
            for id in self.waiting:
                if type(id) is type(message["id"]) and id == message["id"]:
                    self.waiting.remove(id)
                    return True
            self.kept += not self.strangers
            return self.strangers
        if "id" in message and self.modern:
            self.kept += 1
            return False
        return True


def hearing(law: Law) -> Hearing:
    return Hearing(
        {id: ASKED for id in WAITING},
        lambda asked, message, raw: raw,
        asked=None if law.modern else {},
        strangers=law.strangers,
        batches=law.batches,
    )


def check(raw: bytes) -> None:
    """Of a stream, in whatever pieces it comes, the callers find what may be said; of all else as well."""
    choice, raw = (raw[0], raw[1:]) if raw else (0, b"")
    form = choice % 4
    if form == STREAM:
        _stream(choice, raw)
    elif form == ERROR:
        _error(choice, raw)
    else:
        _document(choice, raw)


def _stream(choice: int, raw: bytes) -> None:
    stream = raw.replace(b"\xff", b"")
    expected, ended, kept = _expected(choice, stream)
    lines, _ = event_source.lines_of(stream)
    odd = any(event_source.reads_otherwise(line + b"\n") for line, _ in lines if line[:1] == b":")
    for pieces in (raw.split(b"\xff"), *splits(stream)):
        law = Law(choice)
        heard = hearing(law)
        reply = Events(heard, 1 << 20, lambda: 0.0, True)
        passed = b""
        for piece in pieces:
            one = reply.take(piece, False)
            if isinstance(one, Refusal):
                assert one is reply.refusal
                break
            passed += one
            assert event_source.read(passed)[1] == b"", "half an event"
            if reply.refusal is not None:
                break
        assert (reply.refusal is not None) is ended, pieces
        # Comments are told as they come, one by one or many at once.
        assert len(heard.dropped) >= kept if odd else len(heard.dropped) == kept, (pieces, heard.dropped)
        for reading in (passed, *(passed.removeprefix(mark) for mark in MARKS)):
            found = [strict(one.data) for one in event_source.read(reading)[0] if one.data]
            assert found == expected, pieces
        if not kept and not ended and not odd:
            unfinished = event_source.read(stream)[1]
            whole = stream.removesuffix(unfinished) if unfinished else stream
            assert passed == whole.removeprefix(MARKS[0]) or stream in MARKS[0], pieces


def _expected(choice: int, stream: bytes) -> tuple[list[Any], bool, int]:
    """What callers are to find, whether the stream is ended for a fault, and how much was kept."""
    law, expected = Law(choice), []
    for event in event_source.read(stream)[0]:
        if event.raw[0] > 0x7F or event_source.reads_otherwise(event.raw):
            law.kept += 1
        elif event.kind not in (b"", b"message"):
            law.kept += 1
        elif event.data:
            passing = law.passes(event.data)
            if passing is None:
                return expected, True, law.kept
            if type(strict(event.data)) is list:
                expected += [passing] if passing else []
            else:
                expected += passing
    return expected, False, law.kept


def _document(choice: int, raw: bytes) -> None:
    law = Law(choice)
    heard = hearing(law)
    document = Document(heard, 1 << 20)
    *pieces, last = raw.split(b"\xff")
    for piece in pieces:
        assert document.take(piece, False) == b""
    body = raw.replace(b"\xff", b"")
    passed = document.take(last, True)
    passing = law.passes(body)
    answers = [one for one in passing or () if "method" not in one]
    assert isinstance(passed, Refusal) is (not answers)
    if isinstance(passed, bytes):
        value = strict(passed)
        assert value == (passing if type(value) is list else answers[0])
        assert law.kept or passed == body


def _error(choice: int, raw: bytes) -> None:
    body = raw.replace(b"\xff", b"")
    passed = Error(hearing(Law(choice)), 1 << 20).take(body, True)
    if isinstance(passed, Refusal):
        assert b'"' in body
        return
    assert passed == body
    try:
        value = json.loads(body.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError):
        return
    for one in value if type(value) is list else [value]:
        assert type(one) is not dict or "result" not in one, "a result in an error"


def seeds() -> list[bytes]:
    """Answers as they should be, and the ways in which they should not."""
    answer, other, error = (
        b'{"jsonrpc":"2.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":2,"result":{}}',
        b'{"jsonrpc":"2.0","id":"1","error":{"code":1,"message":"x"}}',
    )
    note, ping = b'{"jsonrpc":"2.0","method":"a/b"}', b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    messages = [answer, other, error, note, ping, b"[%b, %b]" % (other, answer), b"[%b]" % note, b"{", b""]
    messages += [b'{"jsonrpc":"2.0","id":null,"result":{}}', b'{"jsonrpc":"2.0","id":1,"result":NaN}']
    streams = [b"data: %b\n\n" % message for message in messages]
    streams += [
        b"id: 1\ndata: %b\r\n\r\n: ping\r\n\r\ndata: %b\r\r" % (note, answer),
        b"event: endpoint\ndata: /x\n\ndata: %b\n\n" % answer,
        b"data: %b\n\ndata: %b\n\n" % (answer, answer),
        b"data: %b\n\ndata: %b\n\ndata: {\n\n" % (answer, ping),
        *(b"%bdata: %b\n\n" % (mark, answer) for mark in MARKS),
        *(b"data: %b\n\n%bdata: %b\n\n" % (other, mark, answer) for mark in MARKS),
        b"data: %b\n\ndata: half" % note,
    ]
    choices = (0, BATCHES, MODERN, STRANGERS)
    return [
        *(bytes([STREAM | choice]) + stream for stream in streams for choice in choices),
        *(bytes([DOCUMENT | choice]) + body for body in messages for choice in choices),
        *(bytes([ERROR]) + body for body in messages),
        bytes([STREAM]) + b"\xff".join([b"data: %b\r" % answer, b"\n\r", b"\ndata", b": %b\n\n" % note]),
    ]


WORDS = (
    *(b'{"jsonrpc":"2.0","id":1,"result":{}}', b'{"jsonrpc":"2.0","id":"1","result":{}}'),
    *(b'{"jsonrpc":"2.0","id":0,"error":{}}', b'{"jsonrpc":"2.0","method":"a"}', b"event: endpoint\n"),
    *MARKS,
    *JSON_WORDS,
    *STREAM_WORDS,
)

TARGET = Target(check, seeds, WORDS, longest=512)
