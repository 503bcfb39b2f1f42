"""A request that an application has read, as the bytes of HTTP/1.1 again (pure).

So that what comes by an application is read, judged and refused by the very functions that read what comes
by a socket. Only framing is said anew, for the application has taken the body apart: its length is what is
there, and the answer is the last on this connection, which has no other. All else stays as it was, doubled
headers too, for the strict reading to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# Said anew.
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"trailer", b"te", b"keep-alive"})

# With a line's end in it a value would become two lines. What it becomes instead is in no header either, so
# the request is refused; so is a space in what has none.
_BREAKS = re.compile(rb"[\r\n\x00]")
_SPACES = re.compile(rb"[\x00-\x20\x7f]")
_BAD = b"\x01"


def head_bytes(
    method: bytes,
    target: bytes,
    version: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    length: int | None,
) -> bytes:
    """
    The head of a request, to its empty line.

    @param version: such as C{HTTP/1.1}.
    @param length: of the body; C{None}: there is none, and nothing was said of one.
    """
    lines = [b" ".join(_SPACES.sub(_BAD, part) for part in (method, target, version))]
    options: list[bytes] = []
    for name, value in headers:
        lower = name.lower()
        if lower == b"connection":
            options += _options(_BREAKS.sub(_BAD, value))
        elif lower == b"expect" and value.strip().lower() == b"100-continue":
            # Whoever has read the body has answered that.
            continue
        elif lower not in _FRAMING:
            lines.append(b"%b: %b" % (_SPACES.sub(_BAD, name), _BREAKS.sub(_BAD, value)))
    if length is not None:
        lines.append(b"content-length: %d" % length)
    lines.append(b"connection: " + b", ".join((*options, b"close")))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _options(value: bytes) -> list[bytes]:
    # Which headers belong to the connection alone; how long it lasts is not for this one to say.
    given = (option.strip() for option in value.split(b","))
    return [option for option in given if option and option.lower() not in (b"close", b"keep-alive", b"te")]
