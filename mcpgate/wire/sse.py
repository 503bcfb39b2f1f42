"""Event streams (WHATWG HTML 9.2.6): cut into whole events, each with the bytes that it came as.

What is in an event is judged before it goes on, so none goes on before it is whole. What goes on are
the bytes that came, never an event that was put together again: comments, ids, fields that nobody
knows and the kind of line ends stay as the upstream chose them.

A stream may be ended in good order only between two events, and one event must not grow without a
bound: the gate holds it in memory until its end, and so does every client.
"""

from __future__ import annotations

import re

import msgspec

_LF, _CR, _COLON = 0x0A, 0x0D, 0x3A
#: A byte order mark in UTF-8.
BOM = b"\xef\xbb\xbf"

# What an event ends with: two line ends that are not one CRLF. (What LF follows a CR is the same end.)
_PAIRS = (b"\n\n", b"\n\r", b"\r\r")
# Between two events a line is blank, a comment, or the first of an event.
_SILENT = frozenset(b"\r\n:")
# Possessive: nothing is tried twice, so a piece costs its length.
_SILENCE = re.compile(rb"(?:[\r\n]++|:[^\r\n]*+[\r\n])++")
# The fields that come before a message, in either order.
_HEAD = re.compile(rb"(?:id: ([\x20-\x7e]*+)\r?\n|event: (message)\r?\n){0,2}data: ")
_LINE_END = re.compile(rb"\r\n?|\n")

# Where httpx-sse 0.4.0, which Python clients of older revisions use, ends a line too: it reads lines of
# text, and Python knows more ends of those.
_MORE_LINE_ENDS = re.compile(rb"[\v\f\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]")
# What eventsource-parser 3, which the TypeScript SDK uses, drops where a stream begins: the bytes of a
# byte order mark, each taken for a character, in UTF-8.
_MISTAKEN_BOM = b"\xc3\xaf\xc2\xbb\xc2\xbf"


class Event(msgspec.Struct, frozen=True, gc=False):
    """
    An event that is whole, or what stands between two events.

    (A struct: one is made for each message of a stream. It holds bytes only, so the collector need
    not look at it.)

    @ivar raw: Exactly what arrived, with the blank line that ends it; what is forwarded.
    @ivar data: The data fields, joined by LF; C{None} where there is no data field at all. An event that
        only says where to resume (C{id: 7} and an empty C{data:}) has data, and it is empty.
    @ivar kind: The value of the last C{event} field; empty without one.
    @ivar id: The value of the last C{id} field. One that holds NUL is none.
    @ivar ambiguous: Whether some client in use reads data where by the standard there is none: behind
        what it takes for a line's end or for a byte order mark. No honest server writes so. In a data
        field it is not asked for: in JSON U+0085, U+2028 and U+2029 may stand, and the others may not.
    """

    raw: bytes
    data: bytes | None = None
    kind: bytes = b""
    id: bytes | None = None
    ambiguous: bool = False

    def __repr__(self) -> str:
        # What is in an event may be a secret.
        return f"Event({len(self.raw)} bytes)"


class EventReader:
    """
    Cuts a stream into events as they become whole.

    A line ends with LF, CR or CRLF, mixed as they come, and a blank line ends an event. A CR ends it at
    once, and the LF that may follow in a later piece is one of the bytes that stand between two events.
    These are blank lines, comments before an event's first field, and a byte order mark where the
    stream begins. They are given out as soon as a line of them is whole, in an L{Event} without data: a
    heartbeat does not wait for the event after it. Those that come together are one L{Event}, or else a
    piece full of line ends would be a flood of them.

    All that was given out and what is held back are the stream, byte for byte. Where a stream ends, what
    is held back is no event, and must not go on: some clients take it for one.

    @ivar size: How many bytes are held back: of an event, or of the line of a comment.
    """

    __slots__ = ("size", "_held", "_begun")

    def __init__(self) -> None:
        self.size = 0
        # Not a list of pieces: a list of many tiny ones takes thirty times what they hold.
        self._held = bytearray()
        self._begun = False

    def feed(self, piece: bytes) -> list[Event]:
        """Take the next bytes of the stream; returns what is whole now, in order."""
        if self._begun and not self.size and piece:
            # Most pieces are one event, written as usual.
            event = _usual(piece, 0)
            if event is not None and len(event.raw) == len(piece):
                return [event]
        events: list[Event] = []
        if not piece:
            return events
        at = 0
        if not self._begun:
            piece = bytes(self._held) + piece
            self._held.clear()
            if len(piece) < len(BOM) and BOM.startswith(piece):
                return self._hold(piece, events)
            self.size = 0
            self._begun = True
            if piece.startswith(BOM):
                events.append(Event(BOM))
                at = len(BOM)
        elif self.size:
            at = self._end_of_held(piece)
            if not at:
                return self._hold(piece, events)
            self._held += piece[:at]
            raw = bytes(self._held)
            events.append(_usual(raw, 0) or _read(raw))
            self._held.clear()
            self.size = 0
        # Where each pair of line ends comes next in this piece, as far as has been looked.
        found: list[int] = []
        while at < len(piece):
            event = _usual(piece, at)
            if event is None:
                silent = piece[at] in _SILENT
                end = _silence(piece, at) if silent else _end(piece, at, found)
                if not end:
                    return self._hold(piece[at:], events)
                raw = piece[at:end]
                event = _read_silence(raw) if silent else _read(raw)
            events.append(event)
            at += len(event.raw)
        return events

    def _hold(self, rest: bytes, events: list[Event]) -> list[Event]:
        """What begins the next event waits for the rest of it; returns the events before it."""
        self._held += rest
        self.size = len(self._held)
        return events

    def _end_of_held(self, piece: bytes) -> int:
        """How much of the piece belongs to what is held back, if it ends there; else 0."""
        held = self._held
        if held[0] == _COLON:
            match = _LINE_END.search(piece)
            return match.end() if match else 0
        first, last = piece[:1], held[-1]
        if last == _LF and first in (b"\n", b"\r") or last == _CR and first == b"\r":
            return 2 if piece.startswith(b"\r\n") else 1
        return _end(piece, 0, [])


