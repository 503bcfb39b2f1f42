"""The table of metrics."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcpgate.metrics.counting import COUNTED
from mcpgate.metrics.table import METRICS

ROOT = Path(__file__).resolve().parents[2]


def test_names_are_as_prometheus_wants_them() -> None:
    """Base units, and C{_total} for what only grows; each name once."""
    for metric in METRICS:
        assert re.fullmatch(r"mcpgate(_[a-z]+)+", metric.name)
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert all(re.fullmatch(r"[a-z]+", label) for label in metric.labels)
        assert (metric.kind == "histogram") == bool(metric.buckets)
        assert list(metric.buckets) == sorted(set(metric.buckets))
    assert len({metric.name for metric in METRICS}) == len(METRICS)


@pytest.mark.parametrize("page", ["metrics", "alerts", "search"])
def test_pages_name_metrics_that_there_are(page: str) -> None:
    """In queries as well, which nothing runs."""
    text = (ROOT / "docs" / "operate" / f"{page}.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmcpgate_[a-z_]+[a-z](?!\*)\b", text))
    known = {name for metric in METRICS for name in (metric.name, *metric.queried)}
    assert {name for name in named if not f"{name}_".startswith("mcpgate_index_")} <= known


def test_what_is_counted_stands_first() -> None:
    """And is a counter or a histogram."""
    assert METRICS[: len(COUNTED)] == COUNTED
    assert {metric.kind for metric in COUNTED} == {"counter", "histogram"}
