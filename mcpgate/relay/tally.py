"""How often each reason was given (pure)."""

from __future__ import annotations

from mcpgate.reasons import Reason


class Tally:
    """
    The refusals of one worker.

    @ivar counts: How many of each reason there were.
    """

    def __init__(self) -> None:
        self.counts: dict[Reason, int] = {}

    def count(self, reason: Reason) -> None:
        """It was given once more. A caller that went away by itself was not refused."""
        if reason is not Reason.CLIENT_GONE:
            self.counts[reason] = self.counts.get(reason, 0) + 1
