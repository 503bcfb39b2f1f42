"""Records for tests to ask: told by a gate, or read from where it keeps them."""

from __future__ import annotations

from mcpgate.testing import Evidence
from tests.running import World, call


def test_what_is_told_is_what_is_read(world: World) -> None:
    """By the callback while it runs, and off its state directory; the questions are the same."""
    gate = world.start().gate
    assert gate is not None
    told = Evidence()
    world.loop.call(gate.on_evidence, told)
    with world.caller() as caller:
        caller.post(call("get_x")).answer()
        caller.post(call("get_secret")).answer()
        caller.post(call("get_x"), token=False).answer()
    world.closes(3)
    world.wait_for(lambda: len(told.find("close")) == 3)
    read = Evidence.read(world.state)
    assert [one.outcome for one in read.exchanges()] == ["completed", "refused", "refused"]
    assert [one.reason for one in told.exchanges()] == [None, "policy.blocked", "auth.missing"]
    assert told.refused() == read.refused() == ["policy.blocked", "auth.missing"]
    assert told.records == read.records[-len(told.records) :]
    (done,) = told.find("close", outcome="completed")
    assert told.find(id=done["id"]) == [told.exchanges()[0].opened, done]


def test_an_exchange_that_goes_on_has_no_end() -> None:
    """Nor an outcome, or a reason."""
    evidence = Evidence()
    evidence({"type": "open", "id": "x1"})
    (one,) = evidence.exchanges()
    assert (one.closed, one.outcome, one.reason) == (None, None, None)
    assert evidence.find("open", nothing=None) == []
