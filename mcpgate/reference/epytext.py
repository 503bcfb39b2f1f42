"""Docstrings as Markdown: as much of epytext as this code base writes (pure).

That is inline markup (C{C{code}}, C{L{name}}), fields (C{@param x:}, C{@raise Error:}) and blocks that are
indented. Sphinx reads another markup, and pydoctor makes pages that stand beside all others.
"""

from __future__ import annotations

import re
from inspect import cleandoc

_INLINE = re.compile(r"([A-Z])\{((?:[^{}]|\{[^{}]*\})*)\}")
_MARKS = {"C": "`", "L": "`", "I": "*", "B": "**", "U": ""}
_FIELD = re.compile(r"@(\w+)(?: ([^:]+))?:(.*)", re.DOTALL)
#: What a list of fields begins with; parameters and values of an instance need no heading.
_HEADS = {"return": "Returns", "raise": "Raises", "raises": "Raises"}


def markdown(docstring: str) -> str:
    """
    A docstring as paragraphs, blocks and a list of its fields.

    >>> markdown("A C{word}.")
    'A `word`.'
    """
    parts: list[str] = []
    fields: list[str] = []
    for part in re.split(r"\n[ \t]*\n", cleandoc(docstring)):
        lines = part.split("\n")
        if all(line.startswith("    ") for line in lines):
            parts.append("```text\n" + "\n".join(line[4:] for line in lines) + "\n```")
            continue
        begin = next((place for place, line in enumerate(lines) if line.startswith("@")), len(lines))
        if begin:
            parts.append(_listed(lines[:begin]))
        fields += _fields(lines[begin:])
    return "\n\n".join([*parts, "\n".join(fields)] if fields else parts)


def inline(text: str) -> str:
    """One text, with what is marked in it."""
    return _INLINE.sub(lambda found: _marked(found[0], found[1], found[2]), text)


def _marked(whole: str, tag: str, text: str) -> str:
    mark = _MARKS.get(tag)
    return whole if mark is None else f"{mark}{text}{mark}"


def _listed(lines: list[str]) -> str:
    """A paragraph in one line; one of a list, with its items."""
    if any(re.match(r"\s*- ", line) for line in lines):
        return "\n".join(inline(line.removeprefix(" ")) for line in lines)
    words = inline(" ".join(line.strip() for line in lines))
    # Two colons announce a block.
    return words[:-1] if words.endswith("::") else words


def _fields(lines: list[str]) -> list[str]:
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("@"):
            found.append([line])
        else:
            found[-1].append(line.strip())
    return [_field(" ".join(each)) for each in found]


def _field(text: str) -> str:
    match = _FIELD.fullmatch(text)
    if match is None:
        raise ValueError(f"is no field: {text!r}")
    tag, name, words = match[1], match[2], inline(match[3].strip())
    head = " ".join(part for part in (_HEADS.get(tag, ""), f"`{name}`" if name else "") if part)
    return f"- {head}: {words}"
