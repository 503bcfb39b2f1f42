"""Making a report: which lines, what they come to, whether they stand, and all of it in one bundle."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from attrs import frozen

from mcpgate.evidence.keyfile import PUBLIC, EvidenceKeys
from mcpgate.evidence.reading import ReadingError, Segment, lines, segments
from mcpgate.report.bundle import PAGE, add_report, add_sealed, pack, seal
from mcpgate.report.clause import Framework
from mcpgate.report.report import Report, make_report
from mcpgate.report.span import Span
from mcpgate.report.staging import before, behind, overlapping, stage
from mcpgate.report.summary import Summing
from mcpgate.report.verified import Verified

#: A segment is compressed or expires once; that it happens to three of them in a row is no accident.
TRIES = 3

T = TypeVar("T")
#: Takes what was done since the last time, and of how much.
Passed = Callable[[int, int], object] | None


class NothingThere(Exception):
    """There is no line of that span."""


@frozen
class Made:
    """A report, and where it was written."""

    report: Report
    bundle: Path
    page: Path


def summed(taken: Sequence[Segment], span: Span, passed: Passed = None) -> Summing:
    """
    What segments come to.

    @param passed: Called with how many of them were read since the last time, and of how many.
    @raise mcpgate.evidence.reading.ReadingError: One of them cannot be read.
    """
    summing = Summing(span)
    for segment in taken:
        summing.take_all(lines(segment), segment.worker)
        if passed is not None:
            passed(1, len(taken))
    return summing


def needed(state: Path, span: Span, passed: Passed = None) -> tuple[Segment, ...]:
    """The segments that a span needs: those with its lines, with what they name, and with what ends later."""

    def look() -> tuple[Segment, ...]:
        found = segments(state)
        taken = overlapping(found, span)
        summing = summed(taken, span, passed)
        more = {
            *before(found, taken, summing.unknown, summing.undemanded),
            *behind(found, taken, summing.open),
        }
        return tuple(sorted({*taken, *more}))

    return looked_again(look)


def looked_again(look: Callable[[], T]) -> T:
    """What comes of reading a journal; once more where a running gate compressed or expired a segment
    meanwhile, and not for ever."""
    for _ in range(TRIES - 1):
        try:
            return look()
        except ReadingError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
    return look()


def make(
    *,
    state: Path,
    checkpoints: Path,
    span: Span,
    framework: Framework,
    bundle: Path,
    keys: EvidenceKeys,
    verify: Callable[[Path], Verified],
    made: str,
    version: str,
    passed: Passed = None,
) -> Made:
    """
    Make a report and its bundle, and the page once more beside it.

    @param verify: Judges a directory that is laid out as a bundle is.
    @raise NothingThere: No segment has lines of the span.
    @raise mcpgate.evidence.reading.ReadingError: One of them cannot be read.
    @raise OSError: Something cannot be written.
    """
    taken = needed(state, span, passed)
    if not taken:
        raise NothingThere(f"{state}: no line of the journal is of this span")
    # Beside where it will be, and for nobody else: the journal is copied into it.
    staged = Path(tempfile.mkdtemp(prefix=".mcpgate-report-", dir=bundle.parent))
    try:
        # Checkpoints first: what they cover is in the journal then, and what comes later is unsealed.
        add_sealed(staged, checkpoints, state / PUBLIC)
        stage(taken, staged)
        sealed = partial(
            seal,
            staged,
            gate=keys.gate,
            made=made,
            span=span,
            profile=framework.name,
            sign=keys.signing.sign,
        )
        # So that it is judged as what it will be: a part of the journal.
        sealed()
        # What is told is what is in the bundle, and not what was added meanwhile.
        summary = summed(segments(staged), span).summary()
        report = make_report(framework, summary, verify(staged), made=made, version=version)
        add_report(staged, report)
        sealed()
        pack(staged, bundle)
        beside = bundle.with_suffix(".html")
        (staged / PAGE).replace(beside)
        return Made(report, bundle, beside)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
