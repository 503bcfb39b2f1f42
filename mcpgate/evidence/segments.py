"""The files of a journal: what they are called, which there are, and how one ends.

C{journal-W-NNNNNNNN.jsonl} is segment N of worker W, with C{.gz} behind it once it is compressed. What
is called otherwise is none, such as the C{journal-W.jsonl} of versions before there were segments.
"""

from __future__ import annotations

import errno
import gzip
import os
import re
import stat
import zlib
from pathlib import Path

from attrs import frozen

from mcpgate.evidence.record import LINE_MOST

_BLOCK = 64 * 1024
# One way to write each: what is named otherwise is no segment for anybody, neither for who reads nor for
# who verifies. Else one could be shown what the other has not seen.
_PLACE = r"journal-(0|[1-9][0-9]{0,5})-((?!0{8})[0-9]{8})"
_SEALED = re.compile(_PLACE + r"\.checkpoints", re.ASCII)
_NAME = re.compile(_PLACE + r"\.jsonl(\.gz)?", re.ASCII)
#: There is no name for more.
NUMBER_MOST = 99_999_999


@frozen(order=True)
class SegmentFile:
    """One file, by its name alone."""

    worker: int
    number: int
    compressed: bool
    path: Path


def segment_name(worker: int, number: int) -> str:
    """What a segment is called before it is compressed."""
    return f"journal-{worker}-{number:08d}.jsonl"


def segment_file(path: Path) -> SegmentFile | None:
    """What a file is by its name; C{None}: no segment."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    return SegmentFile(int(match[1]), int(match[2]), match[3] is not None, path)


def segment_files(directory: Path) -> list[SegmentFile]:
    """All of a directory, by worker and number; where a segment is there twice, the plain one is first.

    @raise OSError: The directory cannot be read.
    """
    return sorted(file for name in os.listdir(directory) if (file := segment_file(directory / name)))


def sealed_place(name: str) -> tuple[int, int] | None:
    """The worker and the segment whose checkpoints a file has, by its name; C{None}: it has none."""
    match = _SEALED.fullmatch(name)
    return (int(match[1]), int(match[2])) if match is not None else None


def highest_sealed(directory: Path, worker: int) -> int:
    """The highest number of a worker's segments that have checkpoints in a directory; 0 for none."""
    try:
        names = os.listdir(directory)
    except OSError:
        # There are none yet; where it cannot be read, who seals will say so.
        return 0
    found = map(sealed_place, names)
    return max((place[1] for place in found if place is not None and place[0] == worker), default=0)


@frozen
class Ending:
    """How a file ends."""

    #: Its last whole line; C{None} if there is none.
    last: bytes | None
    #: Where that ends, and where the file does.
    whole: int
    end: int


def ending(fd: int) -> Ending:
    """How a file of lines ends, read from its end on.

    @raise OSError: It cannot be read.
    """
    end = os.fstat(fd).st_size
    whole = _behind_feed(fd, end)
    if whole == 0:
        return Ending(None, 0, end)
    start = _behind_feed(fd, whole - 1)
    return Ending(os.pread(fd, whole - start, start), whole, end)


def _behind_feed(fd: int, end: int) -> int:
    """Where the last line feed before C{end} is, and one further; 0 if there is none."""
    while end > 0:
        start = max(0, end - _BLOCK)
        feed = os.pread(fd, end - start, start).rfind(b"\n")
        if feed >= 0:
            return start + feed + 1
        end = start
    return 0


def last_line_compressed(path: Path) -> bytes | None:
    """The last line of a compressed segment, which has to be read whole for that.

    @raise OSError: It cannot be read. C{EOFError}, C{zlib.error}: it is broken.
    """
    last = None
    with gzip.open(path) as file:
        while line := file.readline(LINE_MOST):
            last = line
    return last


@frozen
class Torn:
    """A part of a line behind the last whole one."""

    path: Path
    whole: int
    end: int
    #: Whether the segment after this one says so already.
    told: bool


@frozen
class End:
    """Where a worker's journal ends."""

    #: The last segment with a whole line, and that line; 0 and C{None} if there is none.
    number: int
    last: bytes | None
    torn: tuple[Torn, ...]


def find_end(directory: Path, worker: int) -> End:
    """
    Where a worker's journal ends; reads no more than its last segments' last lines.

    A segment without a whole line has never begun: its number is to be used again, and what is in it is
    torn. What is behind the last line of the one before the last is torn, too, if a crash came between
    the beginning of the last one and the cut.

    @raise OSError: The directory or a file cannot be read, or is no file.
    """
    number, last = 0, None
    torn: list[Torn] = []
    files = [file for file in segment_files(directory) if file.worker == worker]
    for file in reversed(files):
        if number and file.number < number - 1:
            break
        if file.compressed:
            if not number:
                number, last = file.number, _last_compressed(file.path)
            continue
        found = _ending_of(file.path)
        if found.whole < found.end:
            torn.append(Torn(file.path, found.whole, found.end, told=number > file.number))
        if not number and found.last is not None:
            number, last = file.number, found.last
    return End(number, last, tuple(torn))


def _ending_of(path: Path) -> Ending:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        os.fchmod(fd, 0o600)
        return ending(fd)
    finally:
        os.close(fd)


def _last_compressed(path: Path) -> bytes | None:
    try:
        return last_line_compressed(path)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        # What comes next is linked to nothing then, and whoever verifies it says so.
        return None
