"""What a journal says of the exchanges that were: who asked for what, by which connections.

A journal has no arguments and no answers, so nothing here has them either.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from attrs import evolve, frozen

from mcpgate.evidence.record import parse_line
from mcpgate.policy.echo import NAME
from mcpgate.tls.handshake import Certificate, Handshake

#: Handshakes that are remembered for the exchanges behind them, the latest ones: a connection that is so
#: old is rarely still in use, and one that is forgotten only makes a question undecidable.
HANDSHAKES_MOST = 200_000
#: Exchanges that are waited for to end, as only then it is known what was masked. More run at once on no
#: gate; what a gate that was killed has left open is told without.
OPEN_MOST = 100_000


@frozen(cache_hash=True)
class Connection:
    """
    A leg as it was, without what no two connections have in common.

    @ivar peer: the other end's address, without its port.
    """

    handshake: Handshake
    peer: str | None


@frozen
class Recorded:
    """
    One message that a caller sent.

    @ivar how: How the caller proved to be C{principal}; C{None} where nobody got so far.
    @ivar proof: The token's id, or the certificate's hash.
    @ivar verdict: What was decided then: C{allow}, C{block} or C{hold}.
    @ivar inbound: The caller's connection; C{None} where its record is not in the journal.
    @ivar outbound: The upstream's; C{None} also where none was needed.
    @ivar masked: The detectors that have masked something of it, or of its answer.
    @ivar issuer: Who vouched for the caller, and C{subject}: what it is to that issuer.
    @ivar vouched: Whether the record says so at all: those from before there were issuers do not.
    """

    id: str
    time: str
    principal: str | None
    how: str | None
    proof: str | None
    route: str | None
    upstream: str | None
    revision: str | None
    method: str
    name: str | None
    verdict: str | None
    rule: str | None
    inbound: Connection | None
    outbound: Connection | None
    masked: frozenset[str] = frozenset()
    issuer: str | None = None
    subject: str | None = None
    vouched: bool = False


class Reading:
    """
    One pass over journals. C{faulty}: lines that are no records of this version.
    """

    def __init__(self) -> None:
        self.faulty = 0
        self._connections: OrderedDict[str, Connection] = OrderedDict()
        self._open: OrderedDict[str, list[Recorded]] = OrderedDict()

    def messages(self, lines: Iterable[bytes]) -> Iterator[Recorded]:
        """Every message that was judged, in the order in which their exchanges ended."""
        for line in lines:
            try:
                yield from self._read(parse_line(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                self.faulty += 1
        for left in self._open.values():
            yield from left
        self._open.clear()

    def _read(self, record: Mapping[str, object]) -> list[Recorded]:
        """What is complete with this record."""
        kind = record.get("type")
        if kind == "handshake":
            self._remember(record)
        elif kind == "open" and record["principal"] is not None:
            # Without one it is the gate's own, or of somebody unproved: no rule is about it.
            found = [self._recorded(record, call) for call in _calls(record)]
            if found:
                self._open[str(record["id"])] = found
                return self._open.popitem(last=False)[1] if len(self._open) > OPEN_MOST else []
        elif kind == "close":
            found = self._open.pop(str(record["id"]), [])
            masked = _masked(record)
            # Of a batch nobody can tell whose it was.
            return [evolve(one, masked=one.masked | masked) for one in found] if len(found) == 1 else found
        return []

    def _remember(self, record: Mapping[str, object]) -> None:
        facts = record["handshake"]
        if not isinstance(facts, dict):
            return
        peer = _text(record["peer"])
        address = peer.rpartition(":")[0].strip("[]") if peer is not None else None
        self._connections[str(record["id"])] = Connection(_handshake(facts), address or None)
        if len(self._connections) > HANDSHAKES_MOST:
            self._connections.popitem(last=False)

    def _recorded(self, record: Mapping[str, object], call: Mapping[str, object]) -> Recorded:
        return Recorded(
            id=str(record["id"]),
            time=str(record["time"]),
            principal=_text(record["principal"]),
            how=_text(record["how"]),
            proof=_text(record["proof"]),
            route=_text(record["route"]),
            upstream=_text(record["upstream"]),
            revision=_text(record["revision"]),
            method=str(call["method"]),
            name=_text(call["name"]),
            verdict=_text(call["verdict"]),
            rule=_text(call["rule"]),
            inbound=self._connections.get(str(record["inbound"])),
            outbound=self._connections.get(str(record["outbound"])),
            masked=_masked(call),
            issuer=_text(record.get("issuer")),
            subject=_text(record.get("subject")),
            vouched="issuer" in record,
        )


def _calls(record: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The messages of an exchange that name a method: one, several in a batch, or none (a GET)."""
    calls = record.get("calls", [record])
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise ValueError("calls are no list of objects")
    return [call for call in calls if isinstance(call["method"], str)]


def _masked(record: Mapping[str, object]) -> frozenset[str]:
    masked = record.get("masked")
    # The gate's own credential is masked whatever rules say.
    return frozenset(masked) - {NAME} if isinstance(masked, dict) else frozenset()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _handshake(facts: Mapping[str, object]) -> Handshake:
    peer = facts["peer"]
    chain, pinned = facts["peer_chain_pins"], facts["pinned"]
    bits, generation = facts["cipher_bits"], facts["generation"]
    return Handshake(
        version=str(facts["version"]),
        cipher=str(facts["cipher"]),
        cipher_bits=bits if isinstance(bits, int) else 0,
        group=_text(facts["group"]),
        alpn=str(facts["alpn"]),
        sni=_text(facts["sni"]),
        peer=_certificate(peer) if isinstance(peer, dict) else None,
        peer_chain_pins=tuple(map(str, chain)) if isinstance(chain, list) else (),
        own=None,
        exporter_sha256="",
        milliseconds=0.0,
        pinned=pinned if isinstance(pinned, bool) else None,
        generation=generation if isinstance(generation, int) else 0,
    )


def _certificate(facts: Mapping[str, object]) -> Certificate:
    return Certificate(
        subject=str(facts["subject"]),
        issuer=str(facts["issuer"]),
        serial=str(facts["serial"]),
        sha256=str(facts["sha256"]),
        spki_pin=str(facts["spki_pin"]),
        not_before=datetime.fromisoformat(str(facts["not_before"])),
        not_after=datetime.fromisoformat(str(facts["not_after"])),
        key=str(facts["key"]),
        dns_names=_names(facts["dns_names"]),
        uris=_names(facts["uris"]),
        addresses=_names(facts["addresses"]),
    )


def _names(names: object) -> tuple[str, ...]:
    return tuple(map(str, names)) if isinstance(names, list) else ()
