"""The law, through a running gate: what is forwarded is exactly what was judged, else the upstream saw
nothing; and what the upstream says arrives as it said it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcpgate.reasons import Refusal
from mcpgate.wire.jsonrpc import Message, parse
from tests.running import STREAM, Caller, Loop, Request, World, sized, started
from tests.wire import json_texts

#: One gate serves all examples of a test.
THROUGH_ONE_GATE = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

LATEST = "MCP-Protocol-Version: 2025-11-25"


@pytest.fixture
def world(loop: Loop, tmp_path: Path) -> Iterator[World]:
    """A gate that is running, with room for 10 MB and a little."""
    limits = '[limits]\nbody_size = "11MiB"\nanswer_size = "11MiB"\nevent_size = "11MiB"\n'
    with started(loop, tmp_path, more=limits) as world:
        yield world


@pytest.fixture
def caller(world: World) -> Iterator[Caller]:
    with world.caller() as caller:
        yield caller


def call(arguments: bytes, id: bytes = b"1") -> bytes:
    return (
        b'{"jsonrpc":"2.0","id":%b,"method":"tools/call","params":{"name":"get_x","arguments":{"v":%b}}}'
        % (id, arguments)
    )


def answers(body: bytes) -> Any:
    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(sized(len(body)) + body)

    return behave


def test_any_json_within_the_limits_arrives_as_it_was_sent(world: World, caller: Caller) -> None:
    """In both directions: big integers, 1.10, 1e2, U+2028, escapes or none, white space."""

    @given(json_texts.VALUES)
    @THROUGH_ONE_GATE
    def arrives(value: bytes) -> None:
        answer = b'{"jsonrpc":"2.0","id":1,"result":{"v":%b}}' % value
        world.upstream.behave = answers(answer)
        assert caller.post(call(value), LATEST).answer()[::2] == (200, answer)
        assert world.upstream.requests.pop().body == call(value)

    arrives()


@pytest.mark.parametrize("text", [b"x", b"\\n", "\u2028".encode(), b"\\ud83d\\ude00", b'\\"'])
def test_a_string_of_ten_megabytes_arrives_as_it_was_sent(world: World, caller: Caller, text: bytes) -> None:
    """In both directions, and in an event, where the limits are raised for it."""
    value = b'"%b"' % (text * (10_000_000 // len(text)))
    answer = b'{"jsonrpc":"2.0","id":1,"result":{"v":%b}}' % value
    world.upstream.behave = answers(answer)
    status, _, got = caller.post(call(value), LATEST).answer()
    assert status == 200
    assert got == answer
    assert world.upstream.requests[0].body == call(value)


def test_a_string_of_ten_megabytes_arrives_in_an_event(world: World, caller: Caller) -> None:
    """Held until it is whole, and no longer."""
    event = b'id: 1\ndata: {"jsonrpc":"2.0","id":1,"result":{"v":"%b"}}\n\n' % (b"x" * 10_000_000)

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + b"%x\r\n%b\r\n0\r\n\r\n" % (len(event), event))

    world.upstream.behave = behave
    _, headers = caller.post(call(b"1"), LATEST).read_head()
    pieces = []
    while piece := caller.read_chunk():
        pieces.append(piece)
    assert b"".join(pieces) == event


BODIES = st.one_of(
    json_texts.VALUES.map(call),
    json_texts.VALUES,
    st.sampled_from(
        [
            call(b"1", id=b"null"),
            call(b"1").replace(b"get_x", b"get_secret"),
            b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
            b'{"jsonrpc":"2.0","id":"s","result":{}}',
            b"[%b,%b]" % (call(b"1"), call(b"2", id=b"2")),
        ]
    ),
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Messages, and what becomes of them when some of their bytes are others."""
    raw = bytearray(draw(BODIES))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 5]))):
        at = draw(st.integers(0, len(raw)))
        what = st.sampled_from(
            [b"", b'"', b"\\", b"\x00", b"\xff", b",", b"}", b"]", b'"name":"rm",', b'"\\u006eame":1,']
        )
        raw[at : at + draw(st.integers(0, 3))] = draw(what)
    return bytes(raw)


