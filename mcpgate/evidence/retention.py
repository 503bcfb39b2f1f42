"""What becomes of closed segments: they are compressed, and removed when they are older than is kept.

All of it is work for a thread. Checkpoints stay. Before a segment is removed, the journal says so: what
is missing without such a line was taken away by somebody else.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from attrs import frozen

from mcpgate.evidence.chain import Tree, leaf
from mcpgate.evidence.linefile import sync_directory
from mcpgate.evidence.record import LINE_MOST
from mcpgate.evidence.segments import SegmentFile, segment_files
from mcpgate.evidence.terms import JournalTerms

# zlib lets other threads run while it works on a block, and takes some milliseconds for one of these.
_BLOCK = 1 << 20

# The usual level takes twice the time, for a sixth of the size (15 % of what it was for 18 %).
_LEVEL = 3

# How a file is called while it is being compressed: no segment.
_FRESH = ".fresh"

# When a line was written, as it says among its first members.
_TIME = re.compile(rb'"time":"([0-9TZ:.-]{20,40})"')
_HEAD = 200


@frozen
class Leaving:
    """
    A segment that is to be removed, and what is left of it: C{root} in hexadecimal.

    @ivar until: When its last line was written, in Unix seconds, as it says; C{None}: it does not say.
    """

    file: SegmentFile
    lines: int
    root: str
    until: float | None = None


def closed(directory: Path) -> Iterator[SegmentFile]:
    """All segments but the last of each worker, which may be written.

    @raise OSError: The directory cannot be read.
    """
    files = segment_files(directory)
    last = {file.worker: file.number for file in files}
    yield from (file for file in files if file.number < last[file.worker])


def compress(directory: Path, worker: int) -> int:
    """Compress what is closed of one worker; returns how many segments.

    @raise OSError: One cannot be; it stays as it is.
    """
    done = 0
    for fresh in directory.glob(f"journal-{worker}-*.gz{_FRESH}"):
        # Of a process that was killed meanwhile.
        fresh.unlink(missing_ok=True)
    for file in list(closed(directory)):
        if file.worker == worker and not file.compressed:
            _compress(file.path)
            done += 1
    return done


def _compress(path: Path) -> None:
    """In the place of a file comes another that holds the same, as was seen by reading it."""
    done = path.with_name(path.name + ".gz")
    fresh = done.with_name(done.name + _FRESH)
    times = path.stat()
    try:
        with path.open("rb") as plain, _private(fresh) as out:
            # The name inside is nobody's business, and the same bytes should give the same file.
            with gzip.GzipFile("", "wb", _LEVEL, out, mtime=0) as packed:
                shutil.copyfileobj(plain, packed, _BLOCK)
            out.flush()
            os.fsync(out.fileno())
        with path.open("rb") as plain, gzip.open(fresh) as packed:
            if _digest(plain) != _digest(packed):
                raise OSError(f"{fresh}: does not hold what {path.name} does")
        os.utime(fresh, ns=(times.st_atime_ns, times.st_mtime_ns))
        fresh.rename(done)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    path.unlink()


def _private(path: Path):  # type: ignore[no-untyped-def]
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600), "wb")


def _digest(file) -> bytes:  # type: ignore[no-untyped-def]
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.digest()


def leaving(directory: Path, terms: JournalTerms, now: float) -> list[Leaving]:
    """
    The segments of all workers that are to be removed, the oldest first.

    Of a worker it is always the first ones: what is kept has no holes.

    A segment is as old as its file says, and its last line: the time of a file is set by whoever likes to,
    and we would remove evidence for them, and sign that it has expired.

    @param now: Unix seconds.
    @raise OSError: One cannot be read.
    """
    found = []
    newest: dict[int, float] = {}
    for file in closed(directory):
        try:
            facts = file.path.stat()
        except FileNotFoundError:
            # Every worker looks after all: another one was here before.
            continue
        # Not younger than the one before, whatever somebody has done to its file.
        written = max(newest.get(file.worker, 0.0), facts.st_mtime)
        newest[file.worker] = written
        found.append((written, file, facts.st_size))
    total = sum(size for _, _, size in found)
    stays: set[int] = set()
    going = []
    for written, file, size in sorted(found):
        old = now - written > terms.keep
        much = terms.keep_size is not None and total > terms.keep_size
        if file.worker in stays or not (old or much):
            stays.add(file.worker)
            continue
        try:
            one = _summary(file)
        except FileNotFoundError:
            stays.add(file.worker)
            continue
        if not much and one.until is not None and 0 <= now - one.until <= terms.keep:
            stays.add(file.worker)
            continue
        total -= size
        going.append(one)
    return going


def _summary(file: SegmentFile) -> Leaving:
    tree = Tree()
    last = b""
    with (gzip.open if file.compressed else open)(file.path, "rb") as lines:
        while line := lines.readline(LINE_MOST):
            tree.append(leaf(line))
            last = line if _TIME.search(line, 0, _HEAD) else last
    found = _TIME.search(last, 0, _HEAD)
    try:
        until = datetime.fromisoformat(found[1].decode("ascii")).timestamp() if found else None
    except ValueError:
        until = None
    return Leaving(file, tree.size, tree.root().hex(), until)


def remove(files: Iterable[SegmentFile]) -> None:
    """Remove segments, in both forms.

    @raise OSError: One cannot be removed.
    """
    for file in files:
        plain = file.path.with_suffix("") if file.compressed else file.path
        for path in (plain, plain.with_name(plain.name + ".gz")):
            path.unlink(missing_ok=True)
