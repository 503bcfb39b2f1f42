"""The C{mcpgate} command: one verb a file, found by name when it is used.

A verb is a module of this package with a click command called C{command}; naming the module in
C{VERBS} is all it takes to add one. Verbs raise what the rooms raise, and C{cli.exits} says how the
process ends.
"""

from __future__ import annotations

from importlib import import_module

import click

from mcpgate._version import __version__
from mcpgate.cli.exits import ends_well

#: In the order in which a newcomer meets them.
VERBS = (
    "demo",
    "init",
    "check",
    "probe",
    "run",
    "status",
    "dashboard",
    "token",
    "session",
    "policy",
    "evidence",
    "explain",
    "completion",
)


class Verbs(click.Group):
    """A group that imports a verb only when it is asked for: C{--version} need not load TLS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"mcpgate.cli.{cmd_name}").command
        return command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="mcpgate %(version)s")
def cli() -> None:
    """A gateway for the Model Context Protocol that lets nothing pass outside verified TLS.

    Start with: mcpgate init DIRECTORY
    """


def main() -> None:
    """Run the command line; every end is an exit code of sysexits.h."""
    with ends_well():
        cli(prog_name="mcpgate", standalone_mode=False)
