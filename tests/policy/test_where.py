"""What a message's params must hold, strictly for rules that allow and widely for all others."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.condition import condition
from mcpgate.config.tables.rule import WhereTable
from mcpgate.policy.where import VALUES_MOST, Where

YES, NO = True, False


def holds(conditions: dict[str, object], params: dict[str, Any], *, widely: bool) -> bool:
    """As C{where} of the file."""
    read = condition().read
    where = Where.compile(
        WhereTable(conditions=tuple((path, read(raw, Path())) for path, raw in conditions.items()))  # type: ignore[misc]
    )
    assert where is not None
    return where.holds(params, widely=widely)


@pytest.mark.parametrize(
    ("condition", "value", "strictly", "widely"),
    [
        # Texts.
        ("r", "r", YES, YES),
        ("r", "rw", NO, NO),
        ("", "", YES, YES),
        ("", "x", NO, NO),
        ("r*", "rw", YES, YES),
        ("^r|w$", "w", YES, YES),
        ("^.*rm.*$", "a\nrm", YES, YES),
        (["r", "rb"], "rb", YES, YES),
        # Another kind than a text: nobody knows what a server makes of it.
        ("5", 5, NO, YES),
        ("r", ["r"], NO, YES),
        ("r", {"r": 1}, NO, YES),
        ("true", True, NO, YES),
        ("r", None, NO, NO),
        # Numbers and truth.
        (5, 5, YES, YES),
        (5, 5.0, YES, YES),
        (5, 6, NO, NO),
        (1, True, NO, YES),
        (5, "5", NO, YES),
        (True, True, YES, YES),
        (True, False, NO, NO),
        (True, 1, NO, YES),
        (True, "true", NO, YES),
        (False, None, NO, NO),
        ([1, "a"], "a", YES, YES),
        ([1, "a"], "b", NO, NO),
        ([1, "a"], True, NO, YES),
        # Ranges.
        ({"min": 1, "max": 3}, 1, YES, YES),
        ({"min": 1, "max": 3}, 3.0, YES, YES),
        ({"min": 1, "max": 3}, 3.1, NO, NO),
        ({"min": 1}, 10**40, YES, YES),
        ({"max": 3}, -5, YES, YES),
        ({"max": 3}, "2", NO, YES),
        ({"min": 0}, True, NO, YES),
        ({"max": 3}, None, NO, NO),
        # Presence and null.
        ({"present": True}, "x", YES, YES),
        ({"present": True}, None, YES, YES),
        ({"present": False}, "x", NO, NO),
        ({"null": True}, None, YES, YES),
        ({"null": True}, "null", NO, NO),
    ],
)
def test_a_value_is_judged_in_two_ways(
    condition: object, value: object, strictly: bool, widely: bool
) -> None:
    params = {"arguments": {"x": value}}
    assert holds({"arguments.x": condition}, params, widely=False) is strictly
    assert holds({"arguments.x": condition}, params, widely=True) is widely


@pytest.mark.parametrize("condition", ["*", 5, True, {"min": 0}, {"null": True}, {"present": True}])
@pytest.mark.parametrize("params", [{}, {"arguments": {}}, {"arguments": None}, {"arguments": {"y": 1}}])
@pytest.mark.parametrize("widely", [False, True])
def test_a_path_that_leads_nowhere_fulfils_nothing(
    condition: object, params: dict[str, Any], widely: bool
) -> None:
    assert not holds({"arguments.x": condition}, params, widely=widely)
    assert holds({"arguments.x": {"present": False}}, params, widely=widely)


@pytest.mark.parametrize(
    ("path", "condition", "arguments", "strictly", "widely"),
    [
        # All elements for who allows, one for who does not.
        ("arguments.paths[]", "/srv/*", {"paths": ["/srv/a", "/srv/b"]}, YES, YES),
        ("arguments.paths[]", "/srv/*", {"paths": ["/srv/a", "/etc/b"]}, NO, YES),
        ("arguments.paths[]", "/srv/*", {"paths": ["/etc/a"]}, NO, NO),
        ("arguments.paths[]", "/srv/*", {"paths": []}, NO, NO),
        ("arguments.paths[]", "/srv/*", {"paths": "/srv/a"}, NO, YES),
        ("arguments.paths[]", "/srv/*", {"paths": ["/srv/a", 5]}, NO, YES),
        ("arguments.paths[]", "/srv/*", {"paths": ["/srv/a", None]}, NO, YES),
        ("arguments.items[].id", 5, {"items": [{"id": 5}, {"id": 5}]}, YES, YES),
        ("arguments.items[].id", 5, {"items": [{"id": 5}, {}]}, NO, YES),
        ("arguments.items[].id", 5, {"items": [{"id": 5}, "x"]}, NO, YES),
        ("arguments.rows[][]", 1, {"rows": [[1, 1], [1]]}, YES, YES),
        ("arguments.rows[][]", 1, {"rows": [[1, 2], [1]]}, NO, YES),
        # Presence over several.
        ("arguments.items[].force", {"present": False}, {"items": [{}, {"id": 1}]}, YES, YES),
        ("arguments.items[].force", {"present": False}, {"items": [{}, {"force": 1}]}, NO, YES),
        ("arguments.items[].force", {"present": True}, {"items": [{}, {"force": 1}]}, NO, YES),
        ("arguments.items[].force", {"present": False}, {"items": "x"}, NO, YES),
        # A path through what is no object.
        ("arguments.opts.force", True, {"opts": "force=true"}, NO, YES),
        ("arguments.opts.force", True, {"opts": [{"force": True}]}, NO, YES),
        ("arguments.opts.force", True, {"opts": None}, NO, NO),
        # Names that read alike.
        ("arguments.path", "/srv/*", {"Path": "/srv/a"}, NO, YES),
        ("arguments.path", "/srv/*", {"path": "/srv/a", "PATH": "/etc/b"}, NO, YES),
        ("arguments.path", "/etc/*", {"path": "/srv/a", "PATH": "/etc/b"}, NO, YES),
        ("arguments.path", "/srv/*", {"ｐａｔｈ": "/srv/a"}, NO, YES),
        ("arguments.straße", "x", {"STRASSE": "x"}, NO, YES),
        ("arguments.path", {"present": False}, {"PATH": "/etc/b"}, NO, NO),
        # A name with a dot in it.
        ('arguments."a.b"', 1, {"a.b": 1}, YES, YES),
        ('arguments."a.b"', 1, {"a": {"b": 1}}, NO, NO),
    ],
)
def test_what_cannot_be_told_allows_nothing_and_blocks(
    path: str, condition: object, arguments: dict[str, Any], strictly: bool, widely: bool
) -> None:
    params = {"arguments": arguments}
    assert holds({path: condition}, params, widely=False) is strictly
    assert holds({path: condition}, params, widely=True) is widely


@pytest.mark.parametrize(
    "path",
    [
        "/srv/../etc/passwd",
        "/srv/a/..",
        "/srv/./a",
        "/srv/a/../../etc",
        "/srv/..\\..\\etc",
        "/srv/%2e%2e/etc",
        "/srv/..%2Fetc",
        "/srv/a\x00.txt",
        "/srv/a\n/etc",
        "/srv/%00",
    ],
)
def test_a_path_that_leads_elsewhere_is_not_allowed_by_where_it_begins(path: str) -> None:
    """A rule that blocks what begins so still does; and an expression means what it says."""
    params = {"arguments": {"path": path}}
    assert not holds({"arguments.path": "/srv/*"}, params, widely=False)
    assert holds({"arguments.path": "/srv/*"}, params, widely=True)
    assert holds({"arguments.path": "^/srv/.*$"}, params, widely=False)


@pytest.mark.parametrize("path", ["/srv/a", "/srv/.hidden", "/srv/a..b", "/srv/...", "/srv/a b/ü", "/srv/"])
def test_other_paths_are(path: str) -> None:
    assert holds({"arguments.path": "/srv/*"}, {"arguments": {"path": path}}, widely=False)


def test_all_conditions_of_a_rule_must_hold() -> None:
    both = {"arguments.a": 1, "arguments.b": 2}
    assert holds(both, {"arguments": {"a": 1, "b": 2}}, widely=False)
    for widely in (False, True):
        assert not holds(both, {"arguments": {"a": 1, "b": 3}}, widely=widely)


def test_params_other_than_arguments_can_be_asked_for() -> None:
    assert holds({"level": ["error", "critical"]}, {"level": "error"}, widely=False)
    assert holds({"mode": "url"}, {"mode": "url", "url": "https://h"}, widely=True)


def test_what_is_too_large_to_be_looked_through_cannot_be_told() -> None:
    """In its elements, and in its members; and it takes no time to see that."""
    began = time.monotonic()
    for arguments in (
        {"items": [{"é": 1}] * VALUES_MOST},
        {"items": [{f"é{number}": 1 for number in range(VALUES_MOST + 1)}]},
        {"items": [1] * 1_000_000},
        {"items": [{f"{number}" + "\ufdfa" * 3: 1} for number in range(VALUES_MOST)]},
    ):
        assert holds({"arguments.items[].x": 1}, {"arguments": arguments}, widely=True)
        assert not holds({"arguments.items[].x": 1}, {"arguments": arguments}, widely=False)
    assert time.monotonic() - began < 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "A", "1", "true", "/srv/x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("aAbB"), inner, max_size=3),
    max_leaves=8,
)
CONDITIONS = st.sampled_from(
    ["a", "*", "/srv/*", "^[a1]$", 1, True, [1, "a"], {"min": 0, "max": 2}, {"null": True}]
)
PATHS = st.sampled_from(
    ["arguments.a", "arguments.a.b", "arguments.a[]", "arguments.a[].b", "arguments.a[][]"]
)


@given(PATHS, CONDITIONS, JSON)
def test_whatever_allows_would_also_block(path: str, condition: object, value: object) -> None:
    """Of one condition: what an allow rule takes for granted, a block rule must not overlook."""
    params = {"arguments": value}
    if holds({path: condition}, params, widely=False):
        assert holds({path: condition}, params, widely=True)


@given(PATHS, JSON)
def test_presence_and_absence_never_hold_together_for_who_allows(path: str, value: object) -> None:
    params = {"arguments": value}
    there, gone = ({path: {"present": which}} for which in (True, False))
    assert not (holds(there, params, widely=False) and holds(gone, params, widely=False))
    assert holds(there, params, widely=True) or holds(gone, params, widely=True)


@pytest.mark.parametrize(
    "path",
    ["/srv/../etc/x", "/./etc/passwd", "//etc/passwd", "/srv/..%2fetc/x", "..\\etc\\x", "/srv/%2E%2E/etc"],
)
@pytest.mark.parametrize("pattern", ["/etc/*", "/etc/passwd", "^/etc/.*$"])
def test_what_may_lead_there_is_blocked_as_what_does(pattern: str, path: str) -> None:
    """A rule that blocks is about a place, however one gets there."""
    assert holds({"arguments.path": pattern}, {"arguments": {"path": path}}, widely=True)
    assert not holds({"arguments.path": pattern}, {"arguments": {"path": path}}, widely=False)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("/etc/*", "/srv/passwd"),
        ("/etc/*", "/srv/a..b/.x/c.."),
        ("http://169.254.*/*", "https://example.com/a?b=http://c"),
        ("*http://internal*", "see\nC:\\x and ../y"),
        ("secret*", "../public"),
    ],
)
def test_what_leads_nowhere_else_is_not_blocked(pattern: str, text: str) -> None:
    """Texts for people and URLs are no paths, and patterns without a slash are about none."""
    assert not holds({"arguments.path": pattern}, {"arguments": {"path": text}}, widely=True)
