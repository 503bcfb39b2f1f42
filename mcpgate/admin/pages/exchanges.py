"""Exchanges, and one of them with both of its handshakes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from mcpgate.admin.page import Asked, NotFound, Shown, Sources
from mcpgate.admin.pages.around import framed, page
from mcpgate.admin.pages.asking import ROWS, filters, gates, given, index_of, pages
from mcpgate.admin.pages.meaning import advice
from mcpgate.index.answers import Filter

_FILTERS: Final = ("principal", "route", "method", "name", "verdict", "reason", "gate")
#: What else a line may say of an exchange, and what it is called on the page.
_MORE: Final = {
    "hold": "Held as",
    "decided": "Decided",
    "by": "Decided by",
    "shadow": "In the shadow",
    "over": "Over budget",
    "own": "Of the gate's own",
    "calls": "Batch",
    "trace": "Trace",
}


def show_all(asked: Asked, sources: Sources) -> Shown:
    """The latest first."""
    wanted = filters(asked, _FILTERS)
    found = index_of(sources).exchanges(Filter(**given(wanted)), after=asked.query.get("after"), rows=ROWS)
    return framed(
        "exchanges.html",
        "exchanges",
        asked,
        sources,
        wanted=wanted,
        gates=gates(asked, sources),
        narrowed=bool(given(wanted)),
        exchanges=found.rows,
        pages=pages(asked, found.after),
    )


def show_one(asked: Asked, sources: Sources) -> Shown:
    """One of them."""
    found = index_of(sources).exchange(asked.parts["id"])
    if found is None:
        raise NotFound("No exchange of this id is in the index; the journal may still have it.")
    return framed(
        "exchange.html",
        "exchanges",
        asked,
        sources,
        one=found.exchange,
        advice=advice(found.exchange.reason),
        inbound=found.inbound,
        outbound=found.outbound,
        more=[*_more(found.exchange.more)],
        events=[
            {"time": one.time, "type": one.type, "what": one.what, "words": said(one.facts)}
            for one in found.events
        ],
    )


def _more(facts: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for key, value in facts.items():
        if value not in (None, "", [], {}):
            yield _MORE.get(key, key), value if isinstance(value, str) else json.dumps(value)


def said(facts: Mapping[str, Any]) -> str:
    """What a line says, as one text: C{detail: ..., upstream: ...}."""
    told = (
        f"{key}: {value if isinstance(value, str) else json.dumps(value)}"
        for key, value in facts.items()
        if value not in (None, "", [], {})
    )
    return "; ".join(told)


PAGES: Final = (
    page("/exchanges", "Exchanges", "exchanges", show_all),
    page("/exchanges/<id>", "One exchange", "exchanges", show_one, menu=False),
)
