"""C{mcpgate evidence report}: what the record of a span of time answers an auditor, and the bundle behind "
"it."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

import click

from mcpgate._version import __version__
from mcpgate.cli.evidence_span import sealed_by_now, span_of, span_options
from mcpgate.cli.exits import Stop
from mcpgate.cli.progress import progress
from mcpgate.cli.state import gate_options, state_of
from mcpgate.cli.text import format_option, show, table
from mcpgate.config.state import load_checkpoints
from mcpgate.evidence.keyfile import EvidenceKeyError, EvidenceKeys, KeyFile
from mcpgate.evidence.reading import ReadingError
from mcpgate.evidence.record import timestamp
from mcpgate.evidence.seals import DIRECTORY
from mcpgate.evidence.verify import UnreadableError, Verification, verify
from mcpgate.report.counts import Listed
from mcpgate.report.making import Made, NothingThere, make
from mcpgate.report.profiles import PROFILES
from mcpgate.report.span import Span
from mcpgate.report.verified import Found, Verified

#: The exit code for evidence that was tampered with.
TAMPERED = 1
#: Findings of verification that a report tells one by one.
FINDINGS_MOST = 500


@click.command("report", short_help="Make a report for an auditor, and the signed bundle behind it.")
@span_options
@click.option(
    "--profile",
    type=click.Choice(tuple(PROFILES)),
    required=True,
    help="Which framework's questions are answered.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=".",
    show_default=True,
    metavar="DIR|FILE",
    help="Where the bundle is written (FILE.zip), with the page beside it.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The gate's public key, as it was kept elsewhere; else the one beside the journal.",
)
@click.option(
    "--checkpoints",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the checkpoints are, if the configuration does not say it.",
)
@gate_options
@format_option
def command(
    since: str,
    until: str | None,
    profile: str,
    out: Path,
    key: Path | None,
    checkpoints: Path | None,
    config: Path,
    state: Path | None,
    form: str,
) -> None:
    """Make a report of what happened from one time to another: an HTML page, and the signed bundle that it
    rests on, which mcpgate evidence verify checks with the public key alone.

    Ends with 1 if the journal was tampered with, and with 75 if lines of it were not sealed in time; the
    report is written all the same, and says so.
    """
    now = time.time()
    span = span_of(since, until, now)
    directory = state_of(config, state)
    if checkpoints is None:
        checkpoints = (load_checkpoints(config) if state is None else None) or directory / DIRECTORY
    keys = _keys(directory)
    bundle = _bundle(out, keys.gate, span)
    sealed_by_now(directory)
    try:
        with progress("reading") as passed:
            made = make(
                state=directory,
                checkpoints=checkpoints,
                span=span,
                framework=PROFILES[profile],
                bundle=bundle,
                keys=keys,
                verify=lambda staged: _verified(staged, key),
                made=timestamp(now),
                version=__version__,
                passed=passed,
            )
    except NothingThere as error:
        raise Stop(str(error), os.EX_NOINPUT) from None
    except (ReadingError, UnreadableError) as error:
        raise Stop(str(error), os.EX_NOINPUT) from error
    show(_facts(made), form, lambda: _text(made))
    if not made.report.verified.sound:
        raise SystemExit(TAMPERED)
    if made.report.verified.late:
        raise SystemExit(os.EX_TEMPFAIL)


def _verified(staged: Path, key: Path | None) -> Verified:
    with progress("verifying") as passed:
        return verified(verify(staged, key=key, passed=passed))


def verified(found: Verification) -> Verified:
    """What a report says of a verification."""
    rows = tuple(Found(one.severity.value, one.where, one.words) for one in found.findings[:FINDINGS_MOST])
    left = len(found.findings) - len(rows) + found.more
    return Verified(
        sound=found.sound,
        lines=found.lines,
        unsealed=found.unsealed,
        checkpoints=found.checkpoints,
        key=str(found.trusted.first),
        given=found.given,
        findings=Listed(rows, left),
        late=found.late,
    )


def _keys(state: Path) -> EvidenceKeys:
    """The key that signs the bundle."""
    try:
        keys = KeyFile(state).load()
    except EvidenceKeyError as error:
        code = os.EX_NOPERM if isinstance(error.__cause__, PermissionError) else os.EX_NOINPUT
        raise Stop(str(error), code) from error
    if keys is None:
        raise Stop(f"{state}: there is no evidence key; a gate makes it at its first start", os.EX_NOINPUT)
    return keys


def _bundle(out: Path, gate: str, span: Span) -> Path:
    if out.suffix == ".zip":
        if not out.parent.is_dir():
            raise Stop(f"{out.parent}: there is no such directory", os.EX_CANTCREAT)
        return out
    if not out.is_dir():
        raise Stop(f"{out}: neither a directory nor a name that ends in .zip", os.EX_CANTCREAT)
    days = "-".join(datetime.fromisoformat(one).strftime("%Y%m%d") for one in (span.since, span.until))
    return out / f"mcpgate-{gate}-{days}.zip"


def _facts(made: Made) -> dict[str, object]:
    report = made.report
    return {
        "bundle": str(made.bundle),
        "page": str(made.page),
        "gate": report.gate,
        "since": report.summary.span.since,
        "until": report.summary.span.until,
        "profile": report.framework.name,
        "sound": report.verified.sound,
        "late": report.verified.late,
        "lines": report.summary.lines,
        "unsealed": report.verified.unsealed,
        "exchanges": report.summary.traffic.exchanges,
        "controls": [
            {"clause": one.clause, "title": one.title, "answer": one.answer.value, "why": one.why}
            for one in report.controls
        ],
    }


def _text(made: Made) -> str:
    report = made.report
    rows = [(one.clause, one.title, one.answer.value) for one in report.controls]
    if report.verified.sound:
        sound = "sound as far as it was sealed in time" if report.verified.late else "sound"
        lines, unsealed = report.verified.lines, report.verified.unsealed
        judged = f"{sound}, {lines:,} lines verified, {unsealed:,} of them unsealed"
    else:
        judged = "TAMPERED: " + "; ".join(one.words for one in report.verified.of("tampered")[:5])
    return "\n".join(
        (
            table(rows, heads=("clause", "about", "answer")),
            "",
            f"Verification: {judged}",
            f"Bundle: {made.bundle}",
            f"Page: {made.page}",
        )
    )
