"""C{mcpgate evidence verify}: whether evidence is what the gate wrote and signed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mcpgate.cli.exits import Stop
from mcpgate.cli.progress import progress
from mcpgate.cli.state import gate_options, state_of
from mcpgate.cli.text import format_option, outline, show
from mcpgate.config.state import load_checkpoints
from mcpgate.evidence.findings import Finding, Severity, counted
from mcpgate.evidence.verify import UnreadableError, Verification, verify

#: Findings of one kind that are told as text; programs get all.
TOLD_MOST = 100

BESIDE = (
    "The key is the one that lies beside the journal: whoever could change the one could change the other. "
    "Name a copy of it that was kept elsewhere by --key."
)


@click.command("verify", short_help="Say whether a journal or a bundle is what the gate wrote.")
@click.argument("where", required=False, type=click.Path(path_type=Path), metavar="[DIR|BUNDLE]")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A public key of the gate that was kept elsewhere; it leads to those that came after it.",
)
@click.option(
    "--checkpoints",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PLACE",
    help="Copies of checkpoints: a directory, a file or a log. May be given several times.",
)
@gate_options
@format_option
def command(
    where: Path | None,
    key: Path | None,
    checkpoints: tuple[Path, ...],
    config: Path,
    state: Path | None,
    form: str,
) -> None:
    """Say whether evidence is what the gate wrote and signed: that of a state directory (DIR) or of a BUNDLE;
    without either, of the gate of the configuration.

    No gate and no network is needed. What was changed is named with its place. Lines after the last
    checkpoint are told as not sealed yet, which is no fault.

    Ends with 1 if something was tampered with, with 75 if nothing shows that, but lines had no checkpoint for
    longer than a gate lets them wait, and with 66 if there is nothing to be read.
    """
    places = checkpoints
    if where is None:
        where = state_of(config, state)
        elsewhere = load_checkpoints(config) if state is None else None
        if elsewhere is not None:
            places = (elsewhere, *places)
    try:
        with progress("verifying") as passed:
            result = verify(where, key=key, checkpoints=places, passed=passed)
    except UnreadableError as error:
        denied = isinstance(error.__cause__, PermissionError)
        raise Stop(str(error), os.EX_NOPERM if denied else os.EX_NOINPUT) from error
    show(_facts(result), form, lambda: _text(result))
    if not result.sound:
        raise SystemExit(1)
    if result.late:
        raise SystemExit(os.EX_TEMPFAIL)


def _facts(result: Verification) -> dict[str, object]:
    return {
        "where": result.where,
        "sound": result.sound,
        "late": result.late,
        "gate": result.trusted.gate,
        "key": str(result.trusted.first),
        "key_given": result.given,
        "keys": [str(key) for key in result.trusted.keys],
        "workers": result.workers,
        "segments": result.segments,
        "lines": result.lines,
        "unsealed": result.unsealed,
        "checkpoints": result.checkpoints,
        "copies": result.copies,
        "first": result.first_time,
        "last": result.last_time,
        "findings": [_finding(one) for one in result.findings],
        "more": result.more,
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "severity": finding.severity.value,
        "kind": finding.kind,
        "words": finding.words,
        "worker": finding.worker,
        "segment": finding.segment,
        "seq": finding.seq,
        "last": finding.last,
        "file": finding.file,
        "line": finding.line,
        "exchange": finding.exchange,
    }


def _text(result: Verification) -> str:
    sealed = f"{result.lines - result.unsealed:,} of {counted(result.lines, 'line')}"
    segments = f"{counted(result.segments, 'segment')} of {counted(result.workers, 'worker')}"
    facts = {
        "verdict": _verdict(result),
        "evidence": result.where,
        "gate": result.trusted.gate,
        "key": str(result.trusted.first),
        "keys after it": len(result.trusted.after),
        "sealed": f"{sealed}, in {segments}",
        "checkpoints": f"{result.checkpoints:,}, compared with {result.copies:,} that others hold",
        "from": result.first_time,
        "until": result.last_time,
    }
    parts = [outline(facts)]
    for severity in Severity:
        found = result.of(severity)
        if found:
            told = [f"  {_printable(one.words)}" for one in found[:TOLD_MOST]]
            if len(found) > TOLD_MOST:
                told.append(f"  and {len(found) - TOLD_MOST:,} more (--format json)")
            parts.append("\n".join([severity.value, *told]))
    if result.more:
        parts.append(f"{result.more:,} more findings are not told one by one.")
    if not result.given:
        parts.append(BESIDE)
    return "\n\n".join(parts)


def _verdict(result: Verification) -> str:
    if not result.sound:
        return "TAMPERED WITH"
    return "sound as far as it was sealed in time; see unsealed" if result.late else "sound"


def _printable(words: str) -> str:
    """What a peer or a thief may have put there cannot move the cursor."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
