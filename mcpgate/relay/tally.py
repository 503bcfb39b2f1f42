"""How often each reason was given, and which of many refusals alike get a record of their own (pure).

What a flood makes us refuse must not fill the disk that the evidence is on: of refusals for want of
room the first is recorded, then one a second for each reason, with how many there were between.
"""

from __future__ import annotations

from mcpgate.reasons import Reason

#: Seconds between two records of one reason. An operator sees when it began, how bad it is and when it
#: was over; a flood of a day leaves 86400 lines, some 30 MB.
APART = 1.0


class Tally:
    """
    The refusals of one worker.

    @ivar counts: How many of each reason there were.
    """

    def __init__(self) -> None:
        self.counts: dict[Reason, int] = {}
        # By reason: when the next may be recorded, and how many were not since the last.
        self._recorded: dict[Reason, tuple[float, int]] = {}

    def count(self, reason: Reason) -> None:
        """It was given once more. A caller that went away by itself was not refused."""
        if reason is not Reason.CLIENT_GONE:
            self.counts[reason] = self.counts.get(reason, 0) + 1

    def due(self, reason: Reason, now: float) -> int | None:
        """
        Whether a refusal that was just counted is to be recorded.

        @param now: Monotonic seconds.
        @return: How many before it were not, or C{None} when this one is not either.
        """
        due, unrecorded = self._recorded.get(reason, (now, 0))
        if now < due:
            self._recorded[reason] = due, unrecorded + 1
            return None
        self._recorded[reason] = now + APART, 0
        return unrecorded
