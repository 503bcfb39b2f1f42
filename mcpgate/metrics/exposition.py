"""Metrics as a monitoring system reads them: Prometheus' text format, or OpenMetrics if asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from mcpgate.metrics.counting import Counting, Labels, Record, Spread
from mcpgate.metrics.gauges import Facts, Gauges, gauges
from mcpgate.metrics.names import Names
from mcpgate.metrics.table import METRICS, Metric


class Metrics(Collector):
    """
    All metrics of one gate, in a registry of their own.

    It is fed with records and with what the gate says of itself; whoever asks for L{page} sees what is known
    by then.
    """

    def __init__(self, names: Names, version: str) -> None:
        self.counting = Counting(names)
        self._version = version
        self._gauges: Gauges = {}
        self._own: Gauges = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def adopt(self, names: Names) -> None:
        """Another configuration is in force."""
        self.counting.adopt(names)

    def take(self, records: Iterable[Record]) -> None:
        """Count records, in the order of each worker's journal."""
        self.counting.take(records)

    def seen(self, facts: Facts | None) -> None:
        """This is what the gate has said of itself; C{None}: it did not answer."""
        self._gauges = gauges(facts, self._version)

    def set(self, metric: Metric, value: float, labels: Labels = ()) -> None:
        """What the process knows that shows them."""
        self._own.setdefault(metric, {})[labels] = value

    def page(self, accept: str = "") -> tuple[str, bytes]:
        """Everything, as whoever sends this C{Accept} reads it; its content type first."""
        encoder, content_type = choose_encoder(accept)
        return content_type, encoder(self._registry)

    def collect(self) -> Iterator[Family]:
        """All families that there is something of; what the registry calls."""
        counts = self.counting.counts
        for metric in METRICS:
            if metric in counts.spreads:
                yield _histogram(metric, counts.spreads[metric])
                continue
            for source in (counts.counters, self._gauges, self._own):
                if metric in source:
                    yield _family(metric, source[metric])


def _family(metric: Metric, series: Mapping[Labels, float]) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name.removesuffix("_total"), metric.help, labels=metric.labels)
    for labels, value in series.items():
        family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, series: Mapping[Labels, Spread]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, spread in series.items():
        below, buckets = 0, []
        for bound, count in zip((*metric.buckets, float("inf")), spread.counts, strict=True):
            below += count
            buckets.append(("+Inf" if bound == float("inf") else str(bound), float(below)))
        family.add_metric(labels, buckets, spread.total)
    return family
