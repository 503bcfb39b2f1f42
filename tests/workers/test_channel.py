"""The channel between a supervisor and a worker: its bytes, its answers, and sockets over it."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mcpgate.workers.channel import Channel, ChannelError, Silent, Verb, attach
from tests.running import Loop
from tests.waiting import eventually


def framed(message: object) -> bytes:
    """A message as it is on the wire."""
    octets = json.dumps(message).encode()
    return struct.pack("!I", len(octets)) + octets


def messages(transport: StringTransport) -> list[Any]:
    """What was sent, message by message."""
    rest, found = transport.value(), []
    while rest:
        (length,) = struct.unpack("!I", rest[:4])
        found.append(json.loads(rest[4 : 4 + length]))
        rest = rest[4 + length :]
    transport.clear()
    return found


class End:
    """One end of a channel in memory."""

    def __init__(self, verbs: Mapping[str, Verb] | None = None) -> None:
        self.clock = Clock()
        self.gone = 0
        self.channel = Channel(self.clock, verbs or {}, self._gone)
        self.transport = StringTransport()
        self.channel.makeConnection(self.transport)

    def _gone(self) -> None:
        self.gone += 1


def outcome(deferred: Deferred[Any]) -> list[Any]:
    """What a Deferred has fired with so far; a failure as its exception."""
    results: list[Any] = []
    deferred.addBoth(lambda result: results.append(result.value if isinstance(result, Failure) else result))
    return results


def test_a_question_is_answered_by_its_number() -> None:
    """Also when the answers come in another order."""
    end = End()
    first = outcome(end.channel.ask("one", within=5, a=1))
    second = outcome(end.channel.ask("two", within=5))
    assert messages(end.transport) == [
        {"ask": 1, "verb": "one", "with": {"a": 1}, "descriptors": 0},
        {"ask": 2, "verb": "two", "with": {}, "descriptors": 0},
    ]
    end.channel.dataReceived(framed({"answer": 2, "result": {"b": 2}}))
    assert (first, second) == ([], [{"b": 2}])
    end.channel.dataReceived(framed({"answer": 1, "error": "no"}))
    assert isinstance(first[0], ChannelError) and not isinstance(first[0], Silent)
    assert str(first[0]) == "no"
    assert not end.clock.getDelayedCalls()


def test_a_message_may_come_byte_by_byte() -> None:
    """A stream has no messages of its own."""
    told: list[int] = []
    end = End({"count": lambda *, number: told.append(number)})
    for octet in framed({"tell": "count", "with": {"number": 7}}) * 2:
        end.channel.dataReceived(bytes([octet]))
    assert told == [7, 7]
    assert messages(end.transport) == []


def test_a_verb_answers_at_once_or_later_or_refuses() -> None:
    """Whatever it does, there is exactly one answer; a bug is told as one, and logged."""
    later: Deferred[Mapping[str, Any]] = Deferred()

    async def wait() -> Mapping[str, Any]:
        return await later

    def refuse() -> None:
        raise ChannelError("not today")

    end = End({"now": lambda: {"x": 1}, "wait": wait, "refuse": refuse, "bug": lambda: 1 / 0})  # type: ignore[dict-item,return-value]
    for number, verb in enumerate(("now", "wait", "refuse", "bug", "unknown")):
        end.channel.dataReceived(framed({"ask": number, "verb": verb, "with": {}, "descriptors": 0}))
    assert messages(end.transport) == [
        {"answer": 0, "result": {"x": 1}},
        {"answer": 2, "error": "not today"},
        {"answer": 3, "error": "failed at bug; the log says why"},
        {"answer": 4, "error": "does not know unknown"},
    ]
    later.callback({"y": 2})
    assert messages(end.transport) == [{"answer": 1, "result": {"y": 2}}]


def test_who_does_not_answer_in_time_is_silent() -> None:
    """What it answers afterwards is nobody's any more."""
    end = End()
    asked = outcome(end.channel.ask("status", within=2))
    end.clock.advance(1.9)
    assert asked == []
    end.clock.advance(0.2)
    assert isinstance(asked[0], Silent)
    end.channel.dataReceived(framed({"answer": 1, "result": {}}))
    assert len(asked) == 1


