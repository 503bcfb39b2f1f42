"""What of the record would have been refused under a stricter floor (pure).

Each handshake that came to something is judged by the judge that judges them when they happen. Of a client
it is known what it had offered: so whoever negotiated less than the floor, but had offered enough for it,
would only have negotiated better; whoever had not, would have been shut out. An upstream is offered TLS 1.3
and post-quantum groups first by any profile; what it did not take then, it would not take then either.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum, unique

from attrs import evolve, frozen

from mcpgate.reasons import Refusal
from mcpgate.report.counts import Bounded, Counted
from mcpgate.report.encryption import as_handshake
from mcpgate.report.lines import Negotiated, Offered, Opened, Shake, read_line
from mcpgate.report.refusals import offer_words
from mcpgate.report.span import Span
from mcpgate.tls.handshake import POST_QUANTUM_GROUPS, Handshake
from mcpgate.tls.profile import VERSIONS, Profile, judge

#: Clients and upstreams that are told apart.
PEERS_MOST = 20_000
#: Connections that are remembered, to say who called on them.
CONNECTIONS_MOST = 100_000
#: Callers that used connections of one peer.
CALLERS_MOST = 20


@unique
class Fate(StrEnum):
    """What would become of a peer."""

    FINE = "at or above the floor"
    BETTER = "would have negotiated better"
    SHUT_OUT = "would have been refused"


@frozen
class Peer:
    """
    A client or an upstream that was below the floor, as far as all of its connections were alike.

    @ivar where: The listener; or the upstream's or provider's name.
    @ivar address: Its address, without the port.
    @ivar callers: Who had called on its connections, and how often.
    @ivar reason: Why it would have been refused, or was below; C{detail} likewise.
    """

    leg: str
    where: str
    address: str
    callers: Counted
    version: str
    suite: str
    group: str
    offered: str
    fate: Fate
    reason: str
    detail: str
    handshakes: int
    last: str
    example: str


@frozen
class Forecast:
    """
    All of it.

    @ivar handshakes: How many were judged; C{fine} of them were at or above the floor.
    @ivar refused: Those that were refused as it was, and would be again.
    @ivar left_out: Handshakes below the floor of peers that were too many to be told apart.
    """

    handshakes: int
    fine: int
    better: int
    shut_out: int
    refused: int
    peers: tuple[Peer, ...]
    left_out: int


class _One:
    __slots__ = ("callers", "seen", "offered", "fate", "refusal", "count", "last", "example")

    def __init__(self, seen: Negotiated, offered: str, fate: Fate, refusal: Refusal) -> None:
        self.callers = Bounded[str](CALLERS_MOST)
        self.seen, self.offered, self.fate, self.refusal = seen, offered, fate, refusal
        self.count = 0
        self.last = self.example = ""


class Forecasting:
    """One pass over lines."""

    def __init__(self, profile: Profile, span: Span) -> None:
        self._profile = profile
        self._span = span
        self._peers: dict[tuple[object, ...], _One] = {}
        self._connections: dict[str, _One] = {}
        self._fates = dict.fromkeys(Fate, 0)
        self._refused = self._left_out = 0
        self.faulty = 0

    def take_all(self, lines: Iterable[bytes]) -> None:
        """Read lines; those that are no records are counted."""
        for line in lines:
            # Most lines close exchanges, and say nothing of who called.
            if line[7:22] == b'"type":"close",':
                continue
            try:
                read = read_line(line)
            except ValueError:
                self.faulty += 1
                continue
            if isinstance(read, Shake) and self._span.holds(read.time):
                self._judge(read)
            elif isinstance(read, Opened) and read.principal is not None:
                one = self._connections.get(read.inbound or "")
                if one is not None:
                    one.callers.add(read.principal)

    def forecast(self) -> Forecast:
        """What it comes to: those that would be shut out first, and in each the most frequent."""
        peers = []
        for key, one in self._peers.items():
            leg, where, address = map(str, key[:3])
            peers.append(
                Peer(
                    leg=leg,
                    where=where,
                    address=address,
                    callers=one.callers.counted(),
                    version=one.seen.version,
                    suite=one.seen.cipher,
                    group=one.seen.group or "none",
                    offered=one.offered,
                    fate=one.fate,
                    reason=one.refusal.reason.value,
                    detail=one.refusal.detail,
                    handshakes=one.count,
                    last=one.last,
                    example=one.example,
                )
            )
        peers.sort(key=lambda one: (one.fate is Fate.BETTER, -one.handshakes, one.where, one.address))
        return Forecast(
            handshakes=sum(self._fates.values()),
            fine=self._fates[Fate.FINE],
            better=self._fates[Fate.BETTER],
            shut_out=self._fates[Fate.SHUT_OUT],
            refused=self._refused,
            peers=tuple(peers),
            left_out=self._left_out,
        )

    def _judge(self, shake: Shake) -> None:
        seen = shake.handshake
        if shake.outcome != "ok" or seen is None:
            self._refused += 1
            return
        fate, refusal = fate_of(self._profile, as_handshake(seen), shake.offer)
        self._fates[fate] += 1
        if refusal is None:
            return
        address = shake.peer.rpartition(":")[0].strip("[]") or shake.peer
        offered = offer_words(shake.offer) if shake.offer is not None else "not known"
        key = shake.leg, shake.where, address, seen.version, seen.cipher, seen.group, fate, offered
        one = self._peers.get(key)
        if one is None:
            if len(self._peers) >= PEERS_MOST:
                self._left_out += 1
                return
            one = self._peers[key] = _One(seen, offered, fate, refusal)
        one.count += 1
        one.last = max(one.last, shake.time)
        one.example = one.example or shake.id
        if shake.leg == "inbound":
            self._connections[shake.id] = one
            if len(self._connections) > CONNECTIONS_MOST:
                del self._connections[next(iter(self._connections))]


def fate_of(profile: Profile, seen: Handshake, offer: Offered | None) -> tuple[Fate, Refusal | None]:
    """What would become of a connection under a profile, and why it was below, if it was."""
    refusal = judge(profile, seen)
    if refusal is None:
        return Fate.FINE, None
    if offer is None:
        return Fate.SHUT_OUT, refusal
    worst = judge(profile, best(profile, seen, offer))
    return (Fate.BETTER, refusal) if worst is None else (Fate.SHUT_OUT, worst)


def best(profile: Profile, seen: Handshake, offer: Offered) -> Handshake:
    """The best that a client with such an offer could have negotiated; what does not depend on it stays."""
    versions = [name for name in offer.versions if VERSIONS.get(name, 0) >= profile.min_version]
    if profile.require_pq:
        # Post-quantum groups are TLS 1.3's alone.
        versions = [name for name in versions if name == "TLSv1.3"]
    version = max(versions, key=lambda name: VERSIONS[name], default=seen.version)
    suites = profile.tls13 if version == "TLSv1.3" else profile.tls12
    cipher = next((name for name in suites if name in offer.ciphers), seen.cipher)
    groups = [name for name in profile.groups if name in offer.groups]
    quantum = [name for name in groups if name in POST_QUANTUM_GROUPS]
    if version == "TLSv1.3" and quantum:
        groups = quantum
    group = next((name for name in groups if version == "TLSv1.3" or name not in POST_QUANTUM_GROUPS), None)
    return evolve(seen, version=version, cipher=cipher, group=group or seen.group)
