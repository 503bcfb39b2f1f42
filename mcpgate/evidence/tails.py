"""Lines behind the last checkpoint: nobody has signed them yet, which is how it is for a minute (pure)."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from mcpgate.evidence.findings import Finding, Severity, counted

#: Seconds. A gate seals within a minute; what waits longer had no checkpoint, or has lost it.
SEALED_WITHIN = 300.0


@frozen
class Tail:
    """
    Lines behind the last checkpoint of a segment.

    @ivar since: When the first of these lines was written, as it says; C{None}: it does not say.
    @ivar until: When the last of them was.
    """

    segment: int
    file: str
    seq: int
    count: int
    since: str | None
    until: str | None = None


class Tails:
    """Those of one worker, from the first line that no checkpoint stands for on."""

    def __init__(self) -> None:
        self._tails: list[Tail] = []

    def add(self, tail: Tail) -> None:
        """These lines have no checkpoint, unless a later segment gets one."""
        self._tails.append(tail)

    def seal(self, worker: int) -> Finding | None:
        """
        A later segment has a checkpoint, and its first line names the last of these.

        Whoever began that segment took them as it found them. After a crash they are those of a minute; where
        they are more, somebody may have taken checkpoints away and written what he liked behind the last one.
        """
        tails, self._tails = self._tails, []
        if not tails or not _long(tails[0].since, tails[-1].until):
            return None
        first, count = tails[0], sum(tail.count for tail in tails)
        words = (
            f"Of worker {worker}, {counted(count, 'line')} from line {first.seq} of segment {first.segment} "
            f"on had no checkpoint from {first.since} to {tails[-1].until}, and are sealed by what a later "
            "start found only. A gate seals within a minute: their checkpoints were taken away, or could not "
            "be written."
        )
        return Finding(
            Severity.UNSEALED, "sealed_late", words, worker, first.segment, first.seq, file=first.file
        )

    @property
    def count(self) -> int:
        """How many lines that are."""
        return sum(tail.count for tail in self._tails)

    def has(self, segment: int, seq: int) -> bool:
        """Whether a line is one of them."""
        return any(tail.segment == segment and seq >= tail.seq for tail in self._tails)

    def finding(self, worker: int, last_time: str | None) -> Finding | None:
        """What there is to say of them. C{last_time}: of the worker's last line."""
        if not self._tails:
            return None
        first = self._tails[0]
        words = (
            f"No checkpoint stands for the last {counted(self.count, 'line')} of worker {worker}, from seq "
            f"{first.seq} of segment {first.segment} on{f', since {first.since}' if first.since else ''}."
        )
        late = _long(first.since, last_time)
        if late:
            words += (
                " A gate seals within a minute: their checkpoints were taken away, or could not be written."
            )
        kind = "unsealed_late" if late else "unsealed"
        return Finding(Severity.UNSEALED, kind, words, worker, first.segment, first.seq, file=first.file)


def _long(since: str | None, until: str | None) -> bool:
    """Whether no gate lets lines wait for so long."""
    return bool(since and until and apart(since, until) > SEALED_WITHIN)


def apart(since: str, until: str) -> float:
    """Seconds between two times of lines, as far as they are some."""
    try:
        return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
