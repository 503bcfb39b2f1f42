"""Counting what peers may choose: a bounded number of values by name, and all others together (pure)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from attrs import frozen

K = TypeVar("K", bound=Hashable)


@frozen
class Row:
    """A value, and how often it was."""

    name: str
    count: int


@frozen
class Counted:
    """
    Values by how often they were, the most frequent first.

    @ivar others: How often there were values that have no row of their own, as there were too many.
    """

    rows: tuple[Row, ...] = ()
    others: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(row.count for row in self.rows) + self.others

    def of(self, name: str) -> int:
        """How often that value was."""
        return next((row.count for row in self.rows if row.name == name), 0)


class Bounded(Generic[K]):
    """A counter that keeps no more than so many values apart: the first ones that it is told."""

    __slots__ = ("counts", "most", "others")

    def __init__(self, most: int) -> None:
        self.counts: dict[K, int] = {}
        self.most = most
        self.others = 0

    def add(self, key: K, count: int = 1) -> None:
        """Count a value."""
        counts = self.counts
        if key in counts:
            counts[key] += count
        elif len(counts) < self.most:
            counts[key] = count
        else:
            self.others += count

    def items(self) -> list[tuple[K, int]]:
        """The values that are kept apart, the most frequent first."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], str(item[0])))

    def counted(self) -> Counted:
        """All of it, as a value."""
        return Counted(tuple(Row(str(key), count) for key, count in self.items()), self.others)


T = TypeVar("T")


@frozen
class Listed(Generic[T]):
    """
    Things that are told one by one, as far as there is room for them.

    @ivar left_out: How many more there were.
    """

    rows: tuple[T, ...] = ()
    left_out: int = 0

    @property
    def total(self) -> int:
        """How many there were."""
        return len(self.rows) + self.left_out


class Listing(Generic[T]):
    """A list that grows to so many."""

    __slots__ = ("_rows", "_most", "_left_out")

    def __init__(self, most: int) -> None:
        self._rows: list[T] = []
        self._most = most
        self._left_out = 0

    def add(self, row: T) -> None:
        """Add one, or count it."""
        if len(self._rows) < self._most:
            self._rows.append(row)
        else:
            self._left_out += 1

    def listed(self) -> Listed[T]:
        """All of it, as a value."""
        return Listed(tuple(self._rows), self._left_out)
