"""The questions that people have, and their answers out of the index.

Every question is answered by an index of the database, or by sums that are kept; so it takes some
milliseconds, however many exchanges there are. All of it blocks, and may be asked from any thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TypeVar

from mcpgate.index import sums, told
from mcpgate.index.answers import (
    EVERYTHING,
    Certificate,
    Event,
    Exchange,
    ExchangeStory,
    Fault,
    Filled,
    Filter,
    Found,
    Handshake,
    OverTime,
    Page,
    Posture,
    Refused,
    Session,
    SessionStory,
)
from mcpgate.index.asking import ROWS, Where, behind, bounded, place_of
from mcpgate.index.lines import found_by, when
from mcpgate.index.rows import Value
from mcpgate.index.schema import CALLS, CERTIFICATE, EVENT, EXCHANGE, HANDSHAKE, SESSION, Table
from mcpgate.index.store import Asked

Given = TypeVar("Given")
Row = tuple[Value, ...]

#: Rows of each kind that a search shows: whoever wants more says more.
FOUND_MOST = 20
#: Texts with one beginning that are looked for each by itself.
CHOICES_MOST = 30
#: No column has to be anything.
NOTHING: Mapping[str, str | None] = MappingProxyType({})
#: Certificates that are shown as the next to expire.
EXPIRIES = 5
#: Handshakes that a session's story begins with; a client that makes one for each call may have thousands.
SHAKEN_MOST = 200


class Index:
    """Answers questions about what the index has."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def close(self) -> None:
        """Let go of the database, as far as this thread has it."""
        self._asked.close()

    def posture(self, since: datetime, until: datetime, *, gate: str | None = None) -> Posture:
        """How it stands: what the exchanges that ended in some minutes had, and what was refused in them."""
        ask = self._asked.ask
        start, end = span = sums.minutes(since, until)
        had = sums.summed(ask, "traffic", "leg, version, grp, suite, pq", ("exchanges",), span, gate)
        legs = {
            leg: sums.leg_of(
                ((key[1], key[2], key[3], int(key[4])), count)
                for key, (count,) in had.items()
                if key[0] == leg
            )
            for leg in ("inbound", "outbound")
        }
        calls = sums.summed(ask, "calls", "route, method, verdict, outcome", CALLS.sums, span, gate)
        by = [Counter[str]() for _ in range(4)]
        totals = [0, 0, 0, 0]
        for key, values in calls.items():
            for counter, name in zip(by, key, strict=True):
                counter[name] += values[0]
            totals = [a + b for a, b in zip(totals, values, strict=True)]
        refused = sums.summed(ask, "refusal", "reason, what", ("refused",), span, gate)
        reasons: dict[str, list[int]] = {}
        for (reason, what), (count,) in refused.items():
            reasons.setdefault(reason, [0, 0])[what == "exchange"] += count
        certificates = self.certificates(gate=gate)
        return Posture(
            since=datetime.fromtimestamp(start, UTC),
            until=datetime.fromtimestamp(end, UTC),
            gates=self.gates(),
            exchanges=totals[0],
            refused_exchanges=by[3]["refused"],
            refused_handshakes=sum(handshakes for handshakes, _ in reasons.values()),
            masked=totals[1],
            bytes_in=totals[2],
            bytes_out=totals[3],
            inbound=legs["inbound"],
            outbound=legs["outbound"],
            routes=sums.counts_of(by[0]),
            methods=sums.counts_of(by[1]),
            verdicts=sums.counts_of(by[2]),
            outcomes=sums.counts_of(by[3]),
            refusals=tuple(
                Refused(reason, handshakes, exchanges)
                for reason, (handshakes, exchanges) in sorted(
                    reasons.items(), key=lambda item: (-sum(item[1]), item[0])
                )
            ),
            expiries=told.expiries(certificates, since)[:EXPIRIES],
            pinned=told.latest(certificates),
        )

    def over_time(
        self, leg: str, since: datetime, until: datetime, steps: int = 60, *, gate: str | None = None
    ) -> OverTime:
        """What exchanges had on a leg, step by step."""
        return sums.over_time(self._asked.ask, leg, since, until, steps, gate)

    def certificates(self, *, gate: str | None = None) -> tuple[Certificate, ...]:
        """Every certificate that was seen, on the wire and on disk, by the time of its end."""
        generations = self._asked.ask(
            "SELECT gate, MAX(time) FROM event WHERE type = 'generation' GROUP BY gate"
        )
        in_force = {str(whose): time for whose, time in generations}
        where = Where()
        where.equal("gate", gate)
        rows = self._rows(CERTIFICATE, where, "not_after, gate, seen, role, leg, place, sha256")
        return tuple(told.certificate(row, in_force.get(str(row["gate"]))) for row in rows)

    def exchanges(
        self, filter: Filter = EVERYTHING, *, after: str | None = None, rows: int = ROWS
    ) -> Page[Exchange]:
        """Exchanges, the latest first."""
        where = Where()
        where.within("time", filter)
        for name in ("gate", "route", "upstream", "method", "verdict", "outcome", "reason"):
            where.equal(name, getattr(filter, name))
        texts = {"principal": filter.principal, "name": filter.name}
        return self._page(EXCHANGE, where, "time", told.exchange, after, rows, texts=texts)

    def exchange(self, id: str, *, gate: str | None = None) -> ExchangeStory | None:
        """One exchange, with its handshakes and what else happened to it."""
        found = self._by_id(EXCHANGE, id, gate)
        if not found:
            return None
        one = told.exchange(found[0])
        where = Where()
        where.equal("exchange", id)
        where.equal("gate", one.gate)
        events = self._rows(EVENT, where, "time, id")
        return ExchangeStory(
            one,
            self.handshake(one.inbound, gate=one.gate) if one.inbound else None,
            self.handshake(one.outbound, gate=one.gate) if one.outbound else None,
            tuple(map(told.event, events)),
        )

    def handshake(self, id: str, *, gate: str | None = None) -> Handshake | None:
        """One handshake."""
        found = self._by_id(HANDSHAKE, id, gate)
        return told.handshake(found[0]) if found else None

    def refused_handshakes(
        self, filter: Filter = EVERYTHING, *, after: str | None = None, rows: int = ROWS
    ) -> Page[Handshake]:
        """Handshakes that came to nothing, the latest first, with what the client offered."""
        where = Where()
        where.add("outcome = 'refused'")
        where.within("time", filter)
        for name in ("gate", "reason", "leg", "place"):
            where.equal(name, getattr(filter, name))
        return self._page(HANDSHAKE, where, "time", told.handshake, after, rows)

    def sessions(
        self, filter: Filter = EVERYTHING, *, after: str | None = None, rows: int = ROWS
    ) -> Page[Session]:
        """Sessions, those first in which something happened latest; by the time of that, too."""
        where = Where()
        where.within("last", filter)
        for name in ("gate", "route", "upstream"):
            where.equal(name, getattr(filter, name))
        texts = {"principal": filter.principal}
        return self._page(SESSION, where, "last", told.session, after, rows, texts=texts)

    def session(
        self, id: str, *, gate: str | None = None, after: str | None = None, rows: int = ROWS
    ) -> SessionStory | None:
        """A session's story: its handshakes, and a page of its exchanges, the earliest first."""
        found = self._by_id(SESSION, id, gate)
        if not found:
            return None
        one = told.session(found[0])
        where = Where()
        where.equal("session", id)
        where.equal("gate", one.gate)
        exchanges = self._page(EXCHANGE, where, "time", told.exchange, after, rows, "ASC")
        return SessionStory(one, self._shaken(one), exchanges)

    def _shaken(self, session: Session) -> tuple[Handshake, ...]:
        """The first handshakes that a session has."""
        legs = " UNION ".join(
            f"SELECT {leg} FROM exchange WHERE session = ? AND gate = ?" for leg in ("inbound", "outbound")
        )
        where = Where()
        where.add(f"gate = ? AND id IN ({legs})", session.gate, *(session.id, session.gate) * 2)
        return tuple(map(told.handshake, self._rows(HANDSHAKE, where, "time, id", SHAKEN_MOST)))

    def events(
        self,
        type: str | None = None,
        filter: Filter = EVERYTHING,
        *,
        after: str | None = None,
        rows: int = ROWS,
    ) -> Page[Event]:
        """What else the journal says, of one type of line or of all, the latest first."""
        where = Where()
        where.equal("type", type)
        where.within("time", filter)
        where.equal("gate", filter.gate)
        where.equal("place", filter.place or filter.upstream)
        return self._page(EVENT, where, "time", told.event, after, rows)

    def search(self, text: str) -> Found:
        """What has this id; sessions of principals, and exchanges about tools, whose names begin with it."""
        start = text.strip().rstrip("*")
        if not start:
            return Found((), (), (), ())
        sessions = [told.session(row) for row in self._by_id(SESSION, start, None)]
        sessions += self.sessions(Filter(principal=start + "*"), rows=FOUND_MOST).rows
        exchanges = [told.exchange(row) for row in self._by_id(EXCHANGE, start, None)]
        exchanges += self.exchanges(Filter(name=start + "*"), rows=FOUND_MOST).rows
        return Found(
            tuple(sessions),
            tuple(exchanges),
            tuple(map(told.handshake, self._by_id(HANDSHAKE, start, None))),
            tuple(map(told.event, self._by_id(EVENT, start, None))),
        )

    def gates(self) -> tuple[str, ...]:
        """The gates whose journals are in the index."""
        return tuple(
            str(gate) for (gate,) in self._asked.ask("SELECT DISTINCT gate FROM position ORDER BY 1")
        )

    def filled(self) -> tuple[Filled, ...]:
        """How far the index is, by gate and worker."""
        rows = self._asked.ask(
            "SELECT gate, worker, segment, seq, lines, faulty, last FROM position ORDER BY gate, worker"
        )
        return tuple(
            Filled(
                gate=str(gate),
                worker=int(worker or 0),
                segment=int(segment or 0),
                seq=int(seq or 0),
                lines=int(lines or 0),
                faulty=int(faulty or 0),
                last=None if last is None else when(int(last)),
            )
            for gate, worker, segment, seq, lines, faulty, last in rows
        )

    def faults(self) -> tuple[Fault, ...]:
        """The first lines of each journal that the index could not take."""
        rows = self._asked.ask(
            "SELECT gate, worker, segment, seq, why FROM fault ORDER BY gate, worker, segment, seq"
        )
        return tuple(
            Fault(str(gate), int(worker or 0), int(segment or 0), int(seq or 0), str(why))
            for gate, worker, segment, seq, why in rows
        )

    def _rows(self, table: Table, where: Where, order: str, most: int | None = None) -> list[told.Row]:
        names = tuple(table.columns)
        limit = "" if most is None else f" LIMIT {most}"
        found = self._asked.ask(
            f"SELECT {', '.join(names)} FROM {table.name}{where.text()} ORDER BY {order}{limit}", where.values
        )
        return [dict(zip(names, row, strict=True)) for row in found]

    def _choices(self, table: Table, where: Where, texts: Mapping[str, str | None]) -> list[Where]:
        """
        The ways in which rows can be what they have to be, each of which an index knows in the order of time.

        Of texts that begin with the same it knows only the order of the texts: all rows that have one of them
        would have to be put in order for a page of the latest, which may be nearly all there are. So each of
        those texts is looked for by itself, unless they are many.
        """
        found = [where]
        for column, text in texts.items():
            if text is None:
                continue
            if not text.endswith("*"):
                for each in found:
                    each.equal(column, found_by(text))
                continue
            values = self._beginning(table, column, text[:-1])
            if len(values) * len(found) > CHOICES_MOST:
                for each in found:
                    # Not by the index of this column, but through the latest rows, some of which will do.
                    each.begins(f"({column} || '')", text[:-1])
                continue
            found = [each.but(column, value) for each in found for value in values]
        return found

    def _beginning(self, table: Table, column: str, start: str) -> list[Value]:
        """The texts in a column that begin so, as far as anybody needs them; each is one step in an index."""
        values: list[Value] = []
        while len(values) <= CHOICES_MOST:
            where = Where()
            where.begins(column, start)
            if values:
                where.add(f"{column} > ?", values[-1])
            ((value,),) = self._asked.ask(
                f"SELECT MIN({column}) FROM {table.name}{where.text()}", where.values
            )
            if value is None:
                break
            values.append(value)
        return values

    def _by_id(self, table: Table, id: str, gate: str | None) -> list[told.Row]:
        gates: Sequence[str] = self.gates() if gate is None else (gate,)
        if not gates:
            return []
        where = Where()
        where.add(f"gate IN ({', '.join('?' for _ in gates)}) AND id = ?", *gates, id)
        return self._rows(table, where, "gate")

    def _page(
        self,
        table: Table,
        where: Where,
        order: str,
        told_as: Callable[[told.Row], Given],
        after: str | None,
        rows: int,
        way: str = "DESC",
        texts: Mapping[str, str | None] = NOTHING,
    ) -> Page[Given]:
        """
        One page of a table.

        @param texts: What columns have to be, or to begin with where it ends in a star.
        """
        if after is not None:
            sign = "<" if way == "DESC" else ">"
            where.add(f"({order}, gate, id) {sign} (?, ?, ?)", *behind(after))
        most = bounded(rows)
        ordered = f"{order} {way}, gate {way}, id {way}"
        found = [
            row
            for each in self._choices(table, where, texts)
            for row in self._rows(table, each, ordered, most + 1)
        ]
        found.sort(key=lambda row: (row[order], row["gate"], row["id"]), reverse=way == "DESC")
        last = found[most - 1] if len(found) > most else None
        return Page(
            tuple(map(told_as, found[:most])),
            None if last is None else place_of((last[order], last["gate"], last["id"])),
        )
