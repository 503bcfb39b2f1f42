"""What a page is asked by its query: a period, a choice, filters, and from where on rows are shown.

What nobody can have meant (a period that is not offered, an empty filter) is as if it had not been said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from attrs import frozen

from mcpgate.admin.page import Asked, Sources
from mcpgate.index.answers import Event
from mcpgate.index.store import StoreError

#: Rows of one page: two screens, and a table that a browser draws at once.
ROWS: Final = 50


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@frozen
class Choice:
    """One of several links: C{chosen} is what the page shows."""

    name: str
    path: str
    chosen: bool


@frozen
class Period:
    """
    A stretch of time up to now.

    @ivar step: How long each part of it is where its course is shown; they begin at whole ones of the clock.
    """

    key: str
    name: str
    length: timedelta
    step: timedelta


PERIODS: Final = (
    Period("1h", "last hour", timedelta(hours=1), timedelta(minutes=1)),
    Period("24h", "last 24 hours", timedelta(hours=24), timedelta(minutes=30)),
    Period("7d", "last 7 days", timedelta(days=7), timedelta(hours=3)),
    Period("30d", "last 30 days", timedelta(days=30), timedelta(hours=12)),
)


@frozen
class Pages:
    """Links to other rows; C{None} where there are none."""

    first: str | None
    next: str | None


def period_of(asked: Asked) -> Period:
    """The period that is asked for; a day otherwise."""
    return next((one for one in PERIODS if one.key == asked.query.get("period")), PERIODS[1])


def since(asked: Asked, period: Period) -> tuple[datetime, datetime]:
    """From when until when."""
    until = datetime.fromtimestamp(asked.now, UTC)
    return until - period.length, until


def steps(asked: Asked, period: Period) -> tuple[datetime, datetime, int]:
    """From when until when its course is shown, and in how many steps: whole ones, with the one that runs."""
    begin, until = (at - (at - _EPOCH) % period.step for at in since(asked, period))
    until += period.step
    return begin, until, (until - begin) // period.step


def choices(asked: Asked, name: str, all: Iterable[tuple[str, str]], chosen: str) -> list[Choice]:
    """
    Links that change one thing of the query, and keep the rest of it.

    @param all: values and what they are called.
    """
    return [Choice(words, _path(asked, {name: key}), key == chosen) for key, words in all]


def periods(asked: Asked, chosen: Period) -> list[Choice]:
    """Links to the same of other periods."""
    return choices(asked, "period", ((one.key, one.name) for one in PERIODS), chosen.key)


def gate_of(asked: Asked, sources: Sources) -> str | None:
    """Of which gate it is asked, of those that share the index; C{None}: of all."""
    return next((gate for gate in index_of(sources).gates() if gate == asked.query.get("gate")), None)


def gates(asked: Asked, sources: Sources) -> list[Choice]:
    """Links to the same of one gate alone, or of all; none where there is only one."""
    known = index_of(sources).gates()
    if len(known) < 2:
        return []
    chosen = gate_of(asked, sources) or ""
    return choices(asked, "gate", (("", "all"), *((gate, gate) for gate in known)), chosen)


def filters(asked: Asked, names: Iterable[str]) -> dict[str, str]:
    """What is asked for, by name; "" for what is not."""
    return {name: asked.query.get(name, "").strip()[:256] for name in names}


def given(filters: Mapping[str, str]) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in filters.items() if value}


def pages(asked: Asked, after: str | None) -> Pages:
    """
    Links to the first rows, and to those behind these.

    @param after: from where on there are more, if there are.
    """
    first = _path(asked, {"after": ""}) if asked.query.get("after") else None
    return Pages(first, _path(asked, {"after": after}) if after else None)


def index_of(sources: Sources) -> Any:
    """
    The queries of the index.

    @raise StoreError: there is none.
    """
    if sources.index is None:
        raise StoreError("evidence.index is off, or nothing was filled in yet")
    return sources.index


def events(sources: Sources, type: str, rows: int) -> Sequence[Event] | None:
    """
    The latest events of one type, for pages that show more than what the index has.

    @return: C{None} where it cannot be asked.
    """
    try:
        found: Sequence[Event] = index_of(sources).events(type, rows=rows).rows
    except StoreError:
        return None
    return found


def _path(asked: Asked, changes: Mapping[str, str]) -> str:
    query = {**asked.query, **changes}
    if "after" not in changes:
        query.pop("after", None)
    left = {name: value for name, value in query.items() if value and name != "done"}
    return f"{asked.path}?{urlencode(left)}" if left else asked.path
