"""Segments that are not there: whether retention took them, as lines on record say, or somebody else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mcpgate.evidence.findings import Finding, Severity
from mcpgate.evidence.history import Absent, Expired, History


def judge_absent(histories: Sequence[History], tell: Callable[[Finding], object], *, partly: bool) -> None:
    """
    Say what became of segments that are not there.

    @param partly: What is here is a part of what there is, as a bundle's manifest says: what is not in it
        need not be here.
    """
    expired: dict[tuple[int, int], Expired] = {}
    for history in histories:
        expired.update(history.expired)
    by_worker = {history.worker: history for history in histories}
    for history in histories:
        _judge(history, expired, by_worker, tell, partly)


def _judge(
    history: History,
    expired: dict[tuple[int, int], Expired],
    by_worker: dict[int, History],
    tell: Callable[[Finding], object],
    partly: bool,
) -> None:
    worker = history.worker
    first = history.present[0] if history.present else 0
    told = sorted(number for at, number in expired if at == worker)
    # Retention takes the first ones first: whatever is before one that has expired has, too.
    until = max((number for number in told if not first or number < first), default=0)
    gone: list[tuple[int, int]] = []
    away: list[tuple[int, int]] = []
    for absent in history.absent:
        if absent.mark is not None and (worker, absent.first) in expired:
            _compare(worker, absent, expired[worker, absent.first], tell)
        if absent.last <= until or all(
            (worker, number) in expired for number in (absent.first, absent.last)
        ):
            away.append((absent.first, absent.last))
        elif absent.first <= until:
            away.append((absent.first, until))
            gone.append((until + 1, absent.last))
        elif not partly:
            gone.append((absent.first, absent.last))
    for begin, end in _joined(away):
        words = f"{_segments(begin, end)} of worker {worker} {_have(begin, end)} expired, as is on record."
        tell(Finding(Severity.EXPIRED, "expired", words, worker, begin))
        one = expired.get((worker, end))
        if one is not None and by_worker[one.worker].tails.has(one.segment, one.seq):
            words = (
                f"That {_segments(begin, end).lower()} of worker {worker} {_have(begin, end)} expired says "
                "a line for which no checkpoint stands yet."
            )
            tell(Finding(Severity.UNSEALED, "expired_unsealed", words, worker, begin))
    for begin, end in _joined(gone):
        what = f"{_segments(begin, end)} of worker {worker} {_are(begin, end)} gone"
        words = f"{what}, and nothing on record says why."
        tell(Finding(Severity.TAMPERED, "removed", words, worker, begin))


def _compare(worker: int, absent: Absent, expired: Expired, tell: Callable[[Finding], object]) -> None:
    """What is said of an expired segment has to be what its last checkpoint says."""
    mark = absent.mark
    if mark is None or not mark.closed or (mark.size, mark.root.hex()) == (expired.lines, expired.root):
        return
    words = (
        f"Segment {absent.first} of worker {worker} was another one when it expired than its last checkpoint "
        f"says ({expired.lines} lines, {mark.size} were signed)."
    )
    tell(Finding(Severity.TAMPERED, "expired_changed", words, worker, absent.first))


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if joined and joined[-1][1] + 1 == begin:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((begin, end))
    return joined


def _segments(begin: int, end: int) -> str:
    return f"Segment {begin}" if begin == end else f"Segments {begin} to {end}"


def _are(begin: int, end: int) -> str:
    return "is" if begin == end else "are"


def _have(begin: int, end: int) -> str:
    return "has" if begin == end else "have"
