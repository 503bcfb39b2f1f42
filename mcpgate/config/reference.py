"""What C{mcpgate explain} says of keys and reasons, and the page about keys: from the schema and L{Reason}.

Written nowhere by hand, so it cannot fall behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from textwrap import fill, indent

from attrs import NOTHING, Attribute, Factory, fields, frozen

from mcpgate.config import schema
from mcpgate.config.advice import ADVICE
from mcpgate.config.draft import is_open, key_of
from mcpgate.config.problem import nearest
from mcpgate.config.tables.gate import RootTable
from mcpgate.reasons import ANSWERS, PLAINTEXT, Answer, Reason
from mcpgate.reference.words import MADE, plain, sentence, table

# Terminals are at least 80 wide; text this narrow is easy to read.
WIDTH = 78

#: What refuses a connection before a handshake, so that only the record can say it.
UNTOLD = frozenset(
    {
        Reason.PROXY_HEADER,
        Reason.PROXY_UNTRUSTED,
        Reason.LIMIT_CONNECTIONS,
        Reason.LIMIT_ADDRESS,
        Reason.LIMIT_HANDSHAKES,
    }
)


@frozen
class Key:
    """A key as the file writes it, and in words: what it is, what it wants, what it is by default."""

    name: str
    help: str
    want: str
    default: str
    example: str


def tables() -> Iterator[tuple[str, str, tuple[Key, ...]]]:
    """Each table as the file writes it, what it is, and its keys; first what stands before them all."""
    for path, cls in _tables():
        keys = tuple(
            Key(
                _written(option),
                option.metadata["help"],
                _said(option),
                _default(option),
                option.metadata["example"],
            )
            for option in _options(cls)
        )
        yield _heading(path) if path else "", sentence(cls), keys


def explain(word: str) -> str | None:
    """What a key (C{upstream.pins}), a table (C{upstream}) or a reason (C{tls.pin}) means.

    The first part of reasons (C{tls}) means all of them. Paths as messages write them, such as
    C{upstream.git.pins[0]}, mean their key. C{None} for a word that is none of these.
    """
    word = word.strip().lower()
    # A word may be several: upstream is a table, and what reasons begin with.
    entries = [_of_schema(word), _reason(Reason(word)) if word in set(Reason) else None, _reasons(word)]
    return "\n\n".join(entry for entry in entries if entry is not None) or None


def _of_schema(word: str) -> str | None:
    path = re.sub(r"\[[^]]*\]", "", word)
    tables = dict(_tables())
    # upstream.git.pins: without the name it is upstream.pins, unless that is a key by itself.
    for candidate in (path, re.sub(rf"^({'|'.join(schema.REPEATED)})\.[a-z0-9_-]+(?=\.)", r"\1", path)):
        if candidate in tables and candidate:
            return _table(candidate, tables[candidate])
        for name, cls in tables.items():
            key = candidate.removeprefix(f"{name}.") if name else candidate
            if key != candidate or not name:
                for option in _options(cls):
                    if _is_for(option, key.replace('"', "")):
                        return _key(f"{name}.{key_of(option)}" if name else key_of(option), option)
    return None


def _is_for(option: Attribute[object], key: str) -> bool:
    """Whether a key is this option's, or one of those that it is for."""
    if "form" not in option.metadata:
        return False
    begin = option.metadata.get("opens")
    opened = begin is not None and key.startswith(begin) and key != begin
    return key == key_of(option).lower() or opened


def suggestion(word: str) -> str | None:
    """The word that L{explain} knows and that was probably meant."""
    return nearest(word, topics())


def topics() -> tuple[str, ...]:
    """Every word that L{explain} knows: tables, their keys, kinds of reasons, reasons."""
    names = []
    for path, cls in _tables():
        own = [key_of(option) for option in _options(cls) if "form" in option.metadata]
        names += [path, *(f"{path}.{key}" for key in own)] if path else own
    kinds = dict.fromkeys(reason.value.partition(".")[0] for reason in Reason)
    return tuple(dict.fromkeys((*names, *kinds, *(reason.value for reason in Reason))))


