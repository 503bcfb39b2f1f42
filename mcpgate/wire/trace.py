"""The trace that a request belongs to, as its caller says (W3C Trace Context).

It is another one in each request. So it is taken out of a head before the head is looked up among those
that were judged (C{relay.heads}), or every client that is traced would have each of its heads read anew;
and it is put back where the request is forwarded. What is no traceparent is not passed on, and neither
then is a tracestate, as the standard has it (sections 3.2.4, 3.3.1): whoever comes next begins a trace.
"""

from __future__ import annotations

import re
from collections.abc import Set

from attrs import frozen

from mcpgate.wire.http import Headers

#: The lines that are the trace's.
PARENT, STATE = b"traceparent", b"tracestate"
NAMES = frozenset({PARENT, STATE})

# Section 3.3.1.5: a tracestate of so many characters must be passed on; longer ones need not be.
STATE_MOST = 512

# version "-" trace id "-" parent id "-" flags (section 3.2.2). Version ff is none, nor are ids of zeros.
_FORM = rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_PARENT = re.compile(rb"\r\n[Tt]race[Pp]arent: (" + _FORM + rb")(?=\r\n)")
_STATE = re.compile(rb"\r\n[Tt]race[Ss]tate: ([!-~](?:[ -~]{0,510}[!-~])?)(?=\r\n)")
# What a later version adds stands behind another hyphen; of the first version nothing does.
_ANY_PARENT = re.compile(rb"(" + _FORM + rb")(-[!-~]{0,200})?")
_ANY_STATE = re.compile(rb"[!-~](?:[\t -~]{0,510}[!-~])?")


@frozen
class Trace:
    """
    A trace, and who in it has sent the request.

    @ivar parent: The traceparent: 55 characters.
    @ivar lines: The header lines that carry it on, each with its end.
    """

    parent: str
    lines: bytes

    @classmethod
    def of(cls, parent: bytes, state: bytes | None) -> Trace:
        """The lines are ours to write: these are values that have been looked at."""
        lines = b"traceparent: %b\r\n" % parent
        return cls(parent.decode("ascii"), lines if state is None else lines + b"tracestate: %b\r\n" % state)


def cut(raw: bytes, end: int) -> tuple[bytes, Trace] | None:
    """
    Take the lines of a trace out of a head in which they stand as nearly all clients write them.

    C{None}: there is none, or it is written in another way: the head is read as it came, and L{trace_of}
    it says. What of the kind stands there beside what was cut, is still there.

    @param raw: A head, and what has come behind it. C{end}: where it ends.
    """
    match = _PARENT.search(raw, 1, end)
    if match is None or not raw[0] > 0x20:
        return None
    parent, state = match[1], None
    begin, after = match.span()
    raw = raw[:begin] + raw[after:]
    if raw.find(b"race", 0, end - after + begin) >= 0:
        found = _STATE.search(raw, 1, end - after + begin)
        if found is not None:
            state = found[1]
            raw = raw[: found.start()] + raw[found.end() :]
    if not parent.startswith(b"00"):
        parent = b"00" + parent[2:]
    return raw, Trace.of(parent, state)


def trace_of(headers: Headers, nominated: Set[bytes]) -> Trace | None:
    """
    The trace that a head says it belongs to.

    @param nominated: What its Connection header says is for us alone.
    """
    parents = [value for name, value in headers if name == PARENT]
    if len(parents) != 1 or PARENT in nominated:
        return None
    match = _ANY_PARENT.fullmatch(parents[0])
    if match is None or (match[2] is not None and match[1].startswith(b"00")):
        return None
    # Section 3.2.4: whoever does not know a later version goes on in its own.
    parent = b"00" + match[1][2:]
    # Several lines are one list (section 3.3).
    state = b",".join(value for name, value in headers if name == STATE and value)
    fits = _ANY_STATE.fullmatch(state) is not None and STATE not in nominated
    return Trace.of(parent, state if fits else None)
