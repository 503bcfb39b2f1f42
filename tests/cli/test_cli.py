"""The help of every verb is for people."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from mcpgate.cli import cli


def verbs(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every verb, with what is typed for it."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            inside = command.get_command(context, each)
            assert inside is not None, each
            yield from verbs(inside, f"{name} {each}")


@pytest.mark.parametrize(("name", "command"), list(verbs(cli, "mcpgate")))
def test_help_says_what_a_verb_does_without_markup_of_ours(name: str, command: click.Command) -> None:
    """In words, and with none of the marks that docstrings are written with."""
    text = command.get_help(click.Context(command, info_name=name))
    assert len(text.splitlines()) > 5
    assert not [mark for mark in ("C{", "L{", "@param", "`") if mark in text]
