"""What the index answers: values, with times in UTC (pure).

Wherever something may be of several gates, C{gate} says of which. What the journal does not say is C{None}.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Generic, TypeVar

from attrs import frozen

Row = TypeVar("Row")


@frozen
class Page(Generic[Row]):
    """
    Some rows, the latest first, or a story's in its order.

    @ivar after: What to ask for to see those behind them; C{None} if there are none.
    """

    rows: tuple[Row, ...]
    after: str | None


@frozen
class Count:
    """How many were so. C{share}: of all that could have been, from 0 to 1; C{name} C{None}: unknown."""

    name: str | None
    count: int
    share: float


@frozen
class Leg:
    """
    What the exchanges of some time had on one leg.

    @ivar exchanges: Those that had this leg, each counted once, when it ended.
    @ivar post_quantum: Those of them whose key exchange was a post-quantum one, and the share of them.
    @ivar versions: The most frequent first, like C{groups} and C{suites}.
    """

    exchanges: int
    post_quantum: Count
    versions: tuple[Count, ...]
    groups: tuple[Count, ...]
    suites: tuple[Count, ...]


@frozen
class Refused:
    """How often something was refused for a reason: C{handshakes} and C{exchanges}."""

    reason: str
    handshakes: int
    exchanges: int


@frozen
class Certificate:
    """
    A certificate, and where it was.

    @ivar seen: C{wire} (in a handshake) or C{disk} (in force by a generation).
    @ivar role: On the wire: C{own} (the gate has shown it), C{peer} (an upstream, or who else was asked, has
        shown it) or C{client}. On disk: C{own}, C{shown} (to upstreams), C{client_ca}, C{trust} or C{saml}.
    @ivar leg: C{inbound}, C{outbound} or C{provider}; C{None} on disk.
    @ivar place: The listener or the upstream, or what else the configuration calls it.
    @ivar pinned: Whether a pin matched, where there were pins, at its last handshake.
    @ivar chain: The pins of the chain that it came with.
    @ivar in_force: Of one on disk: whether it still is, by the last generation that is known.
    @ivar handshakes: How many have had it; 0 on disk.
    """

    gate: str
    seen: str
    role: str
    leg: str | None
    place: str
    subject: str
    issuer: str
    serial: str
    sha256: str
    spki_pin: str
    not_before: datetime
    not_after: datetime
    key: str
    names: tuple[str, ...]
    chain: tuple[str, ...]
    pinned: bool | None
    in_force: bool
    first: datetime
    last: datetime
    handshakes: int


@frozen
class Posture:
    """
    How it stands: what some time's exchanges had, and what was refused in it.

    @ivar exchanges: That ended in this time.
    @ivar refused_handshakes: With those that were only counted.
    @ivar masked: Values that were masked.
    @ivar methods: Those that MCP does not have are C{other}.
    @ivar expiries: The next certificates to expire, of those that were in use in this time or are in force.
    @ivar pinned: The last certificate of each upstream that was seen.
    """

    since: datetime
    until: datetime
    gates: tuple[str, ...]
    exchanges: int
    refused_exchanges: int
    refused_handshakes: int
    masked: int
    bytes_in: int
    bytes_out: int
    inbound: Leg
    outbound: Leg
    routes: tuple[Count, ...]
    methods: tuple[Count, ...]
    verdicts: tuple[Count, ...]
    outcomes: tuple[Count, ...]
    refusals: tuple[Refused, ...]
    expiries: tuple[Certificate, ...]
    pinned: tuple[Certificate, ...]


@frozen
class Step:
    """What the exchanges that ended from C{at} on had on a leg, until the next step."""

    at: datetime
    leg: Leg


@frozen
class OverTime:
    """
    What exchanges had on a leg, in steps of the same length.

    @ivar seconds: How long each is: whole minutes, or whole hours if it is longer than one.
    @ivar steps: All of them, also those in which nothing ended.
    @ivar whole: All of them together.
    """

    leg: str
    since: datetime
    until: datetime
    seconds: int
    steps: tuple[Step, ...]
    whole: Leg


@frozen
class Offer:
    """What a client offered."""

    sni: str | None
    versions: tuple[str, ...]
    ciphers: tuple[str, ...]
    groups: tuple[str, ...]
    alpn: tuple[str, ...]


@frozen
class Handshake:
    """
    One handshake.

    @ivar outcome: C{ok} or C{refused}.
    @ivar place: The listener, the upstream, or whoever was asked.
    @ivar certificate: SHA-256 of what the peer showed; C{own}: of what the gate showed.
    @ivar extra: What else the journal says of it.
    """

    gate: str
    id: str
    time: datetime
    worker: int
    leg: str
    outcome: str
    place: str
    peer: str
    local: str
    reason: str | None
    detail: str | None
    version: str | None
    suite: str | None
    bits: int | None
    group: str | None
    post_quantum: bool
    alpn: str | None
    sni: str | None
    certificate: str | None
    own: str | None
    pinned: bool | None
    generation: int | None
    milliseconds: float | None
    offer: Offer | None
    extra: Mapping[str, object]


@frozen
class Exchange:
    """
    One exchange. Without C{outcome} it has not ended, or not yet that the index knew.

    @ivar session: Of which session of the index it is; C{mcp_session}: what the journal calls MCP's.
    @ivar outbound: The handshake of the connection that it was really sent on.
    @ivar masked: How many values were, by detector.
    @ivar seconds: From the request's first byte to the answer's last; C{waited}: from when it was forwarded
        to the answer's first byte.
    @ivar segment: Where its C{open} line stands, with C{seq}.
    @ivar more: What else the journal says of it: C{shadow}, C{calls} of a batch, C{own}, C{hold}, C{over} ...
    """

    gate: str
    id: str
    worker: int
    segment: int
    seq: int
    time: datetime | None
    closed: datetime | None
    inbound: str | None
    outbound: str | None
    principal: str | None
    how: str | None
    proof: str | None
    issuer: str | None
    subject: str | None
    listener: str | None
    route: str | None
    upstream: str | None
    http: str | None
    revision: str | None
    session: str | None
    mcp_session: str | None
    method: str | None
    name: str | None
    verdict: str | None
    rule: str | None
    outcome: str | None
    status: int | None
    reason: str | None
    detail: str | None
    bytes_in: int | None
    bytes_out: int | None
    seconds: float | None
    waited: float | None
    masked: Mapping[str, int]
    more: Mapping[str, object]


@frozen
class Session:
    """
    What one principal did on one route within one session of MCP's, or within one connection.

    @ivar kind: C{session} (legacy MCP) or C{connection}.
    @ivar exchanges: All of them; C{open}: those of them that have not ended; C{refused} likewise.
    @ivar masked: Values that were.
    """

    gate: str
    id: str
    kind: str
    principal: str
    how: str | None
    issuer: str | None
    subject: str | None
    listener: str | None
    route: str | None
    upstream: str | None
    revision: str | None
    mcp_session: str | None
    first: datetime
    last: datetime
    exchanges: int
    open: int
    refused: int
    masked: int
    bytes_in: int
    bytes_out: int


@frozen
class Event:
    """
    Whatever else the journal says.

    @ivar type: Of its line; C{what}: which kind of it, where there are several.
    @ivar place: The upstream, the issuer or the listener that it is about.
    @ivar facts: What the line says.
    """

    gate: str
    id: str
    time: datetime
    worker: int
    segment: int
    seq: int
    type: str
    what: str | None
    place: str | None
    exchange: str | None
    facts: Mapping[str, object]


@frozen
class SessionStory:
    """A session: its handshakes first, the earliest first, then its exchanges in their order."""

    session: Session
    handshakes: tuple[Handshake, ...]
    exchanges: Page[Exchange]


@frozen
class ExchangeStory:
    """An exchange with both of its handshakes, and what else happened to it."""

    exchange: Exchange
    inbound: Handshake | None
    outbound: Handshake | None
    events: tuple[Event, ...]


@frozen
class Found:
    """What was found for a text: by an id, or by the beginning of a principal's or a tool's name."""

    sessions: tuple[Session, ...]
    exchanges: tuple[Exchange, ...]
    handshakes: tuple[Handshake, ...]
    events: tuple[Event, ...]


@frozen
class Filled:
    """
    How far the index is, of one worker of a gate.

    @ivar lines: That were read; C{faulty}: those of them that are no records.
    @ivar last: The time of the last of them.
    """

    gate: str
    worker: int
    segment: int
    seq: int
    lines: int
    faulty: int
    last: datetime | None


@frozen
class Fault:
    """A line of the journal that the index could not take, and why."""

    gate: str
    worker: int
    segment: int
    seq: int
    why: str


@frozen
class Filter:
    """
    Which rows: all that are given must fit; none is given: all rows.

    @ivar since: At or after it; C{until}: before it.
    @ivar name: Of the tool, prompt or resource; whole, unless it ends in C{*}. C{principal} likewise.
    @ivar leg: Of handshakes.
    """

    since: datetime | None = None
    until: datetime | None = None
    gate: str | None = None
    principal: str | None = None
    route: str | None = None
    upstream: str | None = None
    method: str | None = None
    name: str | None = None
    verdict: str | None = None
    outcome: str | None = None
    reason: str | None = None
    leg: str | None = None
    place: str | None = None


EVERYTHING = Filter()
