"""Posture at a glance: what was negotiated, what was refused, what runs out, what needs somebody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mcpgate.admin.page import Asked, Shown, Sources
from mcpgate.admin.pages.around import framed, page
from mcpgate.admin.pages.asking import gate_of, gates, index_of, period_of, periods, since, steps
from mcpgate.admin.pages.configuration import upstream
from mcpgate.admin.pages.courses import course
from mcpgate.admin.pages.meaning import means
from mcpgate.admin.pages.validity import days_until
from mcpgate.admin.wording import left

#: Rows of the short tables.
FEW: Final = 8

_LEGS: Final = (
    ("inbound", "Inbound leg", "From callers to the gate."),
    ("outbound", "Outbound leg", "From the gate to upstreams."),
)


def show(asked: Asked, sources: Sources) -> Shown:
    """All of it."""
    index = index_of(sources)
    period, gate = period_of(asked), gate_of(asked, sources)
    begin, now = since(asked, period)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found = index.posture(begin, now, gate=gate)
    today = index.posture(midnight, now, gate=gate)
    over = index.over_time("inbound", *steps(asked, period), gate=gate)
    status = sources.gate.status or {}
    expiries = [
        {
            "name": one.names[0] if one.names else one.subject,
            "of": one.place,
            "days": days_until(one.not_after, now),
        }
        for one in found.expiries[:FEW]
    ]
    return framed(
        "posture.html",
        "posture",
        asked,
        sources,
        gates=gates(asked, sources),
        periods=periods(asked, period),
        period=period.name,
        exchanges=found.exchanges,
        refused_today=today.refused_exchanges + today.refused_handshakes,
        next=expiries[0] if expiries else None,
        journal=_journal(status),
        legs=[
            {"key": key, "name": name, "words": words, "seen": getattr(found, key)}
            for key, name, words in _LEGS
        ],
        course=course(
            (
                (
                    step.at,
                    (("post-quantum", step.leg.post_quantum.count), ("classical", _classical(step.leg))),
                )
                for step in over.steps
            ),
            ("post-quantum", "classical"),
            over.seconds,
        ),
        upstreams=[upstream(one) for one in status.get("upstreams", ())],
        reasons=[
            {
                "reason": one.reason,
                "words": means(one.reason),
                "count": one.handshakes + one.exchanges,
                "path": f"/{'exchanges' if one.exchanges else 'refused'}?reason={one.reason}",
            }
            for one in found.refusals[:FEW]
        ],
        expiries=expiries,
    )


def _classical(leg: Any) -> int:
    return int(leg.exchanges - leg.post_quantum.count)


def _journal(status: Mapping[str, Any]) -> dict[str, str]:
    """
    How it stands with the journal; whether it verifies is for a program that trusts nobody here.
    """
    journal = status.get("journal")
    if journal is None:
        return {"word": "–", "note": "the gate does not answer"}
    if journal.get("failure"):
        return {"word": "failing", "note": "nothing is forwarded off the record"}
    seals = journal.get("seals") or {}
    if seals.get("failure") or not seals:
        return {"word": "not sealed", "note": "its lines are chained, and not signed"}
    waits = journal.get("unsealed") or 0
    if waits:
        return {"word": "sealed", "note": f"but for the last {left(waits)}"}
    return {"word": "sealed", "note": "to its last line"}


PAGE: Final = page("/", "Posture", "posture", show)
