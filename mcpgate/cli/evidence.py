"""C{mcpgate evidence}: what is on record, whether it is as it was written, and who may read what."""

from __future__ import annotations

from importlib import import_module

import click

#: The verbs, in the order in which people need them; each is a file of its own.
VERBS = ("show", "follow", "auditor")


class Verbs(click.Group):
    """Imports a verb only when it is asked for: some load TLS, a database or templates."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = import_module(f"mcpgate.cli.evidence_{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.group("evidence", cls=Verbs, short_help="Read and verify the journal, and report from it.")
def command() -> None:
    """What the gate has written down: show it, follow it, verify it, report from it."""
