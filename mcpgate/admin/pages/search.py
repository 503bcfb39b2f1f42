"""Search: by the id of a record, or by how a principal's or a tool's name begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from mcpgate.admin.page import Asked, Shown, Sources
from mcpgate.admin.pages.around import framed, page
from mcpgate.admin.pages.asking import index_of
from mcpgate.admin.pages.exchanges import said


def show(asked: Asked, sources: Sources) -> Shown:
    """What is found, or only the question."""
    text = asked.query.get("q", "").strip()[:256]
    found = [*_rows(index_of(sources).search(text))] if text else []
    return framed("search.html", "search", asked, sources, q=text, found=found)


def _rows(found: Any) -> Iterator[dict[str, Any]]:
    for one in found.sessions:
        words = f"{one.principal}, route {one.route}, {one.exchanges:,} exchanges"
        yield _row("session", f"/sessions/{quote(one.id, safe='')}", one.last, words)
    for one in found.exchanges:
        asked_for = " ".join(part for part in (one.method or one.http, one.name) if part)
        words = f"{asked_for} of {one.principal or 'nobody known'}: {one.outcome or 'not ended'}"
        yield _row("exchange", f"/exchanges/{quote(one.id, safe='')}", one.time or one.closed, words)
    for one in found.handshakes:
        words = f"{one.leg} with {one.place}, {one.peer}: {one.reason or one.outcome}"
        yield _row("handshake", None, one.time, words)
    for one in found.events:
        path = f"/exchanges/{quote(one.exchange, safe='')}" if one.exchange else None
        yield _row(one.type, path, one.time, said(one.facts))


def _row(what: str, path: str | None, time: Any, words: str) -> dict[str, Any]:
    return {"what": what, "path": path, "time": time, "words": words}


PAGE: Final = page("/search", "Search", "search", show)
