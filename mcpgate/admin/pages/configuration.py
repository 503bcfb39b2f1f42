"""The configuration in force: generation, listeners, upstreams with their pins, and how it came to be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mcpgate.admin.page import Asked, Shown, Sources
from mcpgate.admin.pages.around import framed, page
from mcpgate.admin.pages.asking import events
from mcpgate.admin.pages.exchanges import said
from mcpgate.admin.pages.validity import days_until
from mcpgate.index.answers import Event

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


def _history(sources: Sources) -> list[dict[str, Any]] | None:
    """Generations, and reloads that failed, the latest first; C{None} where the index cannot be asked."""
    generations, reloads = (events(sources, type, HISTORY) for type in ("generation", "reload"))
    if generations is None or reloads is None:
        return None
    rows = sorted([*generations, *reloads], key=lambda one: one.time, reverse=True)
    return [*map(_change, rows[:HISTORY])]


def _change(one: Event) -> dict[str, Any]:
    if one.type == "generation":
        what, kind = f"generation {one.facts.get('generation', one.facts.get('number', ''))}", "good"
    else:
        what, kind = "reload refused", "bad"
    return {"time": one.time, "what": what, "kind": kind, "words": said(one.facts)}


PAGE: Final = page("/configuration", "Configuration", "configuration", show)
