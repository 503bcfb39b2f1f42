"""The lines of journals, for verbs that read them."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mcpgate.cli.exits import Stop
from mcpgate.evidence.reading import LINE_MOST, lines, segments


def lines_of(places: Sequence[Path]) -> Iterator[bytes]:
    """
    Every line of these files, and of the journals in these directories, one file after another; in a
    directory those of segments, and of files as versions before there were segments have them.

    @raise Stop: there are none.
    """
    for place in places:
        found = segments(place) if place.is_dir() else ()
        own = {segment.path for segment in found}
        files = sorted(set(place.glob("*.jsonl")) - own) if place.is_dir() else [place]
        if not files and not found:
            raise Stop(f"{place}: there is no journal", os.EX_NOINPUT)
        for file in files:
            with (gzip.open if file.suffix == ".gz" else open)(file, "rb") as opened:
                while line := opened.readline(LINE_MOST):
                    yield line
        for segment in found:
            yield from lines(segment)
