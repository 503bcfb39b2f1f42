"""C{mcpgate run}: the same as C{twist mcpgate}, under our own name."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mcpgate.cli.text import config_option


@click.command()
@config_option
@click.option("--log-level", default="info", show_default=True, help="debug, info, warn, error or critical.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), help="By default text on a terminal, JSON elsewhere."
)
@click.option("--log-file", metavar="FILE", help="Instead of stdout; + is stderr.")
@click.option("--reactor", help="Which of Twisted's reactors to run on.")
def command(
    config: Path, log_level: str, log_format: str | None, log_file: str | None, reactor: str | None
) -> None:
    """Run the gate, until SIGTERM or SIGINT.

    SIGHUP reads the configuration again and reopens the journal. "twist mcpgate" does the same.
    """
    # Private, but in the same place since Twisted 16.0; it is what the twist command itself calls.
    from twisted.application.twist._twist import Twist

    argv = [sys.argv[0]]
    for option, value in [
        # First: it has to install the reactor before anything else imports one.
        ("--reactor", reactor),
        ("--log-level", log_level),
        ("--log-format", log_format),
        ("--log-file", log_file),
    ]:
        if value is not None:
            argv.append(f"{option}={value}")
    Twist.main([*argv, "mcpgate", f"--config={config}"])
