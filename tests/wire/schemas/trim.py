"""Writes a published schema again without its descriptions, a definition a line.

    python -m tests.wire.schemas.trim <schema.json >tests/wire/schemas/REVISION.json
"""

from __future__ import annotations

import json
import sys


def trimmed(node: object) -> object:
    """The same schema without text for readers. A property may be called description: that one stays."""
    if isinstance(node, list):
        return [trimmed(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        name: trimmed(value)
        for name, value in node.items()
        if not (name in ("description", "title", "$id", "$schema") and isinstance(value, str))
    }


def lines(schema: dict[str, dict[str, object]]) -> str:
    """The definitions of a schema, under the name that JSON Schema gives them today."""
    definitions = schema.get("$defs") or schema["definitions"]
    rows = [
        f"  {json.dumps(name)}: {json.dumps(trimmed(definitions[name]), sort_keys=True)}"
        for name in sorted(definitions)
    ]
    return '{"$defs": {\n' + ",\n".join(rows).replace("#/definitions/", "#/$defs/") + "\n}}\n"


if __name__ == "__main__":
    sys.stdout.write(lines(json.load(sys.stdin)))
