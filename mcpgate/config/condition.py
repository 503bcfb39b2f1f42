"""Conditions on what a message brings (C{where}): where a value stands, and what it must be.

A path goes from the C{params} of the message down: C{arguments.path}, C{arguments.items[].id}; C{[]} is
each element of a list, and a name with other characters stands in quotes, C{arguments."a.b"}. How a
condition is judged, and what counts as a failure to judge, is said in C{policy.where}.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from mcpgate.config import forms, shapes
from mcpgate.config.forms import Form, kind_of, toml
from mcpgate.config.problem import did_you_mean, quoted
from mcpgate.config.shapes import Shape

#: A scalar of JSON that a condition can name.
Scalar = str | int | float | bool

# Enough for any argument that a person has seen; the whole is walked for each call that a rule is about.
PATH_LENGTH = 256

_STEP = re.compile(r'(?P<name>[^."\[\]]+|"[^"]+")(?P<each>(?:\[\])*)(?:\.|\Z)')


@frozen
class Each:
    """A step into each element of a list."""


EACH: Final = Each()


@frozen
class Condition:
    """
    What a value must be: any of C{equal} (a text may be a pattern), within C{least} and C{most}, null, or
    whether there must be one at all.
    """

    equal: tuple[Scalar, ...] = ()
    least: float | None = None
    most: float | None = None
    null: bool = False
    present: bool | None = None


def read_path(text: str) -> tuple[str | Each, ...]:
    """
    The steps of a path.

    @raise ValueError: it is none; with the rest of a sentence that begins at the path.
    """
    steps: list[str | Each] = []
    position = 0
    if len(text) > PATH_LENGTH:
        raise ValueError(f"is longer than {PATH_LENGTH} characters")
    while position < len(text) or not steps:
        match = _STEP.match(text, position)
        if match is None or match.end() == position:
            raise ValueError('is no path; want names between dots, such as "arguments.items[].id"')
        steps.append(match["name"].strip('"'))
        steps += [EACH] * (len(match["each"]) // 2)
        position = match.end()
    if text.endswith("."):
        raise ValueError("ends with a dot")
    return tuple(steps)


_SCALAR: Shape = {"type": ["string", "number", "boolean"]}


def _only(**keys: Shape) -> Shape:
    return {"type": "object", "properties": keys, "additionalProperties": False, "minProperties": 1}


_NUMBER: Shape = {"type": "number"}
_SHAPE = shapes.either(
    _SCALAR,
    shapes.listed(_SCALAR),
    _only(min=_NUMBER, max=_NUMBER),
    _only(present=shapes.BOOLEAN),
    _only(null=shapes.AFFIRMED),
)


def condition() -> Form:
    """What must hold of one value of a message."""
    said = (
        "a text (exact, with * and ?, or ^regex$), a number, true or false, a list of them, "
        "{ min = 1, max = 100 }, { present = false } or { null = true }"
    )

    def read(raw: object, base: Path) -> Condition:
        if isinstance(raw, dict):
            return _table(raw)
        if isinstance(raw, list):
            if not raw:
                raise ValueError("is an empty list; leave the key out instead")
            return Condition(tuple(_scalar(item) for item in raw))
        return Condition((_scalar(raw),))

    return Form(said, read, show=_shown, shape=_SHAPE)


def _scalar(raw: object) -> Scalar:
    if isinstance(raw, str):
        # Here an empty text is a value like others.
        return forms.read_pattern(raw) if raw else raw
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, int | float):
        return _number(raw)
    raise ValueError(f"has {kind_of(raw)} in it; want a text, a number, true or false")


def _number(raw: object) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError(f"has {kind_of(raw)} where a number belongs")
    if isinstance(raw, float) and not math.isfinite(raw):
        raise ValueError("has a number in it that JSON does not have")
    return raw


_KEYS = ("min", "max", "present", "null")


def _table(raw: Mapping[str, object]) -> Condition:
    for key in raw:
        if key not in _KEYS:
            hint = did_you_mean(key, _KEYS)
            raise ValueError(
                f"is a table with {quoted(key)} in it{hint}. A path of several names stands in quotes, "
                'such as "arguments.path"'
            )
    keys = set(raw)
    if not keys or len(keys) > 1 and not keys <= {"min", "max"}:
        raise ValueError("is a table; want min and max, or one of present and null")
    if keys <= {"min", "max"}:
        least, most = (_number(raw[key]) if key in raw else None for key in ("min", "max"))
        if least is not None and most is not None and least > most:
            raise ValueError("has a min that is larger than its max, so nothing lies between")
        return Condition(least=least, most=most)
    (key,) = keys
    said = raw[key]
    if not isinstance(said, bool):
        raise ValueError(f"has {kind_of(said)} for {key}; want true or false")
    if key == "present":
        return Condition(present=said)
    if not said:
        raise ValueError("has null = false; want { null = true }, or another condition")
    return Condition(null=True)


def _shown(condition: Condition) -> str:
    if condition.equal:
        each = [toml(item) for item in condition.equal]
        return each[0] if len(each) == 1 else "[" + ", ".join(each) + "]"
    if condition.null:
        return "{ null = true }"
    if condition.present is not None:
        return f"{{ present = {toml(condition.present)} }}"
    bounds = (("min", condition.least), ("max", condition.most))
    return "{ " + ", ".join(f"{key} = {value:g}" for key, value in bounds if value is not None) + " }"
