"""The span of time that a verb is about, and the lines of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from mcpgate.cli.exits import complain
from mcpgate.cli.progress import progress
from mcpgate.evidence.reading import Segment, lines, segments
from mcpgate.ops.control import SOCKET, ControlError, NoGate, ask
from mcpgate.report.making import looked_again, needed
from mcpgate.report.span import Span, read_span
from mcpgate.report.staging import overlapping

_Verb = Callable[..., Any]


def span_options(verb: _Verb) -> _Verb:
    """Give a verb C{--from TIME} and C{--to TIME}, as C{since: str} and C{until: str | None}."""
    verb = click.option(
        "--to",
        "until",
        metavar="TIME",
        help="Its end, likewise; a date is whole in it.  [default: now]",
    )(verb)
    return click.option(
        "--from",
        "since",
        required=True,
        metavar="TIME",
        help="The beginning: a date (2026-11-01), a time (2026-11-01T09:30:00Z), or so long ago (7d). UTC.",
    )(verb)


def span_of(since: str, until: str | None, now: float) -> Span:
    """The span that options name."""
    try:
        return read_span(since, until, now)
    except ValueError as error:
        raise click.UsageError(f"the span from {since} to {until or 'now'} {error}") from None


def sealed_by_now(state: Path) -> None:
    """Have a running gate seal what it has written; one that cannot is told about, and nothing else."""
    try:
        ask(state / SOCKET, "seal")
    except NoGate:
        return
    except ControlError as error:
        complain(f"the running gate could not seal its journal, so its last lines are unsealed: {error}")


def segments_of(state: Path, span: Span, *, named: bool = False) -> tuple[Segment, ...]:
    """
    The segments of a span.

    @param named: Also those with the handshakes that exchanges of the span name; which takes a look at all.
    """
    if not named:
        return looked_again(lambda: overlapping(segments(state), span))
    with progress("reading") as passed:
        return needed(state, span, passed)


def lines_by_worker(found: tuple[Segment, ...]) -> Iterator[Iterator[bytes]]:
    """The lines of each segment."""
    return (lines(segment) for segment in found)
