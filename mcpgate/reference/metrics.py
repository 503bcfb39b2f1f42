"""The page about metrics (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mcpgate.evidence.exchanges import Outcome
from mcpgate.metrics.counting import COUNTED
from mcpgate.metrics.table import METRICS, NONE, OTHER, Metric
from mcpgate.reference.words import MADE, table

#: What the values of each label are.
LABELS: Mapping[str, str] = {
    "alert": "the name of an `[[alert]]`",
    "budget": "the name of a `[[budget]]`",
    "decided": "approved, denied or withdrawn",
    "detector": "the name of a detector, built in or of a `[[detector]]`",
    "direction": "in (from callers) or out (to them)",
    "group": "the group of the key exchange, such as X25519MLKEM768",
    "issuer": "the name of an `[[issuer]]`",
    "kind": "whose certificate: listener, client, upstream or provider",
    "leg": "inbound (callers), outbound (upstreams) or provider (whoever else is asked)",
    "listener": "the name of a `[[listener]]`",
    "method": "MCP's method; or batch, own, or HTTP's",
    "name": "the name of a listener, an upstream or whoever else is asked",
    "outcome": "of handshakes: ok or refused. Of alerts: sent, failed or dropped. Of exchanges: "
    + ", ".join(Outcome),
    "reason": "one of the [reasons](reasons.md)",
    "route": "the name of a `[[route]]`",
    "rule": "the name of a `[[rule]]`",
    "serial": "a certificate's serial number, in hexadecimal",
    "state": "as the metric says",
    "subject": "a certificate's subject",
    "suite": "the cipher suite",
    "type": "the type of a line, as [records](record.md) have it",
    "upstream": "the name of an `[[upstream]]`",
    "verdict": "allow, block or hold; none, where no rule was asked; mixed, of a batch of several",
    "version": "of TLS; of mcpgate_build_info, mcpgate's",
    "what": "as the metric says",
    "worker": "the number of a worker",
}


def metrics_page() -> str:
    """The page of all metrics and labels."""
    shown = [metric for metric in METRICS if metric not in COUNTED]
    parts = [
        "# Metrics",
        f"{MADE} How they are scraped, where the numbers come from and what to ask of them is in "
        "[metrics, for Prometheus and Grafana](../operate/metrics.md).",
        "## Counted off the journal",
        _table(COUNTED),
        "## What a running gate says of itself",
        _table(shown),
        "## Labels",
        "A value is a name of the configuration or a word of the gate's own; whatever else a peer says is "
        f"`{OTHER}`, and where there is nothing to say it is `{NONE}`.",
        table(["label", "is"], ((f"`{label}`", LABELS[label]) for label in labels())),
        "## Buckets",
        "Upper bounds of the histograms, in seconds.",
        table(["metric", "buckets"], _buckets()),
    ]
    return "\n\n".join(parts) + "\n"


def labels() -> tuple[str, ...]:
    """The labels that metrics have."""
    return tuple(sorted({label for metric in METRICS for label in metric.labels}))


def _table(metrics: Iterable[Metric]) -> str:
    rows = (
        (f"`{one.name}`", one.kind, ", ".join(f"`{label}`" for label in one.labels), one.help)
        for one in metrics
    )
    return table(["metric", "kind", "labels", "means"], rows)


def _buckets() -> Iterator[tuple[str, str]]:
    for metric in METRICS:
        if metric.buckets:
            yield f"`{metric.name}`", ", ".join(f"{bound:g}" for bound in metric.buckets)
