"""What the demonstration insists on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

# A record is written, or a thread ends, a moment after its peer has its answer; never this much later.
_PATIENCE = 5.0
_PAUSE = 0.02

_Found = TypeVar("_Found")


class DemoFailed(Exception):
    """Something did not come out as promised; the message is a sentence that says what."""


def promise(kept: bool, sentence: str) -> None:
    """Insist on something that was promised.

    @param sentence: what was seen instead.
    @raise DemoFailed: if the promise was not kept.
    """
    if not kept:
        raise DemoFailed(sentence)


def soon(look: Callable[[], _Found | None], sentence: str, seconds: float = _PATIENCE) -> _Found:
    """What C{look} finds, as soon as it does.

    @param sentence: what is wrong if it finds nothing in time.
    @raise DemoFailed: then.
    """
    end = time.monotonic() + seconds
    while (found := look()) is None:
        promise(time.monotonic() < end, sentence)
        time.sleep(_PAUSE)
    return found
