"""The lines of journals, for verbs that read them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mcpgate.cli.exits import Stop
from mcpgate.evidence.reading import ReadingError, Segment, alone, lines, segments


def lines_of(places: Sequence[Path]) -> Iterator[bytes]:
    """
    Every line of these files, and of the journals in these directories, one file after another.

    @raise Stop: There are none, or one of them cannot be read.
    """
    try:
        for place in places:
            files = _files(place)
            if not files:
                raise Stop(f"{place}: there is no journal", os.EX_NOINPUT)
            for file in files:
                yield from lines(file)
    except ReadingError as error:
        raise Stop(str(error), os.EX_NOINPUT) from error


def _files(place: Path) -> Sequence[Segment]:
    """The segments in a directory, behind what there is in it from before there were any."""
    if not place.is_dir():
        return (alone(place),)
    found = segments(place)
    known = {segment.path for segment in found}
    older = [path for path in sorted(place.glob("*.jsonl")) if path not in known]
    return (*map(alone, older), *found)
