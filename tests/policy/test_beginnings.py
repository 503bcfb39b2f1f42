"""What matches begin with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy.beginnings import beginnings
from mcpgate.policy.regex import Regex

EXPRESSIONS = [
    "E[0-9]{6}",
    "(?i)cust-[a-f0-9]{4,8}(?:-x|y+)?z",
    "(a|bc)+d",
    r"\bfoo\b|^bar$",
    "(?P<n>ab){2}c",
    "a{2,}b{3}c?d*",
    r"[]x]y\Qa.b\Ec",
    "x(?i)yz|w",
    "(?:a(?:b(?:c|de)f)*)+g",
    "(?s:a.b)",
    r"\x{41}\d\pL\.\\n",
    "a|b|",
    "((a))|(?:)",
    "x{0,2}?y+?z",
]


def accepts(expression: str, text: str) -> bool:
    """Whether all of the text matches."""
    return Regex(f"^(?:{expression})$", captures=False).hits(text.encode())


MATCHES = {
    expression: st.from_regex(pattern, fullmatch=True)
    for expression, pattern in {
        "E[0-9]{6}": "E[0-9]{6}",
        "(?i)cust-[a-f0-9]{4,8}(?:-x|y+)?z": "(?:cust|CUST)-[a-f0-9]{4,8}(?:-x|y+)?[zZ]",
        "(a|bc)+d": "(?:a|bc)+d",
        "a{2,}b{3}c?d*": "a{2,}b{3}c?d*",
        "(?:a(?:b(?:c|de)f)*)+g": "(?:a(?:b(?:c|de)f)*)+g",
        "x{0,2}?y+?z": "x{0,2}y+z",
        r"[]x]y\Qa.b\Ec": r"[\]x]ya\.bc",
    }.items()
}


@pytest.mark.parametrize("expression", sorted(MATCHES))
def test_everything_that_a_match_begins_with_is_a_beginning(expression: str) -> None:
    """From nothing to all of it."""
    begin = beginnings(expression)
    assert begin is not None

    @given(MATCHES[expression])
    def each(text: str) -> None:
        text = text.rstrip("\n")
        assert accepts(expression, text)
        for end in range(len(text) + 1):
            assert accepts(begin, text[:end]), text[:end]

    each()


@given(st.sampled_from(EXPRESSIONS), st.text("abcdefgxyzE0159-. ", max_size=9))
def test_what_matches_is_a_beginning(expression: str, text: str) -> None:
    """Of every kind of expression, and the beginnings are an expression."""
    begin = beginnings(expression)
    assert begin is not None and accepts(begin, "")
    if accepts(expression, text):
        assert all(accepts(begin, text[:end]) for end in range(len(text) + 1))


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("E[0-9]{6}", "E1234567"),
        ("E[0-9]{6}", "1"),
        ("(a|bc)+d", "ac"),
        (r"\bfoo\b", "ofo"),
        ("a{2,3}b", "aaaa"),
    ],
)
def test_what_no_match_begins_with_is_none(expression: str, text: str) -> None:
    """So not every text is in doubt."""
    begin = beginnings(expression)
    assert begin is not None and not accepts(begin, text)


def test_what_would_be_too_large_is_not_made() -> None:
    """Groups in groups are written out again at each level."""
    assert beginnings("(?:" * 40 + "abcdefgh" * 60 + ")x" * 40) is None
