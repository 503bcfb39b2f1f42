"""Which journal a verb reads, and which records of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from mcpgate.cli.state import state_options
from mcpgate.evidence.which import Which
from mcpgate.report.span import read_span

_Verb = Callable[..., Any]

#: Longer ago than any journal is kept.
EVER = "9999d"
_PICKED = ("principal", "route", "tool", "session", "trace", "reason", "refused")


def journal_options(verb: _Verb) -> _Verb:
    """Give a verb C{--journal DIR} beside C{--state} and C{--config}, as C{directory: Path}."""

    @wraps(verb)
    def found(*words: Any, journal: Path | None, state: Path, **options: Any) -> Any:
        return verb(*words, directory=journal if journal is not None else state / "journal", **options)

    state_found = state_options(found)

    @wraps(state_found)
    def given(*words: Any, journal: Path | None, **options: Any) -> Any:
        if journal is not None:
            # No gate need be configured here: the journal may have come from somewhere else.
            options["state"] = journal
        return state_found(*words, journal=journal, **options)

    path = click.Path(path_type=Path, exists=True, file_okay=False)
    where = "A journal's directory, or a bundle, instead."
    return click.option("--journal", type=path, metavar="DIR", help=where)(given)


def which_options(verb: _Verb) -> _Verb:
    """Give a verb what picks records, as C{which: Which}."""

    @wraps(verb)
    def found(*words: Any, since: str | None, until: str | None, **options: Any) -> Any:
        picked = {key: options.pop(key) for key in _PICKED}
        try:
            span = read_span(since or EVER, until, time.time()) if since or until else None
        except ValueError as error:
            raise click.UsageError(f"the span from {since} to {until or 'now'} {error}") from None
        if span is not None:
            picked |= {"since": span.since if since else "", "until": span.until if until else None}
        return verb(*words, which=Which(**picked), **options)

    for name, metavar, said in reversed(
        (
            ("--principal", "NAME", "Whose they are."),
            ("--route", "NAME", "By which route they came."),
            ("--tool", "NAME", "The tool, prompt or resource."),
            ("--session", "ID", "The session, or the handshake of the connection."),
            ("--trace", "ID", "The id of a trace, or of a span in it (W3C Trace Context)."),
            ("--reason", "CODE", "Why something was refused or failed, such as policy.*"),
        )
    ):
        found = click.option(name, metavar=metavar, help=said)(found)
    found = click.option("--refused", is_flag=True, help="Only what was refused, handshakes too.")(found)
    found = click.option("--to", "until", metavar="TIME", help="Before that time.")(found)
    return click.option(
        "--from", "since", metavar="TIME", help="From a date or time on, in UTC, or since so long ago (1h)."
    )(found)
