"""Other readers of JSON: a message that we accept must mean to them what it means to us."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unicodedata import category, normalize

from mcpgate.wire.jsonrpc import PROTOCOL_NAMES


class Twice(ValueError):
    """An object has two members of one name."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Twice
    return found


def _first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _no_constant(name: str) -> object:
    raise ValueError(name)


def strict(body: bytes) -> Any:
    """By the standard library; C{ValueError} for what is not JSON, L{Twice} for doubled names."""
    return json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)


def lax(body: bytes) -> Iterator[Any]:
    """As others read: the last of two members, the first of them, and with names of any case as one."""
    text = body.decode("utf-8")
    for hook in (dict, _first):
        value = json.loads(text, object_pairs_hook=hook)
        yield value
        yield folded(value)


def folded(value: Any) -> Any:
    """A message whose members, and those of its params, are found under whatever reads like their name."""
    if not isinstance(value, dict):
        return value
    envelope = _folded_names(value)
    if isinstance(envelope.get("params"), dict):
        envelope["params"] = _folded_names(envelope["params"])
    return envelope


def _folded_names(value: dict[str, Any]) -> dict[str, Any]:
    names = {looks_like(name): name for name in PROTOCOL_NAMES}
    return {names.get(looks_like(name), name): member for name, member in value.items()}


def looks_like(name: str) -> str:
    """What a name looks like to readers that know no case, width or format characters."""
    seen = "".join(character for character in name if category(character) not in ("Cf", "Cc"))
    return normalize("NFKC", normalize("NFKC", seen).casefold())


def depth(value: Any) -> int:
    """How deep arrays and objects are nested."""
    deepest, level = 0, [value]
    while inside := [found for found in level if isinstance(found, dict | list)]:
        deepest += 1
        level = [
            member for found in inside for member in (found.values() if isinstance(found, dict) else found)
        ]
    return deepest


def same(one: Any, other: Any) -> bool:
    """Equal to the type, so that 1, 1.0 and true differ."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
