"""Journals that are made up, for tests of whatever reads journals: plausible, chained, and always the same.

All lines come from the functions that write real ones. A journal of a million lines takes some twenty
seconds; what is in it can be told again from C{seed}.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import BinaryIO

from attrs import define, field, frozen

from mcpgate.evidence.chain import NOTHING_BEFORE, Tree, leaf, linked
from mcpgate.evidence.events import (
    answered_line,
    decision_line,
    definition_line,
    dropped_line,
    echo_line,
    issuer_line,
)
from mcpgate.evidence.exchanges import (
    Outcome,
    call_facts,
    caller_facts,
    close_line,
    hold_facts,
    open_line,
    outcome_of,
    own_facts,
)
from mcpgate.evidence.handshakes import Leg, handshake_line
from mcpgate.evidence.record import VERSION, timestamp
from mcpgate.holds.held import Decision, Word
from mcpgate.identity.principal import Principal
from mcpgate.policy.rules import Action, Verdict
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate, Handshake, Offer

#: When the first line is written.
BEGIN = datetime(2026, 11, 26, tzinfo=UTC).timestamp()
HOUR = 3600.0
LISTENER = "public"

#: What is made where a segment would be closed: C{(worker, number, tree, head, closed)}.
Sealing = Callable[[int, int, Tree, bytes, bool], None]


@frozen
class Made:
    """
    What was made.

    @ivar directory: Of the journal.
    @ivar lines: All of them; C{exchanges}: those that were opened; C{unfinished}: those of them without end.
    @ivar handshakes: Those that were finished; C{refused}: those that were not.
    """

    directory: Path
    gate: str
    begin: float
    end: float
    lines: int
    exchanges: int
    unfinished: int
    handshakes: int
    refused: int


def certificate(
    name: str, *, days: float = 300, issuer: str = "CN=Staff CA", key: str = "EC-secp256r1"
) -> Certificate:
    """A certificate as a record has it. C{days}: from L{BEGIN} to its end."""
    digest = Random(name).randbytes(32).hex()
    return Certificate(
        subject=f"CN={name}",
        issuer=issuer,
        serial=digest[:16],
        sha256=digest,
        spki_pin=f"sha256/{digest[:43]}=",
        not_before=datetime.fromtimestamp(BEGIN - 30 * 86400, UTC),
        not_after=datetime.fromtimestamp(BEGIN + days * 86400, UTC),
        key=key,
        dns_names=(f"{name}.example.com",),
        uris=(f"spiffe://example.com/{name}",),
    )


@frozen
class Upstream:
    """An upstream, what its tools are called, and what its TLS comes to."""

    name: str
    tools: tuple[str, ...]
    version: str
    cipher: str
    group: str
    peer: Certificate
    pinned: bool | None


UPSTREAMS = (
    Upstream(
        "files",
        ("read_file", "list_files", "write_file", "delete_file"),
        "TLSv1.3",
        "TLS_AES_128_GCM_SHA256",
        "X25519MLKEM768",
        certificate("files", days=80),
        True,
    ),
    Upstream(
        "github",
        ("get_issue", "list_issues", "create_issue"),
        "TLSv1.3",
        "TLS_AES_256_GCM_SHA384",
        "x25519",
        certificate("github", days=12, key="RSA 2048"),
        None,
    ),
    Upstream(
        "crm",
        ("find_customer", "send_mail"),
        "TLSv1.2",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "secp256r1",
        certificate("crm", days=200, key="RSA 3072"),
        False,
    ),
)
PRINCIPALS = (
    Principal("ci", "token", "0123456789ab", None),
    Principal("alice@example.com", "jwt", "fedcba987654", None, issuer="okta", subject="00u1"),
    Principal("bob@example.com", "jwt", "aaaabbbbcccc", None, issuer="okta", subject="00u2"),
    Principal("spiffe://example.com/batch", "certificate", certificate("batch").sha256, None),
    Principal("anonymous", "anonymous", "", None),
)
#: What connections of callers come to, and how often.
CALLERS = (
    ("TLSv1.3", "TLS_AES_128_GCM_SHA256", "X25519MLKEM768", 5),
    ("TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", 3),
    ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", "secp256r1", 2),
)
OLD = Offer(
    sni="gate.example.com",
    versions=("TLSv1.1", "TLSv1"),
    ciphers=("AES128-SHA",),
    groups=("secp256r1",),
    alpn=(),
)
WEAK = Offer(
    sni="gate.example.com",
    versions=("TLSv1.2",),
    ciphers=("AES128-SHA", "AES256-SHA"),
    groups=("secp256r1",),
    alpn=("http/1.1",),
)
REFUSED_HANDSHAKES = (
    (Refusal(Reason.TLS_VERSION, "offered TLSv1.1, TLSv1"), OLD),
    (Refusal(Reason.TLS_CIPHER, "no cipher in common"), WEAK),
    (Refusal(Reason.TLS_PLAINTEXT, "a request in clear"), None),
    (Refusal(Reason.TLS_CLIENT_CERTIFICATE, "expired"), WEAK),
)
OWN = certificate("gate", days=60)


def _on_disk(one: Certificate) -> dict[str, object]:
    """A certificate as the line of a generation has it."""
    ends = {
        "not_before": timestamp(one.not_before.timestamp()),
        "not_after": timestamp(one.not_after.timestamp()),
    }
    names = ("subject", "issuer", "serial", "sha256", "spki_pin", "key")
    return {name: getattr(one, name) for name in names} | ends | {"names": [*one.dns_names, *one.uris]}


@define
class _Connection:
    id: str
    principal: Principal
    session: str | None
    revision: str


@define
class _Desk:
    """Writes the segments of one worker."""

    directory: Path
    gate: str
    worker: int
    lines_most: int
    compress: bool
    seal: Sealing | None
    number: int = 0
    lines: int = 0
    _seq: int = 0
    _prev: bytes = NOTHING_BEFORE
    _tree: Tree = field(factory=Tree)
    _file: BinaryIO | None = None

    def write(self, line: bytes, now: str) -> None:
        if self._file is None or self._seq >= self.lines_most:
            self._begin(now)
        self._add(line)

    def _add(self, line: bytes) -> None:
        assert self._file is not None
        whole = linked(line, self._seq, self._prev)
        self._file.write(whole)
        hash = leaf(whole)
        self._tree.append(hash)
        self._prev = hash.hex().encode()
        self._seq += 1
        self.lines += 1

    def _begin(self, now: str) -> None:
        self.finish()
        self.number += 1
        self._seq, self._tree = 0, Tree()
        self._file = self._path.open("wb")
        self._path.chmod(0o600)
        self._add(
            said(
                "segment",
                f"s-{self.gate}-{self.worker}-{self.number}",
                now,
                gate=self.gate,
                worker=self.worker,
                segment=self.number,
                mcpgate="0.7",
                openssl="OpenSSL 3.5.0",
            )
        )

    def finish(self, closed: bool = True) -> None:
        """End a segment. C{closed}: not by a kill."""
        if self._file is None:
            return
        self._file.close()
        self._file = None
        if self.seal is not None and closed:
            self.seal(self.worker, self.number, self._tree, bytes.fromhex(self._prev.decode()), True)
        if self.compress and closed:
            self._path.with_name(f"{self._path.name}.gz").write_bytes(
                gzip.compress(self._path.read_bytes(), 1)
            )
            self._path.unlink()

    @property
    def _path(self) -> Path:
        return self.directory / f"journal-{self.worker}-{self.number:08d}.jsonl"


def said(type: str, id: str, time: str, **facts: object) -> bytes:
    """A line of a kind whose function is of no use here."""
    return (
        json.dumps(
            {"v": VERSION, "type": type, "id": id, "time": time, **facts}, separators=(",", ":")
        ).encode()
        + b"\n"
    )


def make_journal(
    directory: Path,
    *,
    gate: str = "gate-made",
    workers: int = 1,
    exchanges: int = 100,
    seed: int = 7,
    begin: float = BEGIN,
    seconds: float = HOUR,
    calls: int = 20,
    segment: int = 100_000,
    compress: bool = False,
    unfinished: int = 0,
    first_segment: int = 1,
    prev: Sequence[bytes] = (),
    seal: Sealing | None = None,
) -> Made:
    """
    Make a journal.

    @param exchanges: Of all workers together, over C{seconds} from C{begin} on.
    @param calls: How many exchanges a connection of a caller's has, on average.
    @param segment: How many lines a segment has.
    @param compress: Compress all segments but the last.
    @param unfinished: How many of the exchanges have no end.
    @param first_segment: Where to go on after a journal that was there; C{prev}: its last lines' hashes.
    @param seal: Called where a checkpoint would be written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    total = [0] * 5
    for worker in range(workers):
        share = exchanges // workers + (worker < exchanges % workers)
        left = unfinished // workers + (worker < unfinished % workers)
        before = prev[worker] if prev else NOTHING_BEFORE
        desk = _Desk(directory, gate, worker, segment, compress, seal, first_segment - 1, prev=before)
        maker = _Maker(desk, Random(f"{seed} {gate} {worker} {first_segment}"), begin, seconds, calls)
        maker.run(share, left)
        for index, count in enumerate((desk.lines, share, left, maker.handshakes, maker.refused)):
            total[index] += count
    return Made(directory, gate, begin, begin + seconds, *total)


