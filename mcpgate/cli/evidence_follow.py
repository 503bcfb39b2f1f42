"""C{mcpgate evidence follow}: what is written down, as it is written."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import click

from mcpgate.cli.evidence_which import journal_options, which_options
from mcpgate.cli.evidence_words import sentence
from mcpgate.cli.exits import Stop, complain
from mcpgate.cli.text import cell
from mcpgate.evidence.reading import Follower, ReadingError
from mcpgate.evidence.record import parse_line
from mcpgate.evidence.which import Picking, Which

#: Between two looks, in seconds: what happened is seen at once, and an idle gate costs nothing.
APART = 0.2


@click.command("follow", short_help="Show records as they are written, by all workers.")
@which_options
@click.option("--whole", is_flag=True, help="Begin with what is there already.")
@click.option("--once", is_flag=True, hidden=True, help="End when there is nothing more.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A line of words for each record, or the line itself.",
)
@journal_options
def command(which: Which, whole: bool, once: bool, form: str, directory: Path) -> None:
    """Show each record as it is written, those of all workers, until it is interrupted.

    With a caller, a route, a tool or a session asked for, what is shown is about exchanges that began since.
    """
    if not directory.is_dir() and not directory.parent.is_dir():
        raise Stop(f"{directory}: there is no journal", os.EX_NOINPUT)
    follower = Follower(directory, at_end=not (whole or which.since))
    picking = Picking(which)
    told = 0
    try:
        while True:
            found = follower.read()
            for read in found:
                try:
                    record = parse_line(read.line)
                except ValueError:
                    complain(f"{read.segment} of worker {read.worker}: line {read.seq} is no record")
                    continue
                if not picking.wants(record):
                    continue
                if form == "json":
                    # As it is written, unless that is not what the gate writes: it may steer a terminal.
                    plain = read.line.isascii() and b"\x7f" not in read.line
                    click.echo(read.line.decode("ascii")[:-1] if plain else json.dumps(record))
                else:
                    click.echo(f"{cell(record.get('time'))}  {read.worker}  {sentence(record)}")
            for skipped in follower.skipped[told:]:
                complain(f"worker {skipped.worker}, segment {skipped.segment}: {skipped.why}")
            told = len(follower.skipped)
            if not found:
                if once:
                    return
                time.sleep(APART)
    except ReadingError as error:
        raise Stop(str(error), os.EX_NOINPUT) from None
    finally:
        follower.close()
