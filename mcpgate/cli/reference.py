"""The reference: the page about verbs, and all pages that are made from the code, as files.

C{python -m mcpgate.cli.reference DIRECTORY} writes them. What a page says is said by C{mcpgate.reference};
only the verbs are known here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import mcpgate
import mcpgate.testing
from mcpgate.cli.manual import CODES
from mcpgate.cli.tree import OF_ALL, Argument, Option, Verb, tree
from mcpgate.config.reference import reference_page
from mcpgate.reference.api import api_page
from mcpgate.reference.editors import editor_schema
from mcpgate.reference.metrics import metrics_page
from mcpgate.reference.reasons import reasons_page
from mcpgate.reference.record.page import record_page
from mcpgate.reference.words import MADE, plain, table


def pages(root: Verb) -> dict[str, str]:
    """All pages by the names of their files."""
    return {
        "api.md": api_page(mcpgate, mcpgate.testing),
        "configuration.md": reference_page(),
        "mcpgate.schema.json": editor_schema(),
        "metrics.md": metrics_page(),
        "reasons.md": reasons_page(),
        "record.md": record_page(),
        "verbs.md": verbs_page(root),
    }


def verbs_page(root: Verb) -> str:
    """The page about verbs, their options, and how they end."""
    parts = [
        "# Verbs",
        f"{MADE} Each verb tells the same with {' or '.join(f'`{name}`' for name in OF_ALL)}.",
        table(["verb", "does"], ((_link(verb), plain(verb.brief)) for verb in root.all() if not verb.verbs)),
    ]
    for verb in root.all():
        if verb is not root:
            parts += _verb(verb)
    parts += [
        "## Exit codes",
        "They are those of `sysexits.h`. A message on stderr says what, where and what to do; facts are on "
        "stdout, and with `--format json` nothing else is.",
        table(["code", "means"], ((str(code), words) for code, words in CODES.items())),
    ]
    return "\n\n".join(parts) + "\n"


def _link(verb: Verb) -> str:
    name = " ".join(verb.path)
    return f"[`{name}`](#{name.replace(' ', '-')})"


def _verb(verb: Verb) -> Iterator[str]:
    yield f"## {' '.join(verb.path)}"
    if verb.verbs:
        yield _paragraphs(verb)
        return
    words = [" ".join(verb.path), *(["[OPTION]..."] if verb.options else []), *_arguments(verb.arguments)]
    yield f"```text\n{' '.join(words)}\n```"
    yield _paragraphs(verb)
    if verb.options:
        rows = ((_typed(option), plain(option.help), _default(option)) for option in verb.options)
        yield table(["option", "does", "default"], rows)


def _paragraphs(verb: Verb) -> str:
    return "\n\n".join(map(plain, verb.paragraphs))


def _arguments(arguments: tuple[Argument, ...]) -> list[str]:
    return [argument.value for argument in arguments]


def _typed(option: Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.names)
    return f"{names} {option.value}".rstrip()


def _default(option: Option) -> str:
    default = "must be given" if option.required else plain(option.default)
    notes = [default, "several times" if option.multiple else ""]
    return "; ".join(filter(None, notes))


def main(directory: str) -> None:
    """Write all pages into a directory."""
    # Here and not above: the verbs themselves do not need it.
    from mcpgate.cli import cli

    for name, page in pages(tree(cli)).items():
        (Path(directory) / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
