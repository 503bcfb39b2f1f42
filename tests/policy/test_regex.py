"""Expressions are RE2's: linear, refused with a reason, loosened where their surroundings are not known."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy import regex
from mcpgate.policy.regex import PROGRAM_MOST, Regex, regex_of_operator, unanchored


@pytest.mark.parametrize("below", [True, False])
def test_matches_are_spans_of_bytes(monkeypatch: pytest.MonkeyPatch, below: bool) -> None:
    """The whole match, or the last group where there are any; one after the other. With a version of RE2
    that shows nothing but its public face, too."""
    if not below:
        monkeypatch.setattr(regex, "_ANYWHERE", None)
    assert Regex("b+").span(b"abbc") == (1, 3)
    assert Regex("a(b)(b+)").span(b"xabbbc") == (3, 5)
    assert Regex("b").span(b"aaa") is None
    assert list(Regex("a|b*").spans(b"abb-b")) == [(0, 1), (1, 3), (4, 5)]
    assert Regex("x(a)b(c)").lead(b"-xabc", 0) == (2, 4, 5)
    assert Regex("(a)").lead(b"b", 0) is None
    assert Regex("a").hits(b"ba") and not Regex("a").hits(b"b")


def test_groups_may_be_ignored() -> None:
    """An operator's groups do not say what is masked."""
    assert Regex("a(?P<n>b)", captures=False).span(b"ab") == (0, 2)


def test_looking_on_knows_what_was_before() -> None:
    """A search that begins later does not take its beginning for that of the text."""
    assert Regex("^a").span(b"aa", 1) is None


@pytest.mark.parametrize("text", ["(", "(?=a)", r"(a)\1", "a{2,1}", "[b-a]", "\ud800"])
def test_what_re2_does_not_know_is_refused(text: str) -> None:
    """With words that say why, and nothing on standard error."""
    with pytest.raises(ValueError, match="."):
        Regex(text)


def test_an_operators_expression_is_small_and_matches_something() -> None:
    """One that matches the empty text would be everywhere; one that is huge would be slow."""
    assert regex_of_operator("E[0-9]{6}").size < PROGRAM_MOST
    with pytest.raises(ValueError, match="empty"):
        regex_of_operator("a?")
    with pytest.raises(ValueError, match="too large"):
        regex_of_operator("(?:abcdefghij){300}")


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        (r"^a$", "(?:)a(?:)"),
        (r"\bfoo\b|\Bx\z", "(?:)foo(?:)|(?:)x(?:)"),
        (r"[$^]\^\$", r"[$^]\^\$"),
        (r"[]^$]x[^]^]", r"[]^$]x[^]^]"),
        (r"[[:^alpha:]$]^", r"[[:^alpha:]$](?:)"),
        (r"\p{^Greek}$", r"\p{^Greek}(?:)"),
        (r"\Q^$\E^\Q^", r"\Q^$\E(?:)\Q^"),
        (r"\x{24}$[\]^]", r"\x{24}(?:)[\]^]"),
        ("\\", "\\"),
        ("[a", "[a"),
    ],
)
def test_what_looks_at_surroundings_is_taken_away(text: str, loose: str) -> None:
    """And nothing that looks like it."""
    assert unanchored(text) == loose


@given(
    st.sampled_from([r"^ab+$", r"\bx[0-9]{2}\b", r"(?m)^a|b$", r"\Aq\z", r"a\B[^\n]*?b"]),
    st.text("abx01q \n", max_size=8),
    st.text('ab"{ ', max_size=4),
    st.text('ab"} ', max_size=4),
)
def test_it_still_matches_in_a_longer_text(expression: str, text: str, before: str, after: str) -> None:
    """Whatever stands before and after."""
    if Regex(expression).hits(text.encode()):
        assert Regex(unanchored(expression)).hits((before + text + after).encode())


@given(st.text("ab(*+)?|.", max_size=8), st.text("ab", max_size=12))
def test_it_agrees_with_pythons(expression: str, text: str) -> None:
    """Where both know an expression, they match the same texts."""
    try:
        ours = Regex(expression)
        theirs = re.compile(expression)
    except (ValueError, re.error):
        return
    assert ours.hits(text.encode()) == (theirs.search(text) is not None)
