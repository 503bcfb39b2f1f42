"""Where a line of a journal stands (pure)."""

from __future__ import annotations

from typing import NamedTuple

from attrs import frozen


@frozen
class Position:
    """
    Where the next line of a worker's journal begins.

    @ivar segment: The number of the segment.
    @ivar offset: In it, in bytes, uncompressed.
    @ivar seq: The number of lines before it.
    """

    segment: int
    offset: int
    seq: int


class Read(NamedTuple):
    """A line, its line feed included, and where it stands. C{seq}: counted, whatever the line itself says."""

    worker: int
    segment: int
    seq: int
    line: bytes
