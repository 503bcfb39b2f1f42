"""A shape is looked for with what stands beside it, and without."""

from __future__ import annotations

from collections.abc import Set

from mcpgate.policy.effort import Effort
from mcpgate.policy.shapes import Shape
from mcpgate.policy.sought import Sought


def test_it_is_found_one_after_the_other() -> None:
    """Two may share what stands between them; what is refused may hide the beginning of one."""

    def two(text: bytes, start: int, end: int, joints: Set[int]) -> list[tuple[int, int]]:
        return [(start, end)] * (end - start == 2)

    shape = Shape.of(Sought("x", core="a+b?", hint="a", check=two))
    assert list(shape.seek(b"aa,aa;ab aab", Effort())) == [(0, 2), (3, 5), (6, 8)]
    assert shape.loose.span(b"xaabx") == (1, 4)


def test_what_a_text_needs_is_looked_for_first() -> None:
    """Without it nothing is looked at."""
    shape = Shape.of(Sought("x", core="[a-z]+", hint="a", needs=(b"q",)))
    effort = Effort()
    assert list(shape.seek(b"abc", effort)) == [] and effort == Effort()
    assert list(shape.seek(b"q", effort)) == [(0, 1)]


def test_without_effort_everything_is_it() -> None:
    """From the first match on."""
    shape = Shape.of(Sought("x", core="a", hint="a", left="", right=""))
    assert list(shape.seek(b"bbabab", Effort(1))) == [(2, 3), (4, 6)]
