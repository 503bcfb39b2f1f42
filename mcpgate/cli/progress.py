"""Progress of what takes long: on a terminal only, and only after two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

#: Seconds: what ends sooner needs no bar.
SOON = 2.0


@contextmanager
def progress(
    label: str, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int, int], None]]:
    """Gives what is to be called with how much was done since the last time, and of how much."""
    began, done = clock(), 0
    bar: Any = None

    def passed(count: int, total: int) -> None:
        nonlocal bar, done
        done += count
        if bar is not None:
            bar.update(count)
        elif sys.stderr.isatty() and clock() - began >= SOON:
            bar = click.progressbar(length=total, label=label, file=sys.stderr)
            bar.__enter__()
            bar.update(done)

    try:
        yield passed
    finally:
        if bar is not None:
            bar.__exit__(None, None, None)
