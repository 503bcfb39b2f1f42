"""Facts as text for people or JSON for programs, and the options that verbs share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, cast

import click

#: Where the packages put it, and what C{twist mcpgate} reads too.
DEFAULT_CONFIG = "/etc/mcpgate/mcpgate.toml"

_Verb = Callable[..., Any]


def config_option(verb: _Verb) -> _Verb:
    """Give a verb C{--config FILE}, as C{config: Path}."""
    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        default=DEFAULT_CONFIG,
        show_default=True,
        metavar="FILE",
        help="The configuration file.",
    )(verb)


def format_option(verb: _Verb) -> _Verb:
    """Give a verb that prints facts C{--format text|json}, as C{form: str}."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Text for people, JSON for programs.",
    )(verb)


if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:
    # Before click 8.4 it takes no parameter at run time.
    _Type = click.ParamType


class Written(_Type):
    """A value written as in the configuration, read by the same function.

    C{read} raises C{ValueError} with a sentence that begins at the value. The value itself is not
    repeated: a URL is where people leave passwords.
    """

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            # A default has been through here already when click looks at it twice.
            return self._read(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(f"it {error}", param, ctx)


def show(facts: object, form: str, text: Callable[[], str]) -> None:
    """Print facts on stdout: as one JSON document, or as the text that C{text()} makes of them."""
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False) if form == "json" else text())


def table(rows: Iterable[Iterable[object]], *, heads: Sequence[str] = ()) -> str:
    """Columns as wide as their widest cell, two spaces apart, with no trailing space."""
    lines = [tuple(map(cell, row)) for row in ([heads] if heads else []) + list(rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ([word.ljust(width) for word, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def outline(facts: Mapping[str, object]) -> str:
    """A JSON-able mapping as text: values in line, and what is inside them indented below."""
    width = max((len(words(key)) for key, value in facts.items() if not _has_parts(value)), default=0)
    lines = []
    for key, value in facts.items():
        if not _has_parts(value):
            lines.append(f"{words(key).ljust(width)}  {cell(value)}")
        elif isinstance(value, Mapping):
            lines += [words(key), indent(outline(value), "  ")]
        else:
            lines += [words(key), indent(_rows(cast(Sequence[Mapping[str, object]], value)), "  ")]
    return "\n".join(lines)


def _rows(rows: Sequence[Mapping[str, object]]) -> str:
    """Mappings as a table; or one below the other where there is more inside them."""
    if any(_has_parts(value) for row in rows for value in row.values()):
        return "\n\n".join(map(outline, rows))
    heads = list(dict.fromkeys(key for row in rows for key in row))
    return table(([row.get(key) for key in heads] for row in rows), heads=[words(key) for key in heads])


def _has_parts(value: object) -> bool:
    """Whether a value is more than one cell can show: a mapping, or a list of mappings."""
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping) and bool(value)


def words(key: str) -> str:
    """A key as words: C{not_after} is "not after". It may be a peer's, as what it stands for may be."""
    return cell(key.replace("_", " "))


def cell(value: object) -> str:
    """One value in one line; what a peer may have sent cannot move the cursor or break the line."""
    if value == {}:
        return "-"
    match value:
        case None | [] | () | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(cell, value))
    # Several lines, such as all problems of a configuration, become one.
    line = "; ".join(part.strip() for part in str(value).split("\n"))
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
