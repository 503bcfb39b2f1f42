"""The verified connect, dialled for real: what an upstream must be before it hears a byte.

Each server listens on loopback and counts what reaches it. The gate's own C{Dial} connects; in every
refusal the server must have received no application byte at all.
"""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from attrs import evolve, frozen
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.python.threadpool import ThreadPool

from mcpgate.config.tables.upstream import UpstreamTable
from mcpgate.evidence.journal import Journal
from mcpgate.evidence.witness import Witness
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.contexts import client_context
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.material import Pair
from mcpgate.tls.pins import PinRule, spki_pin
from mcpgate.tls.profile import PROFILES, with_pq
from mcpgate.tls.readiness import Readiness
from mcpgate.tls.stream import TLSStream
from mcpgate.tls.trust import TrustStore
from mcpgate.upstream import connect
from mcpgate.upstream.connect import Dial
from mcpgate.upstream.connection import Taker, UpstreamConnection
from mcpgate.upstream.pool import Pool
from mcpgate.upstream.terms import UpstreamTerms
from mcpgate.wire.http import ResponseHead
from tests import pki
from tests.running import Loop
from tests.upstream.server import OK, Server, nobody

HOST = "mcp.test"
ROOT = pki.Authority.root()
OTHER = pki.Authority.root("other root")
GOOD = ROOT.issue(HOST)
REQUEST = b"POST /mcp HTTP/1.1\r\nHost: mcp.test\r\n\r\n"


@frozen
class Demand:
    """What a test demands of its upstream, beyond the defaults of the configuration."""

    trust: TrustStore = ROOT.trust()
    profile: str = "modern"
    require_pq: bool = False
    pins: PinRule | None = None
    pair: Pair | None = None
    host: str = HOST
    dial: str = "127.0.0.1"
    seconds: float = 10.0

    def terms(self, port: int) -> UpstreamTerms:
        """As a generation would hold it."""
        profile = PROFILES[self.profile]
        if self.require_pq:
            profile = with_pq(profile)
        return UpstreamTerms(
            table=UpstreamTable(
                name="server",
                url=f"https://{self.host}:{port}/mcp",
                connect_timeout=self.seconds,
                handshake_timeout=self.seconds,
            ),
            host=self.host,
            port=port,
            authority=f"{self.host}:{port}".encode(),
            target=b"/mcp",
            dial_host=self.dial,
            dial_port=port,
            profile=profile,
            pins=self.pins,
            context=client_context(profile, self.trust, pair=self.pair),
            trust=self.trust,
            own=self.pair.facts if self.pair else None,
            credential=(),
            fingerprint=b"",
            generation=7,
        )


class Outcome:
    """The dialer of a test. C{done} fires when the dial is over."""

    def __init__(self) -> None:
        self.done: Deferred[Outcome] = Deferred()
        self.stream: TLSStream | None = None
        self.handshake: Handshake | None = None
        self.refusal: Refusal | None = None
        self.peer = ""

    def connected(self, stream: TLSStream, handshake: Handshake, peer: str, local: str) -> None:
        self.stream, self.handshake, self.peer = stream, handshake, peer
        self.done.callback(self)

    def refused(self, refusal: Refusal, handshake: Handshake | None, peer: str) -> None:
        self.refusal, self.handshake, self.peer = refusal, handshake, peer
        self.done.callback(self)


