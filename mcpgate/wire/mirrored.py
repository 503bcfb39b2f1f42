"""C{Mcp-Param-*}: arguments that a tool's schema has its callers repeat in headers (C{x-mcp-header}).

2026-07-28, streamable HTTP, "Custom Headers from Tool Parameters". Which headers a tool has is only
told by C{tools/list}; what was learnt from it is compared with each call, what was not is forwarded,
as an intermediary must, and left to the upstream, which knows. An annotation that breaks a rule makes
the whole tool invalid to clients, so nothing is known of such a tool here.

The value is compared as its own type has it, whatever type the schema declares; that they differ is the
upstream's to refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import RequestHead, folded_name
from mcpgate.wire.sentinel import PREFIX, decode, encode

#: How many tools are remembered. A server with more is beyond what clients can show to a model; the
#: calls of those forgotten are still compared by the upstream.
TOOLS_MOST: Final = 4096
#: And how many characters of names they may take, as names are as long as an upstream likes. A thousand
#: tools with ten annotations each of a usual length come to a tenth of it.
CHARACTERS_MOST: Final = 4 * 1024 * 1024
#: No call can repeat more arguments: a head has 100 lines, and some say other things.
ANNOTATIONS_MOST: Final = 96
#: What every language holds exactly ("within the safe range for JavaScript").
INTEGER_MOST: Final = 2**53 - 1

ANNOTATION: Final = "x-mcp-header"
#: What all their names begin with.
HEADERS: Final = b"mcp-param-"

_TYPES: Final = frozenset({"string", "integer", "boolean"})
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# 42 and 42.0, no sign but minus, no leading zero, which is octal to some, and no exponent.
_INTEGER: Final = re.compile(r"(-?(?:0|[1-9][0-9]{0,15}))(?:\.0{1,16})?")

# JSON Schema 2020-12's keywords that hold schemas, by how. (definitions: from before $defs.) Others,
# such as default and examples, hold instances, in which the word is no annotation.
_ONE: Final = frozenset(
    {"items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames"}
    | {"unevaluatedProperties", "not", "if", "then", "else", "contentSchema"}
)
_SEVERAL: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
_NAMED: Final = frozenset({"patternProperties", "dependentSchemas", "$defs", "definitions"})

Retell = Callable[[str], str]
#: Where in the arguments a value is, and the type that the schema declares.
Source = tuple[tuple[str, ...], str]
#: A tool's headers by their names in lower case.
Annotations = Mapping[bytes, Source]


class Mirrors:
    """What was learnt of an upstream's tools. Of one that shows callers different ones, it takes several."""

    def __init__(self) -> None:
        self._tools: dict[str, Annotations] = {}
        self._characters = 0

    def __len__(self) -> int:
        return len(self._tools)

    def learn(self, tools: Sequence[object]) -> None:
        """Take what a C{tools/list} result says; for each tool the last word counts."""
        for tool in tools:
            if isinstance(tool, Mapping) and type(tool.get("name")) is str:
                self._learn(tool["name"], annotations_of(tool.get("inputSchema")))

    def _learn(self, name: str, annotations: Annotations) -> None:
        before = self._tools.pop(name, None)
        if before is not None:
            self._characters -= _characters(name, before)
        if not annotations:
            # Most tools: a call has nothing to compare.
            return
        self._tools[name] = annotations
        self._characters += _characters(name, annotations)
        while len(self._tools) > TOOLS_MOST or self._characters > CHARACTERS_MOST:
            oldest = next(iter(self._tools))
            self._characters -= _characters(oldest, self._tools.pop(oldest))

    def judge(self, name: str, arguments: Mapping[str, object], head: RequestHead) -> Refusal | None:
        """
        Why a call contradicts its C{Mcp-Param-*} headers, if it does by what is known of the tool.

        @param arguments: Those of the body, an object of JSON; an empty one where it has none.
        """
        annotations = self._tools.get(name)
        if annotations is None:
            return None
        fields = head.fields
        others: set[bytes] | None = None
        for header, (path, declared) in annotations.items():
            claimed = fields.get(header)
            why = _contradiction(claimed, _value_at(arguments, path), declared)
            if why is None and claimed is None:
                # Absent on both sides, but not to an upstream that reads "_" as "-".
                if others is None:
                    others = {folded_name(name) for name in fields if name not in annotations}
                if folded_name(header) in others:
                    why = "is there with - for _ or _ for -"
            if why is not None:
                # The header's name is a token, and no longer than a line of a tool that clients accept.
                return Refusal(Reason.MCP_HEADER, f"{header[:64].decode('ascii')} {why}")
        return None


    def retold(self, name: str, arguments: Mapping[str, object], forward: bytes, text: Retell) -> bytes:
        """
        The lines of a head for the upstream, with what repeats arguments as they are now.

        @param forward: Lines as C{wire.forward} writes them, names in lower case.
        @param text: What becomes of a value that repeats something which is not known here.
        """
        annotations = self._tools.get(name, {})
        lines = []
        for line in forward.split(b"\r\n"):
            header, _, value = line.partition(b": ")
            if header in annotations:
                now = _header_of(_value_at(arguments, annotations[header][0]))
                if now is not None:
                    lines.append(b"%b: %b" % (header, now))
            elif header.startswith(HEADERS):
                said = decode(value)
                lines.append(line if said is None else b"%b: %b" % (header, encode(text(said))))
            else:
                lines.append(line)
        return b"\r\n".join(lines)


