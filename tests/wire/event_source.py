"""What WHATWG HTML says about a stream of events (9.2.5 and 9.2.6), of a whole one and line by line.

It has nothing clever in it, so that one can see that it is right. What reads streams in
the gate is held against it.
"""

from __future__ import annotations

from typing import NamedTuple

LF, COLON, SPACE = b"\n", b":", b" "


class Told(NamedTuple):
    """An event with at least one field line, and the bytes from its first to the blank line's end."""

    raw: bytes
    data: bytes | None
    kind: bytes
    id: bytes | None


def lines_of(stream: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """
    The lines, each with what ends it, and what follows the last end.

    9.2.5: end-of-line = ( cr lf / cr / lf ). Of bytes, Python knows the same three.
    """
    lines, unfinished = [], b""
    for whole in stream.splitlines(keepends=True):
        line = whole.rstrip(b"\r\n")
        if line == whole:
            unfinished = line
        else:
            lines.append((line, whole[len(line) :]))
    return lines, unfinished


def read(stream: bytes) -> tuple[list[Told], bytes]:
    """
    The events that are whole, and what a reader cannot give out yet: an event that has begun, or a line
    that has.

    Comments and blank lines before an event's first field belong to no event.
    """
    # "One leading U+FEFF BYTE ORDER MARK character must be ignored if any are present."
    if stream.startswith(b"\xef\xbb\xbf"):
        stream = stream[3:]
    lines, unfinished = lines_of(stream)
    events: list[Told] = []
    raw, data, kind, own = b"", None, b"", None
    for line, end in lines:
        if line == b"":
            # "If the line is empty (a blank line): dispatch the event, as defined below."
            if raw:
                events.append(Told(raw + end, data, kind, own))
            raw, data, kind, own = b"", None, b"", None
            continue
        if line[:1] == COLON:
            # "If the line starts with a U+003A COLON character (:): ignore the line."
            if raw:
                raw += line + end
            continue
        raw += line + end
        if COLON in line:
            # "Collect the characters on the line before the first U+003A COLON character (:), and let
            # field be that string. Collect the characters on the line after, and let value be that
            # string. If value starts with a U+0020 SPACE character, remove it from value."
            field, value = line[: line.index(COLON)], line[line.index(COLON) + 1 :]
            if value[:1] == SPACE:
                value = value[1:]
        else:
            # "Process the field using the whole line as the field name, and the empty string as the
            # field value."
            field, value = line, b""
        if field == b"event":
            kind = value
        elif field == b"data":
            # The LF that the standard puts after each value and takes from the last.
            data = value if data is None else data + LF + value
        elif field == b"id" and b"\0" not in value:
            own = value
    return events, raw + unfinished


def reads_otherwise(raw: bytes) -> bool:
    """
    Whether some client in use reads data in an event, or in what stands between two, that the standard
    does not: one that ends a line where Python ends a line of text, or that drops what looks like a
    byte order mark after it was taken for Latin-1.
    """
    others = [line for line, _ in lines_of(raw)[0] if line.partition(COLON)[0] != b"data"]
    texts = [line.decode("utf-8", "replace") + "." for line in others]
    mark = "\ufeff".encode().decode("latin-1").encode()
    return raw.startswith(mark) or any(len(text.splitlines()) > 1 for text in texts)
