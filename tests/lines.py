"""Whether a line is one that the reference describes, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mcpgate.reference.record.field import HEAD, PLACE, Field
from mcpgate.reference.record.page import RECORDS

_KNOWN = {each.name: (*HEAD, *each.fields, *PLACE) for each in RECORDS}


def strange(record: Mapping[str, object]) -> list[str]:
    """What of a record is not as it is described here; nothing, if all is well."""
    fields = _KNOWN.get(str(record.get("type")))
    if fields is None:
        return [f"no type of line is named {record.get('type')!r}"]
    return list(_judge(record, fields, str(record["type"]), int(str(record.get("v")))))


def _judge(found: Mapping[str, object], fields: Iterable[Field], path: str, version: int) -> Iterator[str]:
    known = {each.name: each for each in fields}
    for name in found.keys() - known.keys():
        yield f"{path}.{name} is not described"
    for name, field in known.items():
        if name in found:
            yield from _value(found[name], field.kind, field, f"{path}.{name}", version)
        elif field.always and field.since <= version and field not in PLACE:
            yield f"{path}.{name} is missing"


def _value(value: object, kind: str, field: Field, path: str, version: int) -> Iterator[str]:
    if value is None and kind.endswith("?"):
        return
    kind = kind.removesuffix("?")
    each, _, of = kind.partition(" of ")
    if of and isinstance(value, Mapping if each == "map" else list):
        items = value.values() if isinstance(value, Mapping) else value
        for item in items:  # type: ignore[attr-defined]
            yield from _value(item, of, field, path, version)
    elif isinstance(value, Mapping) and kind == "object":
        yield from _judge(value, field.inner, path, version)
    elif of or not isinstance(value, _TYPES[kind]) or isinstance(value, bool) != (kind == "boolean"):
        yield f"{path} is no {kind}"


_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": Mapping,
}
