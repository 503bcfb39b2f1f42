"""The page about metrics."""

from __future__ import annotations

from mcpgate.metrics.table import METRICS
from mcpgate.reference.metrics import LABELS, labels, metrics_page


def test_every_metric_is_there() -> None:
    """With its kind, labels and words, once."""
    page = metrics_page()
    for metric in METRICS:
        shown = ", ".join(f"`{label}`" for label in metric.labels)
        assert page.count(f"| `{metric.name}` | {metric.kind} | {shown} | {metric.help} |\n") == 1


def test_every_label_is_explained_and_no_other() -> None:
    """A label that nobody has is a mistake as well."""
    assert set(LABELS) == set(labels())
    page = metrics_page()
    for label, words in LABELS.items():
        assert f"| `{label}` | {words} |" in page


def test_histograms_have_their_buckets() -> None:
    """So that queries can be written without a look at a scrape."""
    page = metrics_page()
    for metric in METRICS:
        assert (f"\n| `{metric.name}` | {metric.buckets[0]:g}," in page) if metric.buckets else True
