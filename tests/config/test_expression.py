"""Expressions of the configuration."""

from __future__ import annotations

import time

import pytest

from mcpgate.config.expression import compile_expression, is_expression


@pytest.mark.parametrize("pattern", ["^a$", "^$", "^a|b$"])
def test_a_pattern_between_its_marks_is_an_expression(pattern: str) -> None:
    assert is_expression(pattern)


@pytest.mark.parametrize("pattern", ["", "^", "$", "a$", "^a", "a"])
def test_any_other_is_none(pattern: str) -> None:
    assert not is_expression(pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("^a|b$", "a", True),
        ("^a|b$", "ax", False),
        ("^a|b$", "xb", False),
        ("^.*$", "a\nb", True),
        ("^a$", "a\n", False),
        ("^(?i)get$", "GET", True),
        ("^get$", "GET", False),
        (r"^\d{3}$", "123", True),
        (r"^\d{3}$", "١٢٣", False),
        ("^gr.n$", "grün", True),
    ],
)
def test_the_whole_text_must_match(pattern: str, text: str, expected: bool) -> None:
    assert compile_expression(pattern).matches(text) is expected


@pytest.mark.parametrize(
    "pattern", ["^($", "^)$", "^a)|(b$", r"^a\$", "^(?=a)$", r"^(a)\1$", "^(a{900}){900}$", f"^{'a' * 2000}$"]
)
def test_what_re2_does_not_take_or_is_too_large_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"RE2|longer than"):
        compile_expression(pattern)


def test_what_makes_other_engines_take_for_ever_is_done_at_once() -> None:
    """Half a MiB, against an expression that backtracks over every way to cut it."""
    expression = compile_expression("^(a|a|aa)+b$")
    began = time.monotonic()
    assert not expression.matches("a" * (1 << 19))
    assert time.monotonic() - began < 5


def test_half_a_surrogate_pair_is_some_character() -> None:
    """JSON can hold it, UTF-8 cannot."""
    assert compile_expression("^a.b$").matches("a\ud800b")
    assert not compile_expression("^ab$").matches("a\ud800b")
