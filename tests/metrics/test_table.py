"""The table of metrics."""

from __future__ import annotations

import re

from mcpgate.metrics.counting import COUNTED
from mcpgate.metrics.table import METRICS


def test_names_are_as_prometheus_wants_them() -> None:
    """Base units, and C{_total} for what only grows; each name once."""
    for metric in METRICS:
        assert re.fullmatch(r"mcpgate(_[a-z]+)+", metric.name)
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert all(re.fullmatch(r"[a-z]+", label) for label in metric.labels)
        assert (metric.kind == "histogram") == bool(metric.buckets)
        assert list(metric.buckets) == sorted(set(metric.buckets))
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_what_is_counted_stands_first() -> None:
    """And is a counter or a histogram."""
    assert METRICS[: len(COUNTED)] == COUNTED
    assert {metric.kind for metric in COUNTED} == {"counter", "histogram"}
