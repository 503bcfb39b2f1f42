"""C{mcpgate evidence what-if}: who of the record would be refused under a stricter floor."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click
from attrs import asdict

from mcpgate.cli.evidence_span import lines_by_worker, segments_of, span_of, span_options
from mcpgate.cli.exits import Stop, complain
from mcpgate.cli.state import state_options
from mcpgate.cli.text import format_option, show, table
from mcpgate.evidence.reading import ReadingError
from mcpgate.report.what_if import Fate, Forecast, Forecasting, Peer
from mcpgate.tls.profile import PROFILES, with_pq

#: Rows of one table; the JSON has all of them.
ROWS_MOST = 50


@click.command("what-if", short_help="Say who would be refused under a stricter TLS floor.")
@span_options
@click.option("--profile", type=click.Choice(tuple(PROFILES)), required=True, help="The floor.")
@click.option("--require-pq", is_flag=True, help="And only post-quantum key exchange on top of it.")
@state_options
@format_option
def command(since: str, until: str | None, profile: str, require_pq: bool, state: Path, form: str) -> None:
    """Judge the handshakes on record again, by another floor: which clients and upstreams would be refused.

    Of a client it is known what it had offered, so one that would only have negotiated better is told from
    one that could not. An upstream was offered all that there is.
    """
    span = span_of(since, until, time.time())
    floor = PROFILES[profile]
    forecasting = Forecasting(with_pq(floor) if require_pq else floor, span)
    try:
        for lines in lines_by_worker(segments_of(state, span)):
            forecasting.take_all(lines)
    except ReadingError as error:
        raise Stop(str(error), os.EX_NOINPUT) from error
    found = forecasting.forecast()
    if forecasting.faulty:
        complain(f"{forecasting.faulty} lines are no records, and say nothing here")
    called = f"{profile}, post-quantum only" if require_pq else profile
    show({"profile": profile, "require_pq": require_pq, **asdict(found)}, form, lambda: _text(found, called))


def _text(found: Forecast, floor: str) -> str:
    parts = [
        f"Of {found.handshakes:,} handshakes {found.fine:,} were at or above {floor}, {found.better:,} would "
        f"have been with what their clients had offered, and {found.shut_out:,} could not have been. "
        f"{found.refused:,} were refused as it was."
    ]
    for fate, title in (
        (Fate.SHUT_OUT, "would be refused"),
        (Fate.BETTER, "would negotiate better"),
    ):
        peers = [one for one in found.peers if one.fate is fate]
        if peers:
            heads = ("leg", "where", "address", "callers", "negotiated", "offered", "count", "last", "reason")
            parts.append(f"{title} ({len(peers):,})\n" + table(map(_row, peers[:ROWS_MOST]), heads=heads))
        if len(peers) > ROWS_MOST:
            parts.append(f"... and {len(peers) - ROWS_MOST:,} more; --format json has all of them")
    if found.left_out:
        parts.append(f"{found.left_out:,} more handshakes below it are of peers too many to be told apart.")
    return "\n\n".join(parts)


def _row(one: Peer) -> tuple[object, ...]:
    callers = ", ".join(row.name for row in one.callers.rows) or "-"
    negotiated = f"{one.version}, {one.group}"
    return (
        one.leg,
        one.where,
        one.address,
        callers,
        negotiated,
        one.offered,
        one.handshakes,
        one.last[:19],
        one.reason,
    )
