"""When an answer does not reach its end, no caller can take what there is of it for the whole."""

from http.client import IncompleteRead
from threading import Event

import pytest

from mcpgate.testing import TLSPeer
from tests.e2e.caller import PATIENCE, Caller, call
from tests.e2e.lab import Lab
from tests.e2e.recording import Received, RecordingUpstream

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

#: A hundred bytes are promised, seven are sent; chunks without a last one; a body that ends with the
#: connection, which is not ended in good order.
LENGTH = HEAD + b"content-length: 100\r\n\r\n" + b'{"half"'
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n" + b'7\r\n{"half"\r\n'
CLOSE = HEAD + b"\r\n" + b'{"half"'


@pytest.mark.parametrize("half", [LENGTH, CHUNKED, CLOSE], ids=["length", "chunked", "close"])
def test_an_upstream_that_breaks_off(lab: Lab, half: bytes) -> None:
    """Its connection ends inside the answer; so does the caller's."""

    def reply(peer: TLSPeer, request: Received) -> None:
        peer.send(half)
        raise ConnectionError("on purpose")

    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
        Caller(gate) as caller,
    ):
        with pytest.raises((IncompleteRead, ConnectionError, OSError)):
            caller.post(call("any")).read()
        exchange = gate.exchange(method="tools/call")
        assert (exchange["outcome"], exchange["reason"]) == ("upstream_truncated", "upstream.truncated")


def test_an_upstream_that_stalls(lab: Lab) -> None:
    """A body whose length is known and that does not go on is given up after the answer timeout."""
    over = Event()

    def reply(peer: TLSPeer, request: Received) -> None:
        peer.send(LENGTH)
        over.wait(PATIENCE)

    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port, "answer_timeout": "500ms"}) as gate,
        Caller(gate) as caller,
    ):
        with pytest.raises((IncompleteRead, OSError)):
            caller.post(call("any")).read()
        over.set()
        exchange = gate.exchange(method="tools/call")
        assert (exchange["outcome"], exchange["reason"]) == ("timeout", "upstream.timeout")


def test_an_upstream_that_never_begins(lab: Lab) -> None:
    """Where nothing was sent yet, the caller gets an answer that says so."""
    over = Event()

    def reply(peer: TLSPeer, request: Received) -> None:
        over.wait(PATIENCE)

    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port, "answer_timeout": "500ms"}) as gate,
        Caller(gate) as caller,
    ):
        response = caller.post(call("any"))
        assert response.status == 504
        assert b"did not answer in time" in response.read()
        over.set()
