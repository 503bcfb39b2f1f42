"""How questions are put together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.index.answers import Filter
from mcpgate.index.asking import ROWS_MOST, PlaceError, Where, behind, bounded, place_of


@given(st.integers(-(2**53), 2**53), st.text(), st.text())
def test_a_place_comes_back(time: int, gate: str, id: str) -> None:
    """And its name can stand in a URL as it is."""
    try:
        name = place_of((time, gate, id))
    except UnicodeEncodeError:
        return
    assert behind(name) == (time, gate, id)
    assert all(c.isascii() and (c.isalnum() or c in "-_") for c in name)


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_any_other_name_is_refused(name: str) -> None:
    """In no other way."""
    try:
        time, gate, id = behind(name)
    except PlaceError:
        return
    assert (type(time), type(gate), type(id)) == (int, str, str)


@pytest.mark.parametrize("time", [2**63, -(2**70), 10**30])
def test_a_time_that_no_database_has_is_refused(time: int) -> None:
    """Whoever makes places up gets no page that has failed."""
    with pytest.raises(PlaceError):
        behind(place_of((time, "gate", "id")))


def test_what_is_not_asked_for_is_no_condition() -> None:
    """Values never stand in the statement itself."""
    where = Where()
    where.equal("gate", None)
    where.within("time", Filter())
    assert where.text() == ""
    where.equal("gate", "'; DROP TABLE exchange")
    where.begins("name", "read_")
    where.within(
        "time", Filter(since=datetime(1970, 1, 2, tzinfo=UTC), until=datetime(1970, 1, 3, tzinfo=UTC))
    )
    assert where.text() == " WHERE gate = ? AND name >= ? AND name < ? AND time >= ? AND time < ?"
    assert where.values[0] == "'; DROP TABLE exchange"
    assert where.values[1:3] == ["read_", "read_\U0010ffff"]
    assert where.values[3:] == [86_400_000_000, 172_800_000_000]


@pytest.mark.parametrize(("asked", "shown"), [(-5, 1), (0, 1), (7, 7), (10**9, ROWS_MOST)])
def test_a_page_has_some_rows(asked: int, shown: int) -> None:
    """However many somebody asks for."""
    assert bounded(asked) == shown
