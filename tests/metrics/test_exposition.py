"""The page that a monitoring system reads."""

from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text

from mcpgate.metrics import table
from mcpgate.metrics.exposition import Metrics
from mcpgate.metrics.names import Names
from mcpgate.metrics.table import METRICS
from tests.metrics.records import NAMES, closed, handshake, opened
from tests.metrics.test_gauges import FACTS

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def made() -> Metrics:
    """With something of most."""
    metrics = Metrics(NAMES, "0.7")
    metrics.take([handshake(), opened(), closed()])
    metrics.seen(FACTS)
    metrics.set(table.ALERTS, 2, ("ops", "sent"))
    return metrics


def test_the_text_format_is_what_is_read_by_default() -> None:
    """Its own parser finds what was counted."""
    kind, page = made().page()
    assert kind.startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in read_text(page.decode())
        for sample in family.samples
    }
    assert samples[("mcpgate_up",)] == 1
    assert samples[("mcpgate_alerts_total", ("alert", "ops"), ("outcome", "sent"))] == 2
    assert samples[("mcpgate_request_seconds_count", ("route", "files"))] == 1
    assert samples[("mcpgate_request_seconds_bucket", ("le", "0.01"), ("route", "files"))] == 0
    assert samples[("mcpgate_request_seconds_bucket", ("le", "0.025"), ("route", "files"))] == 1
    assert samples[("mcpgate_request_seconds_bucket", ("le", "+Inf"), ("route", "files"))] == 1
    assert {name for name, *_ in samples} <= {name for metric in METRICS for name in metric.queried}


def test_openmetrics_is_spoken_where_it_is_asked_for() -> None:
    """The strict parser of it takes the page."""
    kind, page = made().page(OPENMETRICS)
    assert kind.startswith("application/openmetrics-text")
    families = {family.name: family for family in read_open(page.decode())}
    assert families["mcpgate_exchanges"].type == "counter"
    assert page.endswith(b"# EOF\n")


def test_help_is_the_sentence_of_the_table() -> None:
    """So the page explains itself."""
    assert f"# HELP mcpgate_up {table.ANSWERS.help}\n".encode() in made().page()[1]


def test_a_gate_that_fell_silent_is_shown_as_that() -> None:
    """What was counted stays."""
    metrics = made()
    metrics.seen(None)
    page = metrics.page()[1]
    assert b"\nmcpgate_up 0.0\n" in page
    assert b"mcpgate_generation" not in page.replace(b"mcpgate_generations", b"")
    assert b"mcpgate_exchanges_total" in page


def test_another_configuration_has_other_names() -> None:
    """From then on."""
    metrics = made()
    metrics.adopt(Names(routes=frozenset({"more"})))
    metrics.take([opened(route="more"), closed()])
    assert metrics.counting.counts.of(table.EXCHANGES, route="more") == 1
    assert metrics.counting.counts.of(table.EXCHANGES, route="files") == 1
