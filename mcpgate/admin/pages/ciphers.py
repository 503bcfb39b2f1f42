"""What exchanges had on one leg, over time: TLS version, group or suite."""

from __future__ import annotations

from typing import Final

from mcpgate.admin.page import Asked, Shown, Sources
from mcpgate.admin.pages.around import framed, page
from mcpgate.admin.pages.asking import choices, gate_of, gates, index_of, period_of, periods, steps
from mcpgate.admin.pages.courses import course

_LEGS: Final = (("inbound", "inbound"), ("outbound", "outbound"))
#: By the names that the index has for them.
_KINDS: Final = (("versions", "TLS version"), ("groups", "group"), ("suites", "suite"))
_UNKNOWN: Final = "unknown"


def show(asked: Asked, sources: Sources) -> Shown:
    """One leg, one kind, one period."""
    period = period_of(asked)
    leg = asked.query.get("leg") if asked.query.get("leg") in dict(_LEGS) else _LEGS[0][0]
    kind = asked.query.get("show") if asked.query.get("show") in dict(_KINDS) else _KINDS[0][0]
    assert leg is not None and kind is not None
    over = index_of(sources).over_time(leg, *steps(asked, period), gate=gate_of(asked, sources))
    return framed(
        "ciphers.html",
        "ciphers",
        asked,
        sources,
        gates=gates(asked, sources),
        legs=choices(asked, "leg", _LEGS, leg),
        kinds=choices(asked, "show", _KINDS, kind),
        periods=periods(asked, period),
        leg=leg,
        kind=dict(_KINDS)[kind],
        period=period.name,
        course=course(
            (
                (step.at, ((one.name or _UNKNOWN, one.count) for one in getattr(step.leg, kind)))
                for step in over.steps
            ),
            (one.name or _UNKNOWN for one in getattr(over.whole, kind)),
            over.seconds,
        ),
    )


PAGE: Final = page("/ciphers", "Ciphers", "ciphers", show)
