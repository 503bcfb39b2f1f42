"""C{mcpgate explain}: what a reason or a key of the configuration means, and what to do about it."""

from __future__ import annotations

import click

from mcpgate.config.problem import quoted
from mcpgate.config.reference import explain, suggestion, topics


@click.command(short_help="Explain a reason or a key of the configuration.")
@click.argument("word", required=False)
def command(word: str | None) -> None:
    """Explain WORD: a reason such as tls.pin, or a key such as upstream.pins.

    A table, such as upstream, lists its keys; what reasons begin with, such as tls, lists them.
    Without a WORD, list all that can be explained.
    """
    if word is None:
        click.echo("\n".join(topics()))
        return
    text = explain(word)
    if text is None:
        near = suggestion(word)
        hint = f"did you mean {near}?" if near else 'try "mcpgate explain" for a list'
        raise click.UsageError(f"{quoted(word)} is neither a reason nor a key of the configuration; {hint}")
    click.echo(text)
