"""What a reason means to the people who run the gate, in one sentence or in all (pure)."""

from __future__ import annotations

from mcpgate.config.advice import ADVICE
from mcpgate.reasons import Reason


def advice(reason: str | None) -> str | None:
    """All that C{mcpgate explain} says of it; C{None} for what this version does not know."""
    if reason is None:
        return None
    try:
        return ADVICE[Reason(reason)]
    except (ValueError, KeyError):
        return None


def means(reason: str) -> str:
    """The first sentence of it."""
    words = advice(reason) or ""
    first, dot, _ = words.partition(". ")
    return first + dot.strip() if dot else words
