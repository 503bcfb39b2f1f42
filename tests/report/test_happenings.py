"""Whatever else the record says, in words."""

from __future__ import annotations

from mcpgate.report.counts import Row
from mcpgate.report.happenings import KINDS_MOST, MEMBERS_MOST, ROWS_MOST, TEXT_MOST
from tests.report.written import said, summed


def test_lines_are_told_by_type_and_by_what_tells_them_apart() -> None:
    """Decisions by the word, definitions by what they are."""
    summary = summed(
        said("decision", 1, decided="approved", by="op", why=None),
        said("decision", 2, decided="denied", by="op", why="not today"),
        said("definition", 3, what="changed", tool="read_file"),
    )
    kind = summary.kind("decision")
    assert kind.total == 2
    assert {row.name for row in kind.what.rows} == {"approved", "denied"}
    assert kind.rows.rows[1].fact("why") == "not today"
    assert kind.rows.rows[0].fact("why") == ""
    assert summary.kind("definition").what.rows == (Row("changed", 1),)
    assert summary.kind("echo").total == 0


def test_long_and_many_values_are_cut() -> None:
    """A line may be a mebibyte."""
    line = said("odd", **{f"key{n}": "x" * 5000 for n in range(50)})
    facts = summed(line).kind("odd").rows.rows[0].facts
    assert len(facts) == MEMBERS_MOST
    assert all(len(fact.value) <= TEXT_MOST + 3 for fact in facts)


def test_many_lines_and_types_are_counted() -> None:
    """And not kept."""
    summary = summed(*(said("gap") for _ in range(ROWS_MOST + 3)))
    assert (len(summary.kind("gap").rows.rows), summary.kind("gap").total) == (ROWS_MOST, ROWS_MOST + 3)
    summary = summed(*(said(f"type-{n}") for n in range(KINDS_MOST + 3)))
    assert len(summary.happenings) == KINDS_MOST


def test_what_nobody_can_read_is_only_counted() -> None:
    """Recorded bodies are for the auditor's key."""
    kind = summed(said("payload", part="request", sealed="c2VhbGVk")).kind("payload")
    assert (kind.total, kind.rows.rows) == (1, ())
