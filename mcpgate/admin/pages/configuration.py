"""The configuration in force: generation, listeners, upstreams with their pins, and how it came to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mcpgate.admin.page import Asked, Shown, Sources
from mcpgate.admin.pages.around import framed, page
from mcpgate.admin.pages.asking import events
from mcpgate.admin.pages.exchanges import said
from mcpgate.admin.pages.validity import days_until
from mcpgate.admin.wording import of
from mcpgate.index.answers import Event

#: Generations that are shown: a year of weekly changes.
HISTORY: Final = 50
#: Of a hash, what tells it from others at a glance.
_SHORT: Final = 12


def show(asked: Asked, sources: Sources) -> Shown:
    """What is in force, and since when."""
    status = sources.gate.status or {}
    generations = events(sources, "generation", HISTORY)
    latest = generations[0].facts if generations else {}
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
        upstreams=[_upstream(one, latest) for one in status.get("upstreams", ())],
        openssl=latest.get("openssl"),
        fips=latest.get("fips"),
        history=_history(sources, generations),
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


def _upstream(one: Mapping[str, Any], latest: Mapping[str, Any]) -> dict[str, Any]:
    """One of the status, with the pins that the last generation on record has for it."""
    known = {each.get("name"): each for each in latest.get("upstreams") or ()}
    recorded: Mapping[str, Any] = known.get(one["name"], {})
    listed = recorded.get("pins") or ()
    return {
        **upstream(one),
        "listed": listed,
        "trust": recorded.get("trust"),
        "mode": recorded.get("pin_mode"),
    }


def _history(sources: Sources, generations: Sequence[Event] | None) -> list[dict[str, Any]] | None:
    """Generations, and reloads that failed, the latest first; C{None} where the index cannot be asked."""
    reloads = events(sources, "reload", HISTORY)
    if generations is None or reloads is None:
        return None
    rows = sorted([*generations, *reloads], key=lambda one: one.time, reverse=True)
    return [*map(_change, rows[:HISTORY])]


def _change(one: Event) -> dict[str, Any]:
    if one.type == "reload":
        return {"time": one.time, "what": "not taken", "kind": "bad", "words": said(one.facts)}
    what = f"generation {one.facts.get('number', '')}"
    return {"time": one.time, "what": what, "kind": "good", "words": _words(one.facts)}


def _words(facts: Mapping[str, Any]) -> str:
    """What a generation is, by what tells it from others: hashes of its files and of its rules."""
    file, policy = _part(facts, "configuration"), _part(facts, "policy")
    told = [f"configuration {str(file.get('sha256', ''))[:_SHORT]}"]
    if file.get("included"):
        told.append(of(len(file["included"]), "included file"))
    told.append(f"{of(policy.get('rules', 0), 'rule')} ({str(policy.get('sha256', ''))[:_SHORT]})")
    told += [of(len(facts.get(kind) or ()), kind[:-1]) for kind in ("listeners", "upstreams")]
    return f"{', '.join(told)}; mcpgate {facts.get('mcpgate')}, {facts.get('openssl')}"


def _part(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}


PAGE: Final = page("/configuration", "Configuration", "configuration", show)
