"""Who is here: the connections of callers in one worker, by address, and who makes room (pure).

A connection counts from accept to the close of its socket. An address is what one caller is held to
be: an IPv4 address, or the /64 that an IPv6 host picks its addresses from (RFC 4291 2.5.1).

While handshakes are few nobody is in anybody's way. Once there are too many, an arrival that has not
even shown a ClientHello makes room for the next, the oldest first: an honest client shows its own at
once, so a flood of silent connections displaces itself. Where all have shown one, it may be that all
callers came back at the same moment: newcomers wait where the kernel keeps them, and are only refused
when nobody gets on.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Protocol

from mcpgate.config.schema import Config
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.tally import Tally
from mcpgate.relay.throttle import Throttle

#: Descriptors that are not for connections: standard streams, log, journal, sockets that listen, the
#: control socket and who asks on it, two epoll sets, name lookups, files that are being read again.
RESERVED = 40

#: Unfinished handshakes that an address may have which has used its failures up: a client with several
#: connections gets on, a flood does not.
UNFINISHED_MOST = 4

#: Seconds between two questions to an issuer for such an address, about proofs that were never seen to be
#: good: those of a neighbour of whoever failed there are heard, and a flood of them is not.
QUESTIONS_APART = 1.0


class Unfinished(Protocol):
    """A connection whose handshake is not over."""

    #: Its address as L{source_of} has it; "" while it is not known.
    source: str

    def readable(self) -> None:
        """Look at what has arrived."""

    def give_up(self, refusal: Refusal) -> None:
        """End."""


def source_of(host: str) -> str:
    """
    Who counts as one caller, by its IP address as the kernel writes it.

    @param host: "" for whoever has none; it counts for nobody.
    """
    if ":" not in host:
        return host
    # The zone of a link-local address says which link: it is no part of the address.
    address = IPv6Address(host.partition("%")[0])
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"


def room(config: Config, descriptors: int) -> int:
    """
    How many connections of callers a process may have.

    What its descriptor limit leaves is for callers but for what the upstreams may take, and never
    less than half: while all callers use an upstream's connection each, both are needed alike.

    @param descriptors: The limit of the process; 0 for none.
    """
    if not descriptors:
        return config.limits.connections
    left = descriptors - RESERVED
    outbound = sum(upstream.connections for upstream in config.upstreams)
    return max(1, min(config.limits.connections, max(left - outbound, left // 2)))


class Crowd:
    """
    Everybody who is connected to one worker.

    @ivar descriptors: The process's limit when it began to listen; 0 for none.
    @ivar total: How many connections of callers there are.
    @ivar tally: What was refused.
    @ivar throttle: Who failed how often. C{questions}: for whom issuers were asked since, although.
    """

    def __init__(self) -> None:
        self.descriptors = 0
        self.total = 0
        self.tally = Tally()
        self.throttle = Throttle()
        self.questions = Throttle()
        #: L{leave}, to be kept by each connection: one for all of them.
        self.left = self.leave
        self._of: dict[str, int] = {}
        # In the order in which they came.
        self._silent: dict[Unfinished, None] = {}
        self._shaking: dict[Unfinished, None] = {}
        self._unfinished_of: dict[str, int] = {}
        self._jammed: float | None = None
        self._config: Config | None = None
        self._room = 0

    def room(self, config: Config) -> int:
        """How many connections there may be under a configuration."""
        if config is not self._config:
            self._config, self._room = config, room(config, self.descriptors)
        return self._room

    @property
    def unfinished(self) -> int:
        """How many handshakes are not over."""
        return len(self._silent) + len(self._shaking)

    @property
    def addresses(self) -> int:
        """From how many addresses connections are."""
        return len(self._of)

    @property
    def busiest(self) -> int:
        """How many connections the address with most of them has."""
        return max(self._of.values(), default=0)

    # Who may come in.

    def full(self, config: Config) -> Refusal | None:
        """Whether there is no room for one more, whoever it is."""
        most = self.room(config)
        if self.total < most:
            return None
        return Refusal(Reason.LIMIT_CONNECTIONS, f"{most} connections are open")

    def crowded(self, source: str, config: Config, now: float) -> Refusal | None:
        """Whether there is no room for one more of an address."""
        limits = config.limits
        if self._of.get(source, 0) >= limits.connections_per_address:
            return Refusal(
                Reason.LIMIT_ADDRESS, f"{limits.connections_per_address} connections are open from {source}"
            )
        if self._unfinished_of.get(source, 0) >= UNFINISHED_MOST:
            spent = self.throttle.spent(source, now, limits.failures, limits.failures_period)
            if spent and not self._make_room_of(source):
                return Refusal(
                    Reason.LIMIT_FAILURES, f"{UNFINISHED_MOST} unfinished handshakes from {source}"
                )
        return None

    def _make_room_of(self, source: str) -> bool:
        """Whether there is room for one more handshake of an address that has few: a neighbour of whoever
        failed there is not to be kept out by connections that say nothing."""
        for oldest in [one for one in self._silent if one.source == source]:
            if self._unfinished_of.get(source, 0) < UNFINISHED_MOST:
                break
            if oldest in self._silent:
                self._displace(oldest, Reason.LIMIT_FAILURES)
        return self._unfinished_of.get(source, 0) < UNFINISHED_MOST

    def make_room(self, most: int) -> bool:
        """Whether there is room for one more handshake, after somebody was asked to make it."""
        while self.unfinished >= most and self._silent:
            self._displace(next(iter(self._silent)), Reason.LIMIT_HANDSHAKES)
        return self.unfinished < most

    def _displace(self, oldest: Unfinished, reason: Reason) -> None:
        # Its hello may be here, and nobody have looked yet.
        oldest.readable()
        if oldest in self._silent:
            self.settled(oldest)
            oldest.give_up(Refusal(reason, "made room: it had shown no hello"))

    def jammed(self, now: float) -> float:
        """For how many seconds there has been no room for a handshake and none has ended."""
        if self._jammed is None:
            self._jammed = now
        return now - self._jammed

    # Who is in.

    def enter(self, source: str) -> None:
        """One more connection; its source may be said later."""
        self.total += 1
        if source:
            self._of[source] = self._of.get(source, 0) + 1

    def identify(self, arrival: Unfinished, source: str) -> None:
        """Whose connection an arrival is was only found out now."""
        known = arrival in self._silent or arrival in self._shaking
        arrival.source = source
        if source:
            self._of[source] = self._of.get(source, 0) + 1
            if known:
                self._unfinished_of[source] = self._unfinished_of.get(source, 0) + 1

    def leave(self, source: str) -> None:
        """A connection's socket is closed."""
        self.total -= 1
        _less(self._of, source)

    # Whose handshake is not over.

    def arrived(self, arrival: Unfinished) -> None:
        """A handshake begins."""
        self._silent[arrival] = None
        if arrival.source:
            self._unfinished_of[arrival.source] = self._unfinished_of.get(arrival.source, 0) + 1

    def spoke(self, arrival: Unfinished) -> None:
        """Its ClientHello is complete."""
        if arrival in self._silent:
            del self._silent[arrival]
            self._shaking[arrival] = None

    def settled(self, arrival: Unfinished) -> None:
        """Its handshake is over, in whatever way. May be said more than once."""
        if arrival in self._silent:
            del self._silent[arrival]
        elif arrival in self._shaking:
            del self._shaking[arrival]
            self._jammed = None
        else:
            return
        _less(self._unfinished_of, arrival.source)


def _less(counts: dict[str, int], source: str) -> None:
    if source in counts:
        counts[source] -= 1
        if not counts[source]:
            del counts[source]
