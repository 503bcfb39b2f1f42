"""Answers in a caller's place: what they say, how many there may be, and how they end.

That they reach the upstream, with its session, is shown on a running gate in C{test_questions.py}.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from mcpgate.policy.decide import UNLISTED
from mcpgate.policy.rules import Verdict
from mcpgate.reasons import Reason
from mcpgate.relay import declining as module
from mcpgate.relay.declining import DECLINE_MOST, DECLINING_MOST, Declining
from mcpgate.wire.jsonrpc import Message, parse
from tests.relay.parting import CI, Station, answering
from tests.relay.test_asking import admission
from tests.running import Loop
from tests.upstream.server import Server
from tests.upstream.test_connect import GOOD
from tests.waiting import eventually


class Desk:
    """What declines, from one station; its clock stands still."""

    def __init__(self, loop: Loop, directory: Path, server: Server) -> None:
        self.loop = loop
        self.clock = Clock()
        self.station = Station(loop, directory, server=server)
        self.declining = Declining(self.clock, self.station.force)
        of: Any = admission("2025-11-25")
        route = evolve(of.route, upstream=self.station.terms["server"])
        self.admission = evolve(of, principal=CI, route=route)

    def decline(self, id: int = 7, verdict: Verdict = UNLISTED) -> bool:
        request = {"jsonrpc": "2.0", "id": id, "method": "sampling/createMessage", "params": {"secret": "x"}}
        message = parse(json.dumps(request).encode())
        assert isinstance(message, Message)
        taken: bool = self.loop.call(self.declining.decline, message, verdict, self.admission, None)
        return taken

    def ended(self) -> list[dict[str, Any]]:
        return self.station.records("close")


@pytest.fixture
def hold() -> threading.Event:
    return threading.Event()


@pytest.fixture
def server(hold: threading.Event) -> Iterator[Server]:
    server = Server(GOOD, hasty=answering(b"202 Accepted"), hold=hold)
    yield server
    hold.set()
    server.finish()


@pytest.fixture
def desk(loop: Loop, tmp_path: Path, server: Server) -> Iterator[Desk]:
    desk = Desk(loop, tmp_path, server)
    yield desk
    assert not desk.clock.getDelayedCalls()
    desk.station.stop()


def test_it_says_that_there_is_no_such_method(desk: Desk, server: Server, hold: threading.Event) -> None:
    """As a client does that has none; and nothing of what was asked is on record."""
    hold.set()
    assert desk.decline()
    eventually(desk.ended, "it is over")
    head, _, body = server.told.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /mcp HTTP/1.1\r\n") and b"authorization: Bearer gate" in head
    assert json.loads(body) == {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {"code": -32601, "message": "Method not found"},
    }
    ((opened, closed),) = desk.station.pairs()
    assert (opened["method"], opened["verdict"], opened["principal"]) == (
        "sampling/createMessage", "block", "ci",
    )
    assert closed["outcome"] == "completed"
    assert "secret" not in desk.station.journal.path.read_text()


def test_it_says_that_the_params_are_wrong_where_a_rule_wants_others(
    desk: Desk, server: Server, hold: threading.Event
) -> None:
    """As a client does that has not this mode of elicitation (2025-11-25, "Elicitation")."""
    hold.set()
    assert desk.decline(verdict=evolve(UNLISTED, reason=Reason.POLICY_ARGUMENTS))
    eventually(desk.ended, "it is over")
    assert json.loads(server.told.partition(b"\r\n\r\n")[2])["error"]["code"] == -32602


def test_so_many_are_on_their_way_and_no_more(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is beyond gets no answer: the places are for callers. When the gate stops, they are broken off,
    on record."""
    assert DECLINING_MOST > 2
    monkeypatch.setattr(module, "DECLINING_MOST", 2)
    assert [desk.decline(id) for id in range(3)] == [True, True, False]
    eventually(lambda: server.told, "the first is there")
    desk.loop.call(desk.declining.stop)
    assert [(line["outcome"], line["reason"]) for line in desk.ended()] == [("drained", "gate.draining")] * 2
    assert len(desk.station.records("open")) == 2
    assert desk.decline()
    desk.loop.call(desk.declining.stop)


def test_one_that_takes_too_long_makes_room(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upstream did not take it in time, which is on record."""
    monkeypatch.setattr(module, "DECLINING_MOST", 1)
    assert desk.decline()
    eventually(lambda: server.told, "it is there")
    desk.loop.call(desk.clock.advance, DECLINE_MOST)
    (closed,) = desk.ended()
    assert (closed["outcome"], closed["reason"]) == ("timeout", "upstream.timeout")
    assert desk.decline()
    desk.loop.call(desk.declining.stop)
