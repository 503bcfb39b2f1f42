"""The lines that the journal writes about itself: where it begins, what it lost, what it counted (pure)."""

from __future__ import annotations

import msgspec

from mcpgate._version import __version__
from mcpgate.evidence.record import VERSION, bounded, encoded


class _SegmentLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "segment"
    id: str
    time: str
    gate: str
    worker: int
    segment: int
    mcpgate: str = __version__
    openssl: str


class _RepairLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "repair"
    id: str
    time: str
    what: str
    file: str
    dropped: int


class _GapLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "gap"
    id: str
    time: str
    since: str
    until: str
    exchanges: int
    lines: int
    why: str | None


class _ExpiredLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "expired"
    id: str
    time: str
    worker: int
    segment: int
    lines: int
    root: str


class _HandshakesLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "handshakes"
    id: str
    time: str
    leg: str = "inbound"
    where: str
    reason: str
    count: int
    addresses: int
    seconds: float
    example: str


class _ClockLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "clock"
    id: str
    time: str
    stepped: float


def segment_line(id: str, *, time: str, gate: str, worker: int, segment: int, openssl: str) -> bytes:
    """The first line of a segment: whose it is, and what writes it.

    @param gate: The gate's name, which is that of its key.
    @param openssl: What OpenSSL says of itself.
    """
    return encoded(
        _SegmentLine(id=id, time=time, gate=gate, worker=worker, segment=segment, openssl=openssl)
    )


def repair_line(id: str, *, time: str, what: str, file: str, dropped: int) -> bytes:
    """Something is not in a segment that was there, or was to be.

    @param what: C{torn}: it ended in a part of a line of C{dropped} bytes, which was cut off; C{deleted}:
        the file of C{dropped} bytes was removed while it was written; C{moved}: it was found away at a
        hangup; C{unsynced}: the disk would not say that it has the file's last lines.
    @param file: The segment's.
    """
    return encoded(_RepairLine(id=id, time=time, what=what, file=file, dropped=dropped))


def gap_line(
    id: str, *, time: str, since: str, until: str, exchanges: int, lines: int, why: str | None
) -> bytes:
    """The journal could not be written for a while, and not all that happened meanwhile is in it.

    @param exchanges: How many were forwarded before their C{open} line was in the journal.
    @param lines: How many lines will never be in it.
    @param why: What kept it from being written.
    """
    return encoded(
        _GapLine(
            id=id, time=time, since=since, until=until, exchanges=exchanges, lines=lines, why=bounded(why)
        )
    )


def expired_line(id: str, *, time: str, worker: int, segment: int, lines: int, root: str) -> bytes:
    """A segment is about to be removed, as it is older than is kept, or there is too much.

    @param root: The root of its Merkle tree, in hexadecimal.
    """
    return encoded(
        _ExpiredLine(id=id, time=time, worker=worker, segment=segment, lines=lines, root=root)
    )


def handshakes_line(
    id: str,
    *,
    time: str,
    where: str,
    reason: str,
    count: int,
    addresses: int,
    seconds: float,
    example: str,
) -> bytes:
    """Handshakes of callers that were refused alike, too many for a line each.

    @param where: The listener's name.
    @param count: How many there were, besides those that have lines.
    @param addresses: From how many addresses; where there were very many, at least so many.
    @param seconds: In which time.
    @param example: C{address:port} of one of them.
    """
    return encoded(
        _HandshakesLine(
            id=id,
            time=time,
            where=where,
            reason=reason,
            count=count,
            addresses=addresses,
            seconds=round(seconds, 3),
            example=example,
        )
    )


def clock_line(id: str, *, time: str, stepped: float) -> bytes:
    """The wall clock was set, by so many seconds; C{time} is by the new one."""
    return encoded(_ClockLine(id=id, time=time, stepped=round(stepped, 3)))
