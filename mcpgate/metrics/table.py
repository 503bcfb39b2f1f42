"""Every metric there is: its name, its kind, its labels, and what it means (pure).

One table for what is counted, for what is shown and for C{docs/reference/metrics.md}, so that none of them
knows a metric that the others do not.

Values of labels are names of the configuration and words of our own. Whatever a peer chose (a tool, a
method, a server name) is no label, or is C{other}: a label's value makes a series, and series are what a
monitoring system runs out of.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

Kind = Literal["counter", "gauge", "histogram"]

#: The value of a label that is not one of ours.
OTHER = "other"
#: The value of a label where there is nothing to say.
NONE = "none"

#: Seconds. From what a gate adds when it is idle (below 1 ms) to the longest answer that is waited for.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: Finer below: what the gate adds is a fraction of a millisecond when all is well.
ADDED = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
#: A handshake takes a millisecond of processor, two round trips, and is cut off at ten seconds by default.
SHAKING = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@frozen(eq=False)
class Metric:
    """One metric. C{help}: a sentence without its full stop. C{buckets}: a histogram's upper bounds."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()

    @property
    def queried(self) -> tuple[str, ...]:
        """The names of its series, as queries have them."""
        if self.kind == "histogram":
            return f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count"
        return (self.name,)


_known: list[Metric] = []


def _metric(
    kind: Kind, name: str, labels: str, help: str, buckets: tuple[float, ...] = ()
) -> Metric:
    metric = Metric(f"mcpgate_{name}", kind, tuple(labels.split()), help, buckets)
    _known.append(metric)
    return metric


def _counter(name: str, labels: str, help: str) -> Metric:
    return _metric("counter", f"{name}_total", labels, help)


def _gauge(name: str, labels: str, help: str) -> Metric:
    return _metric("gauge", name, labels, help)


# Counted off the journal.

HANDSHAKES = _counter(
    "handshakes",
    "leg version group suite outcome reason",
    "TLS handshakes, finished (outcome ok) and refused; of a refused one version, group and suite are none "
    "where nothing was negotiated",
)
REFUSED_HANDSHAKES = _counter(
    "refused_handshakes",
    "leg name reason",
    "Refused handshakes by listener (leg inbound), upstream (outbound) or whoever else was asked (provider)",
)
UNPINNED = _counter(
    "unpinned_handshakes",
    "leg name",
    "Handshakes that went on although no pin matched (pin_mode report_only)",
)
EXPOSED = _counter(
    "exposed_credentials",
    "listener",
    "Requests in clear text to a listener that carried a credential",
)
HANDSHAKE_SECONDS = _metric(
    "histogram",
    "handshake_seconds",
    "leg",
    "How long finished handshakes took, from accept or connect on",
    SHAKING,
)
EXCHANGES = _counter(
    "exchanges",
    "route method verdict outcome",
    "Exchanges that are over. The method is MCP's; batch; own for what the gate serves itself; or else "
    "HTTP's, where there is no message. The verdict is none where no rule was asked, and mixed for a batch "
    "of several",
)
REFUSALS = _counter("refusals", "route reason", "Exchanges that ended with a reason other than success")
BODY_BYTES = _counter(
    "body_bytes", "route direction", "Bytes of bodies from callers (in) and to callers (out)"
)
REQUEST_SECONDS = _metric(
    "histogram",
    "request_seconds",
    "route",
    "From a request's first byte to its answer's last, of exchanges that completed; event streams aside",
    SECONDS,
)
UPSTREAM_SECONDS = _metric(
    "histogram",
    "upstream_seconds",
    "route",
    "From the forwarded request to the head of the upstream's answer, event streams as well",
    SECONDS,
)
ADDED_SECONDS = _metric(
    "histogram",
    "added_seconds",
    "route",
    "request_seconds without upstream_seconds, of the same exchanges: judging and journal, but also a "
    "caller that sends or takes slowly, a new connection to the upstream, and the rest of the answer's body",
    ADDED,
)
STREAM_SECONDS = _metric(
    "histogram",
    "stream_seconds",
    "route",
    "How long answers that were event streams went on",
    (0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 21600.0, 86400.0),
)
MASKED = _counter("masked", "detector", "Values that were masked, in requests and in answers")
ECHOES = _counter(
    "echoes", "upstream what", "Times that an upstream has shown the gate's own credential: masked, withheld"
)
DEFINITIONS = _counter(
    "definitions",
    "upstream what",
    "What was new in upstreams' definitions of tools: first, changed, suspicious, unfit, key, accepted, "
    "withdrawn",
)
DECISIONS = _counter("decisions", "decided", "Held calls that somebody decided: approved, denied, withdrawn")
DROPPED = _counter("dropped_messages", "reason", "Messages of upstreams that were kept from callers")
OVER = _counter("over_budget", "budget", "Exchanges that were too much for a budget that only records")
SHADOW = _counter("shadow", "rule verdict", "What rules in the shadow would have said")
ISSUERS = _counter(
    "issuer_events", "issuer what", "What became of issuers' keys: keys, unreachable, lapsed"
)
GENERATIONS = _counter("generations", "", "Generations that came into force")
RELOADS_FAILED = _counter("reloads_failed", "", "Changes of configuration or files that were not taken")
OFF_RECORD = _counter(
    "off_record_exchanges", "", "Exchanges that were forwarded off the record (unsafe-continue)"
)
LOST_LINES = _counter(
    "journal_lost_lines", "", "Lines that will never be in the journal, as it could not be written"
)
REPAIRS = _counter(
    "journal_repairs",
    "what",
    "What is not in a segment that was there: torn (the end of a line, cut off after a crash), deleted, "
    "moved, unsynced",
)
CLOCK_STEPS = _counter("clock_steps", "", "Times that the wall clock was set")
LINES = _counter("journal_lines", "type", "Lines of the journal that were read")
UNREADABLE = _counter("journal_unreadable_lines", "", "Lines of the journal that could not be read")

