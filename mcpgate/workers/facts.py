"""The facts of several workers as those of one gate; pure.

What is counted is added up, listeners and upstreams by their names; what is the same everywhere is
taken from the first. So whatever a worker begins to count, all workers count together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: Numbers that belong to the configuration or to one process, and would mean nothing added up.
FIXED = frozenset(
    {"generation", "process", "limits", "tokens", "pins", "descriptors", "serial", "keys", "definitions"}
    | {"segment"}
)
#: Numbers of which the largest counts.
LARGEST = frozenset({"most_of_one_address", "unsealed"})


def together(several: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One set of facts out of those of each worker."""
    keys = dict.fromkeys(key for facts in several for key in facts)
    return {key: _value(key, [facts[key] for facts in several if key in facts]) for key in keys}


def _value(key: str, values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    if not known:
        return None
    first = known[0]
    if key in FIXED:
        return first
    if all(_is_number(value) for value in known):
        return max(known) if key in LARGEST else sum(known)
    if all(isinstance(value, Mapping) for value in known):
        return together(known)
    if all(_is_rows(value) for value in known):
        return _rows(known)
    if all(isinstance(value, bool) for value in known):
        return any(known)
    return first


def _rows(several: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Rows of the same name are one."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for table in several:
        for row in table:
            rows.setdefault(row["name"], []).append(row)
    return [together(same) for same in rows.values()]


def counted(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Only what a worker counts: what is left is the same for all, and told once."""
    counts: dict[str, Any] = {}
    for key, value in facts.items():
        if key in FIXED:
            continue
        if _is_number(value):
            counts[key] = value
        elif isinstance(value, Mapping) and (inside := counted(value)):
            counts[key] = inside
        elif _is_rows(value) and value:
            counts[key] = [{"name": row["name"], **counted(row)} for row in value]
    return counts


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, Mapping) and "name" in row for row in value)
