"""The story that every client tells through the gate, and what must be true of it afterwards.

Whatever the client, it lists the tools, calls one, calls one that streams its progress, reads a
resource and calls a tool that a rule blocks. What it saw is a L{Story}; C{clients/*.mjs} print one as
JSON.
"""

from collections.abc import Sequence

from attrs import field, frozen

from tests.e2e.lab import GateProcess

PROGRESS = (0, 50, 100)


@frozen
class Story:
    """What a client saw. C{heard}: the progress it was told of while the call had not ended."""

    tools: Sequence[str]
    answer: str
    heard: Sequence[float] = field(converter=tuple)
    slow: str
    resource: str
    blocked: str


def check(story: Story, gate: GateProcess, principal: str, mode: str) -> None:
    """The client got what the server gave, but for what a rule blocks; and the journal tells the same."""
    assert {"get_weather", "slow", "echo"} <= set(story.tools)
    assert story.answer == "sunny in Oslo"
    # The server goes on after the first of them only when the client has heard it: see "slow".
    assert story.heard == PROGRESS
    assert story.slow == "done"
    assert story.resource == "hello resource"
    # The very words of a server that has no such tool.
    assert "Unknown tool: delete_all" in story.blocked
    check_evidence(gate, principal, mode)


def check_evidence(gate: GateProcess, principal: str, mode: str) -> None:
    """Each exchange was opened and closed after the handshakes that it names, and both were verified."""
    exchanges = gate.settled(principal=principal)
    journal = gate.journal()
    place = {(record["type"], record["id"]): number for number, record in enumerate(journal)}
    for exchange in exchanges:
        opened, closed = place["open", exchange["id"]], place["close", exchange["id"]]
        inbound = place["handshake", exchange["inbound"]]
        assert inbound < opened < closed
        assert journal[inbound]["leg"] == "inbound"
        assert journal[inbound]["outcome"] == "ok"
        assert journal[inbound]["handshake"]["version"] == "TLSv1.3"
        if exchange["verdict"] == "block":
            assert exchange["outbound"] is None
            continue
        outbound = place["handshake", exchange["outbound"]]
        assert outbound < opened
        assert journal[outbound]["leg"] == "outbound"
        assert journal[outbound]["outcome"] == "ok"
        assert journal[outbound]["handshake"]["pinned"] is True
        assert journal[outbound]["handshake"]["group"] == "X25519MLKEM768"

    posts = [one for one in exchanges if one["http"] == "POST"]
    methods = [one["method"] for one in posts]
    # The server speaks both eras, so a client that may choose finds the modern one.
    assert ("initialize" in methods) == (mode == "legacy")
    assert mode != "auto" or methods[0] == "server/discover"
    calls = {one["name"]: one for one in posts if one["method"] == "tools/call"}
    assert set(calls) == {"get_weather", "slow", "delete_all"}
    assert calls["get_weather"]["rule"] == "all"
    assert calls["delete_all"]["verdict"] == "block"
    assert calls["delete_all"]["rule"] == "never-delete"
    assert calls["delete_all"]["reason"] == "policy.blocked"
    assert [one["name"] for one in posts if one["method"] == "resources/read"] == ["note://hello"]


def check_turned_away(error: str, gate: GateProcess) -> None:
    """A caller without a token was told how to get in; nothing was sent on."""
    assert "mcpgate token issue" in error
    latest = gate.exchange(principal=None)
    assert (latest["status"], latest["reason"]) == (401, "auth.missing")
    assert latest["outbound"] is None
