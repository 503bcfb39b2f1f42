"""The configuration in force: generation, listeners, upstreams with their pins, and how it came to be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mcpgate.admin.page import Asked, Page, Shown, Sources
from mcpgate.admin.pages.around import framed
from mcpgate.admin.pages.exchanges import said
from mcpgate.admin.pages.validity import days_until

#: Generations that are shown: a year of weekly changes.
HISTORY: Final = 50


def show(asked: Asked, sources: Sources) -> Shown:
    """What is in force, and since when."""
    status = sources.gate.status or {}
    now = datetime.fromtimestamp(asked.now, UTC)
    callers = status.get("callers") or {}
    return framed(
        "configuration.html",
        "configuration",
        asked,
        sources,
        running=sources.gate.status is not None,
        source=status.get("configuration"),
        draining=bool(status.get("draining")),
        connections=callers.get("connections", 0),
        most=callers.get("most"),
        listeners=[_listener(one, now) for one in status.get("listeners", ())],
        upstreams=[upstream(one) for one in status.get("upstreams", ())],
        history=_history(sources),
    )


def _listener(one: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    certificates = [
        {
            "names": ", ".join(each["names"]),
            "days": days_until(datetime.fromisoformat(each["not_after"]), now),
        }
        for each in one["certificates"]
    ]
    return {**one, "certificates": certificates}


def upstream(one: Mapping[str, Any]) -> dict[str, Any]:
    """An upstream of the status, with what its last handshake has negotiated."""
    seen = one.get("last_handshake") or {}
    return {
        **one,
        "version": seen.get("version"),
        "cipher": seen.get("cipher"),
        "group": seen.get("group"),
        "pinned": seen.get("pinned"),
    }


def _history(sources: Sources) -> list[dict[str, Any]]:
    """Generations, and reloads that failed, the latest first."""
    if sources.index is None:
        return []
    rows = [
        *sources.index.events("generation", rows=HISTORY).rows,
        *sources.index.events("reload", rows=HISTORY).rows,
    ]
    rows.sort(key=lambda one: one.time, reverse=True)
    return [_change(one) for one in rows[:HISTORY]]


def _change(one: Any) -> dict[str, Any]:
    if one.type == "generation":
        what, kind = f"generation {one.facts.get('generation', one.facts.get('number', ''))}", "good"
    else:
        what, kind = "reload refused", "bad"
    return {"time": one.time, "what": what, "kind": kind, "words": said(one.facts)}


PAGE: Final = Page("/configuration", "Configuration", show, asks=("status", "held"))
