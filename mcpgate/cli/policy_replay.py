"""C{mcpgate policy replay}: what rules would say of the exchanges that are on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from mcpgate.cli.journals import lines_of
from mcpgate.cli.rules import chosen, rules_options, subject_of
from mcpgate.cli.text import format_option, show, table
from mcpgate.trial.recorded import Reading
from mcpgate.trial.replay import Count, Kind, Tally, newly, replay

_Counted = Sequence[tuple[Kind, Count]]


@click.command("replay", short_help="Say what rules would newly block, hold or allow of a journal.")
@click.argument("journals", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="JOURNAL...")
@rules_options
@format_option
def command(journals: tuple[Path, ...], config: Path, policy: Path | None, form: str) -> None:
    """Judge again what is on record in each JOURNAL, a file or a directory of them, and say what would come
    out differently.

    A journal has no arguments, and not all that a rule may ask of a caller. What cannot be told without is
    reported as undecidable.
    """
    chosen()
    subject = subject_of(config, policy)
    reading = Reading()
    tally = replay(subject, reading.messages(lines_of(journals)))
    changes = dict(newly(tally))
    facts = {
        "messages": tally.messages,
        "faulty_lines": reading.faulty,
        "changes": {verdict: _facts(counted) for verdict, counted in changes.items()},
        "masked": _facts(tally.masked()),
        "unmasked": _facts(tally.unmasked()),
        "undecidable": _facts(tally.undecidable()),
    }
    show(facts, form, lambda: _text(tally, reading, changes))


def _facts(counted: _Counted) -> list[dict[str, object]]:
    return [
        {
            "count": count.count,
            "was": kind.was,
            "principal": kind.principal,
            "route": kind.route,
            "method": kind.method,
            "name": kind.name,
            "rule": kind.rule,
            "reason": kind.reason,
            "unknown": list(kind.unknown),
            "masks": list(kind.masks),
            "unmasked": list(kind.unmasked),
            "first": count.first,
            "last": count.last,
            "example": count.example,
        }
        for kind, count in counted
    ]


def _text(tally: Tally, reading: Reading, changes: Mapping[str, _Counted]) -> str:
    parts = []
    heads = ("count", "was", "who", "route", "method", "name", "rule or reason", "an exchange")
    for verdict, counted in changes.items():
        if counted:
            rows = [_row(kind, count, kind.rule or kind.reason) for kind, count in counted]
            parts.append(f"would newly {verdict} ({_sum(counted)})\n" + table(rows, heads=heads))
    undecidable = tally.undecidable()
    if undecidable:
        rows = [_row(kind, count, ", ".join(kind.unknown)) for kind, count in undecidable]
        title = f"undecidable ({_sum(undecidable)})\n"
        parts.append(title + table(rows, heads=(*heads[:6], "not on record", "an exchange")))
    unmasked = tally.unmasked()
    if unmasked:
        rows = [_row(kind, count, ", ".join(kind.unmasked)) for kind, count in unmasked]
        title = f"had values masked that would pass ({_sum(unmasked)})\n"
        parts.append(title + table(rows, heads=(*heads[:6], "detectors", "an exchange")))
    masked = tally.masked()
    if masked:
        # Most of what passes is subject to the same few rules, so by these: the rest is in the JSON.
        by_masks: Counter[tuple[str, ...]] = Counter()
        for kind, count in masked:
            by_masks[kind.masks] += count.count
        rows = [(count, ", ".join(masks)) for masks, count in by_masks.most_common()]
        title = f"would be subject to masks ({_sum(masked)})\n"
        parts.append(title + table(rows, heads=("count", "detectors")))
    same = tally.messages - sum(_sum(counted) for counted in (*changes.values(), undecidable))
    parts.append(f"{tally.messages} messages; {same} would come out as they did")
    if reading.faulty:
        parts.append(f"{reading.faulty} lines are no records of this version, and were left out")
    return "\n\n".join(parts)


def _row(kind: Kind, count: Count, why: str | None) -> tuple[object, ...]:
    return count.count, kind.was, kind.principal, kind.route, kind.method, kind.name, why, count.example


def _sum(counted: _Counted) -> int:
    return sum(count.count for _, count in counted)
