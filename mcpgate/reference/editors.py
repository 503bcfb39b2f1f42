"""A JSON Schema of the configuration, for editors that complete and check while one types (pure).

It says what the schema of ours says of single keys, and nothing about how tables belong together: that is
C{mcpgate check}'s. An included file is one of these, too, so no table is demanded of a file.
"""

from __future__ import annotations

import json
import re
import tomllib

from attrs import NOTHING, Attribute, Factory, fields

from mcpgate.config import schema
from mcpgate.config.draft import is_open, key_of
from mcpgate.config.forms import Form
from mcpgate.config.shapes import AFFIRMED, Shape, listed
from mcpgate.config.tables.gate import RootTable
from mcpgate.reference.words import sentence

#: What editors of TOML understand: Taplo, which most of them have inside, is at home in draft 4.
DRAFT = "http://json-schema.org/draft-04/schema#"


def editor_schema() -> str:
    """The whole schema, as the file that is published."""
    top = _table(RootTable)
    tables: dict[str, object] = {name: _table(cls) for name, cls in schema.SINGLE.items()}
    tables |= {
        name: {"type": "array", "description": sentence(cls), "items": _table(cls), "minItems": 1}
        for name, cls in schema.REPEATED.items()
    }
    top["properties"] = {**_named(RootTable), **tables}
    whole = {"$schema": DRAFT, "title": "The configuration of mcpgate", **top}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _named(cls: type) -> dict[str, Shape]:
    return {key_of(option): _key(option) for option in fields(cls) if not is_open(option)}


def _table(cls: type) -> dict[str, object]:
    opened: dict[str, object] = {}
    others: object = False
    for option in filter(is_open, fields(cls)):
        if option.metadata["opens"]:
            opened[f"^{re.escape(option.metadata['opens'])}."] = _key(option)
        else:
            # Whatever key it is, as in where: a path of the params.
            others = _key(option)
    needed = [key_of(option) for option in fields(cls) if option.default is NOTHING]
    found: dict[str, object] = {
        "type": "object",
        "description": sentence(cls),
        "properties": _named(cls),
    }
    if opened:
        found["patternProperties"] = opened
    if needed:
        found["required"] = needed
    return {**found, "additionalProperties": others}


def _key(option: Attribute[object]) -> Shape:
    described = {"description": option.metadata["help"]}
    if "table" in option.metadata:
        return {**_table(option.metadata["table"]), **described}
    form: Form = option.metadata["form"]
    described["description"] += f" Want: {form.said}."
    shape = form.shape
    if form.many:
        shape = {"anyOf": [form.shape, listed(form.shape)]} if form.lone else listed(form.shape)
    found = {**described, **shape}
    default = option.default
    if default is not NOTHING and default not in (None, (), "") and not _made(default):
        raw = tomllib.loads(f"key = {form.show(default)}")["key"]
        # Of a key that can only be true the default is that it is not there.
        if shape != AFFIRMED:
            found["default"] = raw
    return found


def _made(default: object) -> bool:
    return isinstance(default, Factory)  # type: ignore[arg-type]
