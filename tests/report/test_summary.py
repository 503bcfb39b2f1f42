"""A summary: one pass, in bounded memory and time."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from time import process_time

import pytest

from mcpgate.evidence.reading import lines, segments
from mcpgate.reasons import Reason
from mcpgate.report.span import Span
from mcpgate.report.summary import Summing
from tests.evidence.made import make_journal
from tests.report.written import QUIET, SPAN, at, closed, opened, said, shake, summed

ALWAYS = Span("2020-01-01T00:00:00.000000Z", "2090-01-01T00:00:00.000000Z")


def test_a_summary_says_whose_lines_these_are() -> None:
    """Gate, library, workers, how many lines of which types, from when to when."""
    summary = summed(*QUIET)
    assert [row.name for row in summary.gates.rows] == ["gate-1"]
    assert [row.name for row in summary.libraries.rows] == ["OpenSSL 3.5.0"]
    assert summary.lines == len(QUIET)
    assert summary.types.of("handshake") == 2
    assert (summary.first, summary.last) == (at(0), at(3))
    assert summary.faulty == 0


def test_lines_outside_the_span_are_not_counted() -> None:
    """They are read all the same, for what the others name."""
    summary = summed(*QUIET, span=Span(at(500), at(600)))
    assert (summary.lines, summary.traffic.exchanges, summary.places) == (0, 0, ())
    assert [row.name for row in summary.gates.rows] == ["gate-1"]


def test_broken_lines_are_counted_and_break_nothing() -> None:
    """What they might have said is not made up."""
    summary = summed(b"not a line\n", *QUIET, b'{"v":2,"type":"open"}\n', b"\xff\xfe\n")
    assert (summary.faulty, summary.traffic.exchanges) == (3, 1)


def test_a_made_up_journal_is_told_whole(tmp_path: Path) -> None:
    """Every exchange and every handshake of several workers, as whoever made it counts them."""
    made = make_journal(tmp_path / "journal", workers=2, exchanges=2000, unfinished=4, segment=700)
    summing = Summing(ALWAYS)
    for segment in segments(tmp_path):
        summing.take_all(lines(segment), segment.worker)
    summary = summing.summary()
    assert (summary.lines, summary.faulty) == (made.lines, 0)
    assert summary.traffic.exchanges == made.exchanges
    assert summary.traffic.unfinished.total == made.unfinished
    assert sum(place.finished for place in summary.places) == made.handshakes
    assert sum(place.refused for place in summary.places) == made.refused
    assert summing.unknown == frozenset()
    assert sum(one.count for one in summary.traffic.flows) == made.exchanges


def test_three_hundred_thousand_lines_take_bounded_time(tmp_path: Path) -> None:
    """A day of a busy gate is a matter of seconds: some two here, ten times that would be a defect."""
    one = b"".join((opened("x-0000"), closed("x-0000")))
    names = (one.replace(b"x-0000", b"x-%04d" % (number % 10_000)) for number in range(150_000))
    summing = Summing(SPAN)
    summing.take_all(QUIET[:4], 0)
    began = process_time()
    for both in names:
        summing.take_all(both.splitlines(keepends=True), 0)
    assert process_time() - began < 20
    assert summing.summary().traffic.exchanges == 150_000


@pytest.mark.parametrize("kind", ["tools", "peers", "types", "ids"])
def test_what_peers_make_up_fills_no_memory(kind: str) -> None:
    """Three thousand different values of whatever a peer may choose take no more than a bound."""
    made = {
        "tools": lambda n: (
            opened(f"x-{n}", name=f"tool-{n}" * 20) + closed(f"x-{n}", refused=Reason.POLICY_BLOCKED)
        ),
        "peers": lambda n: shake(f"h-{n}", peer=f"192.0.2.{n}:1", refused=Reason.TLS_CLOSED),
        "types": lambda n: said(f"type-{n}", why="x" * 500),
        "ids": lambda n: closed(f"x-{n}", detail="x" * 500),
    }[kind]
    summing = Summing(SPAN)
    tracemalloc.start()
    try:
        for number in range(3_000):
            summing.take_all(made(number).splitlines(keepends=True), 0)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_500_000
