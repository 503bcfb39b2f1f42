"""C{mcpgate evidence}: what the record says, and whether it stands."""

from __future__ import annotations

import click

from mcpgate.cli import evidence_export, evidence_index, evidence_report, evidence_what_if


@click.group("evidence", short_help="Verify the record, read it, and report on it.")
def command() -> None:
    """What was written down: for auditors (report), for other programs (export), and about another floor
    (what-if)."""


for verb in (evidence_report, evidence_export, evidence_what_if, evidence_index):
    command.add_command(verb.command)
