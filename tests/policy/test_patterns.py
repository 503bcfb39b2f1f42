"""Patterns as they are compiled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy.patterns import Patterns, globs

#: Few letters, so that matches happen; the characters that C{fnmatch} or expressions treat specially.
LETTERS = "ab/*?[]!-.\\^$\n"


def reference(pattern: str, text: str) -> bool:
    """What a glob means, written as its definition: row by row, with no expression involved."""
    row = [True] + [False] * len(text)
    for letter in pattern:
        if letter == "*":
            reached = False
            row = [reached := reached or before for before in row]
        else:
            row = [False] + [row[i] and letter in ("?", text[i]) for i in range(len(text))]
    return row[-1]


@given(st.lists(st.text(LETTERS, max_size=8), min_size=1, max_size=3), st.text(LETTERS, max_size=10))
def test_globs_mean_what_their_definition_says(patterns: list[str], text: str) -> None:
    assert bool(globs(patterns).match(text)) is any(reference(pattern, text) for pattern in patterns)


@given(st.text(max_size=20))
def test_a_text_without_stars_and_marks_matches_exactly_itself(text: str) -> None:
    plain = text.replace("*", "").replace("?", "")
    assert Patterns.compile([plain]).match(plain)
    assert not Patterns.compile([plain]).match(plain + "x")


def test_brackets_are_plain_characters() -> None:
    assert globs(["get_[ab]*"]).match("get_[ab]c")
    assert not globs(["get_[ab]*"]).match("get_a")


def test_a_name_cannot_make_a_pattern_slow() -> None:
    """With backtracking over every star this would take longer than the universe has existed."""
    assert not globs(["*a" * 30 + "b", "b" + "*a" * 30]).match("a" * 8000)


def test_no_pattern_means_every_text_but_one_pattern_means_only_its_own() -> None:
    assert Patterns.compile([]).match("anything")
    assert not Patterns.compile(["x"]).match("anything")


def test_an_expression_matches_the_whole_text_and_line_ends_too() -> None:
    """Whatever stands at its ends: the bar divides the whole."""
    either = Patterns.compile(["^get_[a-z]+|list$"])
    assert either.match("get_a") and either.match("list")
    assert not either.match("get_") and not either.match("list_x") and not either.match("xget_a")
    assert Patterns.compile(["^.*rm.*$"]).match("a\nrm\nb")
    assert not Patterns.compile(["^get$"]).match("get\n")


def test_a_text_that_is_half_an_expression_is_none() -> None:
    assert Patterns.compile(["$"]).match("$")
    assert Patterns.compile(["price$"]).match("price$")


def test_expressions_globs_and_texts_stand_side_by_side() -> None:
    mixed = Patterns.compile(["exact", "gl*b", "^x+$"])
    assert all(map(mixed.match, ("exact", "glob", "glib", "xxx")))
    assert not any(map(mixed.match, ("exac", "glo", "xy", "")))


def test_what_was_written_in_another_order_is_the_same() -> None:
    assert Patterns.compile(["a", "b*", "^c$"]) == Patterns.compile(["^c$", "b*", "a", "a"])
    assert Patterns.compile(["a"]) != Patterns.compile(["a*"])


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([], ["x"], True),
        (["x"], [], False),
        (["*"], [], False),
        (["get_*"], ["get_a", "get_b*"], True),
        (["get_*"], ["get_a", "list"], False),
        (["get_*"], ["get_?"], True),
        (["get_?"], ["get_*"], False),
        (["?et"], ["*et"], False),
        (["^g.*$"], ["get", "go"], True),
        (["^g.*$"], ["g*"], False),
        (["^g.*$"], ["^g.*$"], True),
        (["a*b*"], ["a*c*b*d"], True),
    ],
)
def test_it_is_known_when_patterns_surely_cover_others(
    ours: list[str], theirs: list[str], expected: bool
) -> None:
    assert Patterns.compile(ours).covers(Patterns.compile(theirs)) is expected


@given(
    st.lists(st.text("ab*?", min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(st.text("ab*?", min_size=1, max_size=4), min_size=1, max_size=2),
    st.text("abc", max_size=5),
)
def test_what_is_covered_is_matched(ours: list[str], theirs: list[str], text: str) -> None:
    wide, narrow = Patterns.compile(ours), Patterns.compile(theirs)
    if wide.covers(narrow) and narrow.match(text):
        assert wide.match(text)
