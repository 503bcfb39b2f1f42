"""Lines that do not belong where they stand: whether they belong elsewhere, or nowhere (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, groupby

from attrs import define, frozen

from mcpgate.evidence.chain import leaf


@define
class Fault:
    """
    What is wrong with some lines.

    @ivar kind: C{edited}, C{prev} (only its last member was), C{replaced}, C{missing}, C{inserted},
        C{duplicated}, C{foreign}, C{reordered}, C{rewritten}, C{cut}, C{added}, C{link} (the first line does
        not name the last one of the segment before).
    @ivar first: The first of them, by number; C{last}: the last.
    @ivar line: Where that is in the file, from 1.
    @ivar detail: More about it.
    @ivar count: How many lines of the file it is about, where that is not what the numbers say.
    """

    kind: str
    first: int
    last: int
    line: int
    detail: str = ""
    count: int = 0


@frozen
class Stray:
    """
    A line that does not belong where it stands.

    @ivar line: Where that is, from 1.
    @ivar seq: The number that it has, if any.
    @ivar alien: It was written by another process than the lines around it.
    """

    line: int
    seq: int | None
    hash: bytes
    alien: bool


def settled(strays: list[Stray], gaps: list[Fault], chunks: Iterable[list[bytes]]) -> list[Fault]:
    """
    What is wrong with them. Gaps that they fill become lines in another order.

    @param gaps: Faults about lines that are missing; of those that stand elsewhere the kind is changed.
    @param chunks: All lines of the segment, once more.
    """
    found = dict.fromkeys((stray.hash for stray in strays), 0)
    for line in chain.from_iterable(chunks):
        hash = leaf(line)
        if hash in found:
            found[hash] += 1
    moved: set[int] = set()
    kinds = []
    for stray in strays:
        at_home = any(gap.first <= stray.seq <= gap.last for gap in gaps) if stray.seq is not None else False
        if at_home and not stray.alien and stray.seq is not None:
            moved.add(stray.seq)
            kinds.append("reordered")
        elif found[stray.hash] > 1:
            kinds.append("duplicated")
        else:
            kinds.append("foreign" if stray.alien else "inserted")
    for gap in gaps:
        there = sum(1 for seq in moved if gap.first <= seq <= gap.last)
        if there == gap.last - gap.first + 1:
            gap.kind = "reordered"
        elif there:
            gap.detail = f"{there} of them stand elsewhere"
    # Neighbours of one kind are one fault.
    numbered = enumerate(zip(kinds, strays, strict=True))
    runs = groupby(numbered, key=lambda one: (one[1][0], one[1][1].line - one[0]))
    return [_fault(kind, [stray for _, (_, stray) in run]) for (kind, _), run in runs if kind != "reordered"]


def _fault(kind: str, run: list[Stray]) -> Fault:
    seqs = [stray.seq for stray in run if stray.seq is not None]
    first, last = (min(seqs), max(seqs)) if seqs else (0, 0)
    return Fault(kind, first, last, run[0].line, count=len(run))