class _Maker:
    """What happens at one worker."""

    def __init__(self, desk: _Desk, chance: Random, begin: float, seconds: float, calls: int) -> None:
        self.desk = desk
        self.chance = chance
        self.handshakes = self.refused = 0
        self._begin = begin
        self._seconds = seconds
        self._calls = calls
        self._ids = 0
        self._now = begin
        self._time = timestamp(begin)
        self._connections: list[_Connection] = []
        self._outbound: dict[str, str] = {}
        self._parts: dict[tuple[object, ...], str] = {}
        self._prefix = f"{chance.getrandbits(48):012x}"

    def run(self, exchanges: int, unfinished: int) -> None:
        """All of it: as many exchanges, some of which run at once and end in another order."""
        self._generation(1)
        running: list[Callable[[str], bytes]] = []
        step = self._seconds / max(1, exchanges)
        for index in range(exchanges):
            self._now = self._begin + index * step
            self._time = timestamp(self._now)
            self._meanwhile(index)
            line = self._exchange(endless=index >= exchanges - unfinished)
            if line is not None:
                running.append(line)
            while len(running) > self.chance.randrange(4):
                self._tell(running.pop(self.chance.randrange(len(running)))(self._time))
        for line in running:
            self._tell(line(self._time))
        self.desk.finish(closed=not unfinished)

    def _tell(self, line: bytes) -> None:
        self.desk.write(line, self._time)

    def _id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}-{self._prefix}-{self._ids:08x}"

    def _meanwhile(self, index: int) -> None:
        """Whatever else happens."""
        chance = self.chance
        if not self._connections or chance.random() * self._calls < 1:
            self._connect()
        if chance.random() < 0.02:
            refusal, offer = chance.choice(REFUSED_HANDSHAKES)
            self._shake("inbound", LISTENER, refusal=refusal, offer=offer)
            self.refused += 1
        if chance.random() < 0.0005:
            self._shake("outbound", "crm", refusal=Refusal(Reason.TLS_PIN, "none of 2 pins"))
            self.refused += 1
        if chance.random() < 0.001:
            self._outbound.pop(chance.choice(UPSTREAMS).name, None)
        if index % 1000 == 10:
            self._tell(issuer_line(self._id("i"), time=self._time, issuer="okta", what="keys", added=("k2",)))
            self._generation(2 + index // 1000)

    def _generation(self, number: int) -> None:
        on_disk = [{"role": "own", "where": LISTENER, "file": "gate.pem", "place": 0, **_on_disk(OWN)}]
        on_disk += [{"role": "client_ca", "where": LISTENER, **_on_disk(certificate("Staff CA"))}]
        self._tell(
            said(
                "generation",
                self._id("g"),
                self._time,
                number=number,
                mcpgate="0.7",
                openssl="OpenSSL 3.5.0",
                fips=False,
                configuration={"file": "mcpgate.toml", "sha256": f"{number:064x}", "included": {}},
                policy={"sha256": "1" * 64, "rules": 5, "budgets": 0},
                profiles={},
                listeners=[{"name": LISTENER, "profile": "intermediate", "require_pq": False}],
                upstreams=[{"name": one.name, "pins": []} for one in UPSTREAMS],
                providers=[],
                certificates=on_disk,
                certificates_left_out=0,
            )
        )

    def _connect(self) -> None:
        chance = self.chance
        version, cipher, group, _ = chance.choices(CALLERS, [often for *_, often in CALLERS])[0]
        principal = chance.choice(PRINCIPALS)
        peer = certificate("batch") if principal.how == "certificate" else None
        id = self._shake(
            "inbound", LISTENER, handshake=_handshake(version, cipher, group, peer, OWN, None, chance)
        )
        legacy = chance.random() < 0.5
        session = f"{chance.getrandbits(64):016x}" if legacy else None
        self._connections.append(
            _Connection(id, principal, session, "2025-11-25" if legacy else "2026-07-28")
        )
        if len(self._connections) > 8:
            self._connections.pop(0)

    def _shake(
        self,
        leg: Leg,
        where: str,
        handshake: Handshake | None = None,
        refusal: Refusal | None = None,
        offer: Offer | None = None,
    ) -> str:
        id = self._id("h")
        self.handshakes += refusal is None
        host = f"10.0.{self.chance.randrange(4)}.{self.chance.randrange(250)}"
        self._tell(
            handshake_line(
                id,
                time=self._time,
                leg=leg,
                outcome="ok" if refusal is None else "refused",
                where=where,
                peer=f"{host}:{self.chance.randrange(1024, 65536)}",
                local="10.0.9.1:8443",
                handshake=handshake,
                offer=offer,
                refusal=refusal,
            )
        )
        return id

    def _leg(self, upstream: Upstream) -> str:
        id = self._outbound.get(upstream.name)
        if id is None:
            shaken = _handshake(
                upstream.version,
                upstream.cipher,
                upstream.group,
                upstream.peer,
                None,
                upstream.pinned,
                self.chance,
            )
            id = self._outbound[upstream.name] = self._shake("outbound", upstream.name, shaken)
        return id

    def _exchange(self, endless: bool) -> Callable[[str], bytes] | None:
        """Open one; returns the line that ends it."""
        chance = self.chance
        connection, upstream = chance.choice(self._connections), chance.choice(UPSTREAMS)
        tool = chance.choice(upstream.tools)
        id, luck = self._id("x"), chance.random()
        if luck < 0.01:
            return self._own(id, connection)
        outbound: str | None = self._leg(upstream)
        refusal: Refusal | None = None
        masked: dict[str, int] = {}
        verdict, extra = Verdict(Action.ALLOW, f"{upstream.name}-may", None), ""
        if luck < 0.05 or tool == "delete_file":
            verdict = Verdict(Action.BLOCK, "never-delete", Reason.POLICY_BLOCKED)
            refusal, outbound = Refusal(Reason.POLICY_BLOCKED, "by the rule never-delete"), None
        elif luck < 0.06:
            verdict = Verdict(Action.HOLD, "write-waits", None)
            decision = Decision(Word.APPROVED if luck < 0.055 else Word.DENIED, by="operator")
            hold = self._id("w")
            self._tell(
                decision_line(self._id("d"), time=self._time, hold=hold, exchange=id, decision=decision)
            )
            extra = "," + hold_facts(hold, decision)
            if decision.word is Word.DENIED:
                refusal, outbound = Refusal(Reason.POLICY_DENIED), None
        elif luck < 0.065:
            refusal = Refusal(Reason.UPSTREAM_TIMEOUT, "nothing in 30 seconds")
        elif luck < 0.07:
            self._tell(answered_line(self._id("a"), time=self._time, exchange=id, request=None))
            refusal = Refusal(Reason.CLIENT_GONE)
        elif luck < 0.10:
            masked = {"email": chance.randrange(1, 5), "card": 1}
        leased = outbound
        if 0.10 < luck < 0.12 and outbound is not None:
            # The connection that was to be used was gone: which one it was is known at the end only.
            self._outbound.pop(upstream.name)
            outbound = self._leg(upstream)
        caller, call = self._said(connection, upstream, tool, verdict)
        self._tell(
            open_line(
                id,
                time=self._time,
                inbound=connection.id,
                outbound=leased,
                caller=caller,
                call=call + extra,
            )
        )
        if luck > 0.999:
            self._event(id, upstream, tool)
        if endless:
            return None
        seconds = chance.expovariate(20)
        status: int | None = 200 if refusal is None or outbound is None else 504
        if refusal is not None and refusal.reason is Reason.CLIENT_GONE:
            status = None
        ended = partial(
            close_line,
            id,
            inbound=connection.id,
            outbound=outbound,
            outcome=outcome_of(refusal),
            status=status,
            refusal=refusal,
            bytes_in=chance.randrange(60, 2000),
            bytes_out=chance.randrange(60, 20000),
            seconds=seconds,
            waited=seconds * 0.8 if outbound is not None and status is not None else None,
            masked=masked,
        )
        return lambda time: ended(time=time)

    def _own(self, id: str, connection: _Connection) -> Callable[[str], bytes]:
        caller = caller_facts(None, listener=LISTENER, route=None, upstream=None, http="GET")
        call = call_facts(None, None, None) + own_facts("resource-metadata")
        self._tell(
            open_line(id, time=self._time, inbound=connection.id, outbound=None, caller=caller, call=call)
        )
        ended = partial(
            close_line,
            id,
            inbound=connection.id,
            outbound=None,
            outcome=Outcome.COMPLETED,
            status=200,
            refusal=None,
            bytes_in=0,
            bytes_out=300,
            seconds=0.001,
            waited=None,
        )
        return lambda time: ended(time=time)

    def _said(
        self, connection: _Connection, upstream: Upstream, tool: str, verdict: Verdict
    ) -> tuple[str, str]:
        """The parts of an open line, which are the same again and again."""
        key = (connection.id, upstream.name)
        caller = self._parts.get(key)
        if caller is None:
            caller = self._parts[key] = caller_facts(
                connection.principal,
                listener=LISTENER,
                route=upstream.name,
                upstream=upstream.name,
                http="POST",
                revision=connection.revision,
                session=connection.session,
            )
        what = (upstream.name, tool, verdict.action)
        call = self._parts.get(what)
        if call is None:
            call = self._parts[what] = call_facts("tools/call", tool, verdict)
        return caller, call

    def _event(self, id: str, upstream: Upstream, tool: str) -> None:
        chance = self.chance
        kind = chance.randrange(3)
        if kind == 0:
            old, new = (f"{chance.getrandbits(256):064x}" for _ in range(2))
            self._tell(
                definition_line(
                    self._id("t"),
                    time=self._time,
                    exchange=id,
                    upstream=upstream.name,
                    tool=tool,
                    what="changed",
                    old=old,
                    new=new,
                    key=upstream.peer.spki_pin,
                    renewed=False,
                    detail=None,
                    by=None,
                )
            )
        elif kind == 1:
            self._tell(
                echo_line(
                    self._id("e"),
                    time=self._time,
                    exchange=id,
                    upstream=upstream.name,
                    what="masked",
                    where="result",
                )
            )
        else:
            refusal = Refusal(Reason.UPSTREAM_UNASKED, "a response to no request")
            self._tell(dropped_line(self._id("k"), time=self._time, exchange=id, refusal=refusal))


def _handshake(
    version: str,
    cipher: str,
    group: str,
    peer: Certificate | None,
    own: Certificate | None,
    pinned: bool | None,
    chance: Random,
) -> Handshake:
    return Handshake(
        version=version,
        cipher=cipher,
        cipher_bits=256 if "256_GCM" in cipher or "AES256" in cipher else 128,
        group=group,
        alpn="http/1.1",
        sni="gate.example.com",
        peer=peer,
        peer_chain_pins=(peer.spki_pin, "sha256/" + "A" * 43 + "=") if peer else (),
        own=own,
        exporter_sha256=f"{chance.getrandbits(256):064x}",
        milliseconds=chance.random() * 5,
        pinned=pinned,
        generation=1,
    )
