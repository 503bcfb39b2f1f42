"""A state directory with a sealed journal, for tests of what is made of it."""

from __future__ import annotations

from pathlib import Path

from mcpgate.evidence.chain import Tree
from mcpgate.evidence.keyfile import KeyFile
from mcpgate.evidence.seals import DIRECTORY, Seals
from tests.evidence.made import BEGIN, HOUR, Made, make_journal

#: The day of all that is in it.
DAY = "2026-11-26"


def record(state: Path, *, workers: int = 1, exchanges: int = 300, segment: int = 200, **how: object) -> Made:
    """Make one: some hours of a gate that was used."""
    state.mkdir(mode=0o700)
    file = KeyFile(state, host=lambda: "gate")
    keys, _ = file.begin(BEGIN)
    seals: dict[int, Seals] = {}

    def seal(worker: int, number: int, tree: Tree, head: bytes, closed: bool) -> None:
        if worker not in seals:
            seals[worker] = Seals(state / DIRECTORY, file, worker, clock=lambda: BEGIN)
        seals[worker].add(number, tree.size, tree.root(), head, closed)

    return make_journal(
        state / "journal",
        gate=keys.gate,
        workers=workers,
        exchanges=exchanges,
        segment=segment,
        seconds=10 * HOUR,
        seal=seal,
        **how,  # type: ignore[arg-type]
    )
