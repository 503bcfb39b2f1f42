"""C{mcpgate evidence show}: exchanges on record, or one of them with both its handshakes."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from mcpgate.cli.evidence_which import journal_options, which_options
from mcpgate.cli.evidence_words import HEADS, Body, row, told
from mcpgate.cli.exits import Stop
from mcpgate.cli.text import format_option, table
from mcpgate.evidence.finding import Story, find, story
from mcpgate.evidence.payload import PayloadError, Reader
from mcpgate.evidence.reading import ReadingError
from mcpgate.evidence.which import Record, Which


@click.command("show", short_help="List exchanges on record, or show one with both its handshakes.")
@click.argument("id", required=False)
@which_options
@click.option("--last", default=50, show_default=True, metavar="N", type=click.IntRange(1), help="How many.")
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The auditor's private key, to read recorded bodies.",
)
@journal_options
@format_option
def command(id: str | None, which: Which, last: int, key: Path | None, directory: Path, form: str) -> None:
    """List the last exchanges on record, of those that are asked for. With ID, show one: what was asked, by
    whom, what was decided and why, both handshakes, how it ended, and what happened meanwhile.

    Names may be patterns (get_*). What it shows is what is written down; whether that is as it was written,
    mcpgate evidence verify says.
    """
    try:
        reader = Reader.of(key.read_bytes()) if key is not None else None
    except PayloadError as error:
        raise Stop(f"{key}: {error}", os.EX_NOINPUT) from None
    try:
        if id is None:
            return _list(directory, which, last, form)
        found = story(directory, id)
    except ReadingError as error:
        raise Stop(str(error), os.EX_NOINPUT) from None
    if found is None:
        raise Stop(f"nothing in {directory} has the id {id}", os.EX_NOINPUT)
    bodies = bodies_of(found, reader)
    _show(_facts(found, bodies), form, lambda: told(found, bodies))


def _list(directory: Path, which: Which, last: int, form: str) -> None:
    found = find(directory, which, last)
    facts = [{"opened": one.opened, "closed": one.closed} for one in found]
    nothing = "Nothing of that is on record."
    _show(facts, form, lambda: table(map(row, found), heads=HEADS) if found else nothing)


def _show(facts: object, form: str, text: Callable[[], str]) -> None:
    # ASCII in any case: there may be anything in what a peer has sent, and this is for a terminal, too.
    click.echo(json.dumps(facts, indent=2) if form == "json" else text())


def bodies_of(found: Story, reader: Reader | None) -> Mapping[str, Body]:
    """The recorded bodies of an exchange, opened if there is a key for that."""
    bodies: dict[str, Body] = {}
    for part in ("request", "answer"):
        pieces = [one for one in found.others if one.get("type") == "payload" and one.get("part") == part]
        if pieces:
            bodies[part] = _body(pieces, reader)
    return bodies


def _body(pieces: list[Record], reader: Reader | None) -> Body:
    cut = sum(cut for one in pieces if isinstance(cut := one.get("cut"), int))
    names = sorted({str(one.get("key")) for one in pieces})
    if reader is None:
        return Body(None, cut, f"recorded for the key {', '.join(names)}; --key FILE opens it")
    numbers = [one.get("number") for one in pieces]
    if numbers != list(range(len(pieces))):
        return Body(None, cut, "pieces of it are not in this journal")
    try:
        raw = b"".join(
            reader.open(str(one.get("sealed")), str(one.get("exchange")), str(one.get("part")), number)
            for number, one in enumerate(pieces)
        )
    except PayloadError as error:
        return Body(None, cut, f"it {error} ({reader.name}); it was recorded for {', '.join(names)}")
    return Body(raw, cut, "" if pieces[-1].get("last") else "its end is not in this journal")


def _facts(found: Story, bodies: Mapping[str, Body]) -> dict[str, Any]:
    return {
        "opened": found.opened,
        "closed": found.closed,
        "inbound": found.inbound,
        "outbound": found.outbound,
        "related": [one for one in found.others if one.get("type") != "payload"],
        "bodies": {part: _said(body) for part, body in bodies.items()},
    }


def _said(body: Body) -> dict[str, Any]:
    """A body as JSON has it: as text if it is one."""
    facts: dict[str, Any] = {"cut": body.cut, "problem": body.why or None}
    if body.raw is not None:
        try:
            facts["text"] = body.raw.decode()
        except UnicodeDecodeError:
            facts["base64"] = base64.b64encode(body.raw).decode("ascii")
    return facts
