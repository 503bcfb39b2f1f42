"""What was used over time, as a chart draws it: some names, and how many of each in each step (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from attrs import frozen

#: Names that are told apart in a chart; what is rarer goes together. The stylesheet has as many colours.
NAMES_MOST: Final = 6
OTHER: Final = "other"


@frozen
class CourseRow:
    """One step."""

    time: datetime
    counts: tuple[int, ...]


@frozen
class Course:
    """
    What was used over time.

    @ivar names: The most frequent first.
    @ivar step: How long a step is, in words.
    """

    names: tuple[str, ...]
    rows: tuple[CourseRow, ...]
    step: str


def course(
    steps: Iterable[tuple[datetime, Iterable[tuple[str, int]]]], whole: Iterable[str], seconds: int
) -> Course:
    """
    Counts of each step, by name.

    @param whole: all names, the most frequent first.
    """
    known = [*dict.fromkeys(whole)]
    names = known if len(known) <= NAMES_MOST else [*known[: NAMES_MOST - 1], OTHER]
    places = {name: at for at, name in enumerate(names)}
    rows = []
    for time, counted in steps:
        counts = [0] * len(names)
        for name, count in counted:
            at = places.get(name, len(names) - 1)
            counts[at] += count
        rows.append(CourseRow(time, tuple(counts)))
    return Course(tuple(names), tuple(rows) if names else (), _words(seconds))


def _words(seconds: int) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            many = seconds // length
            return unit if many == 1 else f"{many} {unit}s"
    return f"{seconds} seconds"
