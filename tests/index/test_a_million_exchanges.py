"""How fast a large journal is indexed, and how soon people have their answers then: C{make load}.

The suite does the same with a small one, and looks at how the database comes by its answers instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcpgate.index.answers import Filter
from mcpgate.index.filling import Filler
from mcpgate.index.queries import Index
from mcpgate.index.sqlite import SQLiteAsked, SQLiteStore
from tests.evidence.made import BEGIN, make_journal

DAY = 86400.0
START = datetime.fromtimestamp(BEGIN, UTC)

#: Lines that are put in a second of one core, at least.
FILLED_LEAST = 20_000.0
#: Seconds for the answer to any question, at most.
ANSWER_MOST = 1.0


def questions(index: Index) -> dict[str, Callable[[], Any]]:
    """What pages ask."""
    end = START + timedelta(days=31)
    deep = index.exchanges(rows=1000).after
    session = max(index.sessions(rows=1000).rows, key=lambda one: one.exchanges).id
    exchange = index.exchanges(rows=1).rows[0].id
    return {
        "posture of a month": lambda: index.posture(START, end),
        "posture of a day": lambda: index.posture(end - timedelta(days=5), end - timedelta(days=4)),
        "over a month": lambda: index.over_time("inbound", START, end, 60),
        "over an hour": lambda: index.over_time("outbound", START, START + timedelta(hours=1), 60),
        "certificates": index.certificates,
        "exchanges": index.exchanges,
        "a later page": lambda: index.exchanges(after=deep),
        "of a principal": lambda: index.exchanges(Filter(principal="ci")),
        "of a tool": lambda: index.exchanges(Filter(name="delete_file")),
        "of tools": lambda: index.exchanges(Filter(name="list_*")),
        "of a reason": lambda: index.exchanges(Filter(reason="upstream.timeout")),
        "of a route": lambda: index.exchanges(Filter(route="crm", outcome="refused")),
        "sessions": index.sessions,
        "a session": lambda: index.session(session),
        "an exchange": lambda: index.exchange(exchange),
        "refused handshakes": index.refused_handshakes,
        "events": index.events,
        "search": lambda: index.search("alice"),
    }


@pytest.mark.load
def test_a_million_exchanges_are_indexed_and_found(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Fast enough for a busy gate, and for whoever looks at it."""
    made = make_journal(
        tmp_path / "journal", workers=2, exchanges=1_000_000, segment=500_000, compress=True, seconds=30 * DAY
    )
    filler = Filler(made.directory, None, lambda: SQLiteStore(tmp_path), keep=1e10)
    began = time.process_time()
    filler.whole()
    speed = made.lines / (time.process_time() - began)
    filler.close()
    index = Index(SQLiteAsked(tmp_path))
    took = {}
    for what, question in questions(index).items():
        asked = time.perf_counter()
        question()
        took[what] = time.perf_counter() - asked
    size = (tmp_path / "index" / "index.sqlite").stat().st_size / 1e6
    with capfd.disabled():
        print(f"\n{made.lines:,} lines indexed at {speed:,.0f} a second of a core; {size:,.0f} MB")
        for what, seconds in took.items():
            print(f"  {what:20} {seconds * 1000:7.1f} ms")
    assert index.posture(START, START + timedelta(days=31)).exchanges == made.exchanges
    assert speed >= FILLED_LEAST
    assert max(took.values()) <= ANSWER_MOST, took


def test_answers_are_found_by_indexes(tmp_path: Path) -> None:
    """Nothing that grows with the journal is read from end to end: it is soon done, however much there is."""
    made = make_journal(tmp_path / "journal", exchanges=3000, seconds=DAY)
    filler = Filler(made.directory, None, lambda: SQLiteStore(tmp_path), keep=1e10)
    filler.whole()
    filler.close()
    plans = Plans(tmp_path)
    for question in questions(Index(plans)).values():
        question()
    for plan in plans.seen:
        # By route alone there is no index: the latest rows are looked through, in the order of their times.
        grows = any(
            plan.startswith(f"SCAN {table}") for table in ("exchange", "handshake", "session", "event")
        )
        assert not grows or " USING INDEX " in plan, plan
        assert not any(plan.startswith(f"SCAN {table}") for table in ("traffic", "calls", "refusal")), plan
    assert any("traffic USING PRIMARY KEY (step=? AND at>? AND at<?)" in plan for plan in plans.seen)


class Plans(SQLiteAsked):
    """Answers questions, and remembers how the database has come by the answers."""

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self.seen: set[str] = set()

    def ask(self, question: str, values: Any = ()) -> list[tuple[Any, ...]]:
        self.seen |= {str(row[3]) for row in super().ask(f"EXPLAIN QUERY PLAN {question}", values)}
        return super().ask(question, values)
