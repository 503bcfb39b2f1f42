"""The verbs of the command line as values: what the manual, the completions and the reference are made of.

Click knows all of it but says it in forms that differ from version to version, and meant for a terminal.
Here each verb says once what it takes, in the words of its C{--help}.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
from attrs import field, frozen

#: Options that every verb has; they are not repeated with each.
OF_ALL = ("-h", "--help")


@frozen
class Option:
    """
    An option of a verb.

    @ivar names: As they are typed, the short one first.
    @ivar value: What follows it, such as C{FILE}; empty where nothing does.
    @ivar choices: What may follow it, where that is a few words.
    @ivar files: Whether what follows is looked for among files; C{directories} among directories alone.
    @ivar default: What it is without it, if that is told.
    """

    names: tuple[str, ...]
    value: str
    help: str
    choices: tuple[str, ...] = ()
    files: bool = False
    directories: bool = False
    default: str = ""
    required: bool = False
    multiple: bool = False


@frozen
class Argument:
    """What a verb takes without an option, as C{value} writes it: C{FILE...}, C{[WORD]}."""

    value: str
    choices: tuple[str, ...] = ()
    files: bool = False
    directories: bool = False


@frozen
class Verb:
    """
    A verb, or a group of them.

    @ivar path: The words that are typed, from C{mcpgate} on.
    @ivar brief: One line, which ends in a full stop.
    @ivar paragraphs: All of what C{--help} says of it but for the options, each in one line.
    """

    path: tuple[str, ...]
    brief: str
    paragraphs: tuple[str, ...]
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    verbs: tuple[Verb, ...] = field(default=())

    @property
    def name(self) -> str:
        """The last word of it."""
        return self.path[-1]

    def all(self) -> Iterator[Verb]:
        """This verb and all below it, each before those that are below it."""
        yield self
        for verb in self.verbs:
            yield from verb.all()


def tree(command: click.Command, path: tuple[str, ...] = ("mcpgate",)) -> Verb:
    """What a command and all below it are, in the order in which C{--help} lists them."""
    context = click.Context(command, info_name=path[-1])
    below: tuple[Verb, ...] = ()
    if isinstance(command, click.Group):
        names = command.list_commands(context)
        found = [(name, command.get_command(context, name)) for name in names]
        below = tuple(tree(one, (*path, name)) for name, one in found if one is not None and not one.hidden)
    parameters = command.params
    paragraphs = _paragraphs(command.help or "")
    return Verb(
        path,
        command.short_help or _first_sentence(paragraphs),
        paragraphs,
        tuple(_option(one) for one in parameters if isinstance(one, click.Option) and not one.hidden),
        tuple(_argument(one) for one in parameters if isinstance(one, click.Argument)),
        below,
    )


def _option(option: click.Option) -> Option:
    names = sorted((*option.opts, *option.secondary_opts), key=lambda name: name.startswith("--"))
    choices = _choices(option)
    return Option(
        tuple(names),
        "" if option.is_flag or option.count else option.metavar or "|".join(choices) or _kind(option),
        " ".join((option.help or "").split()),
        choices,
        *_places(option),
        default=_default(option),
        required=option.required,
        multiple=option.multiple,
    )


def _default(option: click.Option) -> str:
    """As click tells it: only where it is asked to, and in the words that it was given."""
    if isinstance(option.show_default, str):
        return option.show_default
    told = option.show_default and not option.is_flag and not callable(option.default)
    return str(option.default) if told and option.default is not None else ""


def _argument(argument: click.Argument) -> Argument:
    value = argument.metavar
    if value is None:
        value = (argument.name or "").upper() + ("..." if argument.nargs == -1 else "")
        value = value if argument.required else f"[{value}]"
    return Argument(value, _choices(argument), *_places(argument))


def _choices(parameter: click.Parameter) -> tuple[str, ...]:
    kind = parameter.type
    return tuple(map(str, kind.choices)) if isinstance(kind, click.Choice) else ()


def _kind(parameter: click.Parameter) -> str:
    return parameter.type.name.upper()


def _places(parameter: click.Parameter) -> tuple[bool, bool]:
    """Whether it is a file, or can only be a directory: by its type, or by how it is called."""
    called = parameter.metavar or (parameter.name or "").upper()
    only = called in ("DIR", "DIRECTORY")
    if isinstance(parameter.type, click.Path):
        only = only or not parameter.type.file_okay
        return not only, only
    return called == "FILE", only


def _paragraphs(text: str) -> tuple[str, ...]:
    """Each in one line."""
    parts = re.split(r"\n[ \t]*\n", text.strip())
    return tuple(" ".join(part.split()) for part in parts)


def _first_sentence(paragraphs: tuple[str, ...]) -> str:
    return re.split(r"(?<=[.;:])\s", paragraphs[0], maxsplit=1)[0].rstrip(".;:") + "."
