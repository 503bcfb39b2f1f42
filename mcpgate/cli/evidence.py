"""C{mcpgate evidence}: what is on record, and whether it is what the gate wrote.

One verb a file, C{evidence_VERB.py} with a click command called C{command}, found by name when it is used: a
report needs much that verification does not.
"""

from __future__ import annotations

from importlib import import_module

import click

#: In the order in which one needs them.
VERBS = ("show", "follow", "verify", "report", "export", "what-if", "index", "key", "auditor")


class EvidenceVerbs(click.Group):
    """A group that imports a verb only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = import_module(f"mcpgate.cli.evidence_{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.group("evidence", cls=EvidenceVerbs, short_help="Verify, show and report what is on record.")
def command() -> None:
    """What is on record, and whether it is what the gate wrote."""
