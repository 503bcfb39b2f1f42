"""Held calls of several workers: one docket in the supervisor, whichever worker a caller comes to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcpgate.ops.control import ControlError
from mcpgate.relay.listener import Listening
from tests.journals import records_by_worker
from tests.relay.test_holding import (
    HOLD,
    STREAMS,
    answered,
    asked,
    come_back,
    held,
    messages,
    reason_in,
    the_one,
    verb,
)
from tests.running import Caller, World, call
from tests.waiting import PATIENCE, eventually
from tests.workers.crew import Member, Watched, watched


@pytest.fixture
def crew(world: World) -> Iterator[Watched]:
    base = world.config
    world.config = lambda **tables: base(more=HOLD, gate='watch = "1h"\nworkers = 2')  # type: ignore
    with watched(world) as running:
        yield running


def at(crew: Watched, number: int) -> tuple[Caller, Member]:
    """A caller of that worker: the others do not accept while it comes."""
    others = [crew.member(other) for other in numbers(crew) if other != number]
    crew.loop.call(lambda: [one._pause(PATIENCE) for other in others for one in listenings(other)])
    caller = crew.world.caller()
    caller.post(call("get_x")).answer()
    crew.loop.call(lambda: [one.overdue() for other in others for one in listenings(other)])
    member = crew.member(number)
    assert any(one.connections for one in listenings(member))
    return caller, member


def listenings(member: Member) -> list[Listening]:
    serving = member.worker._serving
    assert serving is not None
    return list(serving.listenings.values())


def numbers(crew: Watched) -> list[int]:
    return [one["number"] for one in crew.status()["workers"]]


def test_a_call_held_by_either_worker_can_be_approved(crew: Watched) -> None:
    """The same verbs; the record is in the journal of the worker that serves the caller."""
    for number in numbers(crew):
        caller, _ = at(crew, number)
        with caller:
            caller.post(call("get_held", path="/x"), STREAMS)
            hold = the_one(crew.world)
            assert verb(crew.world, "approve", id=hold, reason="ok")["decided"] == "approved"
            assert answered(caller)[1]["result"] == {}
        lines = records_by_worker(crew.world.state)[number]
        assert [line["hold"] for line in lines if line["type"] == "decision"] == [hold]
        assert held(crew.world) == []


def test_whoever_comes_back_to_another_worker_finds_the_approval(crew: Watched) -> None:
    """Once: neither worker lets it pass again. Also if it comes before it is decided."""
    first_number, second_number = numbers(crew)
    caller, _ = at(crew, first_number)
    with caller:
        first = caller.post(*asked(crew.world)).json()[1]
        hold = the_one(crew.world)
        other, _ = at(crew, second_number)
        with other:
            other.post(*come_back(first))
            verb(crew.world, "approve", id=hold)
            assert answered(other, 2)[1]["result"] == {}
            assert "policy.undecided" in reason_in(other.post(*come_back(first)).json()[1])
        assert "policy.undecided" in reason_in(caller.post(*come_back(first)).json()[1])


def test_a_cancel_that_comes_to_another_worker_withdraws_the_call(crew: Watched) -> None:
    """Clients send it by a connection of its own."""
    first_number, second_number = numbers(crew)
    caller, _ = at(crew, first_number)
    other, _ = at(crew, second_number)
    with caller, other:
        caller.post(call("get_held", id=5), STREAMS).read_head()
        the_one(crew.world)
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
        assert other.post(note).answer()[0] == 202
        (answer,) = messages(caller.read_body({b"transfer-encoding": b"chunked"}))
        assert "policy.undecided" in reason_in(answer)


def test_the_end_of_a_worker_ends_its_holds_and_leaves_those_that_come_back(crew: Watched) -> None:
    """What waited on its connections is over; what comes back is approved by the other one's pen."""
    number = numbers(crew)[0]
    caller, member = at(crew, number)
    with caller:
        first = caller.post(*asked(crew.world)).json()[1]
        (returning,) = held(crew.world)
        caller.post(call("get_held", id=3), STREAMS).read_head()
        eventually(lambda: len(held(crew.world)) == 2, "both wait")
        crew.loop.call(member.die)
        (left,) = eventually(lambda: len(held(crew.world)) == 1 and held(crew.world), "one is over")
        assert left["id"] == returning["id"]
    crew.settled()
    verb(crew.world, "approve", id=left["id"])
    with crew.world.caller() as again:
        assert again.post(*come_back(first)).json()[1]["result"] == {}


def test_a_worker_that_does_not_write_lets_nothing_pass(crew: Watched) -> None:
    """Nor does one that does not answer whether it did."""
    number = numbers(crew)[0]
    caller, member = at(crew, number)
    with caller:
        caller.post(call("get_held"), STREAMS)
        hold = the_one(crew.world)
        member.refuses["hold_record"] = "cannot"
        with pytest.raises(ControlError, match="could not be written"):
            verb(crew.world, "approve", id=hold)
        member.refuses.clear()
        verb(crew.world, "deny", id=hold)
        assert "policy.denied" in reason_in(answered(caller)[1])


def test_workers_that_are_told_to_stop_refuse_what_they_hold(crew: Watched) -> None:
    """At once, and the stop finishes."""
    caller, _ = at(crew, numbers(crew)[0])
    with caller:
        caller.post(call("get_held"), STREAMS).read_head()
        the_one(crew.world)
        assert crew.stop() is True
        (answer,) = messages(caller.read_body({b"transfer-encoding": b"chunked"}))
        assert "policy.undecided" in reason_in(answer)
    made = [request for request in crew.world.upstream.requests if b"get_held" in request.body]
    assert made == []


def test_a_docket_that_is_full_refuses_with_its_reason(crew: Watched) -> None:
    """Over the channel as in one process."""
    caller, _ = at(crew, numbers(crew)[0])
    with caller:
        for number in range(32):
            message, *lines = asked(crew.world)
            message["params"]["arguments"] = {"n": number}
            assert caller.post(message, *lines).json()[1]["result"]["resultType"] == "input_required"
        text = reason_in(caller.post(*asked(crew.world)).json()[1])
        assert "policy.undecided" in text and "Retry after 60 seconds" in text
