"""The encryption that was really observed, place by place: each listener, upstream and provider (pure)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from attrs import frozen

from mcpgate.report.counts import Bounded, Counted
from mcpgate.report.generations import Demand, Generations
from mcpgate.report.lines import Negotiated, Shake
from mcpgate.tls.handshake import Certificate, Handshake
from mcpgate.tls.profile import Profile, judge, profile_named

#: Places that are told apart: a gate has some dozen.
PLACES_MOST = 500
#: Of one place, versions, suites or groups: OpenSSL knows fewer.
NEGOTIATED_MOST = 64
#: Floors that one place had in a span.
DEMANDS_MOST = 20

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def profile_called(name: str) -> Profile | None:
    """The profile of that name; with C{+pq} at its end, the one that demands post-quantum groups."""
    try:
        return profile_named(name)
    except ValueError:
        return None


def as_handshake(seen: Negotiated) -> Handshake:
    """What a line says of a handshake as the profile's judge takes it."""
    return _handshake(seen.version, seen.cipher, seen.group, seen.peer.key if seen.peer else None)


@lru_cache(4096)
def _handshake(version: str, cipher: str, group: str | None, key: str | None) -> Handshake:
    peer = key and Certificate("", "", "", "", "", _EPOCH, _EPOCH, key)
    return Handshake(version, cipher, 0, group, "", None, peer or None, (), None, "", 0.0)


def is_below(floor: str, seen: Negotiated) -> bool | None:
    """Whether what was observed is below a floor; C{None} if there is none of that name."""
    return _is_below(floor, as_handshake(seen))


@lru_cache(4096)
def _is_below(floor: str, handshake: Handshake) -> bool | None:
    profile = profile_called(floor)
    return None if profile is None else judge(profile, handshake) is not None


@frozen
class Demanded:
    """A floor that a place had, and how many handshakes were observed below it."""

    demand: Demand
    handshakes: int
    below: int


@frozen
class Place:
    """
    What was observed at a listener, or towards an upstream or a provider.

    @ivar finished: Handshakes that came to something; C{refused}: to nothing.
    @ivar post_quantum: Of the finished ones, those whose key exchange was post-quantum.
    @ivar below: Of the finished ones, those below the least floor that mcpgate has: none, if it is right.
    @ivar undemanded: Of the finished ones, those of which no line says what was demanded.
    @ivar pinned: Of the finished ones, those whose chain held a configured pin; C{unpinned}: that should
        have, and did not (pins may be reported only).
    @ivar identified: Of the finished ones, those whose peer has shown a certificate.
    @ivar exchanges: How many exchanges used its connections, and C{exchanges_post_quantum} of them.
    """

    leg: str
    where: str
    finished: int
    refused: int
    first: str | None
    last: str | None
    versions: Counted
    suites: Counted
    groups: Counted
    post_quantum: int
    below: int
    demanded: tuple[Demanded, ...]
    undemanded: int
    pinned: int
    unpinned: int
    identified: int
    exchanges: int
    exchanges_post_quantum: int


class Leg:
    """What an exchange needs to know of a connection of its: one for all that are alike."""

    __slots__ = ("place", "post_quantum", "version", "group")

    def __init__(self, place: Observed, seen: Negotiated) -> None:
        self.place = place
        self.post_quantum = seen.post_quantum
        self.version, self.group = seen.version, seen.group

    def used(self) -> None:
        """An exchange has used it."""
        self.place.exchanges += 1
        self.place.exchanges_post_quantum += self.post_quantum


