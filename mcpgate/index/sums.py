"""What the sums of the index say of a time (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil

from mcpgate.index.answers import Count, Leg, OverTime, Step
from mcpgate.index.rows import Value
from mcpgate.index.schema import HOUR, MINUTE

#: A question and its values to rows.
Ask = Callable[[str, Sequence[Value]], Sequence[tuple[Value, ...]]]

#: Steps that anybody can tell apart on a screen.
STEPS_MOST = 500

#: Version, group, suite, and whether that is a post-quantum one.
Had = tuple[str, str, str, int]


def minutes(since: datetime, until: datetime) -> tuple[int, int]:
    """The whole minutes in which a time lies, in seconds since 1970."""
    start, end = int(since.timestamp() // MINUTE), ceil(until.timestamp() / MINUTE)
    return start * MINUTE, max(start, end) * MINUTE


def spans(start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """A time in whole minutes, as few steps as possible: each with its length, its beginning and its end."""
    first, last = -(-start // HOUR) * HOUR, end // HOUR * HOUR
    if first >= last:
        if start < end:
            yield MINUTE, start, end
        return
    if start < first:
        yield MINUTE, start, first
    yield HOUR, first, last
    if last < end:
        yield MINUTE, last, end


def summed(
    ask: Ask, table: str, names: str, sums: Sequence[str], span: tuple[int, int], gate: str | None
) -> dict[tuple[str, ...], list[int]]:
    """The sums of a table in a time, by the columns that are named."""
    added: dict[tuple[str, ...], list[int]] = {}
    columns = ", ".join(f"SUM({name})" for name in sums)
    whose, values = ("", ()) if gate is None else (" AND gate = ?", (gate,))
    for step, start, end in spans(*span):
        found = ask(
            f"SELECT {columns}, {names} FROM {table} WHERE step = ? AND at >= ? AND at < ?{whose} "
            f"GROUP BY {names}",
            (step, start, end, *values),
        )
        for row in found:
            counts = [int(value or 0) for value in row[: len(sums)]]
            key = tuple(str(value) for value in row[len(sums) :])
            old = added.get(key)
            added[key] = counts if old is None else [a + b for a, b in zip(old, counts, strict=True)]
    return added


def counts_of(counted: Mapping[str, int]) -> tuple[Count, ...]:
    """Counts, the largest first, with their shares of all."""
    whole = sum(counted.values())
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Count(name or None, count, count / whole) for name, count in ordered if count)


def leg_of(had: Iterable[tuple[Had, int]]) -> Leg:
    """What exchanges had on a leg."""
    versions: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    suites: Counter[str] = Counter()
    whole = quantum = 0
    for (version, group, suite, post_quantum), count in had:
        versions[version] += count
        groups[group] += count
        suites[suite] += count
        whole += count
        quantum += count if post_quantum else 0
    share = Count("post-quantum", quantum, quantum / whole if whole else 0.0)
    return Leg(whole, share, counts_of(versions), counts_of(groups), counts_of(suites))


def over_time(ask: Ask, leg: str, since: datetime, until: datetime, steps: int, gate: str | None) -> OverTime:
    """What exchanges had on a leg, step by step."""
    start, end = minutes(since, until)
    width = max(1, -(-(end - start) // max(1, min(steps, STEPS_MOST))))
    unit = MINUTE if width <= HOUR else HOUR
    width = -(-width // unit) * unit
    start = start // width * width if unit == MINUTE else start // HOUR * HOUR
    count = max(1, -(-(end - start) // width))
    whose, values = ("", ()) if gate is None else (" AND gate = ?", (gate,))
    found = ask(
        "SELECT (at - ?) / ?, version, grp, suite, pq, SUM(exchanges) FROM traffic "
        f"WHERE step = ? AND at >= ? AND at < ? AND leg = ?{whose} GROUP BY 1, 2, 3, 4, 5",
        (start, width, unit, start, start + count * width, leg, *values),
    )
    by_step: dict[int, list[tuple[Had, int]]] = {}
    for index, version, group, suite, post_quantum, exchanges in found:
        had = (str(version), str(group), str(suite), int(post_quantum or 0))
        by_step.setdefault(int(index or 0), []).append((had, int(exchanges or 0)))
    shown = tuple(
        Step(datetime.fromtimestamp(start + index * width, UTC), leg_of(by_step.get(index, ())))
        for index in range(count)
    )
    end = start + count * width
    together = leg_of(one for each in by_step.values() for one in each)
    return OverTime(
        leg, datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC), width, shown, together
    )
