"""Conditions on what a message brings, as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpgate.config.condition import EACH, Condition, Each, condition, read_path

BASE = Path("/etc/mcpgate")


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("level", ("level",)),
        ("arguments.path", ("arguments", "path")),
        ("arguments.items[].id", ("arguments", "items", EACH, "id")),
        ("arguments.rows[][]", ("arguments", "rows", EACH, EACH)),
        ('arguments."a.b".c', ("arguments", "a.b", "c")),
        ('"a b"[]', ("a b", EACH)),
        ("arguments.größe", ("arguments", "größe")),
    ],
)
def test_a_path_is_read_step_by_step(text: str, steps: tuple[str | Each, ...]) -> None:
    assert read_path(text) == steps


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.", ".a", "a..b", "a[", "a[0]", "a]", "[]", "[]a", 'a"b"', '"a', '""', "a[]b", "a" * 300],
)
def test_what_is_no_path_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"no path|ends with a dot|longer than"):
        read_path(text)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("/srv/*", Condition(("/srv/*",))),
        ("", Condition(("",))),
        (5, Condition((5,))),
        (1.5, Condition((1.5,))),
        (True, Condition((True,))),
        (["r", 1, False], Condition(("r", 1, False))),
        ({"min": 1, "max": 100}, Condition(least=1, most=100)),
        ({"max": 0.5}, Condition(most=0.5)),
        ({"present": False}, Condition(present=False)),
        ({"null": True}, Condition(null=True)),
    ],
)
def test_every_kind_of_condition_is_read_and_written_back(raw: object, read: Condition) -> None:
    form = condition()
    assert form.read(raw, BASE) == read
    assert form.show(read)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "empty list"),
        ([[1]], "has a list in it"),
        ({}, "want min and max"),
        ({"min": 1, "present": True}, "want min and max"),
        ({"min": 5, "max": 1}, "nothing lies between"),
        ({"min": "a"}, "a string where a number belongs"),
        ({"min": True}, "a boolean where a number belongs"),
        ({"present": 1}, "true or false"),
        ({"null": False}, "null = false"),
        ({"path": "/srv"}, 'stands in quotes, such as "arguments.path"'),
        ({"mn": 1}, 'did you mean "min"'),
        (float("nan"), "JSON does not have"),
        ({"max": float("inf")}, "JSON does not have"),
        ("^(", "does not end with"),
        ("^($", "RE2"),
    ],
)
def test_a_bad_condition_says_what_is_wanted(raw: object, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        condition().read(raw, BASE)