def reference_page() -> str:
    """The Markdown page of all tables and keys."""
    parts = [
        "# Configuration",
        f'{MADE} Durations are written `"30s"` '
        '(ms, s, m, h, d), sizes `"64KiB"` (B, KiB, MiB, GiB). Relative paths start from the directory of '
        "the configuration file. A secret is referred to by `file:PATH`, `env:NAME` or `credential:NAME`, "
        "and never stands in the file.",
        "`mcpgate explain upstream.pins` says the same as this page. Editors complete keys and mark mistakes "
        "by [mcpgate.schema.json](mcpgate.schema.json), a JSON schema of the file: those with Taplo inside, "
        "such as Even Better TOML of Visual Studio Code, are told by the file's first line, `#:schema "
        "PATH-OR-URL`, which `mcpgate init` writes where the schema is installed (`share/mcpgate` below the "
        "prefix). It knows keys, kinds of values, words and defaults; whether a file is good is what "
        "`mcpgate check` says.",
    ]
    for path, cls in _tables():
        parts.append(f"## {_heading(path)}" if path else "## Before the first table")
        parts.append(sentence(cls))
        parts.append(_markdown_table(cls))
    return "\n\n".join(parts) + "\n"


def _tables() -> Iterator[tuple[str, type]]:
    """Each table with its path, those inside another after it."""
    for path, cls in (("", RootTable), *schema.SINGLE.items(), *schema.REPEATED.items()):
        yield path, cls
        for option in _options(cls):
            if "table" in option.metadata:
                yield f"{path}.{option.name}", option.metadata["table"]


def _options(cls: type | None) -> Iterable[Attribute[object]]:
    # What is of its own comes before what it shares with others.
    every = fields(cls) if cls is not None else ()
    return sorted(every, key=lambda option: bool(getattr(option, "inherited", False)))


def _heading(path: str) -> str:
    if path in schema.SINGLE:
        return f"[{path}]"
    return f"[[{path}]]" if path in schema.REPEATED else path


def _default(option: Attribute[object]) -> str:
    if option.default is NOTHING:
        return "none: it must be given"
    if option.default is None or option.default == () or isinstance(option.default, Factory):  # type: ignore[arg-type]
        return "none"
    return str(option.metadata["form"].show(option.default))


def _written(option: Attribute[object]) -> str:
    """A key as TOML wants it: with a dot in it, in quotes."""
    key = key_of(option)
    return f'"{key}"' if "." in key or is_open(option) else key


def _said(option: Attribute[object]) -> str:
    return str(option.metadata["form"].said) if "form" in option.metadata else "a table"


def _paragraph(text: str) -> str:
    return indent(fill(text, WIDTH - 2), "  ")


def _key(path: str, option: Attribute[object]) -> str:
    facts = [
        f"  want:     {_said(option)}",
        f"  default:  {_default(option)}",
        f"  example:  {_written(option)} = {option.metadata['example']}",
    ]
    return "\n".join([path, _paragraph(option.metadata["help"]), "", *facts])


def _table(path: str, cls: type) -> str:
    options = list(_options(cls))
    width = max(len(key_of(option)) for option in options)
    keys = [f"  {key_of(option):<{width}}  {option.metadata['help']}" for option in options]
    return "\n".join([_heading(path), _paragraph(sentence(cls)), "", *keys])


def answered(reason: Reason) -> str:
    """What a caller is told, in a sentence."""
    if reason is Reason.CLIENT_GONE:
        return "There is nobody left to be told."
    if reason is Reason.TLS_PLAINTEXT:
        # The one that can be told on its own leg, as the caller waits for an answer in clear text.
        return f"The caller is told: {_told(PLAINTEXT)}"
    if reason in UNTOLD:
        return "The caller is told nothing: its connection is closed before there is TLS to answer on."
    # On its own leg a caller whose handshake failed has no session to be told anything on.
    outbound = reason.value.startswith("tls.")
    when = "Where it happens towards the upstream, the caller" if outbound else "The caller"
    return f"{when} is told: {_told(ANSWERS[reason])}"


def _told(answer: Answer) -> str:
    return f"HTTP {answer.status}, JSON-RPC error {answer.code}, {answer.words}"


def _reason(reason: Reason) -> str:
    return "\n".join([reason.value, _paragraph(ADVICE[reason]), "", _paragraph(answered(reason))])


def _reasons(prefix: str) -> str | None:
    """All reasons of one kind, each with the first sentence of what it means."""
    found = [reason for reason in Reason if reason.value.startswith(f"{prefix}.")]
    if not found:
        return None
    width = max(len(reason.value) for reason in found)
    lines = [f"  {reason.value:<{width}}  {_first_sentence(ADVICE[reason])}" for reason in found]
    return "\n".join([f"Reasons that begin with {prefix}.", "", *lines])


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".") + "."


def _markdown_table(cls: type) -> str:
    rows = (
        (f"`{key_of(option)}`", *map(plain, (option.metadata["help"], _said(option), _default(option))))
        for option in _options(cls)
    )
    return table(["key", "what it is", "want", "default"], rows)
