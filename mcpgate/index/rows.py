"""From the lines of a journal to rows of the index, and to what they add to its sums (pure).

An exchange's lines may come in different batches, and so may the handshakes that they name. So it is done in
two steps: L{gather} reads what a batch of lines says; then somebody looks up what the index knows already of
the ids in it; and L{settled} says what to put in. A line that was taken before changes nothing: the sums
count an exchange at its end, and only if that was not known.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

import msgspec
from attrs import Factory, define, evolve, frozen

from mcpgate.evidence.position import Position, Read
from mcpgate.index.lines import (
    Certificate,
    Closed,
    Handshake,
    Opened,
    Other,
    found_by,
    json_of,
    micros,
    read_line,
)
from mcpgate.index.schema import (
    CALLS,
    CERTIFICATE,
    EVENT,
    EXCHANGE,
    FAULT,
    HANDSHAKE,
    HOUR,
    MINUTE,
    REFUSAL,
    SESSION,
    TRAFFIC,
    Table,
)
from mcpgate.wire.mcp import CLIENT_NOTIFICATIONS, CLIENT_REQUESTS

#: A value of a column, and a row by its columns.
Value: TypeAlias = "str | int | float | None"
Row: TypeAlias = "dict[str, Value]"

#: What stands for a method that MCP does not have: callers could make up as many as they like.
OTHER_METHOD = "other"
#: Faulty lines of one batch that are named; all are counted.
FAULTS_MOST = 20
#: An exchange of which nothing is known.
_BLANK: Row = dict.fromkeys(EXCHANGE.columns)
_SECOND = 1_000_000
_HOUR = HOUR * _SECOND


@frozen
class Had:
    """What a handshake came to, for the sums. C{used}: when it was last known to be in use."""

    version: str
    group: str
    suite: str
    post_quantum: int
    used: int


#: No line is known not to fit.
NOTHING: Mapping[Read, str] = MappingProxyType({})
#: A handshake that is not known: from before the index, or removed from it.
UNKNOWN = Had("", "", "", 0, 0)


@define
class Gathered:
    """
    What a batch of lines says.

    @ivar floods: Refused handshakes that were only counted: the line's id, the reason, when, and how many.
    @ivar legs: The ids of the handshakes that exchanges name.
    @ivar lines: Of each worker, how many, and C{faulty} of them.
    @ivar last: Of each worker, the latest time.
    """

    gate: str
    since: int
    opened: dict[str, Row] = Factory(dict)
    closed: dict[str, Row] = Factory(dict)
    handshakes: dict[str, Row] = Factory(dict)
    certificates: list[tuple[Row, str | None]] = Factory(list)
    events: dict[str, Row] = Factory(dict)
    floods: list[tuple[str, str, int, int]] = Factory(list)
    legs: set[str] = Factory(set)
    faults: list[Row] = Factory(list)
    lines: Counter[int] = Factory(Counter)
    faulty: Counter[int] = Factory(Counter)
    last: dict[int, int] = Factory(dict)

    def exchanges(self) -> Collection[str]:
        """The ids of the exchanges that it is about."""
        return self.opened.keys() | self.closed.keys()


def gather(
    gate: str, reads: Iterable[Read], *, since: int = 0, unfit: Mapping[Read, str] = NOTHING
) -> Gathered:
    """
    Read what lines say; those that do not fit are counted, and the first of them named.

    @param since: Of exchanges and events before this time nothing is kept.
    @param unfit: Lines of which that is known already, and why they do not.
    """
    found = Gathered(gate, since)
    for read in reads:
        found.lines[read.worker] += 1
        try:
            if unfit and read in unfit:
                raise ValueError(unfit[read])
            line = read_line(read.line)
            time = micros(line.time)
            if isinstance(line, Handshake):
                # However old: exchanges may still come by it.
                _shake(found, read, time, line)
            elif isinstance(line, Other):
                # A generation is in force until there is another one.
                if time >= since or line.type == "generation":
                    _tell(found, read, time, line)
            elif time >= since:
                if isinstance(line, Opened):
                    found.opened[line.id] = _opened(gate, read, time, line)
                else:
                    found.closed[line.id] = _closed(gate, read, time, line)
                if line.inbound is not None:
                    found.legs.add(line.inbound)
                if line.outbound is not None:
                    found.legs.add(line.outbound)
            if time > found.last.get(read.worker, 0):
                found.last[read.worker] = time
        except (ValueError, RecursionError) as error:
            found.faulty[read.worker] += 1
            if len(found.faults) < FAULTS_MOST:
                found.faults.append(_fault(gate, read, str(error)))
    return found


def _fault(gate: str, read: Read, why: str) -> Row:
    """The row about a line that does not fit."""
    return {"gate": gate, "worker": read.worker, "segment": read.segment, "seq": read.seq, "why": why[:300]}


def _opened(gate: str, read: Read, time: int, line: Opened) -> Row:
    principal = found_by(line.principal)
    session = None
    if principal is not None and (line.session or line.inbound):
        session = session_id(gate, principal, line.how, line.route, line.session, line.inbound)
    more = {
        name: value
        for name in ("calls", "shadow", "own", "hold", "decided", "by", "trace")
        if (value := getattr(line, name)) is not None
    }
    return {
        "gate": gate,
        "id": line.id,
        "worker": read.worker,
        "segment": read.segment,
        "seq": read.seq,
        "time": time,
        "inbound": line.inbound,
        "outbound": line.outbound,
        "principal": principal,
        "how": line.how,
        "proof": line.proof,
        "issuer": line.issuer,
        "subject": line.subject,
        "listener": line.listener,
        "route": line.route,
        "upstream": line.upstream,
        "http": line.http,
        "revision": line.revision,
        "session": session,
        "mcp_session": line.session,
        "method": found_by(line.method),
        "name": found_by(line.name),
        "verdict": line.verdict,
        "rule": line.rule,
        "masked": _masked(line.masked),
        "more": json_of(more) if more else None,
    }


def _masked(masked: Mapping[str, int] | None) -> str | None:
    return json_of(masked) if masked else None


def _closed(gate: str, read: Read, time: int, line: Closed) -> Row:
    return {
        "gate": gate,
        "id": line.id,
        "worker": read.worker,
        "closed": time,
        "inbound": line.inbound,
        "outbound": line.outbound,
        "outcome": line.outcome,
        "status": line.status,
        "reason": line.reason,
        "detail": line.detail,
        "bytes_in": line.bytes_in,
        "bytes_out": line.bytes_out,
        "seconds": line.seconds,
        "waited": line.waited,
        "masked": _masked(line.masked),
        "more": json_of({"over": line.over}) if line.over else None,
    }


@lru_cache(maxsize=4096)
def session_id(
    gate: str, principal: str, how: str | None, route: str | None, session: str | None, inbound: str | None
) -> str:
    """
    The id of a session: of what one principal did on one route within a session of MCP's, or where there is
    none, within a connection.
    """
    whose = [gate, principal, how, route, session or None, None if session else inbound]
    return hashlib.sha256(json_of(whose).encode()).hexdigest()[:32]


def _shake(found: Gathered, read: Read, time: int, line: Handshake) -> None:
    had = line.handshake
    row: Row = {
        "gate": found.gate,
        "id": line.id,
        "time": time,
        "used": time,
        "worker": read.worker,
        "leg": line.leg,
        "outcome": line.outcome,
        "place": line.where,
        "peer": line.peer,
        "local": line.local,
        "reason": line.reason,
        "detail": line.detail,
        "pq": 0,
        "offer": json_of(line.offer) if line.offer else None,
        "extra": json_of(line.extra) if line.extra else None,
    }
    if had is not None:
        row |= {
            "version": had.version,
            "suite": had.cipher,
            "bits": had.cipher_bits,
            "grp": had.group,
            "pq": int(had.post_quantum),
            "alpn": had.alpn,
            "sni": had.sni,
            "certificate": had.peer.sha256 if had.peer else None,
            "own": had.own.sha256 if had.own else None,
            "pinned": None if had.pinned is None else int(had.pinned),
            "generation": had.generation,
            "milliseconds": had.milliseconds,
        }
        wire = ("wire", line.leg, line.where, time)
        if had.peer is not None:
            role = "client" if line.leg == "inbound" else "peer"
            seen = _certificate(found.gate, role, had.peer, *wire)
            seen["chain"] = json_of(had.peer_chain_pins)
            seen["pinned"] = row["pinned"]
            found.certificates.append((seen, line.id))
        if had.own is not None:
            found.certificates.append((_certificate(found.gate, "own", had.own, *wire), line.id))
    found.handshakes[line.id] = row


def _certificate(
    gate: str, role: str, line: Certificate, seen: str, leg: str, place: str, time: int, generation: int = 0
) -> Row:
    return {
        "gate": gate,
        "seen": seen,
        "role": role,
        "leg": leg,
        "place": place,
        "sha256": line.sha256,
        "subject": line.subject,
        "issuer": line.issuer,
        "serial": line.serial,
        "spki_pin": line.spki_pin,
        "not_before": micros(line.not_before),
        "not_after": micros(line.not_after),
        "key": line.key,
        "names": json_of([*line.dns_names, *line.uris, *line.addresses, *line.names]),
        "chain": "[]",
        "generation": generation,
        "first": time,
        "last": time,
        "handshakes": 0,
    }


def _tell(found: Gathered, read: Read, time: int, line: Other) -> None:
    found.events[line.id] = {
        "gate": found.gate,
        "id": line.id,
        "time": time,
        "worker": read.worker,
        "segment": read.segment,
        "seq": read.seq,
        "type": line.type,
        "what": line.what or line.decided or line.reason,
        "place": line.upstream or line.issuer or line.where,
        "exchange": line.exchange,
        "facts": json_of(line.facts),
    }
    if line.type == "handshakes" and line.reason is not None and line.count > 0:
        found.floods.append((line.id, line.reason, time, line.count))
    for one in line.certificates:
        role = one.role or "trust"
        row = _certificate(found.gate, role, one, "disk", "", one.where, time, line.number or 0)
        found.certificates.append((row, None))


def settled(
    found: Gathered,
    known: Mapping[str, Row],
    told: Collection[str],
    had: Mapping[str, Had],
) -> dict[Table, list[Row]]:
    """
    What to put into which table.

    @param known: What the index has of the exchanges in question, by their ids.
    @param told: Those of the handshakes and events in question that it has already.
    @param had: What it knows of the legs, by the ids of their handshakes.
    """
    legs = {**had, **{id: had_of(row) for id, row in found.handshakes.items()}}
    sums = _Sums(found.gate)
    exchanges: list[Row] = []
    for id in dict.fromkeys((*found.opened, *found.closed)):
        old, opened, closed = known.get(id), found.opened.get(id), found.closed.get(id)
        row = _merged(old, opened, closed)
        exchanges.append(row)
        begins = opened is not None and (old is None or old["segment"] is None)
        ends = closed is not None and (old is None or old["closed"] is None)
        if begins or ends:
            sums.exchange(row, old, begins, ends)
        if ends:
            sums.end(row, legs)
    for id, row in found.handshakes.items():
        if id not in told and row["reason"] is not None:
            sums.refused("handshake", str(row["reason"]), row["time"])
    for id, reason, time, count in found.floods:
        if id not in told:
            sums.refused("handshake", reason, time, count)
    return {
        HANDSHAKE: list(found.handshakes.values()),
        EXCHANGE: exchanges,
        EVENT: list(found.events.values()),
        SESSION: list(sums.sessions.values()),
        CERTIFICATE: _certificates(found, told),
        **sums.rows(),
        FAULT: found.faults,
    }


def had_of(row: Mapping[str, Value]) -> Had:
    """What the sums need of a handshake, of its row."""
    version, group, suite = (str(row.get(name) or "") for name in ("version", "grp", "suite"))
    return Had(version, group, suite, int(row.get("pq") or 0), int(row.get("used") or 0))


def used(found: Gathered, had: Mapping[str, Had]) -> dict[str, Had]:
    """The handshakes of which it is news that they are in use, to the hour."""
    if not found.last:
        return {}
    now = max(found.last.values())
    hour = now // _HOUR * _HOUR
    return {id: evolve(one, used=now) for id, one in had.items() if one.used < hour and id in found.legs}


def _merged(old: Row | None, opened: Row | None, closed: Row | None) -> Row:
    """One exchange, of what was known and what is said now, each but once."""
    if old is not None:
        # What stands in both of its lines is taken from each once, however often they are read.
        opened = opened if old["segment"] is None else None
        closed = closed if old["closed"] is None else None
        parts = [part for part in (old, opened, closed) if part is not None]
    elif opened is not None and closed is not None:
        parts = [opened, closed]
    else:
        parts = [opened or closed or {}]
    row: Row = {**_BLANK, **parts[0]}
    for part in parts[1:]:
        kept = row["inbound"] or part["inbound"], row["outbound"] or part["outbound"]
        masked, more = row["masked"], row["more"]
        row.update(part)
        row["inbound"], row["outbound"] = kept
        if masked:
            row["masked"] = _masked(_counter(masked) + _counter(part["masked"]))
        if more:
            row["more"] = json_of(_read(more) | _read(part["more"])) if part["more"] else more
    if closed is not None:
        # It names the one that it was really sent on; a request that was not sent at all has none.
        row["outbound"] = closed["outbound"]
    if row["segment"] is None:
        row["time"] = row["closed"]
    return row


def _read(text: Value) -> dict[str, object]:
    return msgspec.json.decode(str(text), type=dict[str, object])


def _counter(text: Value) -> Counter[str]:
    return Counter(msgspec.json.decode(str(text), type=dict[str, int]) if text else {})


def _certificates(found: Gathered, told: Collection[str]) -> list[Row]:
    """One row for each certificate in each place, as there may be thousands of handshakes with it."""
    rows: dict[tuple[Value, ...], Row] = {}
    for one, handshake in found.certificates:
        key = tuple(one[name] for name in CERTIFICATE.keys)
        row = rows.get(key)
        if row is None:
            row = rows[key] = one
        else:
            row |= {
                "first": min(row["first"], one["first"]),  # type: ignore[type-var]
                "last": max(row["last"], one["last"]),  # type: ignore[type-var]
                "generation": max(row["generation"], one["generation"]),  # type: ignore[type-var]
                "pinned": one.get("pinned"),
            }
        if handshake is not None and handshake not in told:
            row["handshakes"] = int(row["handshakes"] or 0) + 1
    return list(rows.values())


_NO_SUMS: Row = dict.fromkeys(SESSION.sums, 0)


class _Sums:
    """What a batch adds."""

    def __init__(self, gate: str) -> None:
        self.sessions: dict[str, Row] = {}
        self._gate = gate
        self._traffic: Counter[tuple[int, str, str, str, str, int]] = Counter()
        self._calls: dict[tuple[int, str, str, str, str], list[int]] = {}
        self._refusals: Counter[tuple[int, str, str]] = Counter()

    def exchange(self, row: Row, old: Row | None, begins: bool, ends: bool) -> None:
        """Add to its session what is new of an exchange."""
        if row["session"] is None:
            return
        id = str(row["session"])
        latest = int(row["closed"] or row["time"] or 0)
        session = self.sessions.get(id)
        if session is None:
            session = self.sessions[id] = {name: row.get(name) for name in SESSION.columns}
            session |= {
                "id": id,
                "kind": "session" if row["mcp_session"] else "connection",
                "first": row["time"],
                "last": latest,
                **_NO_SUMS,
            }
        session["first"] = min(int(session["first"] or 0), int(row["time"] or 0))
        session["last"] = max(int(session["last"] or 0), latest)
        # Whether an end came without its beginning: what session it was of is known with that only.
        ended_before = begins and old is not None and old["closed"] is not None
        session["exchanges"] += int(begins)  # type: ignore[operator]
        session["open"] += int(begins) - int(ends or ended_before)  # type: ignore[operator]
        if ends or ended_before:
            session["refused"] += int(row["outcome"] == "refused")  # type: ignore[operator]
            session["masked"] += masked_values(row)  # type: ignore[operator]
            session["bytes_in"] += row["bytes_in"] or 0  # type: ignore[operator]
            session["bytes_out"] += row["bytes_out"] or 0  # type: ignore[operator]

    def end(self, row: Row, legs: Mapping[str, Had]) -> None:
        """Count an exchange, at its end."""
        at = int(row["closed"] or 0) // (MINUTE * _SECOND) * MINUTE
        for leg, id in (("inbound", row["inbound"]), ("outbound", row["outbound"])):
            if id is not None:
                had = legs.get(str(id), UNKNOWN)
                self._traffic[at, leg, had.version, had.group, had.suite, had.post_quantum] += 1
        what = (str(row["route"] or ""), method_of(row["method"]), str(row["verdict"] or ""))
        counts = self._calls.setdefault((at, *what, str(row["outcome"])), [0, 0, 0, 0])
        for index, value in enumerate((1, masked_values(row), row["bytes_in"], row["bytes_out"])):
            counts[index] += int(value or 0)
        if row["reason"] is not None:
            self._refusals[at, "exchange", str(row["reason"])] += 1

    def refused(self, what: str, reason: str, time: Value, count: int = 1) -> None:
        """Count something that was refused."""
        self._refusals[int(time or 0) // (MINUTE * _SECOND) * MINUTE, what, reason] += count

    def rows(self) -> dict[Table, list[Row]]:
        """What to add to each step."""
        found: dict[Table, list[Row]] = {TRAFFIC: [], CALLS: [], REFUSAL: []}
        for step in (MINUTE, HOUR):
            found[TRAFFIC] += _stepped(TRAFFIC, self._gate, step, self._traffic.items())
            found[CALLS] += _stepped(CALLS, self._gate, step, self._calls.items())
            found[REFUSAL] += _stepped(REFUSAL, self._gate, step, self._refusals.items())
        return found


def _stepped(
    table: Table, gate: str, step: int, sums: Iterable[tuple[tuple[int | str, ...], int | list[int]]]
) -> Iterator[Row]:
    """Sums of minutes as rows of a step."""
    added: dict[tuple[int | str, ...], list[int]] = {}
    for (at, *rest), values in sums:
        counts = values if isinstance(values, list) else [values]
        key = (step, int(at) // step * step, gate, *rest)
        old = added.get(key)
        added[key] = counts if old is None else [a + b for a, b in zip(old, counts, strict=True)]
    for key, counts in added.items():
        yield dict(zip(table.columns, (*key, *counts), strict=True))


def masked_values(row: Mapping[str, Value]) -> int:
    """How many values of an exchange were masked."""
    return sum(msgspec.json.decode(str(row["masked"]), type=dict[str, int]).values()) if row["masked"] else 0


def method_of(method: Value) -> str:
    """A method, for the sums."""
    if method is None:
        return ""
    return str(method) if method in CLIENT_REQUESTS or method in CLIENT_NOTIFICATIONS else OTHER_METHOD


def positions(found: Gathered, at: Mapping[int, Position]) -> Iterator[Row]:
    """How far each worker was read."""
    for worker, position in at.items():
        yield {
            "gate": found.gate,
            "worker": worker,
            "segment": position.segment,
            "start": position.offset,
            "seq": position.seq,
            "lines": found.lines[worker],
            "faulty": found.faulty[worker],
            "last": found.last.get(worker),
        }
