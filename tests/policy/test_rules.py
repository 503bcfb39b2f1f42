"""Rules as they are compiled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.schema import OnTable, RuleTable
from mcpgate.policy.rules import Action, Patterns, compile_rules, globs

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


def test_a_rule_with_names_is_never_about_a_message_without_one() -> None:
    (rule,) = compile_rules([RuleTable(name="r", verdict="allow", on=OnTable(name=("*",)))]).rules
    assert rule.matches("tools/call", "x")
    assert not rule.matches("ping", None)


def test_an_unknown_verdict_is_an_error_not_a_guess() -> None:
    with pytest.raises(ValueError, match="maybe"):
        compile_rules([RuleTable(name="r", verdict="maybe")])


def test_rules_are_kept_in_the_order_of_their_names_and_found_by_route() -> None:
    policy = compile_rules(
        [
            RuleTable(name="z", verdict="block"),
            RuleTable(name="b", verdict="allow", on=OnTable(route=("git",))),
            RuleTable(name="a", verdict="allow"),
        ]
    )
    assert [rule.name for rule in policy.rules] == ["a", "b", "z"]
    assert [rule.name for rule in policy.at("git").allows] == ["a", "b"]
    assert [rule.name for rule in policy.at("mail").allows] == ["a"]
    assert [rule.action for rule in policy.at("mail").blocks] == [Action.BLOCK]