# What a running gate says of itself.

ANSWERS = _gauge("up", "", "Whether the gate has answered when it was last asked: 1 or 0")
BUILD = _gauge("build_info", "version", "1, with the version")
GENERATION = _gauge("generation", "", "The number of the generation in force")
RELOAD_FAILED = _gauge(
    "reload_failed", "", "Whether the last change of configuration, files or tokens was not taken: 1 or 0"
)
DRAINING = _gauge("draining", "", "Whether the gate accepts no more, and lets exchanges finish: 1 or 0")
WORKERS = _gauge("workers", "state", "Workers by state, where there are several: serves, starts, drains, ...")
WORKER_RESTARTS = _counter("worker_restarts", "worker", "How often a worker was replaced")
NOT_AFTER = _gauge(
    "certificate_not_after_seconds",
    "kind name subject serial",
    "Unix seconds at which a certificate ends: a listener's own (listener), the one that an upstream is "
    "shown (client), the one that an upstream has last shown (upstream), or whoever else is asked (provider)",
)
CONNECTIONS = _gauge("connections", "", "Connections of callers")
CONNECTIONS_MOST = _gauge("connections_most", "", "The bound in effect on connections of callers")
HANDSHAKES_OPEN = _gauge("handshakes_unfinished", "", "Handshakes of callers that are not finished")
THROTTLED = _gauge("addresses_throttled", "", "Addresses that have failed too often")
LISTENER_CONNECTIONS = _gauge("listener_connections", "listener", "Connections of callers to a listener")
POOL = _gauge(
    "upstream_connections",
    "upstream state",
    "Connections to an upstream: idle, leased (an exchange or a stream is on it), dialing",
)
POOL_WAITING = _gauge("upstream_waiting", "upstream", "Callers who wait for a connection to an upstream")
STREAMS = _gauge("streams", "", "Event streams that are open to callers")
SESSIONS = _gauge("sessions", "", "Sessions that workers know")
HELD = _gauge("held_calls", "", "Calls that wait for a person")
TOKENS = _gauge("tokens", "", "Issued tokens, revoked and expired ones with them")
ISSUER_KEYS = _gauge("issuer_keys", "issuer", "Keys that are known of an issuer")
ISSUER_COUNTING = _gauge(
    "issuer_counting", "issuer", "Whether tokens of an issuer are accepted by its keys now: 1 or 0"
)
BUDGET_KEYS = _gauge("budget_keys", "budget", "Of how many callers, routes or tools a budget counts some use")
BUDGET_REFUSED = _counter("budget_refused", "budget", "Calls that a budget has refused")
LEDGER_FAILED = _gauge("ledger_failed", "", "Whether budgets cannot be counted: 1 or 0")
JOURNAL_FAILED = _gauge("journal_failed", "", "Whether the journal cannot be written in some worker: 1 or 0")
JOURNAL_OWED = _gauge("journal_owed_lines", "", "Lines that wait to be written while the journal cannot be")
JOURNAL_DROPPED = _counter(
    "journal_dropped_lines", "", "Lines that were never written, as too much was owed while it failed"
)
SEALS_FAILED = _gauge(
    "journal_seals_failed", "", "Whether checkpoints cannot be written or signed in some worker: 1 or 0"
)
JOURNAL_UNSEALED = _gauge(
    "journal_unsealed_seconds", "", "How old the oldest line is that no signed checkpoint covers"
)
JOURNAL_LAG = _gauge(
    "journal_lag_seconds", "", "How long ago all that was in the journal had been counted"
)
INDEX_LAG = _gauge(
    "index_lag_seconds", "", "About how old the next record is that is not in the searchable copy yet"
)
INDEX_BEHIND = _gauge(
    "index_behind_bytes", "", "How much of the journal is not in the searchable copy yet, uncompressed"
)
INDEX_FAILED = _gauge("index_failed", "", "Whether the searchable copy cannot be filled now: 1 or 0")
ALERTS = _counter(
    "alerts", "alert outcome", "Alerts of an [[alert]] table: sent, failed (given up), dropped (no room)"
)
ALERTS_WAITING = _gauge("alerts_waiting", "alert", "Alerts that wait to be sent, or to be tried again")

METRICS: tuple[Metric, ...] = tuple(_known)
