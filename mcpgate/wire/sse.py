"""Event streams, as far as the gate has to know: where an event ends, and how much of one is there.

Events go through as they arrive, so nothing is parsed here. But a stream may be ended in good order
only between two events, and one event must not grow without a bound: every client holds it in
memory until its end.
"""

from __future__ import annotations

_LF, _CR = 0x0A, 0x0D
_WHOLE = (b"\n\n", b"\r\n\r\n")


def is_event_stream(content_type: bytes | None) -> bool:
    """Whether a Content-Type says that events follow; types are spelt in any case (RFC 9110 8.3.1)."""
    return content_type is not None and content_type[:17].lower() == b"text/event-stream"


class EventMeter:
    """
    How large the event is that has begun and not ended.

    A blank line ends an event; a line ends with LF, CR or CRLF, mixed as they come (WHATWG HTML
    9.2.6). A CR ends it at once, and the LF that may follow belongs to what is over.

    @ivar size: The bytes of the unfinished event so far; 0 between two events.
    """

    __slots__ = ("size", "_last")

    def __init__(self) -> None:
        self.size = 0
        # The byte before what comes next. A stream begins as if a line had just ended.
        self._last = _LF

    def feed(self, data: bytes) -> int:
        """Take the next bytes of the stream; returns L{size}."""
        if data.endswith(_WHOLE):
            # Most events come whole, and end so.
            self._last = _LF
            self.size = 0
            return 0
        if not data:
            return self.size
        # Two line ends that are not one CRLF, for the last time. Looking for a CR is the faster search.
        at = data.rfind(b"\n\n")
        if b"\r" in data:
            at = max(at, data.rfind(b"\n\r"), data.rfind(b"\r\r"))
        if at >= 0:
            end = at + 2
        else:
            end = self._over_the_edge(data[0])
        if end and data[end - 1] == _CR and data[end : end + 1] == b"\n":
            end += 1
        self.size = size = len(data) - end if end else self.size + len(data)
        self._last = data[-1]
        return size

    def last_of(self, piece: bytes) -> bytes:
        """
        What goes on of the piece that was fed last, or after it (then C{piece} is empty), where the
        stream ends after the last event that is whole.

        The second half of a CRLF is put in where it has not come yet. The standard can do without. But
        the parser of the TypeScript SDK takes a CR for a line's end only when something follows.
        """
        piece = piece[: len(piece) - self.size]
        last = piece[-1] if piece else self._last
        return piece + b"\n" if last == _CR else piece

    def _over_the_edge(self, first: int) -> int:
        """1 if an event ends with the first byte of a piece, by the byte before it; else 0."""
        if first == _LF:
            # After a CR it is the rest of a line end: of a blank line's if nothing came since the event.
            return int(self._last == _LF or (self._last == _CR and not self.size))
        return int(first == _CR and self._last in (_LF, _CR))
