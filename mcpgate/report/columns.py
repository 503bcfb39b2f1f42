"""An exchange as a row, for spreadsheets (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from mcpgate.report.joined import Exchange
from mcpgate.report.lines import Shake

#: What a cell that begins with one of these is to a spreadsheet: a formula, which may fetch or run something.
#: OWASP, "CSV Injection", for the list and for the remedy.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def row(one: Exchange) -> dict[str, str]:
    """The row of an exchange; its keys are the columns, in their order."""
    opened, closed = one.opened, one.closed
    calls = opened.calls
    cells: dict[str, object] = {
        "exchange": opened.id,
        "opened": opened.time,
        "closed": closed and closed.time,
        "principal": opened.principal,
        "how": opened.how,
        "proof": opened.proof,
        "issuer": opened.issuer,
        "subject": opened.subject,
        "listener": opened.listener,
        "route": opened.route,
        "upstream": opened.upstream,
        "session": opened.session,
        "revision": opened.revision,
        "http": opened.http,
        "method": " ".join(call.method or "" for call in calls) or opened.method,
        "name": " ".join(call.name or "" for call in calls) or opened.name,
        "verdict": " ".join(call.verdict or "" for call in calls) or opened.verdict,
        "rule": " ".join(call.rule or "" for call in calls) or opened.rule,
        "own": opened.own,
        "hold": opened.hold,
        "decided_by": opened.by,
        "outcome": closed.outcome if closed else "unfinished",
        "status": closed and closed.status,
        "reason": closed and closed.reason,
        "detail": closed and closed.detail,
        "bytes_in": closed and closed.bytes_in,
        "bytes_out": closed and closed.bytes_out,
        "seconds": closed and closed.seconds,
        "waited": closed and closed.waited,
        "masked": _counts(closed.masked if closed else None),
        "over": " ".join(closed.over) if closed else None,
        "trace": opened.trace,
        **_leg("inbound", one.inbound, opened.inbound),
        **_leg("outbound", one.outbound, closed.outbound if closed else opened.outbound),
    }
    return {name: cell(value) for name, value in cells.items()}


def cell(value: object) -> str:
    """A value as a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _leg(leg: str, shake: Shake | None, id: str | None) -> dict[str, object]:
    seen = shake.handshake if shake is not None else None
    return {
        f"{leg}_handshake": id,
        f"{leg}_peer": shake and shake.peer,
        f"{leg}_version": seen and seen.version,
        f"{leg}_suite": seen and seen.cipher,
        f"{leg}_group": seen and seen.group,
        f"{leg}_post_quantum": seen and seen.post_quantum,
        f"{leg}_pinned": seen and seen.pinned,
    }


def _counts(counts: Mapping[str, int] | None) -> str | None:
    return " ".join(f"{name}:{count}" for name, count in counts.items()) if counts else None