class Set:
    """A readiness set on the reactor of the tests."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.readiness: Readiness = loop.call(Readiness, loop.reactor)
        loop.call(self.readiness.start)

    def dial(self, demand: Demand, port: int) -> Outcome:
        """Dial to the end. A stream that came of it is dropped, before it has an owner."""

        def start() -> Deferred[Outcome]:
            outcome = Outcome()
            Dial(self.loop.reactor, self.readiness, demand.terms(port), outcome).start()
            return outcome.done.addCallback(drop)

        def drop(outcome: Outcome) -> Outcome:
            if outcome.stream is not None:
                outcome.stream.abort()
            return outcome

        outcome: Outcome = self.loop.call(start)
        assert self.loop.call(lambda: len(self.readiness)) == 0, "a socket is still watched"
        return outcome


@pytest.fixture
def watching(loop: Loop) -> Iterator[Set]:
    """A set that is stopped with the test."""
    made = Set(loop)
    yield made
    loop.call(made.readiness.stop)


def https(pair: Pair, **named: Any) -> Callable[[], Server]:
    """How to start a TLS server."""
    return lambda: Server(pair, **named)


EXPIRED = ROOT.issue(HOST, begins=-90 * pki.DAY, ends=-pki.DAY)
REVOKED = ROOT.issue(HOST)

#: The upstreams that the gate must not talk to, and the reason for each.
BAD: dict[str, tuple[Reason, Callable[[], Server], Demand]] = {
    "wrong name": (Reason.TLS_NAME, https(ROOT.issue("elsewhere.test")), Demand()),
    "no SAN": (Reason.TLS_NO_SAN, https(ROOT.issue(name=HOST)), Demand()),
    "urn: SAN": (Reason.TLS_BAD_SAN, https(ROOT.issue(HOST, uris=["urn:uuid:f81d4fae-7dec"])), Demand()),
    "unknown CA": (Reason.TLS_UNKNOWN_CA, https(OTHER.issue(HOST)), Demand()),
    "expired": (Reason.TLS_EXPIRED, https(EXPIRED), Demand()),
    "not yet valid": (Reason.TLS_NOT_YET_VALID, https(ROOT.issue(HOST, begins=pki.DAY)), Demand()),
    "wrong pin": (
        Reason.TLS_PIN,
        https(GOOD),
        Demand(pins=PinRule(frozenset({spki_pin(OTHER.certificate)}))),
    ),
    "TLS 1.2 under modern": (Reason.TLS_VERSION, https(GOOD, newest=SSL.TLS1_2_VERSION), Demand()),
    "CBC only": (
        Reason.TLS_CIPHER,
        https(GOOD, newest=SSL.TLS1_2_VERSION, ciphers=b"ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"),
        Demand(profile="intermediate"),
    ),
    "plaintext": (Reason.TLS_PLAINTEXT, lambda: Server(None, clear=OK), Demand()),
    "mute": (Reason.TLS_TIMEOUT, lambda: Server(None, mute=True), Demand(seconds=0.5)),
    "revoked": (Reason.TLS_REVOKED, https(REVOKED), Demand(trust=ROOT.trust(ROOT.crl(REVOKED)))),
}


@pytest.mark.parametrize(("reason", "serve", "demand"), BAD.values(), ids=BAD)
def test_a_bad_upstream_is_refused_and_receives_nothing(
    watching: Set, reason: Reason, serve: Callable[[], Server], demand: Demand
) -> None:
    """The reason is exact, and the server has seen TLS records of a handshake and nothing else."""
    server = serve()
    outcome = watching.dial(demand, server.port)
    assert outcome.stream is None
    assert outcome.refusal is not None
    assert outcome.refusal.reason is reason, str(outcome.refusal)
    assert outcome.peer == f"127.0.0.1:{server.port}"
    server.finish()
    assert server.connections == 1
    assert server.told == b""
    assert only_a_client_hello(server.overheard)


def test_every_bad_upstream_has_a_reason_of_its_own() -> None:
    assert len({reason for reason, _, _ in BAD.values()}) == len(BAD)


def test_a_good_upstream_is_connected_and_hears_nothing_from_the_dial_itself(watching: Set) -> None:
    """The control for everything above: same server, same demand, no fault."""
    server = Server(GOOD)
    outcome = watching.dial(Demand(pins=PinRule(frozenset({spki_pin(GOOD.chain[0])}), "leaf")), server.port)
    assert outcome.refusal is None
    handshake = outcome.handshake
    assert handshake is not None
    assert (handshake.version, handshake.group) == ("TLSv1.3", "X25519MLKEM768")
    assert (handshake.pinned, handshake.sni, handshake.generation) == (True, HOST, 7)
    server.finish()
    assert (server.handshakes, server.told) == (1, b"")


def test_a_classical_key_exchange_is_refused_where_post_quantum_is_required(watching: Set) -> None:
    """TLS 1.2 has none; the handshake is over by then, so the record can show it."""
    server = Server(GOOD, newest=SSL.TLS1_2_VERSION)
    outcome = watching.dial(Demand(profile="intermediate", require_pq=True), server.port)
    assert outcome.refusal == Refusal(Reason.TLS_GROUP, "the group x25519 is not post-quantum")
    assert outcome.handshake is not None
    assert server.finish().told == b""


def test_a_list_that_is_out_of_date_refuses(watching: Set) -> None:
    """Whoever can withhold a new list must gain nothing by it."""
    server = Server(GOOD)
    stale = ROOT.trust(ROOT.crl(begins=-9 * pki.DAY, ends=-pki.DAY))
    outcome = watching.dial(Demand(trust=stale), server.port)
    assert outcome.refusal is not None
    assert outcome.refusal.reason is Reason.TLS_CRL
    assert server.finish().told == b""


def test_an_upstream_that_hangs_up_during_the_handshake_is_told_as_such(watching: Set) -> None:
    server = Server(None, clear=None)
    outcome = watching.dial(Demand(), server.port)
    assert outcome.refusal is not None
    assert outcome.refusal.reason is Reason.TLS_CLOSED
    assert only_a_client_hello(server.finish().overheard)


def test_a_port_where_nobody_listens_is_unreachable(watching: Set) -> None:
    port = nobody()
    outcome = watching.dial(Demand(), port)
    assert outcome.refusal == Refusal(Reason.UPSTREAM_UNREACHABLE, f"127.0.0.1:{port}: Connection refused")


def test_a_name_that_does_not_resolve_is_unreachable(watching: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system's resolver says it, which tests must not depend on."""
    resolver(monkeypatch, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    outcome = watching.dial(Demand(dial="nowhere.invalid"), 443)
    assert outcome.refusal is not None
    assert outcome.refusal.reason is Reason.UPSTREAM_UNREACHABLE
    assert outcome.refusal.detail.startswith("the name nowhere.invalid cannot be resolved: ")


def test_a_second_address_is_tried_when_the_first_refuses(
    watching: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.0.0.2 is loopback too, and nobody listens there."""
    server = Server(GOOD)
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))
        for address in ("127.0.0.2", "127.0.0.1")
    ]
    resolver(monkeypatch, found)
    outcome = watching.dial(Demand(dial=HOST), server.port)
    assert outcome.refusal is None
    assert outcome.peer == f"127.0.0.1:{server.port}"
    server.finish()


def test_when_no_address_answers_the_last_one_is_told(watching: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    port = nobody()
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")
    ]
    resolver(monkeypatch, found)
    outcome = watching.dial(Demand(dial=HOST), port)
    assert outcome.refusal == Refusal(Reason.UPSTREAM_UNREACHABLE, f"127.0.0.1:{port}: Connection refused")


def test_the_name_of_the_url_is_checked_wherever_is_dialled(watching: Set) -> None:
    """An address to dial is where, not who: a certificate for the address alone is refused."""
    server = Server(ROOT.issue(addresses=["127.0.0.1"]))
    outcome = watching.dial(Demand(), server.port)
    assert outcome.refusal is not None
    assert outcome.refusal.reason is Reason.TLS_NAME
    server.finish()
    server = Server(ROOT.issue(addresses=["127.0.0.1"]))
    assert watching.dial(Demand(host="127.0.0.1"), server.port).refusal is None
    server.finish()


def test_a_dial_that_is_cancelled_tells_nobody(watching: Set) -> None:
    """Cancelled in the middle of a handshake that would never end: the socket is gone, nothing is said."""
    server = Server(None, mute=True)
    outcome = Outcome()

    def start_and_cancel() -> None:
        dial = Dial(watching.loop.reactor, watching.readiness, Demand().terms(server.port), outcome)
        dial.start()
        dial.cancel()

    watching.loop.call(start_and_cancel)
    assert watching.loop.call(lambda: len(watching.readiness)) == 0
    assert not outcome.done.called
    server.finish()


# Client certificates.

CLIENT = ROOT.issue("gate.test", usage=pki.FOR_CLIENTS, name="gate")


def test_our_client_certificate_is_shown_to_an_upstream_that_asks(watching: Set) -> None:
    server = Server(GOOD, clients=ROOT.trust())
    outcome = watching.dial(Demand(pair=CLIENT), server.port)
    assert outcome.refusal is None
    assert outcome.handshake is not None
    assert outcome.handshake.own == CLIENT.facts
    assert server.finish().client == CLIENT.chain[0]


@pytest.mark.parametrize(
    ("pair", "clients"),
    [(None, ROOT.trust()), (CLIENT, OTHER.trust()), (CLIENT, ROOT.trust(ROOT.crl(CLIENT)))],
    ids=["none shown", "unknown CA", "revoked"],
)
def test_a_refusal_of_our_client_certificate_that_came_before_the_request_is_told_as_such(
    watching: Set, tmp_path: Path, pair: Pair | None, clients: TrustStore
) -> None:
    """TLS 1.3 judges it after our handshake is done. Here the server has hung up by the time we write."""
    server = Server(GOOD, clients=clients)
    refusal = request(watching, tmp_path, Demand(pair=pair), server.port, before=server.finish)
    assert refusal.reason is Reason.TLS_CLIENT_CERTIFICATE, str(refusal)
    assert server.told == b""


def test_a_refusal_of_our_client_certificate_that_comes_after_the_request_is_told_as_such(
    watching: Set, tmp_path: Path
) -> None:
    """As on any real network: our request is under way before the alert reaches us."""
    sent = threading.Event()
    server = Server(GOOD, clients=OTHER.trust(), hold=sent)
    refusal = request(watching, tmp_path, Demand(pair=CLIENT), server.port, after=sent.set)
    assert refusal.reason is Reason.TLS_CLIENT_CERTIFICATE, str(refusal)
    assert server.finish().told == b""


def test_with_tls_1_2_the_refusal_of_our_client_certificate_ends_the_handshake(watching: Set) -> None:
    server = Server(GOOD, clients=OTHER.trust(), newest=SSL.TLS1_2_VERSION)
    outcome = watching.dial(Demand(pair=CLIENT, profile="intermediate"), server.port)
    assert outcome.refusal is not None
    assert outcome.refusal.reason is Reason.TLS_CLIENT_CERTIFICATE
    server.finish()


class Asker:
    """Leases a connection, sends a request, and waits for why there is no answer."""

    def __init__(self, before: Callable[[], object], after: Callable[[], object]) -> None:
        self.done: Deferred[Refusal] = Deferred()
        self._before = before
        self._after = after

    def leased(self, connection: UpstreamConnection) -> None:
        self._before()
        connection.send(b"POST", REQUEST, self)
        self._after()

    def unleased(self, refusal: Refusal, record: str | None = None) -> None:
        self.done.callback(refusal)

    def broken(self, refusal: Refusal) -> None:
        self.done.callback(refusal)

    def begun(self, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> Taker:
        raise AssertionError("there was an answer")

    def more(self, payload: bytes, finished: bool) -> None:
        raise AssertionError("there was an answer")


def nothing() -> None:
    """What most tests do before and after a request."""


def request(
    watching: Set,
    directory: Path,
    demand: Demand,
    port: int,
    *,
    before: Callable[[], object] = nothing,
    after: Callable[[], object] = nothing,
) -> Refusal:
    """Why a request through a real pool is not answered."""

    def start() -> Deferred[Refusal]:
        witness = Witness(Journal(directory), lambda: pki.NOW.timestamp())
        pool = Pool(watching.loop.reactor, watching.readiness, demand.terms(port), witness)
        asker = Asker(before, after)
        pool.lease(asker)

        def close(refusal: Refusal) -> Refusal:
            assert pool.last_refusal == refusal, "status does not show it"
            pool.abort()
            witness.close()
            return refusal

        return asker.done.addCallback(close)

    refusal: Refusal = watching.loop.call(start)
    return refusal


def only_a_client_hello(raw: bytes) -> bool:
    """Whether what a server overheard is nothing, or TLS records without application data."""
    while raw:
        # RFC 8446 §5.1: type, version, length. 21 is an alert, 22 the handshake, 23 application data.
        if raw[0] not in (21, 22):
            return False
        raw = raw[5 + int.from_bytes(raw[3:5], "big") :]
    return True


def resolver(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Have the system's resolver give this answer to every name; addresses it reads as ever."""
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *more: Any, flags: int = 0, **named: Any) -> Any:
        if flags & socket.AI_NUMERICHOST:
            return real(host, *more, flags=flags, **named)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_dial_without_a_descriptor_is_refused_as_that_and_not_at_once(
    watching: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is told may dial again: told at once, it would go in circles until the stack is full."""
    outcome = Outcome()

    def none_left(*_: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(connect, "socket", SimpleNamespace(**{**vars(socket), "socket": none_left}))

    def start() -> Deferred[Outcome]:
        Dial(watching.loop.reactor, watching.readiness, Demand().terms(1), outcome).start()
        assert not outcome.done.called
        return outcome.done

    watching.loop.call(start)
    assert outcome.refusal is not None and outcome.refusal.reason is Reason.LIMIT_DESCRIPTORS


def test_a_name_that_cannot_be_looked_up_for_want_of_descriptors_is_refused_as_that(
    watching: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver(monkeypatch, OSError(errno.EMFILE, "Too many open files"))
    refusal = watching.dial(evolve(Demand(), dial="gate.test"), 1).refusal
    assert refusal is not None and refusal.reason is Reason.LIMIT_DESCRIPTORS


def test_a_dial_given_up_while_the_name_is_resolved_leaves_no_timer() -> None:
    """An embedder's reactor is clean after the gate has stopped."""
    reactor = MemoryReactorClock()
    # A pool that is never started: the answer does not come.
    reactor.getThreadPool = ThreadPool  # type: ignore[attr-defined]
    dial = Dial(reactor, Readiness(reactor), evolve(Demand().terms(1), dial_host="gate.invalid"), Outcome())
    dial.start()
    assert len(reactor.getDelayedCalls()) == 1
    dial.cancel()
    assert reactor.getDelayedCalls() == []
