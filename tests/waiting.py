"""How tests wait for what happens by itself: until it has, and with a word for when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Fact = TypeVar("Fact")

#: Seconds; far beyond what anything here takes: a test that waits so long has failed.
PATIENCE = 20.0


def eventually(look: Callable[[], Fact], what: str, seconds: float = PATIENCE) -> Fact:
    """Look until there is something to see; fails with C{what} when there is not."""
    end = time.monotonic() + seconds
    while True:
        fact = look()
        if fact:
            return fact
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)
