"""Which segments a span needs, and copies of them that nobody writes to while a report is made.

Segments are taken whole, so that their chain and their checkpoints can be verified; the one that is being
written is taken up to its last whole line.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from attrs import frozen

from mcpgate.evidence.reading import ReadingError, Segment, lines, segments
from mcpgate.report.lines import time_of
from mcpgate.report.span import Span

#: Segments before those of the span in which handshakes are looked for that exchanges name: connections to
#: upstreams live for days, and as a rule a segment is a day.
BACK_MOST = 7
#: Segments behind those of the span in which the ends of its exchanges are looked for: a call or a stream
#: that runs while a segment is closed ends in the next one; what a killed worker left has no end anywhere.
ON_MOST = 7

_BLOCK = 1 << 20


@frozen
class Staged:
    """Segments in a directory of their own."""

    directory: Path
    segments: tuple[Segment, ...]


def overlapping(found: Sequence[Segment], span: Span) -> tuple[Segment, ...]:
    """Those that have lines of a span; where that cannot be told, too."""
    taken = []
    for _, of_worker in groupby(found, key=lambda one: one.worker):
        own = list(of_worker)
        begins = [_begins(one) for one in own]
        for index, segment in enumerate(own):
            begin = begins[index]
            end = next((one for one in begins[index + 1 :] if one is not None), None)
            if (begin is None or begin < span.until) and (end is None or end >= span.since):
                taken.append(segment)
    return tuple(taken)


def before(
    found: Sequence[Segment],
    taken: Collection[Segment],
    ids: Collection[str],
    workers: Collection[int] = (),
) -> tuple[Segment, ...]:
    """
    Segments to be taken besides, so that these handshakes are among them, and for these workers what was in
    force: from where the earliest of it is, without a hole; none where it is too far back.
    """
    wanted = {id.encode() for id in ids}
    more: list[Segment] = []
    for worker, of_worker in groupby(found, key=lambda one: one.worker):
        own = list(of_worker)
        first = next((index for index, one in enumerate(own) if one in taken), 0)
        unsaid = worker in workers
        earliest = first
        for index in range(first - 1, max(-1, first - 1 - BACK_MOST), -1):
            if not wanted and not unsaid:
                break
            handshakes, said = _named(own[index])
            if handshakes & wanted or (said and unsaid):
                earliest = index
            wanted -= handshakes
            unsaid = unsaid and not said
        more += own[earliest:first]
    return tuple(sorted(more))


def behind(
    found: Sequence[Segment], taken: Collection[Segment], ids: Collection[str]
) -> tuple[Segment, ...]:
    """
    Segments to be taken besides, so that the ends of these exchanges are among them: up to where the latest
    of them is, without a hole.
    """
    wanted = {id.encode() for id in ids}
    more: list[Segment] = []
    for _, of_worker in groupby(found, key=lambda one: one.worker):
        own = list(of_worker)
        end = next((index for index in reversed(range(len(own))) if own[index] in taken), len(own) - 1) + 1
        latest = end
        for index in range(end, min(len(own), end + ON_MOST)):
            if not wanted:
                break
            ended = wanted & _ended(own[index])
            if ended:
                latest = index + 1
            wanted -= ended
        more += own[end:latest]
    return tuple(sorted(more))


def stage(taken: Sequence[Segment], directory: Path) -> Staged:
    """
    Copy segments into C{journal} of a directory; by a link, where nobody writes to them any more.

    @raise OSError: It cannot be done.
    """
    journal = directory / "journal"
    journal.mkdir(mode=0o700)
    newest = {one.worker: one for one in sorted(segments(taken[0].path.parent))} if taken else {}
    for segment in taken:
        path = segment.path
        if not path.exists():
            # It was compressed in the meantime.
            path = path.with_name(f"{path.name}.gz")
        target = journal / path.name
        if path.suffix != ".gz" and newest.get(segment.worker) == segment:
            _copy_whole_lines(path, target)
            continue
        try:
            os.link(path, target)
        except OSError:
            # Of another user, or on another file system.
            shutil.copyfile(path, target)
    return Staged(directory, segments(directory))


def _begins(segment: Segment) -> str | None:
    """When the first line was written."""
    try:
        line = next(lines(segment), None)
    except ReadingError:
        return None
    return time_of(line) if line is not None else None


def _named(segment: Segment) -> tuple[set[bytes], bool]:
    """The ids of its handshakes, as far as it can be read; and whether it says what was in force."""
    found: set[bytes] = set()
    said = False
    try:
        for line in lines(segment):
            # By their beginning, which all lines have alike: most are of exchanges.
            if line.startswith(b'"type":"handshake",', 7):
                found.add(line[32 : line.index(b'"', 32)])
            elif line.startswith(b'"type":"generation",', 7):
                said = True
    except (ReadingError, ValueError):
        pass
    return found, said


def _ended(segment: Segment) -> set[bytes]:
    """The ids of exchanges that end in it, as far as it can be read."""
    found: set[bytes] = set()
    with suppress(ReadingError, ValueError):
        for line in lines(segment):
            if line.startswith(b'"type":"close",', 7):
                found.add(line[28 : line.index(b'"', 28)])
    return found


def _copy_whole_lines(source: Path, target: Path) -> None:
    with source.open("rb") as file, target.open("xb") as copy:
        rest = b""
        left = os.fstat(file.fileno()).st_size
        while left and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            whole, feed, tail = (rest + block).rpartition(b"\n")
            copy.write(whole + feed)
            rest = tail
