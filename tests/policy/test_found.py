"""Finds are put in order."""

from __future__ import annotations

from mcpgate.policy.found import Found, merged


def test_what_overlaps_is_one() -> None:
    """Under the name of the longer; what only touches stays two."""
    assert merged([Found(5, 9, "b"), Found(0, 3, "a"), Found(2, 5, "c"), Found(9, 10, "d")]) == [
        Found(0, 5, "a"),
        Found(5, 9, "b"),
        Found(9, 10, "d"),
    ]
    assert merged([Found(0, 2, "a"), Found(1, 9, "b"), Found(3, 4, "c")]) == [Found(0, 9, "b")]
    assert merged([]) == []
