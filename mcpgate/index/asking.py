"""How questions are put together: which rows, and which page of them (pure)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from attrs import define, field

from mcpgate.index.answers import Filter
from mcpgate.index.lines import Whole, found_by, micros
from mcpgate.index.rows import Value

Given = TypeVar("Given")

#: Rows of a page that asks for none in particular, and the most that one may ask for.
ROWS, ROWS_MOST = 50, 1000
#: What no text goes on with: behind all that begin with the same.
_LAST = "\U0010ffff"


class PlaceError(ValueError):
    """What somebody wants to see the rows behind of is not a place that a page has named."""


@define
class Where:
    """Conditions, all of which must hold, and their values."""

    conditions: list[str] = field(factory=list)
    values: list[Value] = field(factory=list)

    def add(self, condition: str, *values: Value) -> None:
        """One more."""
        self.conditions.append(condition)
        self.values += values

    def but(self, column: str, value: Value) -> Where:
        """The same, and that a column has a value."""
        other = Where([*self.conditions], [*self.values])
        other.equal(column, value)
        return other

    def equal(self, column: str, value: Value) -> None:
        """A column has a value, if one is given."""
        if value is not None:
            self.add(f"{column} = ?", value)

    def begins(self, column: str, start: str) -> None:
        """A column's text begins so."""
        start = found_by(start) or ""
        self.add(f"{column} >= ? AND {column} < ?", start, start + _LAST)

    def within(self, column: str, filter: Filter) -> None:
        """A column is in the time that is asked for."""
        if filter.since is not None:
            self.add(f"{column} >= ?", micros(filter.since.isoformat()))
        if filter.until is not None:
            self.add(f"{column} < ?", micros(filter.until.isoformat()))

    def text(self) -> str:
        """As it stands in a statement."""
        return f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


def place_of(row: Sequence[Value]) -> str:
    """
    The name of a row's place.

    @param row: What the rows are ordered by: a time, the gate and an id.
    """
    return base64.urlsafe_b64encode(msgspec.json.encode(list(row))).decode().rstrip("=")


def behind(place: str) -> tuple[int, str, str]:
    """
    The place of such a name.

    @raise PlaceError: There is none.
    """
    try:
        raw = base64.b64decode(place + "=" * (-len(place) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=tuple[Whole, str, str])
    except (ValueError, binascii.Error, UnicodeError) as error:
        raise PlaceError("there is no such place") from error


def bounded(rows: int) -> int:
    """How many rows to show, of what somebody asks for."""
    return max(1, min(rows, ROWS_MOST))
