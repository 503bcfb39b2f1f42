"""C{mcpgate status}: what a running gate says of itself, over its control socket."""

from __future__ import annotations

from pathlib import Path

import click

from mcpgate.cli.text import config_option, format_option, outline, show
from mcpgate.config.load import load_config
from mcpgate.ops.control import SOCKET, ask


@click.command()
@config_option
@format_option
def command(config: Path, form: str) -> None:
    """Show what the running gate does: listeners, certificates, upstreams, the last reload."""
    facts = ask(load_config(config).gate.state / SOCKET, "status")
    show(facts, form, lambda: outline(facts))
