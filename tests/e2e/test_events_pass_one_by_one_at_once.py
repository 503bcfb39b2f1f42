"""An event of a stream is with the caller before the upstream has made the next one."""

from threading import Event

from mcpgate.testing import TLSPeer
from tests.e2e.caller import PATIENCE, Caller, call
from tests.e2e.lab import Lab
from tests.e2e.recording import RESULT, Received, RecordingUpstream

NOTE = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":%d}}'
EVENTS = [
    b"event: message\r\ndata: %b\r\n\r\n" % message
    for message in (*(NOTE % number for number in range(5)), RESULT)
]

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"


def test_each_event_arrives_before_the_next_is_sent(lab: Lab) -> None:
    """The upstream waits after each event until the caller has it, so a held back one ends the test."""
    arrived = [Event() for _ in EVENTS]

    def reply(peer: TLSPeer, request: Received) -> None:
        peer.send(STREAM + b"transfer-encoding: chunked\r\n\r\n")
        for event, known in zip(EVENTS, arrived, strict=True):
            peer.send(b"%x\r\n%b\r\n" % (len(event), event))
            if not known.wait(PATIENCE):
                raise ConnectionError("the event was held back")
        peer.send(b"0\r\n\r\n")

    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
        Caller(gate) as caller,
    ):
        response = caller.post(call("any"))
        for event, known in zip(EVENTS, arrived, strict=True):
            assert response.read(len(event)) == event
            known.set()
        assert response.read() == b""
        assert gate.exchange(method="tools/call")["outcome"] == "completed"


def test_the_head_arrives_before_the_first_event(lab: Lab) -> None:
    """A stream that has nothing to say yet is a stream already; its end is the connection's here."""
    begun = Event()

    def reply(peer: TLSPeer, request: Received) -> None:
        peer.send(STREAM + b"\r\n")
        if begun.wait(PATIENCE):
            peer.send(EVENTS[-1])
        peer.close()

    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
        Caller(gate) as caller,
    ):
        response = caller.post(call("any"))
        assert response.getheader("content-type") == "text/event-stream"
        begun.set()
        assert response.read() == EVENTS[-1]