class Observed:
    """A place, while lines are read."""

    def __init__(self, leg: str, where: str) -> None:
        self.leg, self.where = leg, where
        self.finished = self.refused = self.post_quantum = self.below = self.undemanded = 0
        self.pinned = self.unpinned = self.identified = self.exchanges = self.exchanges_post_quantum = 0
        self.first: str | None = None
        self.last: str | None = None
        self.versions = Bounded[str](NEGOTIATED_MOST)
        self.suites = Bounded[str](NEGOTIATED_MOST)
        self.groups = Bounded[str](NEGOTIATED_MOST)
        self._demands: dict[Demand, list[int]] = {}
        self._legs: dict[tuple[bool, str, str | None], Leg] = {}

    def leg_of(self, seen: Negotiated) -> Leg:
        """What exchanges need to know of such a connection."""
        key = seen.post_quantum, seen.version, seen.group
        leg = self._legs.get(key)
        if leg is None:
            leg = Leg(self, seen)
            if len(self._legs) < NEGOTIATED_MOST:
                self._legs[key] = leg
        return leg

    def saw(self, shake: Shake, seen: Negotiated, demand: Demand | None) -> None:
        """Count a finished handshake."""
        self.finished += 1
        self.first = shake.time if self.first is None else min(self.first, shake.time)
        self.last = shake.time if self.last is None else max(self.last, shake.time)
        self.versions.add(seen.version)
        self.suites.add(seen.cipher)
        self.groups.add(seen.group or "none")
        self.post_quantum += seen.post_quantum
        self.below += is_below("intermediate", seen) is True
        self.pinned += seen.pinned is True
        self.unpinned += seen.pinned is False
        self.identified += seen.peer is not None
        count = self._demands.get(demand) if demand is not None else None
        if count is None and demand is not None and len(self._demands) < DEMANDS_MOST:
            count = self._demands[demand] = [0, 0]
        if count is None or demand is None:
            self.undemanded += 1
        else:
            count[0] += 1
            count[1] += is_below(demand.profile, seen) is True

    def place(self) -> Place:
        """All of it, as a value."""
        return Place(
            leg=self.leg,
            where=self.where,
            finished=self.finished,
            refused=self.refused,
            first=self.first,
            last=self.last,
            versions=self.versions.counted(),
            suites=self.suites.counted(),
            groups=self.groups.counted(),
            post_quantum=self.post_quantum,
            below=self.below,
            demanded=tuple(Demanded(demand, *count) for demand, count in self._demands.items()),
            undemanded=self.undemanded,
            pinned=self.pinned,
            unpinned=self.unpinned,
            identified=self.identified,
            exchanges=self.exchanges,
            exchanges_post_quantum=self.exchanges_post_quantum,
        )


class Encryption:
    """All places, while lines are read."""

    def __init__(self, generations: Generations) -> None:
        self._generations = generations
        self._places: dict[tuple[str, str], Observed] = {}
        #: Workers of whose handshakes no line says what was demanded.
        self.undemanded: set[int] = set()

    def at(self, leg: str, where: str) -> Observed:
        """The place; beyond L{PLACES_MOST}, one for all others of its leg."""
        key = leg, where
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= PLACES_MOST:
                key = leg, "(others)"
            place = self._places.setdefault(key, Observed(*key))
        return place

    def take(self, shake: Shake, worker: int, *, counts: bool) -> Leg | None:
        """Note a handshake; gives what exchanges need to know of it, if it came to something."""
        seen = shake.handshake
        place = self.at(shake.leg, shake.where)
        if shake.outcome != "ok" or seen is None:
            place.refused += counts
            return None
        if counts:
            demand = self._generations.demanded(worker, seen.generation, shake.leg, shake.where)
            if demand is None and len(self.undemanded) < PLACES_MOST:
                self.undemanded.add(worker)
            place.saw(shake, seen, demand)
        return place.leg_of(seen)

    def places(self) -> tuple[Place, ...]:
        """Those where anything was: listeners first."""
        order = {"inbound": 0, "outbound": 1, "provider": 2}
        found = [one.place() for one in self._places.values() if one.finished or one.refused or one.exchanges]
        return tuple(sorted(found, key=lambda one: (order.get(one.leg, 3), one.where)))
