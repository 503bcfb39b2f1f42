"""C{mcpgate evidence auditor}: the key of whoever may read recorded bodies."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mcpgate.cli.text import format_option, outline, show
from mcpgate.evidence.payload import Auditor, new_pair


@click.group("auditor", short_help="Make the key for recorded bodies.")
def command() -> None:
    """The key that opens what rules with record = "masked" have recorded. Its private half belongs on the
    auditor's machine, its public half on the gate's host, as evidence.auditor."""


@command.command("new")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the private half goes; nothing is overwritten.",
)
@format_option
def new(out: Path, form: str) -> None:
    """Make a key, on the auditor's machine: the private half goes to FILE, the public half beside it, to
    FILE.pub.pem."""
    private, public = new_pair()
    beside = out.with_name(f"{out.name}.pub.pem")
    for path, pem, mode in ((out, private, 0o600), (beside, public, 0o644)):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(fd, "wb") as file:
            file.write(pem)
    facts = {"name": Auditor.of(public).name, "private": str(out), "public": str(beside)}
    show(facts, form, lambda: f"{outline(facts)}\n\nGive the gate the public half, as evidence.auditor.")
