"""Records become counters and histograms (pure).

The data path counts nothing for this: whatever is counted stands in the journal, so what a monitoring
system shows and what an auditor reads cannot disagree. Who reads begins at the end of the journal, and
counters begin at nought then, as those of any process that was started anew.

An exchange is counted when it is over, by what its C{open} line said. So these are remembered until the
C{close} line comes; that of a worker that was killed never does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import define, field

from mcpgate.metrics import table
from mcpgate.metrics.names import (
    GROUP_NAMES,
    HTTP_METHODS,
    MCP_METHODS,
    REASONS,
    SUITE_NAMES,
    VERSION_NAMES,
    Names,
    known,
)
from mcpgate.metrics.table import NONE, OTHER, Metric
from mcpgate.reasons import Reason

Labels = tuple[str, ...]
Record = Mapping[str, Any]

#: Exchanges that are remembered until they are over: eight workers with as many connections as one takes by
#: default. Each is a reference to what is the same for all alike, some 200 bytes with its id.
OPEN_MOST = 131_072

#: Kinds of calls that are known at a glance: a dozen routes with all methods and verdicts.
ALIKE_MOST = 1024

LEGS = frozenset({"inbound", "outbound", "provider"})
OUTCOMES = frozenset(
    "completed refused client_gone upstream_failed upstream_truncated timeout drained failed".split()
)
VERDICTS = frozenset({"allow", "block", "hold"})
WORDS = {
    table.ECHOES: frozenset({"masked", "withheld"}),
    table.DEFINITIONS: frozenset("first changed suspicious unfit key accepted withdrawn".split()),
    table.DECISIONS: frozenset({"approved", "denied", "withdrawn"}),
    table.ISSUERS: frozenset({"keys", "unreachable", "lapsed"}),
    table.REPAIRS: frozenset({"torn", "deleted", "moved", "unsynced"}),
}
#: What is counted here, of all there is.
COUNTED = (
    *(table.HANDSHAKES, table.REFUSED_HANDSHAKES, table.UNPINNED, table.EXPOSED, table.HANDSHAKE_SECONDS),
    *(table.EXCHANGES, table.REFUSALS, table.BODY_BYTES),
    *(table.REQUEST_SECONDS, table.UPSTREAM_SECONDS, table.ADDED_SECONDS),
    *(table.STREAM_SECONDS, table.MASKED, table.ECHOES, table.DEFINITIONS, table.DECISIONS, table.DROPPED),
    *(table.OVER, table.SHADOW, table.ISSUERS, table.GENERATIONS, table.RELOADS_FAILED, table.OFF_RECORD),
    *(table.LOST_LINES, table.REPAIRS, table.CLOCK_STEPS, table.LINES, table.UNREADABLE),
)


@define
class Spread:
    """A histogram's counts: of each bucket alone, the one beyond the last among them; and the sum."""

    counts: list[int]
    total: float = 0.0


@define
class Counts:
    """What has been counted, by metric and the values of its labels."""

    counters: dict[Metric, dict[Labels, float]] = field(factory=dict)
    spreads: dict[Metric, dict[Labels, Spread]] = field(factory=dict)

    def add(self, metric: Metric, labels: Labels = (), count: float = 1) -> None:
        """So many more."""
        try:
            self.counters[metric][labels] += count
        except KeyError:
            self.counters.setdefault(metric, {})[labels] = count

    def observe(self, metric: Metric, labels: Labels, value: float) -> None:
        """One more value of a histogram."""
        try:
            spread = self.spreads[metric][labels]
        except KeyError:
            spread = Spread([0] * (len(metric.buckets) + 1))
            self.spreads.setdefault(metric, {})[labels] = spread
        spread.counts[bisect_left(metric.buckets, value)] += 1
        spread.total += value

    def of(self, metric: Metric, **labels: str) -> float:
        """The sum of a counter's series with these labels."""
        wanted = [(metric.labels.index(name), value) for name, value in labels.items()]
        series = self.counters.get(metric, {})
        return sum(count for key, count in series.items() if all(key[at] == value for at, value in wanted))