def test_who_is_gone_answers_nothing_more() -> None:
    """Neither what was asked nor what is asked now is waited for."""
    end = End()
    asked = outcome(end.channel.ask("status", within=2))
    end.channel.connectionLost()
    later = outcome(end.channel.ask("status", within=2))
    end.channel.tell("log", text="unheard")
    assert isinstance(asked[0], Silent) and isinstance(later[0], Silent)
    assert end.gone == 1
    assert not end.clock.getDelayedCalls()


@pytest.mark.parametrize(
    "octets",
    [
        framed([]),
        framed({"ask": "1", "verb": "x", "with": {}, "descriptors": 0}),
        framed({"ask": 1, "verb": "x", "with": {}, "descriptors": 1}),
        framed({"order": "x"}),
        b"\x00\x00\x00\x02{]",
        b"\xff\xff\xff\xff",
    ],
)
def test_what_makes_no_sense_ends_the_channel(octets: bytes) -> None:
    """Both ends are of one program: guessing would make it worse."""
    end = End({"x": lambda **_: {}})
    end.channel.dataReceived(octets)
    assert end.transport.disconnecting or end.transport.disconnected or end.transport.aborting
    assert messages(end.transport) == []


# Descriptors, which only travel over a real socket.


class Pair:
    """Both ends, on a reactor that runs."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.received: list[socket.socket] = []
        self.gone: list[str] = []
        ours, theirs = socket.socketpair()
        self.ours = Channel(loop.reactor, {}, lambda: self.gone.append("ours"))
        self.theirs = Channel(loop.reactor, {"take": self.take}, lambda: self.gone.append("theirs"))
        loop.call(attach, loop.reactor, self.ours, ours)
        loop.call(attach, loop.reactor, self.theirs, theirs)

    def take(self, *, names: list[str], descriptors: tuple[int, ...] = ()) -> Mapping[str, Any]:
        self.received += [socket.socket(fileno=each) for each in descriptors]
        return {"names": names}


@pytest.fixture
def pair(loop: Loop) -> Iterator[Pair]:
    pair = Pair(loop)
    yield pair
    loop.call(pair.ours.close)
    eventually(lambda: sorted(pair.gone) == ["ours", "theirs"], "both ends see the end")
    for sock in pair.received:
        sock.close()


def test_sockets_arrive_with_the_question_that_needs_them(loop: Loop, pair: Pair) -> None:
    """In order, not to be inherited by accident, and the sender may close its own at once."""
    made = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    addresses = [sock.getsockname() for sock in made]

    def ask() -> Deferred[Any]:
        pair.ours.ask("take", within=5, names=["none"])
        asked = pair.ours.ask(
            "take", within=5, names=["a", "b"], descriptors=[sock.fileno() for sock in made[:2]]
        )
        pair.ours.ask("take", within=5, names=["c"], descriptors=[made[2].fileno()])
        for sock in made:
            sock.close()
        return asked

    assert loop.call(ask) == {"names": ["a", "b"]}
    eventually(lambda: len(pair.received) == 3, "all are there")
    assert [sock.getsockname() for sock in pair.received] == addresses
    assert not any(os.get_inheritable(sock.fileno()) for sock in pair.received)


def test_a_large_message_goes_through_whole(loop: Loop, pair: Pair) -> None:
    """A configuration may have a MiB, and its sockets come along all the same."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        names = ["x" * 1000] * 2000
        facts = loop.call(pair.ours.ask, "take", within=5, names=names, descriptors=[sock.fileno()])
        assert facts == {"names": names}
        assert pair.received[0].getsockname() == sock.getsockname()
