"""Handshakes that were refused, with what the other side had offered."""

from __future__ import annotations

from typing import Final

from mcpgate.admin.page import Asked, Shown, Sources
from mcpgate.admin.pages.around import framed, page
from mcpgate.admin.pages.asking import ROWS, filters, gates, given, index_of, pages
from mcpgate.index.answers import Filter


def show(asked: Asked, sources: Sources) -> Shown:
    """The latest first."""
    wanted = filters(asked, ("leg", "reason", "gate"))
    found = index_of(sources).refused_handshakes(
        Filter(**given(wanted)), after=asked.query.get("after"), rows=ROWS
    )
    return framed(
        "refused.html",
        "refused",
        asked,
        sources,
        wanted=wanted,
        gates=gates(asked, sources),
        refused=found.rows,
        pages=pages(asked, found.after),
    )


PAGE: Final = page("/refused", "Refused handshakes", "refused", show)
