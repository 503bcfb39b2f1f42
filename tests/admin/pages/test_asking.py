"""What a page is asked by its query."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mcpgate.admin.pages.asking import (
    Pages,
    choices,
    events,
    filters,
    gate_of,
    gates,
    given,
    index_of,
    pages,
    period_of,
    periods,
    since,
    steps,
)
from mcpgate.index.store import StoreError
from tests.admin.pages.staged import NOW, MadeIndex, asked, sources


def test_a_period_is_one_of_those_that_are_offered() -> None:
    """Anything else is a day."""
    assert period_of(asked("/?period=7d")).length == timedelta(days=7)
    assert period_of(asked("/?period=forever")) is period_of(asked("/")) is period_of(asked("/?period=24h"))
    assert since(asked("/"), period_of(asked("/"))) == (NOW - timedelta(days=1), NOW)


@pytest.mark.parametrize(
    ("key", "first", "last", "many"),
    [
        ("1h", NOW - timedelta(hours=1), NOW + timedelta(minutes=1), 61),
        ("24h", NOW - timedelta(days=1), NOW + timedelta(minutes=30), 49),
        ("7d", NOW.replace(hour=9, minute=0) - timedelta(days=7), NOW.replace(hour=12, minute=0), 57),
        ("30d", NOW.replace(hour=0, minute=0) - timedelta(days=30), NOW.replace(hour=12, minute=0), 61),
    ],
)
def test_a_course_has_steps_that_a_clock_has(key: str, first: datetime, last: datetime, many: int) -> None:
    """At ten and at half past ten, and not at seven past; the step that runs is one of them."""
    assert steps(asked(f"/?period={key}"), period_of(asked(f"/?period={key}"))) == (first, last, many)


def test_a_choice_keeps_what_else_was_asked() -> None:
    """But no place among rows that others have, and no word about a form that was sent."""
    links = choices(
        asked("/c?leg=outbound&period=7d&after=x&done=approved"), "leg", (("inbound", "in"),), "inbound"
    )
    assert [(one.name, one.path, one.chosen) for one in links] == [("in", "/c?leg=inbound&period=7d", True)]
    assert [one.chosen for one in periods(asked("/"), period_of(asked("/")))] == [False, True, False, False]


def test_of_several_gates_one_can_be_looked_at_alone() -> None:
    """Where they share an index; where there is one there is nothing to choose."""
    several, alone = sources(MadeIndex("gate-2", rows=2)), sources(MadeIndex("gate-2"))
    assert [(one.name, one.path) for one in gates(asked("/?gate=gate-2"), several)] == [
        ("all", "/"),
        ("gate-1", "/?gate=gate-1"),
        ("gate-2", "/?gate=gate-2"),
    ]
    assert gates(asked("/"), alone) == []
    assert gate_of(asked("/?gate=gate-2"), several) == "gate-2"
    assert gate_of(asked("/?gate=gate-9"), several) is None


def test_filters_are_what_was_written_without_white_space_around() -> None:
    """And not more of it than an index can be asked for."""
    wanted = filters(asked("/?principal=+alice+&route="), ("principal", "route", "method"))
    assert wanted == {"principal": "alice", "route": "", "method": ""}
    assert given(wanted) == {"principal": "alice"}
    assert len(filters(asked(f"/?principal={'a' * 999}"), ("principal",))["principal"]) == 256


def test_there_is_a_way_back_to_the_first_rows() -> None:
    """From all others, with the same filters."""
    assert pages(asked("/s?route=x"), "p2") == Pages(None, "/s?route=x&after=p2")
    assert pages(asked("/s?route=x&after=p2"), None) == Pages("/s?route=x", None)


def test_an_index_that_is_not_there_is_like_one_that_is_down() -> None:
    """For pages that cannot do without; others go on without it."""
    with pytest.raises(StoreError):
        index_of(sources(None))
    assert events(sources(None), "decision", 5) is None
    found = events(sources(MadeIndex()), "decision", 5)
    assert found is not None and [one.type for one in found] == ["decision"]
