"""The exchanges of a span: by route, verdict and outcome, over which encryption, with what masked (pure)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Set

from attrs import frozen

from mcpgate.report.counts import Bounded, Counted, Listed, Listing
from mcpgate.report.encryption import Leg
from mcpgate.report.lines import Closed, Opened
from mcpgate.report.refusals import Refusals

#: Connections that are remembered for the exchanges on them; one that is in use stays.
LEGS_MOST = 100_000
#: Exchanges that are waited for to end. More run at once on no gate.
OPEN_MOST = 100_000
#: Routes, verdicts and outcomes together, and whatever else is counted by what the configuration names.
ROWS_MOST = 2000
#: Principals and tools: what callers may choose.
NAMES_MOST = 500
#: Handshakes that exchanges name and were not read, as far as they are remembered to be looked for.
UNKNOWN_MOST = 10_000
#: Unfinished exchanges that are told one by one.
UNFINISHED_MOST = 100


@frozen
class Flow:
    """Exchanges of one route with the same verdict and outcome."""

    route: str
    verdict: str
    outcome: str
    count: int


@frozen
class Unfinished:
    """An exchange that was opened, and of whose end there is no line."""

    id: str
    time: str
    principal: str | None
    route: str | None
    method: str | None
    name: str | None


@frozen
class Traffic:
    """
    All exchanges that began in the span.

    @ivar forwarded: Those of which something was sent to an upstream.
    @ivar inbound_post_quantum: Those whose caller's connection was post-quantum; likewise C{outbound_}.
    @ivar both_post_quantum: Those that were so on both legs, of those that were forwarded.
    @ivar own: The gate's own requests, which have no inbound leg.
    @ivar inbound_unknown: Those that name a handshake which is not in what was read; likewise
        C{outbound_}.
    @ivar methods: What callers asked for, message by message, with its verdict.
    """

    exchanges: int
    forwarded: int
    own: int
    bytes_in: int
    bytes_out: int
    inbound: Counted
    outbound: Counted
    inbound_post_quantum: int
    outbound_post_quantum: int
    both_post_quantum: int
    inbound_unknown: int
    outbound_unknown: int
    flows: tuple[Flow, ...]
    flows_others: int
    methods: Counted
    tools: Counted
    principals: Counted
    proofs: Counted
    masked_requests: Counted
    masked_answers: Counted
    over: Counted
    held: int
    unfinished: Listed[Unfinished]


class _Pending:
    __slots__ = ("opened", "inbound")

    def __init__(self, opened: Opened, inbound: Leg | None) -> None:
        self.opened, self.inbound = opened, inbound


class Exchanges:
    """Takes the lines of exchanges."""

    def __init__(self, refusals: Refusals) -> None:
        #: The ids of handshakes that exchanges name and that were not read before them.
        self.unknown: set[str] = set()
        self._refusals = refusals
        self._legs: OrderedDict[str, Leg] = OrderedDict()
        self._open: OrderedDict[str, _Pending] = OrderedDict()
        self._exchanges = self._forwarded = self._own = self._held = 0
        self._bytes_in = self._bytes_out = 0
        self._pq_in = self._pq_out = self._pq_both = 0
        self._unknown_in = self._unknown_out = 0
        self._inbound = Bounded[str](ROWS_MOST)
        self._outbound = Bounded[str](ROWS_MOST)
        self._flows = Bounded[tuple[str, str, str]](ROWS_MOST)
        self._methods = Bounded[str](NAMES_MOST)
        self._tools = Bounded[str](NAMES_MOST)
        self._principals = Bounded[str](NAMES_MOST)
        self._proofs = Bounded[str](NAMES_MOST)
        self._masked_in = Bounded[str](ROWS_MOST)
        self._masked_out = Bounded[str](ROWS_MOST)
        self._over = Bounded[str](ROWS_MOST)
        self._unfinished = Listing[Unfinished](UNFINISHED_MOST)

    @property
    def open(self) -> Set[str]:
        """The ids of those that have not ended so far."""
        return self._open.keys()

    def remember(self, id: str, leg: Leg) -> None:
        """A handshake, for the exchanges behind it."""
        self._legs[id] = leg
        if len(self._legs) > LEGS_MOST:
            self._legs.popitem(last=False)

    def opened(self, line: Opened) -> None:
        """An exchange of the span begins."""
        self._exchanges += 1
        leg = None
        if line.inbound is None:
            self._own += 1
        else:
            leg = self._leg(line.inbound)
            if leg is None:
                self._unknown_in += 1
                self._missed(line.inbound)
            else:
                leg.used()
                self._pq_in += leg.post_quantum
                self._inbound.add(_words(leg))
        if line.principal is not None:
            self._principals.add(line.principal)
            self._proofs.add(line.how or "unknown")
        if line.calls:
            for call in line.calls:
                self._message(call.method, call.name, call.verdict, call.masked)
        else:
            self._message(line.method, line.name, line.verdict, line.masked)
        self._held += line.hold is not None
        self._open[line.id] = _Pending(line, leg)
        if len(self._open) > OPEN_MOST:
            self._end_without(self._open.popitem(last=False)[1].opened)

    def closed(self, line: Closed) -> None:
        """An exchange ends; one that did not begin in the span is of no interest."""
        pending = self._open.pop(line.id, None)
        if pending is None:
            return
        opened = pending.opened
        self._bytes_in += line.bytes_in
        self._bytes_out += line.bytes_out
        self._flows.add((opened.route or "", _verdict(opened), line.outcome))
        self._refusals.take_exchange(opened, line)
        for detector, count in (line.masked or {}).items():
            self._masked_out.add(detector, count)
        for budget in line.over:
            self._over.add(budget)
        if line.outbound is None:
            return
        self._forwarded += 1
        leg = self._leg(line.outbound)
        if leg is None:
            self._unknown_out += 1
            self._missed(line.outbound)
            return
        leg.used()
        self._pq_out += leg.post_quantum
        self._outbound.add(_words(leg))
        inbound = pending.inbound
        self._pq_both += leg.post_quantum and inbound is not None and inbound.post_quantum

    def traffic(self) -> Traffic:
        """All of it; what is open now is unfinished."""
        for pending in self._open.values():
            self._end_without(pending.opened)
        self._open.clear()
        flows = tuple(Flow(*key, count) for key, count in self._flows.items())
        return Traffic(
            exchanges=self._exchanges,
            forwarded=self._forwarded,
            own=self._own,
            bytes_in=self._bytes_in,
            bytes_out=self._bytes_out,
            inbound=self._inbound.counted(),
            outbound=self._outbound.counted(),
            inbound_post_quantum=self._pq_in,
            outbound_post_quantum=self._pq_out,
            both_post_quantum=self._pq_both,
            inbound_unknown=self._unknown_in,
            outbound_unknown=self._unknown_out,
            flows=tuple(sorted(flows, key=lambda one: (one.route, one.verdict, one.outcome))),
            flows_others=self._flows.others,
            methods=self._methods.counted(),
            tools=self._tools.counted(),
            principals=self._principals.counted(),
            proofs=self._proofs.counted(),
            masked_requests=self._masked_in.counted(),
            masked_answers=self._masked_out.counted(),
            over=self._over.counted(),
            held=self._held,
            unfinished=self._unfinished.listed(),
        )

    def _leg(self, id: str) -> Leg | None:
        leg = self._legs.get(id)
        if leg is not None:
            self._legs.move_to_end(id)
        return leg

    def _missed(self, id: str) -> None:
        if len(self.unknown) < UNKNOWN_MOST:
            self.unknown.add(id)

    def _message(
        self, method: str | None, name: str | None, verdict: str | None, masked: dict[str, int] | None
    ) -> None:
        if method is not None:
            self._methods.add(f"{method} ({verdict or 'not judged'})")
        if name is not None and method == "tools/call":
            self._tools.add(name)
        for detector, count in (masked or {}).items():
            self._masked_in.add(detector, count)

    def _end_without(self, line: Opened) -> None:
        self._flows.add((line.route or "", _verdict(line), "unfinished"))
        self._unfinished.add(
            Unfinished(line.id, line.time, line.principal, line.route, line.method, line.name)
        )


def _words(leg: Leg) -> str:
    return f"{leg.version}, {leg.group or 'no group'}"


def _verdict(line: Opened) -> str:
    """The verdict; of a batch, which may have several, the strictest."""
    if line.own is not None:
        return "own"
    verdicts = {call.verdict for call in line.calls} if line.calls else {line.verdict}
    return next((one for one in ("block", "hold", "allow") if one in verdicts), "not judged")
