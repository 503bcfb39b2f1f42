"""The lines of journals, for verbs that read them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mcpgate.cli.exits import Stop

#: Longer than any line that the gate writes; beyond it a file is something else.
LINE_MOST = 1 << 20


def lines_of(places: Sequence[Path]) -> Iterator[bytes]:
    """
    Every line of these files, and of the journals in these directories, one file after another.

    @raise Stop: there are none.
    """
    for place in places:
        files = sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
        if not files:
            raise Stop(f"{place}: there is no journal", os.EX_NOINPUT)
        for file in files:
            with file.open("rb") as opened:
                while line := opened.readline(LINE_MOST):
                    yield line