def annotations_of(schema: object) -> Annotations:
    """The headers that a tool's C{inputSchema} asks for; none if any of its annotations is invalid."""
    return valid_annotations(schema) or {}


def valid_annotations(schema: object) -> Annotations | None:
    """The same; C{None} if any is invalid."""
    found: dict[bytes, Source] = {}
    for path, part in _schemas(schema):
        if ANNOTATION not in part:
            continue
        header, declared = part[ANNOTATION], part.get("type")
        if not path or type(header) is not str or not _TOKEN.fullmatch(header):
            return None
        if type(declared) is not str or declared not in _TYPES:
            return None
        name = HEADERS + header.lower().encode("ascii")
        if name in found or len(found) == ANNOTATIONS_MOST:
            return None
        found[name] = (path, declared)
    return found


def _schemas(root: object) -> Iterator[tuple[tuple[str, ...] | None, Mapping[str, object]]]:
    """Each schema within a schema, with its chain of C{properties}; C{None} where there is another step."""
    waiting: list[tuple[tuple[str, ...] | None, object]] = [((), root)]
    while waiting:
        path, part = waiting.pop()
        if not isinstance(part, Mapping):
            continue
        yield path, part
        for keyword, value in part.items():
            if keyword == "properties" and isinstance(value, Mapping):
                waiting += [(None if path is None else (*path, name), one) for name, one in value.items()]
            elif keyword in _NAMED and isinstance(value, Mapping):
                waiting += [(None, one) for one in value.values()]
            elif keyword in _SEVERAL and isinstance(value, Sequence) and not isinstance(value, str):
                waiting += [(None, one) for one in value]
            elif keyword in _ONE:
                waiting.append((None, value))


def _value_at(arguments: Mapping[str, object], path: tuple[str, ...]) -> object:
    """The value at a path, C{None} where there is none (null counts as none)."""
    value = arguments.get(path[0])
    for name in path[1:]:
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def _header_of(value: object) -> bytes | None:
    """How a header repeats a value; C{None} where none may."""
    if type(value) is str:
        return encode(value)
    if type(value) is bool:
        return b"true" if value else b"false"
    number = _integer(value)
    return None if number is None else str(number).encode()


def _contradiction(claimed: bytes | None, value: object, declared: str) -> str | None:
    """Why a header and an argument do not belong together."""
    if type(value) is str:
        if claimed is None:
            return "is missing"
        if value.isascii() and claimed == value.encode() and not claimed.startswith(PREFIX):
            return None
        text = decode(claimed)
        if text is None:
            return "is malformed"
        return None if text == value else "is not what the body says"
    number = _integer(value)
    if number is None and type(value) is not bool:
        # Null, absent, or nothing that a header can carry: a client that knows the rules sends none.
        return None if claimed is None else "is there, and the body has nothing that it could mirror"
    if claimed is None:
        return "is missing"
    text = decode(claimed)
    if text is None:
        return "is malformed"
    if number is None:
        return None if text == ("true" if value else "false") else "is not what the body says"
    if declared != "integer":
        return None if text == str(number) else "is not what the body says"
    match = _INTEGER.fullmatch(text)
    return None if match is not None and int(match[1]) == number else "is not what the body says"


def _integer(value: object) -> int | None:
    """A number as the whole number that it is, if it is one that headers may carry."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and -INTEGER_MOST <= value <= INTEGER_MOST else None


def _characters(name: str, annotations: Annotations) -> int:
    return len(name) + sum(len(header) + sum(map(len, path)) for header, (path, _) in annotations.items())