def event_of(data: bytes) -> bytes:
    """
    One event with a message of ours, as a server writes it.

    @raise ValueError: The message has line ends, which would be the event's own.
    """
    if b"\n" in data or b"\r" in data:
        raise ValueError("a message in an event is one line")
    return b"event: message\ndata: %b\n\n" % data


def amended(event: Event, data: bytes) -> bytes:
    """The event with other data, which is not empty and has no CR; its other fields and comments stay."""
    kept = filter(None, around(event).split(b"\n"))
    return b"\n".join((*kept, *(b"data: " + line for line in data.split(b"\n")), b"", b""))


def around(event: Event) -> bytes:
    """What of the event is not its data: its other fields and its comments, a line each."""
    lines = event.raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return b"\n".join([line for line in lines if line and line.partition(b":")[0] != b"data"])


def _silence(piece: bytes, begin: int) -> int:
    """Where blank lines and comments end that begin there; 0 if not one of them is whole."""
    match = _SILENCE.match(piece, begin)
    return match.end() if match else 0


def _end(piece: bytes, begin: int, found: list[int]) -> int:
    """
    Where the event ends that begins there, or is held back until there; 0 if that has not come.

    @param found: Where each pair of line ends comes next, as far as the piece has been searched for
        it: so each part of it is searched once, however many events there are. Empty at first.
    """
    if not found:
        # A search for one byte is far faster, and most pieces of a large event have neither.
        nowhere, lf, cr = len(piece), b"\n" in piece, b"\r" in piece
        found += [-1 if lf else nowhere, -1 if lf and cr else nowhere, -1 if cr else nowhere]
    for which, pair in enumerate(_PAIRS):
        if found[which] < begin:
            at = piece.find(pair, begin)
            found[which] = at if at >= 0 else len(piece)
    end = min(found) + 2
    if end > len(piece):
        return 0
    return end + 1 if piece[end - 1] == _CR and piece.startswith(b"\n", end) else end


def _usual(piece: bytes, begin: int) -> Event | None:
    """
    The event that begins there, if it is written as servers of MCP do: whole, the message in one data
    field at its end, before that no fields but C{id} and C{event: message}. All else is L{_read}.

    This is where the time of most streams goes, so it knows the usual heads by heart.
    """
    kind, own = b"message", None
    if piece.startswith(b"event: message\ndata: ", begin):
        at = begin + 21
    elif piece.startswith(b"event: message\r\ndata: ", begin):
        at = begin + 22
    elif piece.startswith(b"data: ", begin):
        at, kind = begin + 6, b""
    else:
        head = _HEAD.match(piece, begin)
        if head is None:
            return None
        at, own, kind = head.end(), head[1], head[2] or b""
    end = piece.find(b"\n", at)
    data = piece[at:end]
    if piece.startswith(b"\n\n", end):
        end += 2
    elif piece.startswith(b"\r\n\r\n", end - 1):
        data = data[:-1]
        end += 3
    else:
        return None
    if data.find(b"\r") >= 0:
        return None
    return Event(piece[begin:end], data, kind, own)


def _read(raw: bytes) -> Event:
    """An event that is whole, field by field."""
    lines = raw
    if b"\r" in raw:
        lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    kind, own = b"", None
    values: list[bytes] = []
    others: list[bytes] = []
    for line in lines.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            values.append(value.removeprefix(b" "))
            continue
        others.append(line)
        if name == b"event":
            kind = value.removeprefix(b" ")
        elif name == b"id" and b"\0" not in value:
            own = value.removeprefix(b" ")
    data = b"\n".join(values) if values else None
    more = _MORE_LINE_ENDS.search(b"\n".join(others)) is not None
    return Event(raw, data, kind, own, more or raw.startswith(_MISTAKEN_BOM))


def _read_silence(raw: bytes) -> Event:
    """Blank lines and comments."""
    return Event(raw, ambiguous=_MORE_LINE_ENDS.search(raw) is not None)
