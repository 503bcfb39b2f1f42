"""What was refused and why: handshakes and exchanges by reason, with examples (pure)."""

from __future__ import annotations

from attrs import frozen

from mcpgate.report.counts import Bounded, Counted, Listed, Listing
from mcpgate.report.lines import Closed, Event, Offered, Opened, Shake, number_of, text_of

#: Reasons at one leg that are told apart; mcpgate knows some hundred.
KINDS_MOST = 500
#: Of one reason: examples, places, and different things that clients offered.
EXAMPLES_MOST, WHERE_MOST, OFFERS_MOST = 5, 50, 20


@frozen
class Example:
    """One of those that were refused."""

    id: str
    time: str
    who: str
    what: str
    detail: str | None


@frozen
class Refused:
    """
    All that was refused for one reason.

    @ivar kind: C{inbound}, C{outbound} or C{provider}: handshakes on that leg. C{exchange}: requests, or
        their answers.
    @ivar count: How many; C{uncounted} of them have no line of their own, as they came in a flood.
    @ivar where: At which listeners, upstreams or routes.
    @ivar offers: What the clients offered, of refused handshakes.
    """

    kind: str
    reason: str
    count: int
    unrecorded: int
    first: str
    last: str
    where: Counted
    offers: Counted
    examples: Listed[Example]


class _Kind:
    __slots__ = ("count", "unrecorded", "first", "last", "where", "offers", "examples")

    def __init__(self, time: str) -> None:
        self.count = self.unrecorded = 0
        self.first = self.last = time
        self.where = Bounded[str](WHERE_MOST)
        self.offers = Bounded[str](OFFERS_MOST)
        self.examples = Listing[Example](EXAMPLES_MOST)

    def add(self, time: str, where: str, recorded: int, unrecorded: int = 0) -> None:
        self.count += recorded + unrecorded
        self.unrecorded += unrecorded
        self.first, self.last = min(self.first, time), max(self.last, time)
        self.where.add(where, recorded + unrecorded)


class Refusals:
    """Takes whatever was refused."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], _Kind] = {}
        #: Requests in clear text, and those of them that had a credential in them.
        self.plaintext = self.exposed = 0

    def take_handshake(self, shake: Shake) -> None:
        """A handshake that came to nothing, or a connection that was ended for what it had shown."""
        extra = shake.extra or {}
        reason = shake.reason or "unknown"
        kind = self._kind(shake.leg, reason, shake.time)
        kind.add(shake.time, shake.where, 1, number_of(extra, "unrecorded"))
        kind.offers.add(offer_words(shake.offer))
        what = f"server name {shake.offer.sni}" if shake.offer and shake.offer.sni else ""
        kind.examples.add(Example(shake.id, shake.time, shake.peer, what, shake.detail))
        if reason == "tls.plaintext":
            self.plaintext += 1
            self.exposed += extra.get("credential_exposed") is True

    def take_flood(self, record: Event) -> None:
        """Refused handshakes that were counted, as there were too many to record each."""
        time = str(record["time"])
        reason = text_of(record, "reason") or "unknown"
        kind = self._kind(text_of(record, "leg") or "inbound", reason, time)
        count = number_of(record, "count")
        kind.add(time, text_of(record, "where") or text_of(record, "listener") or "", 0, count)
        if reason == "tls.plaintext":
            self.plaintext += count

    def take_exchange(self, opened: Opened, closed: Closed) -> None:
        """An exchange that was refused, or whose answer was."""
        reason = closed.reason
        if reason is None:
            return
        kind = self._kind("exchange", reason, closed.time)
        kind.add(closed.time, opened.route or opened.own or "", 1)
        what = " ".join(part for part in (opened.method or opened.http, opened.name) if part)
        kind.examples.add(Example(closed.id, closed.time, opened.principal or "", what, closed.detail))

    def refused(self) -> tuple[Refused, ...]:
        """By kind and reason, the most frequent first."""
        order = {"inbound": 0, "outbound": 1, "provider": 2}
        found = [
            Refused(
                kind=kind,
                reason=reason,
                count=one.count,
                unrecorded=one.unrecorded,
                first=one.first,
                last=one.last,
                where=one.where.counted(),
                offers=one.offers.counted(),
                examples=one.examples.listed(),
            )
            for (kind, reason), one in self._kinds.items()
        ]
        return tuple(sorted(found, key=lambda one: (order.get(one.kind, 3), -one.count, one.reason)))

    def _kind(self, kind: str, reason: str, time: str) -> _Kind:
        found = self._kinds.get((kind, reason))
        if found is None:
            key = (kind, reason) if len(self._kinds) < KINDS_MOST else (kind, "(others)")
            found = self._kinds.setdefault(key, _Kind(time))
        return found


def offer_words(offer: Offered | None) -> str:
    """What a client offered, in a few words: its versions and groups, and how many suites."""
    if offer is None:
        return "no ClientHello"
    groups = ", ".join(offer.groups[:8]) or "no groups"
    more = f" and {len(offer.groups) - 8} more" if len(offer.groups) > 8 else ""
    return f"{', '.join(offer.versions) or 'no versions'}; {groups}{more}; {len(offer.ciphers)} suites"
