"""The gate's own DELETE: in the journal before it is sent, and whatever comes of it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from mcpgate.evidence.journal import JournalError
from mcpgate.relay.farewell import FAREWELL_MOST, Farewell, Parted
from tests.relay.parting import CI, Station, answering
from tests.running import Loop
from tests.upstream.server import Server, nobody
from tests.upstream.test_connect import GOOD
from tests.waiting import eventually


class Platform:
    """Farewells from one station; their clock stands still."""

    def __init__(self, loop: Loop, directory: Path, server: Server) -> None:
        self.clock = Clock()
        self.station = Station(loop, directory, server=server)
        self.loop = loop

    def farewell(self) -> Farewell:
        session = self.station.session(self.station.sealed())
        return Farewell(self.clock, self.station.force, session, CI, self.station.terms["server"])

    def part(self) -> Parted:
        """What becomes of one."""
        return self.loop.call(lambda: self.farewell().begin())  # type: ignore[no-any-return]

    def begin(self) -> tuple[Farewell, list[Any]]:
        """One that does not end by itself."""

        def begin() -> tuple[Farewell, list[Any]]:
            farewell = self.farewell()
            ends: list[Any] = []
            farewell.begin().addBoth(ends.append)
            return farewell, ends

        return self.loop.call(begin)  # type: ignore[no-any-return]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(GOOD)
    yield server
    server.finish()


def platform(loop: Loop, directory: Path, server: Server) -> Iterator[Platform]:
    platform = Platform(loop, directory, server)
    yield platform
    assert not platform.clock.getDelayedCalls()
    platform.station.stop()


@pytest.fixture
def good(loop: Loop, tmp_path: Path, server: Server) -> Iterator[Platform]:
    yield from platform(loop, tmp_path, server)


def test_it_is_a_delete_with_the_gates_credential_and_the_upstreams_own_id(
    good: Platform, server: Server
) -> None:
    """And nothing else: no caller's header, no caller."""
    assert good.part() is Parted.ENDED
    host = good.station.terms["server"].authority
    assert server.told == (
        b"DELETE /mcp HTTP/1.1\r\nhost: %b\r\naccept-encoding: identity\r\n"
        b"authorization: Bearer gate\r\nmcp-session-id: upstream-id\r\n\r\n" % host
    )
    assert good.loop.call(good.station.pools["server"].counts)["idle"] == 1


def test_it_is_on_record_as_the_principals_though_no_caller_sent_it(good: Platform) -> None:
    """Its open line names the outbound handshake, and no inbound one."""
    sealed = good.station.sealed()
    session = good.station.session(sealed)
    farewell = Farewell(good.clock, good.station.force, session, CI, good.station.terms["server"])
    good.loop.call(farewell.begin)
    (handshake,) = good.station.records("handshake")
    ((opened, closed),) = good.station.pairs()
    assert (opened["principal"], opened["how"], opened["route"], opened["upstream"], opened["http"]) == (
        "ci", "token", "route", "server", "DELETE",
    )
    assert (opened["inbound"], opened["listener"], opened["outbound"]) == (None, None, handshake["id"])
    # By it the records of the session's own requests are found.
    assert opened["session"] == session.digest != "" and sealed.decode() not in str(opened)
    assert (closed["inbound"], closed["outbound"]) == (None, handshake["id"])
    assert (closed["outcome"], closed["status"], closed["reason"]) == ("completed", 200, None)
    assert "upstream-id" not in good.station.journal.path.read_text()


def test_a_kept_connection_that_has_ended_is_replaced(loop: Loop, tmp_path: Path) -> None:
    """As for a caller's request; it is one exchange."""
    server = Server(GOOD)
    for good in platform(loop, tmp_path, server):
        assert good.part() is Parted.ENDED
        (connection,) = good.station.pools["server"]._idle
        # Ended without a word from the set of sockets: it is noticed when it is to be used.
        loop.call(connection.stream.abort)
        assert good.part() is Parted.ENDED
        assert server.connections == 2 and len(good.station.pairs()) == 2
    server.finish()


@pytest.mark.parametrize(
    ("status", "parted"),
    [
        (b"204 No Content", Parted.ENDED),
        (b"404 Not Found", Parted.ENDED),
        (b"405 Method Not Allowed", Parted.ENDED),
        (b"400 Bad Request", Parted.DECLINED),
        (b"401 Unauthorized", Parted.DECLINED),
        (b"503 Busy", Parted.DECLINED),
    ],
)
def test_an_upstream_that_knows_no_session_or_no_end_has_none(
    loop: Loop, tmp_path: Path, status: bytes, parted: Parted
) -> None:
    """Other answers leave it open whether it goes on."""
    server = Server(GOOD, hasty=answering(status))
    for one in platform(loop, tmp_path, server):
        assert one.part() is parted
        ((_, closed),) = one.station.pairs()
        assert (closed["outcome"], closed["status"]) == ("completed", int(status[:3]))
    server.finish()


