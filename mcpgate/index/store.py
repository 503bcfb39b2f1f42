"""What the index is kept in, whichever database that is: turns of writing, and questions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from mcpgate.evidence.position import Position
from mcpgate.index.rows import Had, Row, Value, had_of
from mcpgate.index.schema import EXCHANGE, FAULT, FILLED, HANDSHAKE, POSITION, Table, put


class StoreError(Exception):
    """The database cannot be reached or used; trying again later may help."""


class UnfitError(StoreError):
    """The database does not take a row as it is; trying again will not help."""


class Asked(Protocol):
    """Answers questions."""

    def ask(self, question: str, values: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        """
        The rows that a SELECT has, with a C{?} for each value.

        @raise StoreError: It cannot be answered.
        """

    def close(self) -> None:
        """Let go of the database."""


class Store(Protocol):
    """Takes what the journals of gates say."""

    def turn(self, gate: str) -> AbstractContextManager[Turn]:
        """
        A transaction, while which nobody else puts in anything of this gate's: all of it is kept, or nothing.

        @raise StoreError: Nothing is kept.
        """

    def close(self) -> None:
        """Let go of the database."""


class Turn(ABC):
    """One transaction."""

    def __init__(self, gate: str) -> None:
        self.gate = gate

    @abstractmethod
    def ask(self, question: str, values: Sequence[object] = ()) -> list[tuple[Value, ...]]:
        """The rows that a statement has."""

    @abstractmethod
    def do(self, statement: str, values: Iterable[Sequence[Value]]) -> None:
        """Do a statement once for each of these."""

    @abstractmethod
    def among(self, column: str, values: Collection[str]) -> tuple[str, object]:
        """A condition that a column has one of these values, and the one value in it."""

    def positions(self) -> dict[int, Position]:
        """Where to go on with each worker's journal."""
        rows = self.ask(
            f"SELECT worker, segment, start, seq FROM {POSITION.name} WHERE gate = ?", (self.gate,)
        )
        return {int(w or 0): Position(int(n or 0), int(at or 0), int(seq or 0)) for w, n, at, seq in rows}

    def last(self) -> float | None:
        """When the latest record of this gate was made that is in, in Unix seconds."""
        ((last,),) = self.ask(f"SELECT MAX(last) FROM {POSITION.name} WHERE gate = ?", (self.gate,))
        return None if last is None else int(last) / 1_000_000

    def exchanges(self, ids: Collection[str]) -> Mapping[str, Row]:
        """What is known of some exchanges."""
        names = tuple(EXCHANGE.columns)
        found = self._some(EXCHANGE, names, ids)
        return {str(row[1]): dict(zip(names, row, strict=True)) for row in found}

    def known(self, table: Table, ids: Collection[str]) -> set[str]:
        """Which of these ids have a row."""
        return {str(id) for (id,) in self._some(table, ("id",), ids)}

    def had(self, ids: Collection[str]) -> dict[str, Had]:
        """What some handshakes came to."""
        names = ("id", "version", "grp", "suite", "pq", "used")
        found = self._some(HANDSHAKE, names, ids)
        return {str(row[0]): had_of(dict(zip(names, row, strict=True))) for row in found}

    def _some(self, table: Table, names: Sequence[str], ids: Collection[str]) -> list[tuple[Value, ...]]:
        if not ids:
            return []
        condition, value = self.among("id", ids)
        question = f"SELECT {', '.join(names)} FROM {table.name} WHERE gate = ? AND {condition}"
        return self.ask(question, (self.gate, value))

    def put(self, table: Table, rows: Iterable[Row]) -> None:
        """Put rows in, or into those that are there."""
        names = tuple(table.columns)
        values = [tuple(map(row.get, names)) for row in rows]
        if values:
            self.do(put(table), values)

    def touch(self, used: Mapping[str, Had]) -> None:
        """Note when handshakes were last in use."""
        change = f"UPDATE {HANDSHAKE.name} SET used = ? WHERE gate = ? AND id = ? AND used < ?"
        if used:
            self.do(change, [(one.used, self.gate, id, one.used) for id, one in used.items()])

    def empty(self) -> None:
        """Take away all that is of this gate."""
        for table in FILLED:
            self.do(f"DELETE FROM {table.name} WHERE gate = ?", [(self.gate,)])

    def remove(self, table: Table, before: int, most: int) -> bool:
        """Take away up to so many of a gate's rows that are older. C{True}: there may be more."""
        aged = f"gate = ? AND {table.aged} < ? AND NOT ({table.unless})"
        key = ", ".join(table.keys)
        chosen = f"SELECT {key} FROM {table.name} WHERE {aged} ORDER BY {table.aged} LIMIT {most}"
        gone = self.ask(
            f"DELETE FROM {table.name} WHERE ({key}) IN ({chosen}) RETURNING 1", (self.gate, before)
        )
        return len(gone) >= most

    def shorten_faults(self, most: int) -> None:
        """Keep no more than so many of those lines that did not fit: the first ones."""
        kept = f"SELECT worker, segment, seq FROM {FAULT.name} WHERE gate = ? ORDER BY 1, 2, 3 LIMIT {most}"
        self.do(
            f"DELETE FROM {FAULT.name} WHERE gate = ? AND (worker, segment, seq) NOT IN ({kept})",
            [(self.gate, self.gate)],
        )
