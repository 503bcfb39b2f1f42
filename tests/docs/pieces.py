"""Pieces of configuration, as pages show them, put into a whole one (pure).

What a reader does with an editor: a table of a name that is there gets the keys of the piece, another one is
added. Rules, which have no order, and the like are told apart by their names, routes by their paths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

#: What tells the tables of one kind apart.
_NAMES = ("name", "path")


def put_into(whole: Mapping[str, Any], piece: Mapping[str, Any]) -> dict[str, Any]:
    """The whole with the piece in it."""
    out = dict(whole)
    for key, value in piece.items():
        if isinstance(value, dict):
            out[key] = {**out.get(key, {}), **value}
        elif _are_tables(value):
            out[key] = _several(list(out.get(key, [])), value)
        else:
            out[key] = value
    return out


def _are_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _several(there: list[dict[str, Any]], more: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for table in more:
        at = next((at for at, one in enumerate(there) if _same(one, table)), None)
        if at is None:
            there.append(table)
        else:
            there[at] = {**there[at], **table}
    return there


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    name = next((name for name in _NAMES if name in other), None)
    return name is not None and one.get(name) == other[name]


def written(whole: Mapping[str, Any]) -> str:
    """It, as TOML."""
    return "\n".join(_lines(whole)) + "\n"


def _lines(whole: Mapping[str, Any]) -> Iterator[str]:
    tables = {}
    for key, value in whole.items():
        if isinstance(value, dict) or _are_tables(value):
            tables[key] = value
        else:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in tables.items():
        for table in [value] if isinstance(value, dict) else value:
            yield f"[{_key(key)}]" if isinstance(value, dict) else f"[[{_key(key)}]]"
            yield from (f"{_key(name)} = {_value(one)}" for name, one in table.items())


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + " }"
    return str(value)


def _text(text: str) -> str:
    # JSON's escapes are TOML's, except that TOML also wants DEL escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
