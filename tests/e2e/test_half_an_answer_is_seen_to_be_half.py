"""When an answer does not reach its end, no caller can take what there is of it for the whole."""

import json
from http.client import HTTPResponse, IncompleteRead
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

#: A stream with one event, and half of the one that would bring the answer.
EVENT = b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n'
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM += b"%x\r\n%b\r\n" % (len(EVENT), EVENT) + b'14\r\ndata: {"jsonrpc":"2.\r\n'


def told(response: HTTPResponse) -> tuple[int, int, str]:
    """An error: the status, the id of the request that it is about, and its reason."""
    answer = json.loads(response.read())
    return response.status, answer["id"], answer["error"]["data"]["reason"]


@pytest.mark.parametrize("half", [LENGTH, CHUNKED, CLOSE], ids=["length", "chunked", "close"])
def test_an_upstream_that_breaks_off(lab: Lab, half: bytes) -> None:
    """Its connection ends inside an answer of which nothing was passed on: the caller gets an error."""

    def reply(peer: TLSPeer, request: Received) -> None:
        peer.send(half)
        raise ConnectionError("on purpose")

    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
        Caller(gate) as caller,
    ):
        assert told(caller.post(call("any"))) == (502, 1, "upstream.truncated")
        exchange = gate.exchange(method="tools/call")
        assert (exchange["outcome"], exchange["reason"]) == ("upstream_truncated", "upstream.truncated")


def test_an_upstream_that_breaks_off_a_stream(lab: Lab) -> None:
    """Its connection ends inside an event; so does the caller's, behind the last one that was whole."""

    def reply(peer: TLSPeer, request: Received) -> None:
        peer.send(STREAM)
        raise ConnectionError("on purpose")

    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
        Caller(gate) as caller,
    ):
        response = caller.post(call("any"))
        assert response.read(len(EVENT)) == EVENT
        with pytest.raises((IncompleteRead, ConnectionError, OSError)):
            response.read()
        exchange = gate.exchange(method="tools/call")
        assert (exchange["outcome"], exchange["reason"]) == ("upstream_truncated", "upstream.truncated")
        assert exchange["bytes_out"] == len(EVENT)


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
        assert told(caller.post(call("any"))) == (504, 1, "upstream.timeout")
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
