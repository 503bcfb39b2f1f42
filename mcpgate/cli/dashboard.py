"""C{mcpgate dashboard}: a one-time link to the dashboard of a running gate."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from mcpgate.cli.state import state_options
from mcpgate.cli.text import format_option, show
from mcpgate.ops.control import SOCKET, ask


@click.command(short_help="Make a one-time link to the dashboard.")
@click.option("--viewer", is_flag=True, help="For somebody who may look, and decide nothing.")
@click.option("--open", "opens", is_flag=True, help="Open it in a browser, too.")
@state_options
@format_option
def command(viewer: bool, opens: bool, state: Path, form: str) -> None:
    """Make a one-time link to the dashboard of the running gate.

    It is good for five minutes. Whoever has it may do what the command line may: decide about held calls and
    accept definitions. With --viewer they may only look.
    """
    facts = ask(state / SOCKET, "dashboard", role="viewer" if viewer else "approver")
    show(facts, form, lambda: str(facts["url"]))
    if opens and not webbrowser.open(str(facts["url"])):
        click.echo("No browser can be started here; open the link by hand.", err=True)
