"""The verbs as values say what C{--help} says, whichever version of click is there."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from mcpgate.cli import VERBS, cli
from mcpgate.cli.tree import Argument, Option, Verb, tree


@click.group("world")
def world() -> None:
    """A world of verbs. It has
    several.
    """


@world.command("paint", short_help="Paint it.")
@click.argument("house")
@click.argument("rooms", nargs=-1)
@click.argument("shade", type=click.Choice(["light", "dark"]), required=False)
@click.option("-c", "--colour", type=click.Choice(["red", "blue"]), default="red", show_default=True)
@click.option("--until", default=None, show_default="now", metavar="TIME", help="When it\nends.")
@click.option("--dry", is_flag=True, help="Do not.")
@click.option("--pot", type=click.Path(path_type=Path), multiple=True, required=True)
@click.option("--shed", type=click.Path(file_okay=False))
@click.option("--log", metavar="FILE")
@click.option("--secret", hidden=True)
def paint(**_: object) -> None:
    """Paint HOUSE: each of ROOMS.

    A second
    paragraph.
    """


@world.command(hidden=True)
def unseen() -> None:
    """Nobody is told of it."""


def test_a_verb_says_all_that_it_takes() -> None:
    """Names with the short one first, what follows them, and in which way it is looked for."""
    assert tree(world).verbs == (
        Verb(
            ("mcpgate", "paint"),
            "Paint it.",
            ("Paint HOUSE: each of ROOMS.", "A second paragraph."),
            (
                Option(("-c", "--colour"), "red|blue", "", ("red", "blue"), default="red"),
                Option(("--until",), "TIME", "When it ends.", default="now"),
                Option(("--dry",), "", "Do not."),
                Option(("--pot",), "PATH", "", files=True, required=True, multiple=True),
                Option(("--shed",), "DIRECTORY", "", directories=True),
                Option(("--log",), "FILE", "", files=True),
            ),
            (Argument("HOUSE"), Argument("[ROOMS...]"), Argument("[SHADE]", ("light", "dark"))),
        ),
    )


def test_without_a_short_help_the_first_sentence_is_the_brief_one() -> None:
    """As click does it, but never cut off in the middle."""
    assert tree(world).brief == "A world of verbs."


def test_every_verb_of_ours_is_there_in_its_order() -> None:
    """And each below it, with its whole path."""
    ours = tree(cli)
    assert tuple(verb.name for verb in ours.verbs) == VERBS
    assert ("mcpgate", "evidence", "auditor", "new") in [verb.path for verb in ours.all()]


@pytest.mark.parametrize("verb", list(tree(cli).all()), ids=lambda verb: " ".join(verb.path))
def test_a_verb_of_ours_explains_itself(verb: Verb) -> None:
    """A sentence for lists of verbs, and a help text for each option."""
    assert verb.brief.endswith(".") and len(verb.brief) < 100
    assert verb.name not in VERBS or verb.paragraphs
    assert all(option.help for option in verb.options), [o.names for o in verb.options if not o.help]
