"""From turns to the rows of the table and of build/bench.json (pure).

A row is the median of a peer's turns under one load. C{vs_nginx} is the median of the ratios within
each round, not the ratio of the medians: what slows the whole machine for a while slows both. So is
C{more_us}, which for gates beside a gate takes the place of the ratio: by how much CPU a call takes more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from attrs import Factory, frozen

#: Against whom all are compared.
BASE = "nginx"

#: The numbers of a row, in the order of the table, with its heading and how it is written.
FIGURES = {
    "rps": ("req/s", "{:,.0f}"),
    "cpu_us": ("CPU us", "{:,.1f}"),
    "p50_us": ("p50 us", "{:,.0f}"),
    "p99_us": ("p99 us", "{:,.0f}"),
    "mb_per_1000": ("MB/1000", "{:.1f}"),
    "vs_nginx": ("x nginx", "{:.3f}"),
    "more_us": ("more us", "{:+.1f}"),
}


@frozen
class Turn:
    """What one peer did under one load in one round."""

    peer: str
    load: str
    number: int
    #: Those of L{FIGURES} that the load measures, without C{vs_nginx} and C{more_us}.
    figures: Mapping[str, float]
    #: How many of what did not go well.
    errors: Mapping[str, int] = Factory(dict)
    #: What the first of them was.
    first_error: str = ""
    #: Share of its core that the peer used.
    busy: float = 0.0
    #: Connections that the peer opened to the upstream meanwhile.
    dialed: int = 0


def rows(
    turns: Sequence[Turn], figure_of: Mapping[str, str], base_of: Mapping[str, str] | None = None
) -> list[dict[str, object]]:
    """The rows, by load and then by peer, each in the order in which they first appear.

    @param figure_of: for each load, which figure is compared.
    @param base_of: for the loads of gates, which gate they are compared with.
    """
    made = []
    for load in _distinct(turn.load for turn in turns):
        of_load = [turn for turn in turns if turn.load == load]
        figure = figure_of[load]
        measured = [turn for turn in of_load if figure in turn.figures]
        of_gates = (base_of or {}).get(load)
        beside = of_gates or BASE
        base = {turn.number: turn.figures[figure] for turn in measured if turn.peer == beside}
        for peer in _distinct(turn.peer for turn in of_load):
            own = [turn for turn in of_load if turn.peer == peer]
            made.append(_row(peer, load, own, figure, base, ratio=of_gates is None))
    return made


def _row(
    peer: str, load: str, own: Sequence[Turn], figure: str, base: Mapping[int, float], *, ratio: bool
) -> dict[str, object]:
    row: dict[str, object] = {"peer": peer, "load": load}
    for name in FIGURES:
        values = [turn.figures[name] for turn in own if name in turn.figures]
        if values:
            row[name] = round(median(values), 3)
    pairs = [
        (turn.figures[figure], base[turn.number])
        for turn in own
        if figure in turn.figures and base.get(turn.number, 0) > 0
    ]
    if pairs and ratio:
        row["vs_nginx"] = round(median(one / other for one, other in pairs), 4)
    elif pairs:
        row["more_us"] = round(median(one - other for one, other in pairs), 3)
    errors = sum(sum(turn.errors.values()) for turn in own)
    if errors:
        row["errors"] = errors
    return row


def errors_of(turns: Iterable[Turn]) -> list[str]:
    """One line for each turn in which something did not go well."""
    return [
        f"{turn.peer}, {turn.load}, round {turn.number + 1}: "
        + ", ".join(f"{count} {kind}" for kind, count in turn.errors.items())
        + (f" (first: {turn.first_error})" if turn.first_error else "")
        for turn in turns
        if turn.errors
    ]


def table(made: Sequence[Mapping[str, object]], turns: Sequence[Turn]) -> str:
    """The rows as text, a block for each load.

    C{busy} is the share of its core that the peer used: where it is far from 100, something else was
    the bottleneck, and CPU per request says more than requests per second. C{dialed} counts new
    connections to the upstream while measuring; with connections reused it is about 0.
    """
    headings = ["load", "peer", *(heading for heading, _ in FIGURES.values()), "busy", "dialed", "turns"]
    lines = [headings]
    last = ""
    for row in made:
        own = [turn for turn in turns if (turn.peer, turn.load) == (row["peer"], row["load"])]
        cells = [str(row["load"]) if row["load"] != last else "", str(row["peer"])]
        last = str(row["load"])
        cells += [form.format(row[name]) if name in row else "" for name, (_, form) in FIGURES.items()]
        cells += [f"{median(turn.busy for turn in own):.0%}", f"{median(turn.dialed for turn in own):.0f}"]
        cells += [str(len(own)) + (f"  {row['errors']} ERRORS" if "errors" in row else "")]
        if cells[0] and len(lines) > 1:
            lines.append([])
        lines.append(cells)
    widths = [max(len(line[i]) for line in lines if line) for i in range(len(headings) - 1)]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    # Words to the left, numbers to the right, and the last as it comes.
    aligned = [
        cell.ljust(width) if i < 2 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=False))
    ]
    return "  ".join([*aligned, *cells[len(widths) :]]).rstrip()


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
