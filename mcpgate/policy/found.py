"""What detectors find: where, and which of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Found(NamedTuple):
    """Where a detector found something, as offsets in the text."""

    start: int
    end: int
    detector: str


def merged(found: Iterable[Found]) -> list[Found]:
    """In order, with what overlaps made one, under the name of the longer."""
    out: list[Found] = []
    for one in sorted(found):
        if out and one.start < out[-1].end:
            last = out[-1]
            longer = one if one.end - one.start > last.end - last.start else last
            out[-1] = Found(last.start, max(last.end, one.end), longer.detector)
        else:
            out.append(one)
    return out
