"""A head that was judged is not judged again, for whoever sends it, while nothing changed."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from mcpgate.identity.bound import Bound
from mcpgate.identity.issued import TokenFile
from mcpgate.relay import inbound
from mcpgate.relay.heads import HEAD_MOST, Heads
from tests.running import World, call


def admission(generation: object = None, tokens: object = None) -> Any:
    """As much of an admission as matters here."""
    return SimpleNamespace(generation=generation, accepts=tokens)


def test_what_is_remembered_is_bounded() -> None:
    """In number and in size; those in use come again."""
    heads = Heads(2)
    for before in (b"a", b"b", b"c"):
        heads.remember(before, b"-", admission())
    assert list(heads) == [b"c-"]
    heads.remember(b"x" * HEAD_MOST, b"-", admission())
    assert list(heads) == [b"c-"]


def test_what_was_judged_by_other_tokens_or_rules_is_let_go() -> None:
    """It is of no use any more, and holds on to all that it was judged by."""
    heads = Heads(10)
    heads.remember(b"a", b"-", admission("1", "old"))
    heads.remember(b"b", b"-", admission("1", "new"))
    assert list(heads) == [b"b-"]
    heads.remember(b"c", b"-", admission("2", "new"))
    assert list(heads) == [b"c-"]


def test_callers_share_what_was_judged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second connection's first request costs a look-up."""
    read: list[bytes] = []
    original = inbound.read_request_head

    def reading(raw: bytes) -> Any:
        read.append(raw)
        return original(raw)

    monkeypatch.setattr(inbound, "read_request_head", reading)
    world.start()
    for number in (1, 22, 333):
        with world.caller() as caller:
            assert caller.post(call("get_x", id=number)).json()[1]["id"] == number
    assert len(read) == 1


def test_the_trace_of_a_request_is_carried_and_recorded_and_nothing_is_judged_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is another one each time, wherever it stands; without one there is none, also not the one before."""
    read: list[bytes] = []
    original = inbound.read_request_head

    def reading(raw: bytes) -> Any:
        read.append(raw)
        return original(raw)

    monkeypatch.setattr(inbound, "read_request_head", reading)
    world.start()
    traces = [f"00-{'0af7651916cd43dd8448eb211c80319c'}-{number:016x}-01" for number in range(1, 6)]
    with world.caller() as caller:
        for number, trace in enumerate(traces):
            caller.post(call("get_x", id=number), f"traceparent: {trace}", f"tracestate: us={number}")
            assert caller.json()[1]["id"] == number
    assert len(read) == 1
    with world.caller() as caller:
        assert caller.post(call("get_x", id=7)).json()[1]["id"] == 7
        # Written as no client does: it costs a reading, and means the same.
        caller.post(call("get_x", id=8), f"TRACEPARENT: {traces[0]}")
        assert caller.json()[1]["id"] == 8
        caller.post(call("get_x", id=9), f"traceparent: {traces[0]}0", "tracestate: us=9")
        assert caller.json()[1]["id"] == 9
    assert len(read) == 3
    seen = [request.headers for request in world.upstream.requests]
    assert [one.get(b"traceparent") for one in seen] == [
        *(trace.encode() for trace in traces), None, traces[0].encode(), None
    ]
    assert [one.get(b"tracestate") for one in seen] == [*(b"us=%d" % n for n in range(5)), None, None, None]
    world.closes(8)
    opened = world.records("open")
    assert [one.get("trace") for one in opened] == [*traces, None, traces[0], None]
    assert ["trace" in one for one in opened] == [True] * 5 + [False, True, False]


def test_a_head_is_not_good_for_a_connection_that_was_opened_for_another_name(world: World) -> None:
    """What was judged for one server name says nothing of another's (RFC 9110 7.4)."""
    world.start()
    with world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 200
    with world.caller(sni="gate.test") as caller:
        assert caller.post(call("get_x")).json()[0] == 421
    with world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 200


def test_a_token_that_is_bound_to_addresses_is_judged_for_each_connection(world: World) -> None:
    """From another address the same head is refused, also right after it was good; others share as ever."""
    bound = Bound.to(addresses=["127.0.0.1"])
    ours, theirs = world.token, world.issued_file.issue("near", 60.0, time.time(), bound=bound)[1]
    world.start()
    shared = world.listening.heads

    def status(source: str) -> int:
        with world.caller(source=source) as caller:
            first = int(caller.post(call("get_x")).json()[0])
            # What is refused ends the connection.
            assert first == 401 or caller.post(call("get_x", id=22)).json()[0] == first
            return first

    world.token = theirs
    assert [status(source) for source in ("127.0.0.1", "127.0.0.2", "127.0.0.1")] == [200, 401, 200]
    assert not shared
    world.token = ours
    assert [status(source) for source in ("127.0.0.1", "127.0.0.2")] == [200, 200]
    assert len(shared) == 1
    refused = [record for record in world.records("close") if record["reason"] == "auth.place"]
    assert len(refused) == 1


def test_a_token_that_is_revoked_is_not_remembered_as_good(world: World) -> None:
    """Neither on the connection that it was good on, nor on the next."""
    world.start()
    with world.caller() as first, world.caller() as second:
        assert first.post(call("get_x")).json()[0] == 200
        assert second.post(call("get_x")).json()[0] == 200
        TokenFile(world.state / "tokens.json").revoke("ci", 1.0)
        assert world.gate is not None
        world.loop.call(world.gate.take_up_tokens)
        assert first.post(call("get_x")).json()[0] == 401
        assert second.post(call("get_x")).json()[0] == 401


@pytest.mark.parametrize("length", ["007", "+7", "7 ", "0", "", "1234567890", "7\r\nContent-Length: 7"])
def test_only_the_digits_of_a_length_may_differ(world: World, length: str) -> None:
    """Whatever else stands in their place is judged as if nothing had been before it."""
    world.start()
    with world.caller() as caller:
        good = world.post(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
        assert caller.send(good).answer()[0] == 200
        assert caller.send(good).answer()[0] == 200
        bad = good.replace(b"Content-Length: 40", b"Content-Length: " + length.encode())
        status = caller.send(bad).answer()[0]
        assert status == (413 if len(length) == 10 else 400)
    assert len(world.upstream.requests) == 2
