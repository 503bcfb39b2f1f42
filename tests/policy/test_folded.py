"""Texts are compared as they are seen."""

from __future__ import annotations

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.policy import folded
from mcpgate.policy.folded import REMEMBERED_MOST, fold, origins


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\uff21\uff2b\uff29\uff21\u200b1", "AKIA1"),
        ("4\u00a01\u20112\u20133\u22124", "4 1-2-3-4"),
        ("\u0664\u0661\u0967\u1049", "4119"),
        ("e\u0301\u0332", "e"),
        ("\u2460\u00b2\ufb01\u212b", "12fi\u00c5"),
        ("a\u202e\u2066\ufeff\U000e0041\u115f\u3164\u00adb", "ab"),
        ("a\x00\x07\x7f\x85b\tc\nd\r", "ab\tc\nd\r"),
    ],
)
def test_what_looks_alike_is_alike(text: str, seen: str) -> None:
    """Forms, digits, dashes and spaces of every kind; and what is not seen is not there."""
    assert fold(text) == seen


@pytest.mark.parametrize("text", ["", "plain", "caf\u00e9 \u65e5\u672c \u0410\U0001f600", "a\tb\n"])
def test_most_texts_are_the_same_object(text: str) -> None:
    """So that nobody looks at them twice."""
    assert fold(text) is text


def test_the_quick_look_misses_no_character() -> None:
    """Every character of Unicode that folds into something else is seen to."""
    for code in range(0x110000):
        if not 0xD800 <= code < 0xE000 and folded._folds[code] != chr(code):
            assert fold(f"\u00e9{chr(code)}") == f"\u00e9{folded._folds[code]}", hex(code)
    assert len(folded._folds) <= REMEMBERED_MOST


def test_digits_of_every_script_are_digits() -> None:
    """There are some seventy scripts with ten digits of their own."""
    digits = [chr(code) for code in range(0x110000) if category(chr(code)) == "Nd"]
    assert len(digits) > 600
    assert set(fold("".join(digits))) == set("0123456789")


@given(st.text())
def test_each_character_knows_where_it_comes_from(text: str) -> None:
    """As many origins as characters, and one for the end; never before the one to the left."""
    seen = fold(text)
    was = origins(text)
    assert len(was) == len(seen) + 1 and was[-1] == len(text) and was == sorted(was)
    for character, at in zip(seen, was, strict=False):
        assert character in folded._folds[ord(text[at])]


@given(st.text(), st.text())
def test_texts_fold_by_themselves(one: str, other: str) -> None:
    """What is put together folds like its parts, so texts may be looked at together or one by one."""
    assert fold(one + other) == fold(one) + fold(other)
