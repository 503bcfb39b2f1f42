"""Whether another value may stand in a document of a JSON Schema: a small walk that only says yes when sure.

A client that has a tool's C{outputSchema} refuses a C{structuredContent} that does not fit it, so what
stands in the place of a masked value must. That is no question for a validator, which would follow what
an upstream wrote to wherever that leads. What is asked here is less: whether I{every} schema that could
apply to the leaf says of the new value what it said of the old one. Then nothing has changed for any
combination of them (C{allOf}, C{anyOf}, C{oneOf}, C{not}, C{if} ...), as these are made of what their
parts say. The document fits as well as it did.

What cannot be answered so is answered no: references that lead out of the schema or into the dark,
C{const} and C{enum} of whatever holds the leaf, patterns beyond what RE2 and ECMAScript read alike,
formats and numbers of an odd kind. Nothing is fetched, patterns are matched in linear time, and what is
looked at is bounded by L{STEPS_MOST}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from ipaddress import IPv4Address, IPv6Address
from math import isfinite
from types import MappingProxyType
from urllib.parse import urlsplit

from mcpgate.policy.regex import Regex

#: What is looked at for one document: schemas, and what they say of leaves, at 1 us each. A result with a
#: thousand masked leaves, each with ten keywords in schemas of their own, takes some thirty thousand.
STEPS_MOST = 100_000
#: Characters of a value that a pattern or format reads for one step, or values of an C{enum}.
READ_PER_STEP = 32
#: What it takes in steps to compile a pattern.
COMPILED = 50
#: Characters of a pattern, and instructions of RE2 that it may compile to. Patterns of e-mails and dates
#: have less than a hundred characters, and take less than three hundred.
PATTERN_MOST = 256
PROGRAM_MOST = 1000

#: What RE2 and ECMAScript read alike, of texts in ASCII: no escape but these, no look-around, no
#: classes within classes, no flags.
_ALIKE = re.compile(r"(?:[ -\[\]^-~]|\\[dDwWsSbB.\\/+*?()\[\]{}|^$-])*", re.ASCII)
_ODD = re.compile(r"\(\?(?!:)|\[\[|\[\^?\]|[*+?}]\+|\{,")

#: These hold schemas by names that are not keywords.
_NAMED = ("properties", "patternProperties")
#: In place: what they hold applies to the same value.
_ALL_OF = ("allOf", "anyOf", "oneOf")
_ONE = ("not", "if", "then", "else")
#: What leads elsewhere, or asserts what is not understood here.
_DARK = frozenset(
    {"$dynamicRef", "$recursiveRef", "formatMinimum", "formatMaximum"}
    | {"formatExclusiveMinimum", "formatExclusiveMaximum", "discriminator"}
)

JsonPath = Sequence[str | int]
#: What a keyword says of a value: called with what it is given, and the value.
_Say = Callable[[object, object], bool]


class _Unclear(Exception):
    """It cannot be said."""


class Fitting:
    """Whether values fit, in one document of one schema."""

    def __init__(self, schema: Mapping[str, object]) -> None:
        self._root = schema
        self._steps = 0
        self._known: dict[tuple[str | int, ...], list[Mapping[str, object]]] = {}
        self._patterns: dict[str, Regex | None] = {}

    def leaf(self, path: JsonPath, old: object, new: object) -> bool:
        """Whether a leaf, a string or a number, may change so."""
        with suppress(_Unclear):
            return all(self._same(schema, old, new) for schema in self._at(tuple(path)))
        return False

    def key(self, path: JsonPath, old: str, new: str) -> bool:
        """Whether a member of the object at the path may change its name so."""
        with suppress(_Unclear):
            return all(self._same_name(schema, old, new) for schema in self._holding(tuple(path)))
        return False

    def differs(self, path: JsonPath) -> bool:
        """Whether no two elements of an array that holds the leaf may be equal."""
        with suppress(_Unclear):
            for end in range(len(path)):
                schemas = self._at(tuple(path[:end]))
                self._spend(1 + len(schemas))
                if any(schema.get("uniqueItems") for schema in schemas):
                    return True
            return False
        return True

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > STEPS_MOST:
            raise _Unclear

    def _holding(self, path: tuple[str | int, ...]) -> list[Mapping[str, object]]:
        """The schemas of what holds a leaf, which are indifferent to it as far as they hold no others."""
        for end in range(len(path) + 1):
            schemas = self._at(path[:end])
            self._spend(1 + len(schemas))
            for schema in schemas:
                if "const" in schema or "enum" in schema:
                    raise _Unclear
        return self._at(path)

    def _at(self, path: tuple[str | int, ...]) -> list[Mapping[str, object]]:
        """Every schema that could apply to what stands at a path."""
        known = self._known.get(path)
        if known is None:
            if path:
                above = self._holding(path[:-1])
                found = [inner for schema in above for inner in _below(schema, path[-1])]
            else:
                found = [self._root]
            known = self._known[path] = self._expanded(found)
        return known

    def _expanded(self, schemas: list[object]) -> list[Mapping[str, object]]:
        """The schemas, and all that they apply to the same value."""
        found: list[Mapping[str, object]] = []
        seen: set[int] = set()
        waiting = list(schemas)
        while waiting:
            schema = waiting.pop()
            if not isinstance(schema, Mapping) or id(schema) in seen:
                # A boolean says the same of everything.
                continue
            seen.add(id(schema))
            self._spend(1)
            if not _DARK.isdisjoint(schema):
                raise _Unclear
            if "$id" in schema and schema is not self._root:
                # Another document: references are relative to it.
                raise _Unclear
            found.append(schema)
            if "$ref" in schema:
                waiting.append(self._referred(schema["$ref"]))
            for name in _ALL_OF:
                waiting += _list(schema.get(name))
            waiting += (schema[name] for name in _ONE if name in schema)
            for name in ("dependentSchemas", "dependencies"):
                waiting += _map(schema.get(name)).values()
        return found

    def _referred(self, reference: object) -> object:
        """What a reference within the schema refers to (RFC 6901)."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise _Unclear
        found: object = self._root
        for step in reference.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if "%" in name:
                raise _Unclear
            if isinstance(found, Mapping) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isascii() and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise _Unclear
            self._spend(1)
            if isinstance(found, Mapping) and "$id" in found and found is not self._root:
                raise _Unclear
        return found

    def _same_name(self, schema: Mapping[str, object], old: str, new: str) -> bool:
        named = [
            *_map(schema.get("properties")),
            *_map(schema.get("dependentSchemas")),
            *_map(schema.get("dependencies")),
            *_map(schema.get("dependentRequired")),
            *_list(schema.get("required")),
        ]
        if old in named or new in named or schema.get("dependentRequired") or schema.get("dependencies"):
            return False
        patterns = _map(schema.get("patternProperties"))
        if any(self._matches(pattern, old) != self._matches(pattern, new) for pattern in patterns):
            return False
        names = self._expanded([schema["propertyNames"]]) if "propertyNames" in schema else []
        return all(self._same(inner, old, new) for inner in names)

    def _same(self, schema: Mapping[str, object], old: object, new: object) -> bool:
        """Whether a schema says the same of both, by what it says of leaves."""
        self._spend(1)
        if isinstance(old, str) and isinstance(new, str):
            if "pattern" in schema:
                pattern = schema["pattern"]
                if self._matches(pattern, old) != self._matches(pattern, new):
                    return False
            return self._agree(_OF_TEXT, schema, old, new)
        return self._agree(_OF_NUMBERS, schema, old, new)

    def _agree(
        self, said: Mapping[str, _Say], schema: Mapping[str, object], old: object, new: object
    ) -> bool:
        for name, say in said.items():
            if name in schema:
                limit = schema[name]
                for sized in (limit, old, new):
                    self._spend(1 + (len(sized) // READ_PER_STEP if isinstance(sized, str | list) else 0))
                if say(limit, old) != say(limit, new):
                    return False
        return True

    def _matches(self, pattern: object, value: str) -> bool:
        self._spend(1 + len(value) // READ_PER_STEP)
        # C{$} and C{.} are not agreed on where lines end.
        if not isinstance(pattern, str) or not value.isascii() or not value.isprintable():
            raise _Unclear
        if pattern not in self._patterns:
            self._spend(COMPILED)
            self._patterns[pattern] = _compiled(pattern)
        regex = self._patterns[pattern]
        if regex is None:
            raise _Unclear
        return regex.hits(value.encode("ascii"))


def _below(schema: Mapping[str, object], step: str | int) -> Iterator[object]:
    """The schemas that one may apply to a member or element of its value."""
    if isinstance(step, str):
        properties = _map(schema.get("properties"))
        if step in properties:
            yield properties[step]
        yield from _map(schema.get("patternProperties")).values()
        yield schema.get("additionalProperties")
        yield schema.get("unevaluatedProperties")
        return
    for name in ("prefixItems", "items"):
        listed = _list(schema.get(name))
        if step < len(listed):
            yield listed[step]
    for name in ("items", "additionalItems", "unevaluatedItems", "contains"):
        yield schema.get(name)


def _in(values: object, value: object) -> bool:
    return any(type(each) in (str, int, float) and each == value for each in _list(values))


def _const(wanted: object, value: object) -> bool:
    return _in([wanted], value)


def _at_least(least: object, value: object) -> bool:
    return _length(value) >= _number(least)


def _at_most(most: object, value: object) -> bool:
    return _length(value) <= _number(most)


def _length(value: object) -> int:
    assert isinstance(value, str)
    return len(value)


def _number(value: object) -> int | float:
    if type(value) is int or (type(value) is float and isfinite(value)):
        return value
    raise _Unclear


def _compiled(pattern: str) -> Regex | None:
    """A pattern, if it is one that everybody reads alike."""
    if len(pattern) > PATTERN_MOST or not _ALIKE.fullmatch(pattern) or _ODD.search(pattern):
        return None
    try:
        regex = Regex(pattern, captures=False)
    except ValueError:
        return None
    return regex if regex.size <= PROGRAM_MOST else None


def _formatted(name: object, value: object) -> bool:
    assert isinstance(value, str)
    check = _FORMATS.get(name) if isinstance(name, str) else None
    if check is None:
        raise _Unclear
    return check(value)


def _parsed(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return check


def _shaped(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


def _is_time(value: str) -> bool:
    shaped = re.fullmatch(r"\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", value, re.ASCII)
    return shaped is not None and _parsed(datetime.fromisoformat)("2000-01-01T" + value)


def _is_date_time(value: str) -> bool:
    return value[10:11] in ("T", "t", " ") and _is_date(value[:10]) and _is_time(value[11:].upper())


def _is_date(value: str) -> bool:
    shaped = re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII)
    return shaped is not None and _parsed(date.fromisoformat)(value)


def _is_uri(value: str) -> bool:
    # As a validator of IP literals would say no to some, none is said to be fine.
    shaped = re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+", value, re.ASCII)
    return shaped is not None and _parsed(urlsplit)(value)


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_is_hostname = _shaped(rf"{_LABEL}(?:\.{_LABEL})*")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_is_email = _shaped(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
_is_uuid = _shaped(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_FORMATS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "email": _is_email,
        "idn-email": _is_email,
        "hostname": _is_hostname,
        "idn-hostname": _is_hostname,
        "ipv4": _parsed(IPv4Address),
        "ipv6": _parsed(IPv6Address),
        "uri": _is_uri,
        "iri": _is_uri,
        "uri-reference": _shaped(r"[!-~]*"),
        "iri-reference": _shaped(r"[!-~]*"),
        "uuid": _is_uuid,
        "date": _is_date,
        "time": _is_time,
        "date-time": _is_date_time,
        # Of bytes and passwords no validator says anything.
        "password": lambda value: True,
    }
)

#: What fits a format and tells nothing.
NOTHING: Mapping[str, str] = MappingProxyType(
    {
        "email": "masked@masked.invalid",
        "idn-email": "masked@masked.invalid",
        "hostname": "masked.invalid",
        "idn-hostname": "masked.invalid",
        "ipv4": "0.0.0.0",
        "ipv6": "::",
        "uri": "https://masked.invalid/",
        "iri": "https://masked.invalid/",
        "uri-reference": "https://masked.invalid/",
        "iri-reference": "https://masked.invalid/",
        "uuid": "00000000-0000-0000-0000-000000000000",
        "date": "1970-01-01",
        "time": "00:00:00Z",
        "date-time": "1970-01-01T00:00:00Z",
    }
)

_OF_TEXT: Mapping[str, _Say] = MappingProxyType(
    {
        "enum": _in,
        "const": _const,
        "minLength": _at_least,
        "maxLength": _at_most,
        "format": _formatted,
    }
)


def _of_numbers(compare: Callable[[int | float, int | float], bool]) -> _Say:
    return lambda limit, value: compare(_number(value), _number(limit))


def _multiple(limit: object, value: object) -> bool:
    step = _number(limit)
    if type(step) is not int or not step or type(value) is not int:
        raise _Unclear
    return value % step == 0


_OF_NUMBERS: Mapping[str, _Say] = MappingProxyType(
    {
        "enum": _in,
        "const": _const,
        # Of draft 4 C{exclusiveMinimum} is a boolean, which is unclear here.
        "minimum": _of_numbers(lambda value, limit: value >= limit),
        "maximum": _of_numbers(lambda value, limit: value <= limit),
        "exclusiveMinimum": _of_numbers(lambda value, limit: value > limit),
        "exclusiveMaximum": _of_numbers(lambda value, limit: value < limit),
        "multipleOf": _multiple,
    }
)


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