def test_an_upstream_that_hangs_up_is_silent(loop: Loop, tmp_path: Path) -> None:
    server = Server(GOOD, hasty=b"HTTP/1.1 2")
    for one in platform(loop, tmp_path, server):
        assert one.part() is Parted.SILENT
        ((_, closed),) = one.station.pairs()
        assert (closed["status"], closed["outcome"]) == (None, "upstream_truncated")
    server.finish()


def test_one_that_cannot_be_reached_gets_nothing(loop: Loop, tmp_path: Path, server: Server) -> None:
    """The record names the handshake that failed."""
    for one in platform(loop, tmp_path, server):
        pool = one.station.pools["server"]
        pool.terms = evolve(pool.terms, dial_port=nobody())
        assert one.part() is Parted.UNREACHED
        ((opened, closed),) = one.station.pairs()
        (handshake,) = one.station.records("handshake")
        assert opened["outbound"] == closed["outbound"] == handshake["id"]
        assert (closed["outcome"], closed["reason"]) == ("upstream_failed", "upstream.unreachable")
        one.station.force.pools = {}
        assert one.part() is Parted.UNREACHED
    assert server.told == b""


def test_one_that_does_not_answer_is_waited_for_so_long(loop: Loop, tmp_path: Path) -> None:
    """Then the connection ends with it."""
    hold = threading.Event()
    server = Server(GOOD, hasty=answering(b"200 OK"), hold=hold)
    for one in platform(loop, tmp_path, server):
        _, ends = one.begin()
        eventually(lambda: server.told, "the request arrives")
        loop.call(one.clock.advance, FAREWELL_MOST - 1)
        assert ends == []
        loop.call(one.clock.advance, 1)
        assert ends == [Parted.SILENT]
        ((_, closed),) = one.station.pairs()
        assert (closed["outcome"], closed["reason"]) == ("timeout", "upstream.timeout")
        hold.set()
    server.finish()


def test_a_pool_without_room_is_waited_for_so_long(good: Platform, server: Server) -> None:
    """And no caller of later waits behind it."""
    pool = good.station.pools["server"]
    pool.terms = evolve(pool.terms, table=evolve(pool.terms.table, connections=1))
    holder = _Holder()
    loop = good.loop
    loop.call(pool.lease, holder)
    eventually(lambda: holder.connection, "it is leased")
    _, ends = good.begin()
    assert loop.call(pool.counts)["waiting"] == 1
    loop.call(good.clock.advance, FAREWELL_MOST)
    assert ends == [Parted.UNREACHED] and loop.call(pool.counts)["waiting"] == 0
    ((_, closed),) = good.station.pairs()
    assert closed["reason"] == "upstream.busy"
    assert server.told == b""


class _Holder:
    """Holds a connection."""

    connection: Any = None

    def leased(self, connection: Any) -> None:
        self.connection = connection

    def unleased(self, *_: object) -> None:
        raise AssertionError("there is room for it")


def test_nothing_is_sent_off_the_record(
    good: Platform, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is not used, and is as good as before."""

    def full(_: bytes) -> None:
        raise JournalError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(good.station.journal, "append", full)
        assert good.part() is Parted.UNREACHED
    assert server.told == b""
    ((_, closed),) = good.station.pairs()
    assert closed["reason"] == "gate.journal"
    assert good.part() is Parted.ENDED and server.connections == 1


def test_one_that_is_broken_off_lets_go_of_all_it_had(loop: Loop, tmp_path: Path) -> None:
    """On the record, as what it is; whether it waits for a connection or for an answer."""
    hold = threading.Event()
    server = Server(GOOD, hasty=answering(b"200 OK"), hold=hold)
    for one in platform(loop, tmp_path, server):
        farewell, ends = one.begin()
        eventually(lambda: server.told, "the request arrives")
        loop.call(farewell.done.cancel)
        assert ends[0].check(CancelledError)

        loop.call(_begin_and_cancel, one)
        for _, closed in one.station.pairs():
            assert (closed["outcome"], closed["reason"]) == ("drained", "gate.draining")
        hold.set()
    server.finish()


def _begin_and_cancel(platform: Platform) -> None:
    done: Deferred[Parted] = platform.farewell().begin()
    done.addErrback(lambda failure: failure.trap(CancelledError) and None)
    done.cancel()
