"""Words of docstrings as pages have them, and tables of Markdown (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: What stands below the title of each page.
MADE = "Made from the code by `make reference`; do not edit."


def sentence(cls: type) -> str:
    """A table class's docstring without the markup of its first words."""
    words = " ".join((cls.__doc__ or "").partition(": ")[2].partition("\n\n")[0].split())
    return words[:1].upper() + words[1:]


def plain(text: str) -> str:
    """Text that is no Markdown, as Markdown."""
    return re.sub(r"([*<`])", r"\\\1", text)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; what would end a cell is escaped."""
    lines = [list(heads), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    ruled = ("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return "\n".join(ruled).replace("| --- ", "|---").replace("---|---", "---|---")
