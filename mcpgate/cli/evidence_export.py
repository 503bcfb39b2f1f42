"""C{mcpgate evidence export}: the record of a span of time, for other programs."""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click
import msgspec

from mcpgate.cli.evidence_span import lines_by_worker, sealed_by_now, segments_of, span_of, span_options
from mcpgate.cli.exits import Stop, complain
from mcpgate.cli.state import state_options
from mcpgate.evidence.reading import ReadingError
from mcpgate.report.columns import row
from mcpgate.report.joined import Exchange, Joining, Sought
from mcpgate.report.lines import Event, Shake, time_of
from mcpgate.report.ocsf import api_activity, network_activity
from mcpgate.report.span import Span

_Found = tuple[bytes, Exchange | Shake | Event]


@click.command("export", short_help="Write records as JSON Lines, CSV or OCSF.")
@span_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "ocsf"]),
    default="jsonl",
    show_default=True,
    help="Lines as they were written; a row for each exchange; or events of OCSF.",
)
@click.option("--principal", metavar="NAME", help="Only exchanges of this caller.")
@click.option("--route", metavar="NAME", help="Only exchanges of this route.")
@click.option("--tool", metavar="NAME", help="Only exchanges that asked for this name.")
@click.option("--reason", metavar="REASON", help="Only exchanges that were refused for this reason.")
@state_options
def command(
    since: str,
    until: str | None,
    form: str,
    principal: str | None,
    route: str | None,
    tool: str | None,
    reason: str | None,
    state: Path,
) -> None:
    """Write the records from one time to another to stdout.

    With one of --principal, --route, --tool and --reason only exchanges are written. An exchange belongs to
    the span in which it began.
    """
    span = span_of(since, until, time.time())
    sought = Sought(principal, route, tool, reason)
    sealed_by_now(state)
    joining = Joining(span)
    try:
        if form == "jsonl" and sought.all:
            return _as_written(state, span)
        found = _found(joining, state, span)
        if form == "csv":
            _csv(found, sought)
        else:
            _lines(found, sought, form)
    except ReadingError as error:
        raise Stop(str(error), os.EX_NOINPUT) from error
    if joining.faulty:
        complain(f"{joining.faulty} lines are no records, and were left out")


def _as_written(state: Path, span: Span) -> None:
    """All lines of the span, in their order."""
    write = sys.stdout.buffer.write
    for lines in lines_by_worker(segments_of(state, span)):
        for line in lines:
            if span.holds(time_of(line) or ""):
                write(line)
    sys.stdout.flush()


def _found(joining: Joining, state: Path, span: Span) -> Iterator[_Found]:
    for lines in lines_by_worker(segments_of(state, span, named=True)):
        yield from joining.read(lines)
    yield from ((one.lines[0], one) for one in joining.unfinished())


def _csv(found: Iterator[_Found], sought: Sought) -> None:
    rows = (row(one) for _, one in found if isinstance(one, Exchange) and sought.holds(one))
    first = next(rows, None)
    if first is None:
        return
    writer = csv.DictWriter(sys.stdout, list(first), lineterminator="\n")
    writer.writeheader()
    writer.writerows(chain([first], rows))


def _lines(found: Iterator[_Found], sought: Sought, form: str) -> None:
    encode = msgspec.json.Encoder().encode
    write = sys.stdout.buffer.write
    for line, one in found:
        if isinstance(one, Exchange):
            if sought.holds(one):
                write(b"".join(one.lines) if form == "jsonl" else encode(api_activity(one)) + b"\n")
        elif not sought.all:
            continue
        elif form == "jsonl":
            write(line)
        elif isinstance(one, Shake):
            write(encode(network_activity(one)) + b"\n")
    sys.stdout.flush()
