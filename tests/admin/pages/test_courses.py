"""What was used over time, as a chart draws it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mcpgate.admin.pages.courses import NAMES_MOST, course
from tests.admin.pages.staged import NOW


def test_what_is_rare_goes_together() -> None:
    """A chart of twenty colours tells nothing; nothing is left out of the sum."""
    names = [f"suite-{at}" for at in range(NAMES_MOST + 3)]
    made = course([(NOW, [(name, 1) for name in names])], names, 60)
    assert made.names == (*names[: NAMES_MOST - 1], "other")
    assert made.rows[0].counts == (*(1,) * (NAMES_MOST - 1), 4)


def test_as_many_as_there_are_colours_keep_their_names() -> None:
    """Nothing is called other where it need not be."""
    names = [f"suite-{at}" for at in range(NAMES_MOST)]
    assert course([(NOW, [])], names, 60).names == tuple(names)


def test_each_step_is_a_row_also_where_nothing_was() -> None:
    """An hour of silence is seen as one."""
    made = course([(NOW, [("a", 3)]), (NOW + timedelta(hours=1), [])], ["a"], 3600)
    assert [row.counts for row in made.rows] == [(3,), (0,)]


def test_without_anything_there_are_no_rows() -> None:
    """Rather than a table of times."""
    assert course([(NOW, [])], [], 60).rows == ()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(60, "minute"), (1800, "30 minutes"), (7200, "2 hours"), (86400, "day"), (90, "90 seconds")],
)
def test_a_step_is_told_in_whole_units(seconds: int, words: str) -> None:
    """As a person would say it."""
    assert course([], [], seconds).step == words
