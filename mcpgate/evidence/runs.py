"""Exchanges that have no end: those that a worker left when it died (pure).

A run is what one process wrote, over as many segments as it takes.
"""

from __future__ import annotations

from collections.abc import Callable

from mcpgate.evidence.findings import Finding, Severity

#: Exchanges that are open at once: far more than a worker can have. Beyond it something else is going on,
#: and they are not told apart any more.
OPEN_MOST = 1_000_000
#: Of one run; the rest is counted.
TOLD_MOST = 10_000

_SEGMENT_SHIFT = 40


class Runs:
    """The runs of one worker. C{opens}: exchanges without an end so far, by id, with where they begin."""

    def __init__(self, worker: int, tell: Callable[[Finding], object]) -> None:
        self.opens: dict[bytes, int] = {}
        self.damaged = False
        self._worker = worker
        self._tell = tell
        self._process: bytes | None = None

    @staticmethod
    def base(segment: int) -> int:
        """What a segment's lines are counted from in C{opens}."""
        return segment << _SEGMENT_SHIFT

    def begin(self, process: bytes | None) -> None:
        """A segment is by this process."""
        if process != self._process:
            self.end(finished=True)
            self._process = process

    def bound(self) -> None:
        """Keep it small."""
        if len(self.opens) > OPEN_MOST:
            self.opens.clear()
            self.damaged = True

    def end(self, *, finished: bool) -> None:
        """Say which exchanges have no end, unless it may be what is missing of the journal."""
        opens, damaged = dict(self.opens), self.damaged
        self.opens.clear()
        self.damaged = False
        if damaged:
            return
        for id, at in list(opens.items())[:TOLD_MOST]:
            self._say(id.decode("ascii", "replace"), at, finished)
        if len(opens) > TOLD_MOST:
            words = f"{len(opens) - TOLD_MOST:,} more exchanges of worker {self._worker} have no end."
            self._tell(Finding(Severity.UNFINISHED, "unfinished", words, self._worker))

    def _say(self, exchange: str, at: int, finished: bool) -> None:
        segment, seq = at >> _SEGMENT_SHIFT, at & ((1 << _SEGMENT_SHIFT) - 1)
        end = "has no end: its worker died" if finished else "is not over, or its worker died"
        where = f"seq {seq} of segment {segment} of worker {self._worker}"
        words = f"Exchange {exchange}, opened in {where}, {end}."
        self._tell(
            Finding(
                Severity.UNFINISHED, "unfinished", words, self._worker, segment, seq, seq, exchange=exchange
            )
        )
