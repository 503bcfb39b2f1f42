"""C{mcpgate run}: the same as C{twist mcpgate}, under our own name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from mcpgate.cli.exits import Stop
from mcpgate.cli.text import config_option

#: Those of C{twisted.logger.LogLevel}.
LEVELS = ("debug", "info", "warn", "error", "critical")

#: Those that watch descriptors on Linux. One from elsewhere runs with C{twist --reactor=NAME mcpgate}.
REACTORS = ("default", "epoll", "poll", "select", "asyncio")


@click.command()
@config_option
@click.option(
    "--log-level",
    type=click.Choice(LEVELS),
    default="info",
    show_default=True,
    help="What is logged at least.",
)
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), help="By default text on a terminal, JSON elsewhere."
)
@click.option("--log-file", metavar="FILE", help="Instead of stdout; + is stderr.")
@click.option("--reactor", type=click.Choice(REACTORS), help="Which of Twisted's reactors to run on.")
def command(
    config: Path, log_level: str, log_format: str | None, log_file: str | None, reactor: str | None
) -> None:
    """Run the gate, until SIGTERM or SIGINT.

    SIGHUP reads the configuration again, and goes on in a new segment of the journal if somebody has moved
    the old one away. "twist mcpgate" does the same.
    """
    if log_file not in (None, "-", "+"):
        _appendable(Path(log_file))
    # Here and not above: the help of all verbs need not load Twisted.
    from mcpgate.cli.quiet import QuietTwist

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
    QuietTwist.main([*argv, "mcpgate", f"--config={config}"])


def _appendable(file: Path) -> None:
    """Say so in our words if a log file cannot be opened; twist would end with a code of its own."""
    try:
        file.open("ab").close()
    except OSError as error:
        code = os.EX_NOPERM if isinstance(error, PermissionError) else os.EX_CANTCREAT
        raise Stop(f"the log file {file} cannot be opened: {error.strerror}", code) from error
