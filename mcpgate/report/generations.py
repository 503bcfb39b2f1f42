"""What was demanded, as the lines about generations say it (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve, field, frozen

from mcpgate.report.counts import Listed
from mcpgate.report.lines import Event, number_of, text_of

#: Configurations that are told one by one: a year of one a day.
TOLD_MOST = 400
#: Of each, listeners and peers that are remembered, to compare handshakes with.
PEERS_MOST = 1000
#: Generations that are remembered for the handshakes behind them, the latest ones.
REMEMBERED_MOST = 64


#: What tells one from another: its number, and the hashes of its configuration and rules.
_Key = tuple[int, str | None, str | None]


@frozen
class Demand:
    """
    What a generation demanded of one listener, upstream or provider.

    @ivar profile: The floor: C{modern}, C{intermediate}, either with C{+pq}.
    @ivar pins: How many pins; C{None} of a listener.
    @ivar client_certificates: C{off}, C{optional}, C{required}; C{None} of a peer.
    """

    leg: str
    where: str
    profile: str
    pins: int | None = None
    pin_mode: str | None = None
    trust: str | None = None
    revocation_lists: int | None = None
    client_certificates: str | None = None


@frozen
class Generation:
    """
    A configuration that came into force in one worker.

    @ivar configuration: SHA-256 of its text; C{policy}: of its rules.
    @ivar fips: Whether OpenSSL's FIPS provider was in use; C{None}: the line does not say.
    @ivar workers: In which workers it was adopted.
    """

    number: int
    time: str
    configuration: str | None
    policy: str | None
    openssl: str | None
    mcpgate: str | None
    fips: bool | None
    workers: tuple[int, ...] = ()
    demands: tuple[Demand, ...] = field(default=(), repr=False)


class Generations:
    """Takes the lines about generations; knows what each handshake should have been."""

    def __init__(self) -> None:
        self._told: dict[_Key, Generation] = {}
        self._left_out = 0
        #: The last of each worker from before the span: those that were in force when it began.
        self._before: dict[int, Generation] = {}
        #: By worker and number, the latest: numbers begin anew with each start of a gate.
        self._demands: dict[tuple[int, int], Mapping[tuple[str, str], Demand]] = {}

    def take(self, record: Event, worker: int, *, counts: bool) -> None:
        """
        Note what a line says.

        @param counts: Whether it is of the span that is told about, and not of what came before.
        """
        made = _generation(record, worker)
        self._demands.pop((worker, made.number), None)
        self._demands[worker, made.number] = {(one.leg, one.where): one for one in made.demands}
        if len(self._demands) > REMEMBERED_MOST:
            del self._demands[next(iter(self._demands))]
        if counts:
            self._tell(made)
        else:
            self._before[worker] = made

    def _tell(self, made: Generation) -> None:
        key = made.number, made.configuration, made.policy
        known = self._told.get(key)
        if known is not None:
            # Each worker tells the same, and so does the next start.
            workers = tuple(sorted({*known.workers, *made.workers}))
            self._told[key] = evolve(known, workers=workers, time=min(known.time, made.time))
        elif len(self._told) < TOLD_MOST:
            self._told[key] = made
        else:
            self._left_out += 1

    def demanded(self, worker: int, number: int, leg: str, where: str) -> Demand | None:
        """What was demanded of a handshake; C{None} where no line says it."""
        return self._demands.get((worker, number), {}).get((leg, where))

    def listed(self) -> Listed[Generation]:
        """Those that were in force."""
        for one in self._before.values():
            self._tell(one)
        self._before.clear()
        return Listed(tuple(sorted(self._told.values(), key=lambda one: one.time)), self._left_out)


def _generation(record: Event, worker: int) -> Generation:
    fips = record.get("fips")
    return Generation(
        number=number_of(record, "number"),
        time=str(record["time"]),
        configuration=_hash(record, "configuration"),
        policy=_hash(record, "policy"),
        openssl=text_of(record, "openssl"),
        mcpgate=text_of(record, "mcpgate"),
        fips=fips if isinstance(fips, bool) else None,
        workers=(worker,),
        demands=tuple(_demands(record)),
    )


def _demands(record: Event) -> Iterator[Demand]:
    left = PEERS_MOST
    for key, leg in (("listeners", "inbound"), ("upstreams", "outbound"), ("providers", "provider")):
        rows = record.get(key)
        for row in rows if isinstance(rows, list) else ():
            name = row.get("name") if isinstance(row, dict) else None
            if not isinstance(name, str) or left <= 0:
                continue
            left -= 1
            pins = row.get("pins")
            lists = row.get("revocation_lists")
            yield Demand(
                leg=leg,
                where=name,
                profile=str(row.get("profile")),
                pins=len(pins) if isinstance(pins, list) else None,
                pin_mode=text_of(row, "pin_mode"),
                trust=text_of(row, "trust"),
                revocation_lists=lists if isinstance(lists, int) else None,
                client_certificates=text_of(row, "client_certificates"),
            )


def _hash(record: Event, key: str) -> str | None:
    facts = record.get(key)
    return text_of(facts, "sha256") if isinstance(facts, dict) else None
