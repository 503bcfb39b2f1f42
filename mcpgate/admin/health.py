"""Whether the gate is ready for traffic, by its own word (pure).

Whoever asks gets one word, as nobody has to log in for it: what is wrong in detail is for those who have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

#: What it may say.
WORDS = ("gate", "draining", "listeners", "certificates", "journal")


def unready(facts: Mapping[str, Any] | None, listeners: Collection[str], now: float) -> str | None:
    """
    Why it is not; C{None}: it is.

    @param facts: what C{status} says; C{None} where the gate does not answer.
    @param listeners: those that are configured.
    @param now: Unix seconds.
    """
    if facts is None or not facts.get("running"):
        return "gate"
    if facts.get("draining"):
        return "draining"
    rows = [row for row in facts.get("listeners", ()) if row.get("address")]
    if {row["name"] for row in rows}.issuperset(listeners) is False:
        return "listeners"
    if any(_over(row, now) for row in rows):
        return "certificates"
    if (facts.get("journal") or {}).get("failure"):
        return "journal"
    return None


def _over(listener: Mapping[str, Any], now: float) -> bool:
    """Whether a listener has a certificate that no caller accepts any more."""
    moment = datetime.fromtimestamp(now, UTC)
    return any(datetime.fromisoformat(each["not_after"]) <= moment for each in listener["certificates"])
