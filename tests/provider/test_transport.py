"""A stream as Twisted's transport: what each side is told, and how often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mcpgate.provider.transport import ProviderTransport
from mcpgate.tls.readiness import NEVER
from mcpgate.tls.stream import CLOSED, OPEN

GONE = Failure(ConnectionDone())


class Stream:
    """What a stream is asked to do."""

    def __init__(self) -> None:
        self.owner: Any = None
        self.deadline = 5.0
        self.joins = False
        self.state = OPEN
        self.congested = False
        self.written = b""
        self.done: list[str] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def look(self) -> None:
        """Nothing has arrived."""

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.state = CLOSED
        self.done.append("abort")

    def pause(self) -> None:
        self.done.append("pause")

    def resume(self) -> None:
        self.done.append("resume")


class Hearer(Protocol):
    """A protocol that notes what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.lost: list[Failure] = []

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = GONE) -> None:
        self.lost.append(reason)


@implementer(IPushProducer)
class Source:
    """A body on its way."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class Both:
    """A transport between a stream and a protocol, and what is to be called later."""

    def __init__(self) -> None:
        self.stream: Any = Stream()
        self.protocol = Hearer()
        self.later: list[Callable[[], object]] = []
        self.transport = ProviderTransport(self.stream, "192.0.2.1:443", "127.0.0.1:1", self.later.append, 10)
        self.transport.begin(self.protocol)

    def turn(self) -> None:
        """Another turn of the reactor."""
        calls, self.later = self.later, []
        for call in calls:
            call()


@pytest.fixture
def both() -> Both:
    return Both()


def test_the_stream_is_the_transports(both: Both) -> None:
    assert both.stream.owner is both.transport
    assert both.stream.deadline is NEVER and both.stream.joins
    both.transport.write(b"a")
    both.transport.writeSequence([b"b", b"c"])
    assert both.stream.written == b"abc"
    both.transport.received(b"xyz")
    assert both.protocol.heard == b"xyz"
    assert (str(both.transport.getPeer()), str(both.transport.getHost())) == ("192.0.2.1:443", "127.0.0.1:1")


def test_reading_stops_and_goes_on_with_the_protocol(both: Both) -> None:
    verifyObject(IPushProducer, both.transport)
    both.transport.pauseProducing()
    both.transport.resumeProducing()
    assert both.stream.done == ["pause", "resume"]


def test_a_body_is_held_while_the_peer_reads_slowly(both: Both) -> None:
    source = Source()
    both.transport.registerProducer(source, True)
    both.transport.paused()
    both.transport.resumed()
    assert source.told == ["pause", "resume"]
    both.transport.unregisterProducer()
    both.transport.paused()
    assert source.told == ["pause", "resume"]


def test_a_body_that_comes_while_the_peer_reads_slowly_waits(both: Both) -> None:
    both.stream.congested = True
    source = Source()
    both.transport.registerProducer(source, True)
    assert source.told == ["pause"]


def test_a_body_that_wants_to_be_asked_is_no_body(both: Both) -> None:
    with pytest.raises(ValueError, match="pushed"):
        both.transport.registerProducer(Source(), False)


@pytest.mark.parametrize(("error", "kind"), [(None, ConnectionDone), (OSError(), ConnectionLost)])
def test_the_protocol_hears_once_how_the_peer_ended_it(
    both: Both, error: Exception | None, kind: type[Exception]
) -> None:
    source = Source()
    both.transport.registerProducer(source, True)
    both.transport.lost(error)
    both.transport.loseConnection()
    both.transport.abortConnection()
    both.turn()
    assert [reason.type for reason in both.protocol.lost] == [kind]
    assert both.transport.error is error
    assert source.told == ["stop"]
    late = Source()
    both.transport.registerProducer(late, True)
    assert late.told == ["stop"]


@pytest.mark.parametrize(("close", "kind"), [(True, ConnectionDone), (False, ConnectionAborted)])
def test_the_protocol_hears_later_of_what_it_ended_itself(
    both: Both, close: bool, kind: type[Exception]
) -> None:
    (both.transport.stopProducing if close else both.transport.abortConnection)()
    assert both.protocol.lost == []
    both.transport.lost(OSError())
    both.turn()
    assert [reason.type for reason in both.protocol.lost] == [kind]
    assert both.transport.error is None
    assert both.stream.done == ["close" if close else "abort"]


def test_more_than_is_read_ends_it(both: Both) -> None:
    both.transport.received(b"1234567890")
    both.transport.received(b"1")
    both.turn()
    assert both.transport.flooded
    assert both.protocol.heard == b"1234567890"
    assert both.stream.done == ["abort"]