class Counting:
    """Counts records as they come, in the order of each worker's journal."""

    def __init__(self, names: Names) -> None:
        self.counts = Counts()
        for metric in COUNTED:
            if not metric.labels:
                # A rate needs something to begin at.
                self.counts.add(metric, (), 0)
        self._number: object = None
        self._open: dict[str, Labels] = {}
        self._alike: dict[tuple[Any, ...], Labels] = {}
        self._takes = {
            "handshake": self._handshake,
            "handshakes": self._handshakes,
            "open": self._opened,
            "close": self._closed,
            "echo": self._echo,
            "definition": self._definition,
            "decision": self._decision,
            "dropped": self._dropped,
            "issuer": self._issuer,
            "generation": self._generation,
            "reload": self._reload,
            "gap": self._gap,
            "repair": self._repair,
            "clock": self._clock,
        }
        self._types = frozenset(self._takes) | {
            *("segment", "answered", "expired", "payload"),
        }

        self.adopt(names)

    def adopt(self, names: Names) -> None:
        """
        These are the names from now on. What was counted under others stays.

        What should never happen has its series before it does: the first of it is an increase only then.
        """
        self.names = names
        self._alike.clear()
        for what in WORDS[table.REPAIRS]:
            self.counts.add(table.REPAIRS, (what,), 0)
        for leg in ("outbound", "provider"):
            for name in names.of_leg(leg):
                self.counts.add(table.REFUSED_HANDSHAKES, (leg, name, Reason.TLS_PIN.value), 0)
                self.counts.add(table.UNPINNED, (leg, name), 0)
        for listener in names.listeners:
            self.counts.add(table.EXPOSED, (listener,), 0)
        for upstream in names.upstreams:
            for metric in (table.ECHOES, table.DEFINITIONS):
                for what in WORDS[metric]:
                    self.counts.add(metric, (upstream, what), 0)
        for issuer in names.issuers:
            for what in WORDS[table.ISSUERS]:
                self.counts.add(table.ISSUERS, (issuer, what), 0)

    def take(self, records: Iterable[Record]) -> None:
        """Count some more. A record that is not as it should be is counted as that."""
        types: dict[object, int] = {}
        for record in records:
            kind = record.get("type")
            if not isinstance(kind, str):
                kind = OTHER
            types[kind] = types.get(kind, 0) + 1
            take = self._takes.get(kind)
            if take is not None:
                try:
                    take(record)
                except (KeyError, TypeError, ValueError, AttributeError):
                    self.unreadable()
        for kind, count in types.items():
            self.counts.add(table.LINES, (known(kind, self._types),), count)

    def unreadable(self, lines: int = 1) -> None:
        """So many lines could not be read."""
        self.counts.add(table.UNREADABLE, (), lines)

    # Handshakes.

    def _handshake(self, record: Record) -> None:
        leg, reason = known(record["leg"], LEGS), known(record["reason"], REASONS)
        outcome = "ok" if record["outcome"] == "ok" else "refused"
        seen = record["handshake"]
        self._count_handshakes(leg, record["where"], seen, outcome, reason, 1)
        extra = record.get("extra") or {}
        if extra.get("credential_exposed") is True:
            self.counts.add(table.EXPOSED, (known(record["where"], self.names.listeners),))
        unrecorded = extra.get("unrecorded")
        if type(unrecorded) is int and unrecorded > 0:
            self._count_handshakes(leg, record["where"], None, outcome, reason, unrecorded)
        if seen is not None and outcome == "ok":
            self.counts.observe(table.HANDSHAKE_SECONDS, (leg,), seen["milliseconds"] / 1000)
            if seen["pinned"] is False:
                name = known(record["where"], self.names.of_leg(leg))
                self.counts.add(table.UNPINNED, (leg, name))

    def _handshakes(self, record: Record) -> None:
        """Refused ones of a flood, counted by the gate instead of a line for each."""
        leg, reason = known(record.get("leg", "inbound"), LEGS), known(record["reason"], REASONS)
        self._count_handshakes(leg, record.get("where"), None, "refused", reason, int(record["count"]))

    def _count_handshakes(
        self, leg: str, where: object, seen: Record | None, outcome: str, reason: str, count: int
    ) -> None:
        version = group = suite = NONE
        if seen is not None:
            version = known(seen["version"], VERSION_NAMES)
            group = known(seen["group"], GROUP_NAMES)
            suite = known(seen["cipher"], SUITE_NAMES)
        self.counts.add(table.HANDSHAKES, (leg, version, group, suite, outcome, reason), count)
        if outcome == "refused":
            name = known(where, self.names.of_leg(leg))
            self.counts.add(table.REFUSED_HANDSHAKES, (leg, name, reason), count)

    # Exchanges.

    def _opened(self, record: Record) -> None:
        # Nearly all calls are like one that was before them.
        alike = (record["route"], record["method"], record["verdict"])
        labels = self._alike.get(alike) if alike[1] is not None else None
        if labels is None:
            labels = self._labels(record)
            if alike[1] in MCP_METHODS and "own" not in record and len(self._alike) < ALIKE_MOST:
                self._alike[alike] = labels
        if len(self._open) >= OPEN_MOST:
            del self._open[next(iter(self._open))]
        self._open[record["id"]] = labels
        if "shadow" in record or "masked" in record or "calls" in record:
            for one in (record, *(record.get("calls") or ())):
                self._masked(one)
                for rule, verdict in (one.get("shadow") or {}).items():
                    said = known(verdict, VERDICTS)
                    self.counts.add(table.SHADOW, (known(rule, self.names.rules), said))

    def _labels(self, record: Record) -> Labels:
        calls = record.get("calls")
        return (
            known(record["route"], self.names.routes),
            _method(record),
            _verdict([record["verdict"]] if calls is None else [call["verdict"] for call in calls]),
        )

    def _closed(self, record: Record) -> None:
        # Its open line may be from before we began to read.
        route, method, verdict = self._open.pop(record["id"], (OTHER, OTHER, OTHER))
        counts = self.counts
        outcome = record["outcome"]
        if outcome != "completed":
            outcome = known(outcome, OUTCOMES)
        counts.add(table.EXCHANGES, (route, method, verdict, outcome))
        if record["reason"] is not None:
            counts.add(table.REFUSALS, (route, known(record["reason"], REASONS)))
        if record["bytes_in"]:
            counts.add(table.BODY_BYTES, (route, "in"), record["bytes_in"])
        if record["bytes_out"]:
            counts.add(table.BODY_BYTES, (route, "out"), record["bytes_out"])
        if "masked" in record:
            self._masked(record)
        for budget in record.get("over") or ():
            counts.add(table.OVER, (known(budget, self.names.budgets),))
        self._lasted(record, (route,), outcome)

    def _masked(self, record: Record) -> None:
        for detector, found in (record.get("masked") or {}).items():
            self.counts.add(table.MASKED, (known(detector, self.names.detectors),), found)

    def _lasted(self, record: Record, route: Labels, outcome: str) -> None:
        observe, seconds, waited = self.counts.observe, record["seconds"], record.get("waited")
        if waited is not None:
            observe(table.UPSTREAM_SECONDS, route, waited)
        if record.get("streamed"):
            observe(table.STREAM_SECONDS, route, seconds)
        elif outcome == "completed" and waited is not None:
            observe(table.REQUEST_SECONDS, route, seconds)
            observe(table.ADDED_SECONDS, route, max(seconds - waited, 0.0))

    # Whatever else happened.

    def _said(self, metric: Metric, named: object, names: frozenset[str], what: object) -> None:
        self.counts.add(metric, (known(named, names), known(what, WORDS[metric])))

    def _echo(self, record: Record) -> None:
        self._said(table.ECHOES, record["upstream"], self.names.upstreams, record["what"])

    def _definition(self, record: Record) -> None:
        self._said(table.DEFINITIONS, record["upstream"], self.names.upstreams, record["what"])

    def _issuer(self, record: Record) -> None:
        self._said(table.ISSUERS, record["issuer"], self.names.issuers, record["what"])

    def _decision(self, record: Record) -> None:
        self.counts.add(table.DECISIONS, (known(record["decided"], WORDS[table.DECISIONS]),))

    def _dropped(self, record: Record) -> None:
        self.counts.add(table.DROPPED, (known(record["reason"], REASONS),))

    def _generation(self, record: Record) -> None:
        # Every worker tells of it, and one that takes another's place once more.
        if record["number"] != self._number:
            self._number = record["number"]
            self.counts.add(table.GENERATIONS)

    def _reload(self, record: Record) -> None:
        self.counts.add(table.RELOADS_FAILED)

    def _gap(self, record: Record) -> None:
        self.counts.add(table.OFF_RECORD, (), int(record["exchanges"]))
        self.counts.add(table.LOST_LINES, (), int(record["lines"]))

    def _repair(self, record: Record) -> None:
        self.counts.add(table.REPAIRS, (known(record.get("what"), WORDS[table.REPAIRS]),))

    def _clock(self, record: Record) -> None:
        self.counts.add(table.CLOCK_STEPS)


def _method(record: Record) -> str:
    if "own" in record:
        return "own"
    if record["method"] is not None:
        return known(record["method"], MCP_METHODS)
    return "batch" if "calls" in record else known(record["http"], HTTP_METHODS)


def _verdict(said: list[object]) -> str:
    verdicts = {known(each, VERDICTS) for each in said}
    return verdicts.pop() if len(verdicts) == 1 else "mixed"
