"""Shares, as people read them."""

from __future__ import annotations

import pytest

from mcpgate.report.checks.answer import percent


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 0, "0 of 0"),
        (0, 10, "0 of 10 (0.0 %)"),
        (10, 10, "10 of 10 (100.0 %)"),
        (1, 1_000_000, "1 of 1,000,000 (under 0.1 %)"),
        (999_999, 1_000_000, "999,999 of 1,000,000 (over 99.9 %)"),
    ],
)
def test_some_is_never_told_as_none_or_all(part: int, whole: int, said: str) -> None:
    """Rounding must not hide the one that matters."""
    assert percent(part, whole) == said
