"""What the record of a span of time says, in one pass over its lines and in bounded memory (pure).

A summary says what is in the lines and nothing else: whether these can be trusted is for
C{evidence verify} to find out, and what they mean for a framework is for L{mcpgate.report.profiles}.

An exchange belongs to the span in which it began. Lines from before the span are read as well where there
are any, as connections and configurations from then may have been in use; none of them is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from attrs import frozen

from mcpgate.report.certificates import Certificates, Seen
from mcpgate.report.counts import Bounded, Counted, Listed
from mcpgate.report.encryption import Encryption, Place
from mcpgate.report.generations import Generation, Generations
from mcpgate.report.happenings import Happenings, Kind
from mcpgate.report.lines import Closed, Event, Opened, Shake, number_of, read_line, text_of
from mcpgate.report.refusals import Refusals, Refused
from mcpgate.report.span import Span
from mcpgate.report.traffic import Exchanges, Traffic

#: Workers, gates and libraries that are told apart.
KINDS_MOST = 500


@frozen
class Summary:
    """
    A span of the record.

    @ivar gates: The names of the gates whose journal it is: one, or it was put together by somebody.
    @ivar libraries: Which OpenSSL there was, by segments.
    @ivar lines: How many lines of the span were read; C{types}: of which types.
    @ivar faulty: Lines that are no records, wherever they stood.
    @ivar first: When the first line of the span was written; C{last}: the last.
    @ivar off_record: Exchanges that were forwarded while the journal could not be written; C{lost}: lines
        that were never written, of which it is only known how many.
    @ivar plaintext: Connections that spoke clear text and were refused; C{exposed}: with a credential.
    """

    span: Span
    gates: Counted
    versions: Counted
    libraries: Counted
    workers: Counted
    lines: int
    types: Counted
    faulty: int
    first: str | None
    last: str | None
    places: tuple[Place, ...]
    certificates: Listed[Seen]
    refusals: tuple[Refused, ...]
    off_record: int
    lost: int
    plaintext: int
    exposed: int
    traffic: Traffic
    generations: Listed[Generation]
    happenings: tuple[Kind, ...]

    def on(self, leg: str) -> tuple[Place, ...]:
        """The places of one leg."""
        return tuple(one for one in self.places if one.leg == leg)

    def kind(self, type: str) -> Kind:
        """The rarer lines of one type."""
        return next((one for one in self.happenings if one.type == type), Kind(type, Counted(), Listed()))

    def refused_handshakes(self, *reasons: str) -> int:
        """How many handshakes were refused for one of these reasons."""
        return sum(one.count for one in self.refusals if one.kind != "exchange" and one.reason in reasons)

    def refused_exchanges(self, room: str) -> int:
        """How many exchanges were refused for a reason that begins so."""
        return sum(
            one.count for one in self.refusals if one.kind == "exchange" and one.reason.startswith(room)
        )


class Summing:
    """One pass. The lines of one worker come in their order; one worker may come after the other."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self._lines = self._faulty = self._off_record = self._lost = 0
        self._first: str | None = None
        self._last: str | None = None
        self._types = Bounded[str](KINDS_MOST)
        self._gates = Bounded[str](KINDS_MOST)
        self._versions = Bounded[str](KINDS_MOST)
        self._libraries = Bounded[str](KINDS_MOST)
        self._workers = Bounded[str](KINDS_MOST)
        self._generations = Generations()
        self._encryption = Encryption(self._generations)
        self._certificates = Certificates()
        self._refusals = Refusals()
        self._exchanges = Exchanges(self._refusals)
        self._happenings = Happenings()

    @property
    def unknown(self) -> Set[str]:
        """Handshakes that exchanges of the span name, and that were not among the lines before them."""
        return self._exchanges.unknown

    @property
    def open(self) -> Set[str]:
        """Exchanges of the span whose ends were not among the lines."""
        return self._exchanges.open

    @property
    def undemanded(self) -> Set[int]:
        """Workers of whose handshakes no line says what was demanded."""
        return self._encryption.undemanded

    def take_all(self, lines: Iterable[bytes], worker: int) -> None:
        """Read lines of one worker's."""
        take = self.take
        for line in lines:
            take(line, worker)

    def take(self, line: bytes, worker: int) -> None:
        """Read a line; one that is no record is counted, and tells nothing."""
        try:
            read = read_line(line)
        except ValueError:
            self._faulty += 1
            return
        if isinstance(read, Closed):
            self._count("close", read.time, worker)
            self._exchanges.closed(read)
        elif isinstance(read, Opened):
            if self._count("open", read.time, worker):
                self._exchanges.opened(read)
        elif isinstance(read, Shake):
            self._handshake(read, worker)
        else:
            self._event(read, worker)

    def summary(self) -> Summary:
        """What it comes to; nothing can be added then."""
        return Summary(
            span=self.span,
            gates=self._gates.counted(),
            versions=self._versions.counted(),
            libraries=self._libraries.counted(),
            workers=self._workers.counted(),
            lines=self._lines,
            types=self._types.counted(),
            faulty=self._faulty,
            first=self._first,
            last=self._last,
            traffic=self._exchanges.traffic(),
            places=self._encryption.places(),
            certificates=self._certificates.listed(),
            refusals=self._refusals.refused(),
            off_record=self._off_record,
            lost=self._lost,
            plaintext=self._refusals.plaintext,
            exposed=self._refusals.exposed,
            generations=self._generations.listed(),
            happenings=self._happenings.kinds(),
        )

    def _count(self, type: str, time: str, worker: int) -> bool:
        """Whether a line counts: it was written in the span."""
        if not self.span.since <= time < self.span.until:
            return False
        self._lines += 1
        self._types.add(type)
        self._workers.add(str(worker))
        if self._first is None or time < self._first:
            self._first = time
        if self._last is None or time > self._last:
            self._last = time
        return True

    def _handshake(self, shake: Shake, worker: int) -> None:
        counts = self._count("handshake", shake.time, worker)
        leg = self._encryption.take(shake, worker, counts=counts)
        if leg is not None:
            self._exchanges.remember(shake.id, leg)
        if not counts:
            return
        if shake.outcome == "ok":
            self._certificates.take(shake)
        else:
            self._refusals.take_handshake(shake)

    def _event(self, record: Event, worker: int) -> None:
        type, time = str(record["type"]), str(record["time"])
        if type == "segment":
            # Its first line says whose a segment is, also where only later lines are of the span.
            self._gates.add(text_of(record, "gate") or "")
            self._versions.add(text_of(record, "mcpgate") or "")
            self._libraries.add(text_of(record, "openssl") or "")
        counts = self._count(type, time, worker)
        if type == "generation" and time < self.span.until:
            self._generations.take(record, worker, counts=counts)
            self._certificates.take_configured(record)
        elif counts and type == "handshakes":
            self._refusals.take_flood(record)
            self._happenings.take(record)
        elif counts:
            if type == "gap":
                self._off_record += number_of(record, "exchanges")
                self._lost += number_of(record, "lines")
            self._happenings.take(record)
