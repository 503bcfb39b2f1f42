"""Connections to one upstream: who gets which, who waits, and how all of them end."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from attrs import evolve

from mcpgate.evidence.journal import Journal
from mcpgate.evidence.witness import Witness
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.readiness import Readiness
from mcpgate.upstream import connect
from mcpgate.upstream.connection import Taker, UpstreamConnection
from mcpgate.upstream.pool import Pool
from mcpgate.wire.http import ResponseHead
from tests import pki
from tests.evidence.chained import told
from tests.running import Loop
from tests.upstream.server import OK, Server
from tests.upstream.test_connect import GOOD, REQUEST, Demand
from tests.waiting import eventually

NOBODY = {"idle": 0, "leased": 0, "dialing": 0, "waiting": 0}


class Asker:
    """Holds the connection that it gets until it is told to use it; writes down what it hears."""

    def __init__(self, name: str, heard: list[str]) -> None:
        self.connection: UpstreamConnection | None = None
        self.record: str | None = None
        self._name = name
        self._heard = heard

    def use(self) -> None:
        """Send a request."""
        assert self.connection is not None
        self.connection.send(b"POST", REQUEST, self)

    def leased(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        self._heard.append(f"{self._name} leased")

    def unleased(self, refusal: Refusal, record: str | None = None) -> None:
        self.record = record
        self._heard.append(f"{self._name} {refusal.reason}")

    def begun(self, head: ResponseHead, emitted: bytes, payload: bytes, finished: bool) -> Taker:
        assert (head.status, payload, finished) == (200, b"{}", True)
        self._heard.append(f"{self._name} answered")
        return self

    def more(self, payload: bytes, finished: bool) -> None:
        raise AssertionError("the answer came in one record")

    def broken(self, refusal: Refusal) -> None:
        self._heard.append(f"{self._name} {refusal.reason}")


class Bench:
    """A pool on the reactor of the tests. Whatever is done to it is done in the reactor's thread."""

    def __init__(self, loop: Loop, directory: Path, server: Server, **table: Any) -> None:
        self.loop = loop
        self.heard: list[str] = []
        self.readiness: Readiness = loop.call(Readiness, loop.reactor)
        loop.call(self.readiness.start)
        self._journal = Journal(directory)
        self.witness = Witness(self._journal, pki.NOW.timestamp)
        terms = Demand().terms(server.port)
        terms = evolve(terms, table=evolve(terms.table, **table))
        self.pool = Pool(loop.reactor, self.readiness, terms, self.witness)

    def lease(self, *names: str) -> list[Asker]:
        """All of them ask in one turn, in this order."""
        askers = [Asker(name, self.heard) for name in names]
        self.loop.call(lambda: [self.pool.lease(asker) for asker in askers] and None)
        return askers

    def leased(self, *names: str) -> list[Asker]:
        """All of them ask and get a connection."""
        askers = self.lease(*names)
        eventually(lambda: all(asker.connection for asker in askers), f"{names} get connections")
        return askers

    def hears(self, *words: str) -> None:
        """Wait until all of that was heard."""
        eventually(lambda: set(words) <= set(self.heard), f"{words} is heard")

    def use(self, asker: Asker, name: str) -> None:
        """Use its connection to the end."""
        self.loop.call(asker.use)
        self.hears(f"{name} answered")

    @property
    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.loop.call(self.pool.counts)
        return counts

    def becomes(self, **counts: int) -> None:
        """Wait until so many connections are in these states, and none in others."""
        eventually(lambda: self.counts == NOBODY | counts, f"{counts}")

    def records(self) -> list[dict[str, Any]]:
        return told(self._journal.directory)

    def stop(self) -> None:
        """End everything; nothing may be left."""
        self.loop.call(self.pool.abort)
        assert self.counts == NOBODY
        self.loop.call(self.readiness.stop)
        self.witness.close()


Start = Callable[..., Bench]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(GOOD)
    yield server
    server.finish()


