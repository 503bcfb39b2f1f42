"""Handshakes that were refused, with what the other side had offered."""

from __future__ import annotations

from typing import Final

from mcpgate.admin.page import Asked, Page, Shown, Sources
from mcpgate.admin.pages.around import framed
from mcpgate.admin.pages.asking import ROWS, filters, given, index_of, pages
from mcpgate.index.answers import Filter


def show(asked: Asked, sources: Sources) -> Shown:
    """The latest first."""
    wanted = filters(asked, ("leg", "reason"))
    found = index_of(sources).refused_handshakes(
        Filter(**given(wanted)), after=asked.query.get("after"), rows=ROWS
    )
    return framed(
        "refused.html",
        "refused",
        asked,
        sources,
        wanted=wanted,
        refused=found.rows,
        pages=pages(asked, found.after),
    )


PAGE: Final = Page("/refused", "Refused handshakes", show, asks=("status", "held"))
