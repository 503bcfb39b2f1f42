"""Sessions, and what was asked in one of them: its handshakes first, then its calls."""

from __future__ import annotations

from typing import Final

from mcpgate.admin.page import Asked, NotFound, Shown, Sources
from mcpgate.admin.pages.around import framed, page
from mcpgate.admin.pages.asking import ROWS, filters, gates, given, index_of, pages
from mcpgate.index.answers import Filter


def show_all(asked: Asked, sources: Sources) -> Shown:
    """The latest first."""
    wanted = filters(asked, ("principal", "route", "gate"))
    found = index_of(sources).sessions(Filter(**given(wanted)), after=asked.query.get("after"), rows=ROWS)
    return framed(
        "sessions.html",
        "sessions",
        asked,
        sources,
        wanted=wanted,
        gates=gates(asked, sources),
        sessions=found.rows,
        pages=pages(asked, found.after),
    )


def show_one(asked: Asked, sources: Sources) -> Shown:
    """One of them."""
    found = index_of(sources).session(asked.parts["id"], after=asked.query.get("after"), rows=ROWS)
    if found is None:
        raise NotFound("No session of this id is in the index; the journal may still have it.")
    return framed(
        "session.html",
        "sessions",
        asked,
        sources,
        session=found.session,
        # How the caller came in, and then what that led to; a pool may have had its connections for long.
        handshakes=sorted(found.handshakes, key=lambda one: (one.leg != "inbound", one.time)),
        calls=found.exchanges.rows,
        pages=pages(asked, found.exchanges.after),
    )


PAGES: Final = (
    page("/sessions", "Sessions", "sessions", show_all),
    page("/sessions/<id>", "One session", "sessions", show_one, menu=False),
)
