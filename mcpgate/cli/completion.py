"""C{mcpgate completion}: what a shell completes, for those who did not install a package that brings it."""

from __future__ import annotations

import click

from mcpgate.cli.shells import FILES, script
from mcpgate.cli.tree import tree


@click.command(short_help="Print what bash, zsh or fish complete.")
@click.argument("shell", type=click.Choice(list(FILES)), metavar="bash|zsh|fish")
def command(shell: str) -> None:
    """Print the completions of mcpgate for a shell. The packages have them installed.

    For bash: mcpgate completion bash > ~/.local/share/bash-completion/completions/mcpgate
    """
    # Here and not above: the verb is in the tree itself.
    from mcpgate.cli import cli

    click.echo(script(shell, tree(cli)), nl=False)
