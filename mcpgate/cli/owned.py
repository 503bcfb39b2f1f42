"""What is set in a process that is ours alone: the clock of its timers, and its descriptors.

Never where a gate is a guest: an embedder's reactor and limits are left as they are.
"""

from __future__ import annotations

import contextlib
import resource
import time
from typing import Any


def own(reactor: Any) -> None:
    """Make the process fit to serve; before the reactor is used for the first time."""
    # Twisted's timers count on the wall clock. Stepped forward, it would fire all timeouts at once;
    # stepped back, none for as long.
    reactor.seconds = time.monotonic
    # An exchange takes two descriptors, and the usual soft limit of 1024 is for programs that use
    # select(2). What the administrator allows is the hard one.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A sandbox may forbid it; then there are as many as there are.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
