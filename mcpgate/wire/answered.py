"""An answer of the gate's taken apart again, for an application that sends it itself (pure).

The gate's own bytes, with the framing that C{wire.forward} and C{relay.answer} write: so they are read, not
judged. What belongs to one connection alone is left out, as there is another one.
"""

from __future__ import annotations

from attrs import frozen

from mcpgate.reasons import Refusal
from mcpgate.wire.chunked import ChunkedReader

#: How a connection frames and ends is for whoever has the connection.
_HOP = frozenset({b"connection", b"transfer-encoding", b"keep-alive"})


@frozen
class Head:
    """An answer's head."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]


class AnswerReader:
    """Takes what is written to a caller; gives its head, once, and its body."""

    def __init__(self) -> None:
        #: What came of the head so far is here until it is whole.
        self.head: Head | None = None
        self._buffer = b""
        self._chunks: ChunkedReader | None = None

    def take(self, data: bytes) -> bytes:
        """What of the body is in it; L{head} is there with the first of it.

        @raise ValueError: it is not an answer of the gate's, which is a bug.
        """
        if self.head is None:
            self._buffer += data
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return b""
            data, raw = self._buffer[end + 4 :], self._buffer[:end]
            self._buffer = b""
            self._read(raw)
        if self._chunks is None:
            return data
        body = self._chunks.feed(data) if data else b""
        if isinstance(body, Refusal):
            raise ValueError(f"not the gate's chunks: {body}")
        return body

    def _read(self, raw: bytes) -> None:
        first, *lines = raw.split(b"\r\n")
        headers = []
        for line in lines:
            name, _, value = line.partition(b":")
            name, value = name.lower(), value.strip(b" \t")
            if name == b"transfer-encoding":
                self._chunks = ChunkedReader(lenient=True)
            if name not in _HOP:
                headers.append((name, value))
        self.head = Head(int(first[9:12]), tuple(headers))
