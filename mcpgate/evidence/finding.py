"""Exchanges and handshakes found in a journal by reading it through, and what belongs to one of them.

There is a searchable copy for those who ask all day (C{index}); this needs nothing but the journal, and
reads what a bundle has as well, some 100,000 lines a second; its memory is that of what is found and of what
has not ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import field, frozen

from mcpgate.evidence.reading import Segment, lines, segments
from mcpgate.evidence.record import parse_line
from mcpgate.evidence.which import Record, Which

#: What is found is put in order when there is so much of it, so that memory is bounded and time is, too.
ROOM = 1000


@frozen
class Found:
    """An exchange, or a handshake that was refused.

    @ivar opened: The first line of it; C{None} where it is not there any more.
    @ivar closed: The last; C{None}: it has not ended, or nobody could say so.
    """

    opened: Record | None
    closed: Record | None = None

    @property
    def record(self) -> Record:
        """What it is called by."""
        found = self.opened if self.opened is not None else self.closed
        assert found is not None
        return found


@frozen
class Story:
    """All that is on record of one exchange, or of whatever else has that id.

    @ivar inbound: The handshakes of both legs.
    @ivar others: What happened to it, in order.
    """

    opened: Record | None
    closed: Record | None
    inbound: Record | None
    outbound: Record | None
    others: Sequence[Record] = field(factory=tuple)


def find(directory: Path, which: Which, most: int) -> list[Found]:
    """
    The latest of what is wanted, in the order in which it began.

    @raise ReadingError: The journal cannot be read.
    """
    kept: list[Found] = []
    for worker in _by_worker(directory):
        kept = _latest([*kept, *_find(_in_time(worker, which), which, most)], most)
    return kept


def _find(some: Sequence[Segment], which: Which, most: int) -> list[Found]:
    """The latest of one worker. What began in an older segment began before all of a younger one, so the
    youngest is read first, and none that cannot have any of the latest."""
    found: list[Found] = []
    late: dict[str, Record] = {}
    for segment in reversed(some):
        found = _latest([*_find_in(segment, which, most, late), *found], most)
        if len(found) >= most:
            break
    return found


def _find_in(segment: Segment, which: Which, most: int, late: dict[str, Record]) -> list[Found]:
    """
    The latest of one segment.

    @param late: The ends in younger segments of what began before them; those of this one are added, and
        what began here is taken out.
    """
    found: list[Found] = []
    opened: dict[str, Record | None] = {}
    for line in lines(segment):
        # What begins every line of ours; a million lines need not be read to be passed over.
        kind = line[7:22]
        if kind.startswith(b'"type":"open"'):
            record = _read(line)
            if record is not None:
                opened[str(record.get("id"))] = record if which.opens(record) else None
        elif kind.startswith(b'"type":"close"'):
            record = _read(line)
            if record is None:
                continue
            id = str(record.get("id"))
            if id not in opened:
                late[id] = record
                continue
            first = opened.pop(id)
            if first is not None and which.ends(record):
                found.append(Found(first, record))
        elif kind.startswith(b'"type":"handsha') and b'"outcome":"refused"' in line:
            record = _read(line)
            if record is not None and which.of_ending and which.shaken(record):
                found.append(Found(record))
        if len(found) > 2 * most + ROOM:
            found = _latest(found, most)
    for id, first in opened.items():
        end = late.pop(id, None)
        if first is not None and (which.ends(end) if end is not None else not which.of_ending):
            found.append(Found(first, end))
    return found


def _latest(found: list[Found], most: int) -> list[Found]:
    return sorted(found, key=_began)[-most:]


def story(directory: Path, id: str) -> Story | None:
    """
    All that names an id: that of an exchange, or of any other line. C{None}: nothing does.

    @raise ReadingError: The journal cannot be read.
    """
    raw = id.encode("utf-8", "replace")
    for worker in _by_worker(directory):
        opened = closed = None
        others: list[Record] = []
        for line in _lines(worker):
            if raw not in line:
                continue
            record = _read(line)
            if record is None:
                continue
            if record.get("id") == id and record.get("type") in ("open", "close"):
                opened, closed = (record, closed) if record["type"] == "open" else (opened, record)
            elif id in (record.get("id"), record.get("exchange"), record.get("hold"), record.get("request")):
                others.append(record)
        if opened is None and closed is None and not others:
            continue
        end = closed or opened
        legs = [str(end.get(leg)) if end and end.get(leg) else None for leg in ("inbound", "outbound")]
        found = _handshakes(worker, [leg for leg in legs if leg is not None])
        inbound, outbound = (found.get(leg) if leg is not None else None for leg in legs)
        return Story(opened, closed, inbound, outbound, tuple(others))
    return None


def _handshakes(some: Sequence[Segment], ids: Sequence[str]) -> dict[str, Record]:
    """Those of an exchange: the latest segment first, as they are not far before it."""
    missing = {f'"id":"{id}"'.encode(): id for id in ids}
    found: dict[str, Record] = {}
    for segment in reversed(some):
        for line in lines(segment) if missing else ():
            if not line.startswith(b'"type":"handshake"', 7):
                continue
            for raw in [raw for raw in missing if raw in line]:
                record = _read(line)
                if record is not None:
                    found[missing.pop(raw)] = record
    return found


def _by_worker(directory: Path) -> Iterator[list[Segment]]:
    found = segments(directory)
    for worker in sorted({segment.worker for segment in found}):
        yield [segment for segment in found if segment.worker == worker]


def _in_time(some: Sequence[Segment], which: Which) -> list[Segment]:
    """Those that may hold lines of that time, by the times at which they begin."""
    begins = [_begin(segment) for segment in some]
    kept = []
    for at, segment in enumerate(some):
        later = begins[at + 1] if at + 1 < len(some) else ""
        if (later and later < which.since) or (which.until is not None and begins[at] >= which.until):
            continue
        kept.append(segment)
    return kept


def _begin(segment: Segment) -> str:
    first = next(lines(segment), b"")
    record = _read(first)
    return str(record.get("time")) if record is not None else ""


def _lines(some: Sequence[Segment]) -> Iterator[bytes]:
    for segment in some:
        yield from lines(segment)


def _read(line: bytes) -> Record | None:
    """A line; what is none is for C{evidence verify} to name."""
    try:
        return parse_line(line)
    except ValueError:
        return None


def _began(found: Found) -> str:
    return str(found.record.get("time"))
