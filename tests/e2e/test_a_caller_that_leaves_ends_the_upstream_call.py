"""A closed connection is how 2026-07-28 cancels, so it must not end at the gate."""

from threading import Event
from uuid import uuid4

from mcpgate.testing import TLSPeer
from tests.e2e.caller import PATIENCE, Caller, call
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.recording import Received, RecordingUpstream
from tests.waiting import eventually


def test_the_tool_is_cancelled(gate: GateProcess, weather: McpServer) -> None:
    """The official SDK's server cancels the tool of a caller that left in the middle of its stream."""
    fate = weather.directory / uuid4().hex
    with Caller(gate) as caller:
        response = caller.post(call("linger", {"ticket": fate.name}))
        while b"begun" not in response.readline():
            pass
        assert not fate.exists()
        caller.leave()
        eventually(fate.exists, "the server cancels the tool")
    assert gate.exchange(name="linger")["outcome"] == "client_gone"


def test_a_call_without_an_answer_yet_is_ended_too(lab: Lab) -> None:
    """Before the first byte of an answer the upstream sees its connection end as well."""
    asked, ended = Event(), Event()

    def reply(peer: TLSPeer, request: Received) -> None:
        asked.set()
        try:
            peer.receive()
        finally:
            ended.set()

    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
    ):
        with Caller(gate) as caller:
            caller.begin(call("any"))
            assert asked.wait(PATIENCE)
            caller.leave()
            assert ended.wait(PATIENCE)
        exchange = gate.exchange(method="tools/call")
        assert (exchange["outcome"], exchange["status"]) == ("client_gone", None)