@pytest.fixture
def start(loop: Loop, tmp_path: Path, server: Server) -> Iterator[Start]:
    """Makes a pool, by default to a good server."""
    made: list[Bench] = []

    def start(to: Server = server, **table: Any) -> Bench:
        made.append(Bench(loop, tmp_path, to, **table))
        return made[-1]

    yield start
    for bench in made:
        bench.stop()


# Reuse.


def test_the_connection_that_was_used_last_is_used_first(start: Start, server: Server) -> None:
    """So that those which are not needed grow old and go."""
    bench = start()
    a, b = bench.leased("a", "b")
    bench.use(a, "a")
    bench.use(b, "b")
    assert bench.counts == NOBODY | {"idle": 2}
    c, d = bench.leased("c", "d")
    assert c.connection is b.connection
    assert d.connection is a.connection
    assert server.connections == 2


def test_a_connection_is_one_callers_at_a_time(start: Start, server: Server) -> None:
    bench = start()
    askers = bench.leased("a", "b", "c")
    assert len({asker.connection for asker in askers}) == server.connections == 3
    assert bench.counts == NOBODY | {"leased": 3}


def test_every_connection_has_one_record_that_all_its_exchanges_name(start: Start) -> None:
    bench = start()
    (a,) = bench.leased("a")
    bench.use(a, "a")
    (b,) = bench.leased("b")
    (record,) = bench.records()
    assert a.connection is b.connection
    assert b.connection is not None and b.connection.record == record["id"]
    assert (record["leg"], record["outcome"], record["where"]) == ("outbound", "ok", "server")


def test_a_connection_that_ended_while_nobody_used_it_is_not_given_to_anybody(start: Start) -> None:
    leaving = Server(GOOD, hasty=OK)
    bench = start(leaving)
    (a,) = bench.leased("a")
    bench.use(a, "a")
    bench.becomes()
    (b,) = bench.leased("b")
    assert b.connection is not a.connection
    bench.use(b, "b")
    leaving.finish()


def test_connections_that_nobody_used_for_long_are_closed(start: Start, server: Server) -> None:
    bench = start(keepalive=0.1)
    (a,) = bench.leased("a")
    bench.use(a, "a")
    bench.becomes()
    # It sees the end of every connection.
    server.finish()


# Bounds.


def test_there_are_never_more_than_the_table_allows_and_who_waits_is_served_in_order(
    start: Start, server: Server
) -> None:
    bench = start(connections=2)
    a, b, c, d, e = bench.lease("a", "b", "c", "d", "e")
    bench.becomes(leased=2, waiting=3)
    for asker, name, next_one in ((a, "a", c), (b, "b", d), (c, "c", e)):
        bench.use(asker, name)
        assert next_one.connection is asker.connection
    leased = [word for word in bench.heard if word.endswith("leased")]
    assert leased == ["a leased", "b leased", "c leased", "d leased", "e leased"]
    bench.use(d, "d")
    bench.use(e, "e")
    assert bench.counts == NOBODY | {"idle": 2}
    assert server.connections == 2


def test_when_too_many_wait_the_next_is_refused_at_once(start: Start) -> None:
    """And they are still served."""
    bench = start(connections=1, queue=2)
    (a,) = bench.leased("a")
    b, c, _ = bench.lease("b", "c", "d")
    assert bench.heard == ["a leased", "d upstream.queue"]
    for asker, name in ((a, "a"), (b, "b"), (c, "c")):
        bench.use(asker, name)
    assert bench.heard[-1] == "c answered"


