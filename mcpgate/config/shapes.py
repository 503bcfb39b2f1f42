"""What an editor can know of a single value: the shapes of forms, as JSON Schema says them (pure).

A shape is never stricter than its form: what a form takes, a shape takes. It says less where only reading
tells, such as whether an expression is one, so C{mcpgate check} has the last word. Nothing here goes beyond
draft 4 of JSON Schema, which is what editors of TOML understand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

#: A schema, or a part of one.
Shape = Mapping[str, object]

#: A text that says something.
TEXT: Shape = {"type": "string", "minLength": 1}
BOOLEAN: Shape = {"type": "boolean"}
#: What is said or left out.
AFFIRMED: Shape = {"enum": [True]}


def matching(expression: re.Pattern[str] | str) -> Shape:
    """A text that an expression is about as a whole; one that a browser's engine understands, too."""
    source = expression if isinstance(expression, str) else expression.pattern
    return {"type": "string", "pattern": f"^(?:{source})$"}


def beginning(*begins: str) -> Shape:
    """A text that begins in one of some ways, in capitals or not."""
    folded = ("".join(f"[{c}{c.upper()}]" if c.isalpha() else re.escape(c) for c in each) for each in begins)
    return {"type": "string", "pattern": f"^(?:{'|'.join(folded)})"}


def among(words: Iterable[object]) -> Shape:
    """One of a few values."""
    return {"enum": list(words)}


def whole(least: int, most: int) -> Shape:
    """A whole number within bounds."""
    return {"type": "integer", "minimum": least, "maximum": most}


def quantity(units: Iterable[str]) -> Shape:
    """A number with a unit. Its bounds are not said: only arithmetic would tell."""
    return matching(f"[0-9]{{1,9}}(?:{'|'.join(units)})")


def either(*shapes: Shape) -> Shape:
    """Any of several."""
    return {"anyOf": list(shapes)}


def listed(shape: Shape) -> Shape:
    """A list of such values; an empty one has two plausible readings, so there is none."""
    return {"type": "array", "items": shape, "minItems": 1}
