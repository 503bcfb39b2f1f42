"""Whether another value may stand in a document of a schema: only if a validator says the same of both."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from time import process_time
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy.schemas import COMPARED_PER_STEP, NOTHING, STEPS_MOST, Fitting

MAIL = "jo@example.com"


def leaf(schema: Mapping[str, object], old: object = MAIL, new: object = "[email]") -> bool:
    """Whether the member C{a} of an object may change so."""
    return Fitting({"properties": {"a": schema}}).leaf(["a"], old, new)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string", "title": "x", "description": "x", "examples": [MAIL], "default": MAIL},
        {"minLength": 5, "maxLength": 20},
        {"enum": ["a", "b"]},
        {"not": {"const": "x"}},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"pattern": "^[^ ]+$"},
        {"pattern": r"^(?:\w|\W)*$"},
        {"$comment": "x", "x-anything": {"enum": [MAIL]}},
        {"if": {"minLength": 3}, "then": {"maxLength": 99}, "else": False},
    ],
)
def test_what_says_the_same_of_both(schema: Mapping[str, object]) -> None:
    assert leaf(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": ["a", MAIL]},
        {"const": MAIL},
        {"not": {"const": MAIL}},
        {"minLength": 10},
        {"maxLength": 10},
        {"pattern": "@"},
        {"format": "email"},
        {"anyOf": [{"const": MAIL}, {"type": "string"}]},
        {"oneOf": [{"minLength": 10}, {"type": "string"}]},
        {"if": {"format": "email"}, "then": {}},
        {"allOf": [{"allOf": [{"format": "email"}]}]},
    ],
)
def test_what_says_another_thing_of_the_new(schema: Mapping[str, object]) -> None:
    assert not leaf(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema"},
        {"$ref": "#anchor"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#/properties/a/%24defs"},
        {"$ref": 5},
        {"$dynamicRef": "#x"},
        {"$id": "https://example.com/other", "type": "string"},
        {"format": "next-years"},
        {"pattern": "(?=x)"},
        {"pattern": "(?i)x"},
        {"pattern": r"\p{L}"},
        {"pattern": "[[:alpha:]]"},
        {"pattern": "[^]"},
        {"pattern": "x{,3}"},
        {"pattern": "x" * 300},
        {"pattern": "(((a{1000}){1000}){1000})"},
        {"pattern": "(?:[a-z]{0,900}){0,900}"},
        {"pattern": "("},
        {"pattern": 5},
        {"minLength": "5"},
        {"minLength": float("inf")},
        {"formatMinimum": "a"},
    ],
)
def test_what_is_unclear_is_no(schema: Mapping[str, object]) -> None:
    assert not leaf(schema)


def test_of_texts_that_are_not_ascii_patterns_are_unclear() -> None:
    assert not leaf({"pattern": "^.*$"}, old="é")
    assert not leaf({"pattern": "^.*$"}, old="a\nb")


def test_numbers() -> None:
    assert leaf({"type": "integer", "minimum": 0, "maximum": 10**17, "multipleOf": 1}, 4111111111111111, 0)
    assert not leaf({"minimum": 1}, 4111111111111111, 0)
    assert not leaf({"exclusiveMinimum": 0}, 4111111111111111, 0)
    assert leaf({"maximum": 5}, 4111111111111111, 4111111111111111)
    assert not leaf({"maximum": 5}, 4111111111111111, 0)
    assert not leaf({"exclusiveMaximum": 5}, 4111111111111111, 0)
    assert not leaf({"minimum": 0, "exclusiveMinimum": True}, 4111111111111111, 0)
    assert not leaf({"multipleOf": 0.1}, 4111111111111111, 0)
    assert not leaf({"multipleOf": 0}, 4111111111111111, 0)
    assert not leaf({"enum": [4111111111111111]}, 4111111111111111, 0)
    assert leaf({"enum": [True]}, 4111111111111111, 1)


@pytest.mark.parametrize(("name", "value"), NOTHING.items())
def test_what_tells_nothing_has_its_format(name: str, value: str) -> None:
    assert leaf({"format": name}, value, value)
    other = "\x00 not of any form"
    assert not leaf({"format": name}, value, other)


def test_a_leaf_is_reached_by_every_way() -> None:
    schema = {
        "$defs": {"p": {"properties": {"mail": {"enum": [MAIL]}}}},
        "properties": {"list": {"prefixItems": [{}], "items": {"$ref": "#/$defs/p"}}},
    }
    assert not Fitting(schema).leaf(["list", 1, "mail"], MAIL, "x")
    assert Fitting(schema).leaf(["list", 1, "other"], MAIL, "x")
    for below in ("additionalProperties", "unevaluatedProperties"):
        assert not Fitting({below: {"const": MAIL}}).leaf(["a"], MAIL, "x")
    for below in ("items", "additionalItems", "unevaluatedItems", "contains"):
        assert not Fitting({below: {"const": MAIL}}).leaf([3], MAIL, "x")
    assert not Fitting({"items": [{}, {"const": MAIL}]}).leaf([1], MAIL, "x")
    assert Fitting({"items": [{}, {"const": MAIL}]}).leaf([0], MAIL, "x")
    assert not Fitting({"patternProperties": {"x": {"const": MAIL}}}).leaf(["a"], MAIL, "x")
    assert not Fitting({"dependentSchemas": {"b": {"properties": {"a": {"const": MAIL}}}}}).leaf(
        ["a"], MAIL, "x"
    )


def test_what_holds_the_leaf_may_not_be_one_of_a_few() -> None:
    assert not Fitting({"enum": [{"a": MAIL}]}).leaf(["a"], MAIL, "x")
    assert not Fitting({"properties": {"b": {"const": [MAIL]}}}).leaf(["b", 0], MAIL, "x")


def test_a_list_of_different_ones_is_told() -> None:
    schema = {"properties": {"l": {"uniqueItems": True, "items": {}}}}
    assert Fitting(schema).differs(["l", 0])
    assert Fitting(schema).differs(["l", 0, "a"])
    assert not Fitting(schema).differs(["m", 0])
    assert Fitting({"$ref": "elsewhere"}).differs(["m", 0])


def test_names() -> None:
    def key(schema: Mapping[str, object]) -> bool:
        return Fitting({"properties": {"a": schema}}).key(["a"], MAIL, "[email]")

    assert key({})
    assert key({"additionalProperties": {"type": "integer"}})
    assert key({"patternProperties": {"^x": {}}, "additionalProperties": False})
    assert key({"propertyNames": {"maxLength": 99}})
    assert not key({"properties": {MAIL: {}}})
    assert not key({"properties": {"[email]": {}}})
    assert not key({"required": [MAIL]})
    assert not key({"patternProperties": {"@": {}}})
    assert not key({"propertyNames": {"format": "email"}})
    assert not key({"dependentRequired": {"x": []}})
    assert not key({"dependencies": {MAIL: ["x"]}})
    assert not key({"enum": [{MAIL: 1}]})


def test_a_schema_that_leads_in_circles_ends() -> None:
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#"}]}}}
    assert Fitting(schema).leaf(["x", "y"], MAIL, "x")


def test_a_schema_that_grows_with_each_step_ends() -> None:
    """Each level has ten ways to the next: ten to the twentieth, if they were all gone."""
    ways = [{"properties": {"a": {"$ref": "#/$defs/w"}}, "title": str(i)} for i in range(10)]
    schema = {"$ref": "#/$defs/w", "$defs": {"w": {"anyOf": ways}}}
    begun = process_time()
    Fitting(schema).leaf(["a"] * 20, MAIL, "x")
    large = {"anyOf": [{"title": str(i)} for i in range(STEPS_MOST + 1)]}
    assert not Fitting(large).leaf(["a"], MAIL, "x")
    assert process_time() - begun < 2


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"pattern": f"[a-z]{{{i % 200}}}|{i}|."} for i in range(900)]},
        {"items": {"allOf": [{"enum": ["x"] * 100_000}] * 10}},
        {"items": {"anyOf": [{"format": "email", "title": str(i)} for i in range(1000)]}},
        {"anyOf": [{"uniqueItems": False, "title": str(i)} for i in range(999)]},
    ],
)
def test_leaves_without_end_end(schema: Mapping[str, object]) -> None:
    """However many leaves ask, and however long they are, there is an end to what is read."""
    begun = process_time()
    fitting = Fitting(schema)
    for index in range(5000):
        fitting.differs([index, 0])
        fitting.leaf([index, 0], MAIL, "[email]")
        fitting.leaf([index], "a" * 10_000, "b" * 10_000)
    assert not fitting.leaf([5000], MAIL, "[email]")
    assert process_time() - begun < 3


# What is said is true: a validator says the same of both documents, with and without formats.

_TEXTS = st.sampled_from(
    [MAIL, "a", "2026-01-01", "https://example.com/", "masked@masked.invalid", "[email]"]
)
_ASSERTIONS = st.one_of(
    st.builds(lambda least: {"minLength": least}, st.integers(0, 30)),
    st.builds(lambda most: {"maxLength": most}, st.integers(0, 30)),
    st.builds(lambda values: {"enum": values}, st.lists(_TEXTS, min_size=1, max_size=3, unique=True)),
    st.builds(lambda value: {"const": value}, _TEXTS),
    st.builds(lambda name: {"format": name}, st.sampled_from(["email", "date", "uri", "ipv4"])),
    st.builds(lambda pattern: {"pattern": pattern}, st.sampled_from(["@", "^[a-z]", "ed", r"\d", "^.$"])),
    st.builds(lambda kind: {"type": kind}, st.sampled_from(["string", "object", "array", "null"])),
    st.just({"uniqueItems": True}),
    st.just({"$ref": "#/$defs/one"}),
    st.just({"required": ["a"]}),
)


def _holders(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda how, found: {how: found}, st.sampled_from(["allOf", "anyOf", "oneOf"]), some),
        st.builds(
            lambda how, found: {how: found},
            st.sampled_from(["not", "items", "contains", "additionalProperties", "propertyNames"]),
            inner,
        ),
        st.builds(lambda one, two, three: {"if": one, "then": two, "else": three}, inner, inner, inner),
        st.builds(lambda one, two: {"properties": {"a": one, "b": two}}, inner, inner),
        st.builds(lambda one: {"patternProperties": {"^[ab]": one}}, inner),
        st.builds(lambda found: {"prefixItems": found}, some),
        st.builds(lambda one: {"dependentSchemas": {"b": one}}, inner),
        st.builds(lambda one, two: {**one, **two}, inner, inner),
    )


_SCHEMAS = st.recursive(_ASSERTIONS, _holders, max_leaves=8)
_DOCUMENTS = st.recursive(
    _TEXTS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "c", MAIL]), inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(deeper for step, inner in items for deeper in _paths(inner, (*path, step)))]


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _valid(schema: Any, value: object, *, formats: bool) -> bool:
    checker = jsonschema.FormatChecker() if formats else None
    return jsonschema.Draft202012Validator(schema, format_checker=checker).is_valid(value)


@given(_SCHEMAS, _SCHEMAS, _DOCUMENTS, _TEXTS, st.data())
def test_a_validator_agrees(schema: Any, one: Any, document: Any, new: str, data: st.DataObject) -> None:
    """Whenever a leaf or a name may change, it changes nothing of what a validator says."""
    schema = {**schema, "$defs": {"one": one}}
    if "$ref" in str(one):
        # Circles of references alone have no meaning.
        schema["$defs"] = {"one": {"minLength": 3}}
    path = data.draw(st.sampled_from(_paths(document)))
    old = _at(document, path)
    fitting = Fitting(schema)
    changed = deepcopy(document)
    if isinstance(old, str):
        if not fitting.leaf(path, old, new) or fitting.differs(path):
            return
        if path:
            _at(changed, path[:-1])[path[-1]] = new
        else:
            changed = new
    elif isinstance(old, dict):
        name = data.draw(st.sampled_from(sorted(old)))
        if "new" in old or not fitting.key(path, name, "new") or fitting.differs((*path, name)):
            return
        holder = _at(changed, path)
        renamed = {"new" if each == name else each: value for each, value in holder.items()}
        holder.clear()
        holder.update(renamed)
    for formats in (False, True):
        assert _valid(schema, document, formats=formats) == _valid(schema, changed, formats=formats)


def test_a_long_enum_costs_as_many_steps_as_its_values_take() -> None:
    """Each of them is compared with both texts."""
    fitting = Fitting({"items": {"enum": [f"x{at}" for at in range(20_000)]}})
    judged = 0
    while fitting.leaf((0,), "x1", "x2"):
        judged += 1
    assert 0 < judged <= STEPS_MOST * COMPARED_PER_STEP // 20_000