def test_a_pool_without_descriptors_refuses_all_who_wait_and_lives_on(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as can wait at once, and the stack does not grow with them."""
    bench = start()

    def none_left(*_: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(connect, "socket", SimpleNamespace(**{**vars(socket), "socket": none_left}))
        bench.lease(*(f"{number}" for number in range(1000)))
        eventually(lambda: len(bench.heard) == 1000, "all of them are told")
    assert {word.partition(" ")[2] for word in bench.heard} == {"limit.descriptors"}
    assert bench.counts == NOBODY
    (late,) = bench.leased("late")
    bench.use(late, "late")


def test_one_who_withdrew_is_passed_over(start: Start) -> None:
    """Also one who was not waiting at all."""
    bench = start(connections=1)
    (a,) = bench.leased("a")
    b, c = bench.lease("b", "c")
    for asker in (b, b, a):
        bench.loop.call(bench.pool.withdraw, asker)
    bench.use(a, "a")
    assert c.connection is a.connection
    assert b.connection is None


def test_a_dial_whose_caller_withdrew_is_the_next_ones_connection(start: Start, server: Server) -> None:
    bench = start()

    def ask_and_withdraw() -> None:
        asker = Asker("a", bench.heard)
        bench.pool.lease(asker)
        bench.pool.withdraw(asker)

    bench.loop.call(ask_and_withdraw)
    bench.becomes(idle=1)
    bench.leased("b")
    assert bench.heard == ["b leased"]
    assert server.connections == 1


# Dials that come to nothing, connections that end.


def test_all_who_wait_hear_when_the_only_dial_fails(start: Start) -> None:
    """With its reason and its record; there is no other connection to wait for."""
    refusing = Server(None)
    bench = start(refusing, connections=1)
    askers = bench.lease("a", "b", "c")
    bench.hears(*(f"{name} tls.closed" for name in "abc"))
    (record,) = bench.records()
    assert {asker.record for asker in askers} == {record["id"]}
    assert bench.counts == NOBODY
    assert bench.pool.last_refusal is not None
    assert bench.pool.last_refusal.reason is Reason.TLS_CLOSED
    refusing.finish()


def test_while_another_dial_is_under_way_only_one_hears_of_the_first(start: Start) -> None:
    """Whoever waited longest; for the others another one is begun, so that nobody is left out."""
    refusing = Server(None)
    bench = start(refusing, connections=2)
    a, b, c = bench.lease("a", "b", "c")
    bench.hears(*(f"{name} tls.closed" for name in "abc"))
    assert [asker.record for asker in (a, b, c)] == [record["id"] for record in bench.records()]
    refusing.finish()


def test_when_a_connection_ends_another_is_made_for_those_who_wait(start: Start, server: Server) -> None:
    bench = start(connections=1)
    (a,) = bench.leased("a")
    (b,) = bench.lease("b")
    assert a.connection is not None
    bench.loop.call(a.connection.abandon)
    bench.hears("b leased")
    assert b.connection is not a.connection
    assert server.connections == 2


def test_a_good_handshake_makes_an_earlier_refusal_history(start: Start) -> None:
    bench = start()
    bench.pool.last_refusal = Refusal(Reason.TLS_PIN)
    bench.leased("a")
    assert bench.pool.last_refusal is None
    assert bench.pool.last_handshake is not None


# The end.


def test_a_closed_pool_ends_idle_connections_now_and_leased_ones_with_their_exchange(
    start: Start, server: Server
) -> None:
    """Those who wait already are served; the server sees a proper end of every connection."""
    bench = start(connections=2)
    a, b = bench.leased("a", "b")
    bench.use(a, "a")
    bench.loop.call(bench.pool.close)
    assert bench.counts == NOBODY | {"leased": 1}
    (c,) = bench.lease("c")
    bench.hears("c leased")
    bench.use(b, "b")
    bench.use(c, "c")
    bench.becomes()
    server.finish()
    assert server.goodbyes == 3


def test_an_abort_tells_who_waits_and_cuts_what_is_in_use(start: Start, server: Server) -> None:
    """No goodbye: what was sent so far is not to be taken for whole."""
    bench = start(connections=1)
    bench.leased("a")
    bench.lease("b")
    bench.loop.call(bench.pool.abort)
    assert bench.heard == ["a leased", "b gate.draining"]
    assert bench.counts == NOBODY
    server.finish()
    assert server.goodbyes == 0


def test_an_abort_gives_up_dials_without_a_record(start: Start) -> None:
    """They are no failures of the upstream."""
    mute = Server(None, mute=True)
    bench = start(mute)
    bench.lease("a")
    eventually(lambda: mute.overheard, "the ClientHello arrives")
    bench.loop.call(bench.pool.abort)
    assert bench.heard == ["a gate.draining"]
    assert bench.records() == []
    assert bench.pool.last_refusal is None
    mute.finish()