def test_what_is_forwarded_is_what_was_judged_else_the_upstream_sees_nothing(
    world: World, caller: Caller
) -> None:
    """Whatever a caller sends: either the very bytes arrive, which readers understand alike, or none."""
    world.upstream.behave = lambda sock, request: sock.sendall(sized(0))
    forwarded = refused = 0

    @given(bodies())
    @settings(THROUGH_ONE_GATE, max_examples=400)
    def holds(body: bytes) -> None:
        nonlocal forwarded, refused
        before = world.upstream.received
        if not body:
            return
        status, _, answer = caller.post(body, LATEST).answer()
        if world.upstream.received == before:
            refused += 1
            assert world.upstream.requests == []
            assert status >= 400 or b'"error"' in answer or status == 202, (status, answer)
            return
        forwarded += 1
        assert world.upstream.requests.pop().body == body
        found = parse(body)
        assert isinstance(found, Message), found
        if found.method == "tools/call":
            assert json.loads(body)["params"]["name"].startswith("get_")

    holds()
    # Both happen, so both are shown.
    assert forwarded > 20 and refused > 20


@pytest.mark.parametrize("half", [b"\\ud800", b"\\udc00", b"\\ud800\\u0041", b"\xed\xa0\x80"])
def test_half_a_surrogate_pair_reaches_nobody(world: World, caller: Caller, half: bytes) -> None:
    """In neither direction."""
    status, answer = caller.post(call(b'"%b"' % half), LATEST).json()
    assert (status, answer["error"]["data"]["reason"]) == (400, "frame.json")
    assert world.upstream.received == 0
    world.upstream.behave = answers(b'{"jsonrpc":"2.0","id":1,"result":{"v":"%b"}}' % half)
    status, _, got = caller.post(call(b"1"), LATEST).answer()
    assert status == 502 and half not in got and isinstance(parse(got), Message | Refusal)


EVENTS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b": ping\n\n",
                b":\r\n",
                b"retry: 3000\n\n",
                b"id: 7\ndata: \n\n",
                b"id\n\n",
                b"\n",
                b"\r\n\r",
                b"x-own: 1\r\r",
            ]
        ),
        st.builds(
            lambda head, value, end: head.replace(b"\n", end) % value.replace(b"\n", b" ") + end + end,
            st.sampled_from(
                [
                    b'data: {"jsonrpc":"2.0","method":"notifications/x","params":{"v":%b}}',
                    b'id: 1\nevent: message\ndata:{"jsonrpc":"2.0",\ndata:"method":"a","params":{"v":%b}}',
                ]
            ),
            json_texts.VALUES,
            st.sampled_from([b"\n", b"\r\n", b"\r"]),
        ),
    ),
    max_size=8,
)


def test_any_stream_cut_anywhere_arrives_to_the_byte(world: World, caller: Caller) -> None:
    """Of whole events that may be said; an unfinished one at its end does not arrive."""

    @given(EVENTS, st.lists(st.floats(0, 1), max_size=5), st.sampled_from([b"", b"data: half", b"id: 7\n"]))
    @settings(THROUGH_ONE_GATE, max_examples=150)
    def arrives(events: list[bytes], places: list[float], half: bytes) -> None:
        whole = b"".join(events) + b'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'
        stream = whole + half
        cuts = sorted(int(place * len(stream)) for place in places)
        pieces = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

        def behave(sock: ssl.SSLSocket, request: Request) -> None:
            sock.sendall(STREAM)
            for piece in filter(None, pieces):
                sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            sock.sendall(b"0\r\n\r\n")

        world.upstream.behave = behave
        assert caller.post(call(b"1"), LATEST).answer()[::2] == (200, whole)

    arrives()
