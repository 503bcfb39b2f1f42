"""Chunked bodies, read piece by piece as they arrive (RFC 9112 section 7.1).

Every line around the chunks is matched against the grammar to the byte. From callers that is all
there may be: chunk extensions and trailers have no use in MCP, but parsers disagree on them. From
upstreams they are checked, bounded and dropped: some servers send them, and nothing reads them.
"""

from __future__ import annotations

import re

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import ANSWER_LINES

#: How many chunks a caller's body may have where nobody says otherwise (C{limits.chunks}), and that
#: it may have one more for each so many bytes of payload. A body of one-byte chunks costs a hundred
#: times its size in work (HTTP/2 floods in small).
CHUNKS_FREE = 1024
CHUNK_AVERAGE = 256
#: Bytes of chunk extensions (whole body) and of trailers that are taken from an upstream.
EXTENSIONS_MOST = 16 * 1024
TRAILERS_MOST = 8 * 1024

# A size line, and what can still become one. 8 digits are 4 GiB, more than any accepted body; 15
# cannot overflow. Between chunks the CRLF that ends the payload before is part of the match.
_STRICT = (rb"([0-9A-Fa-f]{1,8})()\r\n", rb"(?:[0-9A-Fa-f]{1,8}\r?)?")
_LENIENT = (
    rb"([0-9A-Fa-f]{1,15})([ \t]{0,8}(?:;[\t\x20-\x7e\x80-\xff]{0,1024})?)\r\n",
    rb"(?:[0-9A-Fa-f]{1,15}(?:[ \t]{0,8}(?:;[\t\x20-\x7e\x80-\xff]{0,1024})?\r?)?)?",
)


_HEX = b"0123456789abcdefABCDEF"


def _first_and_next(line: bytes, part: bytes) -> tuple[tuple[re.Pattern[bytes], re.Pattern[bytes]], ...]:
    return (
        (re.compile(line), re.compile(part)),
        (re.compile(rb"\r\n" + line), re.compile(rb"(?:\r(?:\n" + part + rb")?)?")),
    )


_GRAMMARS = {False: _first_and_next(*_STRICT), True: _first_and_next(*_LENIENT)}


class ChunkedReader:
    """
    A chunked body on its way in.

    The caller bounds the whole payload; what surrounds it is bounded here.

    @ivar finished: Whether the body came to its proper end.
    @ivar rest: The bytes after that end.
    @ivar announced: How much payload the size lines so far speak of, whether it has come or not.
    """

    def __init__(self, *, lenient: bool, most: int = CHUNKS_FREE) -> None:
        """
        @param lenient: Whether extensions and trailers are dropped (an upstream's body) or refused.
        @param most: How many chunks there may be beside those that the payload's size allows; an
            upstream's are not counted.
        """
        self.finished = False
        self.rest = b""
        self.announced = 0
        self._lenient = lenient
        self._most = most
        self._first, self._next = _GRAMMARS[lenient]
        self._line, self._part = self._first
        self._held = b""
        self._left = 0
        self._in_trailers = False
        self._chunks = 0
        self._extensions = 0
        self._refusal: Refusal | None = None

    def feed(self, data: bytes) -> bytes | Refusal:
        """
        The payload that these bytes contain, joined; empty when they hold none.

        @return: A C{frame.chunk} refusal when the body is malformed, C{frame.chunk_count} when it has
            too many chunks; then and ever after.
        """
        if self._left > len(data):
            self._left -= len(data)
            return data
        if self._refusal is not None:
            return self._refusal
        if self.finished:
            self.rest += data
            return b""
        if self._held:
            if self._held == b"\r\n" and self._lenient and data[-2:] == b"\r\n" and not self._in_trailers:
                # An upstream's next event mostly comes as one chunk, behind the end of the last one.
                at = data.find(b"\r\n", 0, 10)
                if at > 0 and not data[:at].translate(None, _HEX):
                    size = int(data[:at], 16)
                    if size and len(data) == at + size + 4:
                        self._chunks += 1
                        self.announced += size
                        return data[at + 2 : -2]
            data = self._held + data
            self._held = b""
        payload = []
        at = 0
        while not self._in_trailers:
            if self._left:
                piece = data[at : at + self._left]
                payload.append(piece)
                self._left -= len(piece)
                at += len(piece)
                if self._left:
                    break
            line = self._line.match(data, at)
            if line is None:
                if not self._part.fullmatch(data, at):
                    return self._refuse("a malformed chunk")
                self._held = data[at:]
                break
            at = line.end()
            self._line, self._part = self._next
            self._left = int(line[1], 16)
            self._chunks += 1
            self.announced += self._left
            self._extensions += len(line[2])
            self._in_trailers = not self._left
            if self._lenient:
                if self._extensions > EXTENSIONS_MOST:
                    return self._refuse("too many chunk extensions")
            elif self._chunks > self._most + self.announced // CHUNK_AVERAGE:
                return self._refuse("too many tiny chunks", Reason.FRAME_CHUNK_COUNT)
        if self._in_trailers:
            refused = self._end(data[at:])
            if refused is not None:
                return refused
        return payload[0] if len(payload) == 1 else b"".join(payload)

    def _end(self, tail: bytes) -> Refusal | None:
        """What follows the last chunk: the empty line, before it trailers where they are dropped."""
        if tail.startswith(b"\r\n"):
            self.finished = True
            self.rest = tail[2:]
        elif b"\r\n".startswith(tail):
            self._held = tail
        elif not self._lenient:
            return self._refuse("trailers, or no empty line after the last chunk")
        else:
            end = tail.find(b"\r\n\r\n")
            # All but the last byte of what ends them may be there already.
            if end > TRAILERS_MOST or (end < 0 and len(tail) > TRAILERS_MOST + 3):
                return self._refuse("too many trailers")
            if end < 0:
                self._held = tail
            elif ANSWER_LINES.fullmatch(tail, 0, end + 2):
                self.finished = True
                self.rest = tail[end + 4 :]
            else:
                return self._refuse("a malformed trailer")
        return None

    def _refuse(self, why: str, reason: Reason = Reason.FRAME_CHUNK) -> Refusal:
        self._left = 0
        self._refusal = Refusal(reason, why)
        return self._refusal
