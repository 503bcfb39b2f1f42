"""Reads the published schemas of MCP: which messages they have, and what stands in them.

A field is told by its path, in the notation of C{mcpgate.wire.mcp}.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parent / "schemas"

#: What a field may hold: an object or array that is described further (a node), a string that anybody
#: may choose, one that is a URI or Base64, or any JSON at all. Words of a closed set are nodes.
NODE, STRING, URI, BYTES, FREE = "node", "string", "uri", "bytes", "free"
_FORMATS = {"uri": URI, "byte": BYTES}


class Schema:
    """The definitions of one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        text = (SCHEMAS / f"{name}.json").read_text(encoding="utf-8")
        self.defs: dict[str, Any] = json.loads(text)["$defs"]

    def union(self, name: str) -> dict[str, str]:
        """The definition of each method in a union such as ClientRequest; none if there is no such union."""
        if name not in self.defs:
            return {}
        # 2026-07-28 has one notification of clients, so its union is that notification itself.
        members = [each["$ref"] for each in self.defs[name].get("anyOf", [])] or [f"#/$defs/{name}"]
        return {self.method(ref.removeprefix("#/$defs/")): ref.removeprefix("#/$defs/") for ref in members}

    def method(self, definition: str) -> str:
        """The method that a definition of a message is for."""
        (const,) = {
            each["const"] for each in self.members(self.defs[definition], "method") if "const" in each
        }
        return str(const)

    def members(self, node: Mapping[str, Any], name: str) -> list[Any]:
        """All that is said of one member of an object."""
        if "$ref" in node:
            return self.members(self.defs[node["$ref"].removeprefix("#/$defs/")], name)
        found = [node["properties"][name]] if name in node.get("properties", {}) else []
        for part in (*node.get("allOf", ()), *node.get("anyOf", ())):
            found += self.members(part, name)
        return found

    def fields(self, node: Any, path: str = "", within: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
        """Each field below a node, with what it holds."""
        if node is True or node == {}:
            yield path, FREE
            return
        yield path, NODE
        if "$ref" in node:
            name = node["$ref"].removeprefix("#/$defs/")
            if name in within:
                yield path, FREE  # JSON, told in terms of itself
            else:
                yield from self.fields(self.defs[name], path, (*within, name))
        parts = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
        for part in parts:
            yield from self.fields(part, path, within)
        if "const" in node or "enum" in node:
            return
        types = node.get("type", ())
        types = (types,) if isinstance(types, str) else types
        if "string" in types:
            yield path, _FORMATS.get(node.get("format"), STRING)
        if "array" in types:
            yield from self.fields(node.get("items", {}), f"{path}[]", within)
        for name, member in node.get("properties", {}).items():
            yield from self.fields(member, f"{path}.{name}" if path else name, within)
        more = node.get("additionalProperties")
        if more is None and "object" in types and not parts and "properties" not in node:
            more = {}
        if more is not None and more is not False:
            yield from self.fields(more, f"{path}{{}}", within)


@cache
def schema(name: str) -> Schema:
    """A revision's schema, or that of the tasks extension."""
    return Schema(name)
