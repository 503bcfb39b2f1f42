"""What is masked, through a running gate: no planted secret arrives, however it is said, and what holds
none arrives in its own bytes. And whatever costs much ends in a verdict that is on record."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcpgate.policy.masks import Masks
from tests.running import STREAM, Caller, Loop, Request, World, chunked, sized, started

THROUGH_ONE_GATE = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LATEST = "MCP-Protocol-Version: 2025-11-25"

RULES = """
[[rule]]
name = "masks"
mask = ["email", "card", "aws-key", "slow"]

[[rule]]
name = "no-keys"
block = ["private-key"]

[[detector]]
name = "slow"
regex = "(x+x+)+y"

[limits]
answer_size = "24MiB"
"""
SECRETS = ("kim@example.org", "4111 1111 1111 1111", "AKIAIOSFODNN7EXAMPLE")
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_x", "arguments": {}}}
FINDS = Masks.compile(mask=frozenset({"email", "card", "aws-key"})).detectors.find


@pytest.fixture
def world(loop: Loop, tmp_path: Path) -> Iterator[World]:
    """A gate that is running, with rules that mask."""
    with started(loop, tmp_path, more=RULES) as world:
        yield world


@pytest.fixture
def caller(world: World) -> Iterator[Caller]:
    with world.caller() as caller:
        yield caller


_WORDS = st.text('abc 019-\u00fc\u2028"\\\n', max_size=6)
_SECRET = st.sampled_from(SECRETS)
_TEXT = st.one_of(
    _WORDS,
    st.builds("{} {}".format, _WORDS, _SECRET),
    _SECRET.map(lambda secret: "\u200b".join((secret[:6], secret[6:]))),
    _SECRET.map(lambda secret: json.dumps({"inner": secret})),
)
_VALUE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers(-99, 99) | st.just(4111111111111111) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_BLOCK = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, _TEXT),
    st.builds(
        lambda text: {
            "type": "resource",
            "resource": {"uri": "file:///x", "blob": base64.b64encode(text.encode()).decode()},
        },
        _TEXT,
    ),
)
_RESULT = st.fixed_dictionaries(
    {"content": st.lists(_BLOCK, max_size=3)},
    optional={
        "structuredContent": st.dictionaries(_TEXT, _VALUE, max_size=3),
        "_meta": st.fixed_dictionaries({"x": _VALUE}),
    },
)
_SAID = st.lists(
    st.builds(
        lambda key, text: {
            "method": "notifications/progress",
            "params": {"progressToken": key, "progress": 1, "message": text},
        },
        st.integers(1, 2),
        _TEXT | _SECRET.map(lambda secret: secret[:9]) | _SECRET.map(lambda secret: secret[9:]),
    ),
    max_size=4,
)


def spelled(draw: st.DrawFn, value: object) -> bytes:
    """As some server may write it."""
    indent = draw(st.sampled_from([None, 1]))
    return json.dumps(value, ensure_ascii=draw(st.booleans()), indent=indent).encode()


def texts(value: object) -> Iterator[str]:
    """All that somebody may read in a document, whatever it stands in."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from texts(one)
            if name == "blob":
                yield base64.b64decode(one).decode("utf-8", "replace")
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
        yield "".join(one["text"] for one in value if isinstance(one, dict) and "text" in one)
    elif isinstance(value, str):
        yield value
        if value[:1] in ("{", "["):
            try:
                yield from texts(json.loads(value))
            except ValueError:
                pass
    elif isinstance(value, int):
        yield str(value)


def clean(value: object) -> bool:
    return not any(map(FINDS, texts(value)))


def test_no_planted_secret_arrives_in_a_document_and_what_holds_none_is_the_same(
    world: World, caller: Caller
) -> None:
    seen = {True: 0, False: 0}

    @given(st.composite(lambda draw: spelled(draw, {"jsonrpc": "2.0", "id": 1, "result": draw(_RESULT)}))())
    @THROUGH_ONE_GATE
    def holds(answer: bytes) -> None:
        world.upstream.behave = lambda sock, request: sock.sendall(sized(len(answer)) + answer)
        status, _, got = caller.post(CALL, LATEST).answer()
        message = json.loads(got)
        assert (status, message["id"]) == (200, 1)
        assert clean(message["result"])
        unsuspected = clean(json.loads(answer)["result"])
        seen[unsuspected] += 1
        if unsuspected:
            assert got == answer

    holds()
    assert min(seen.values()) > 10


def test_no_planted_secret_arrives_in_a_stream_however_it_is_cut(world: World, caller: Caller) -> None:
    """In the progress of two tokens and the answer; into events, lines, chunks and records."""
    seen = {True: 0, False: 0}

    @st.composite
    def streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
        end = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
        messages = [*draw(_SAID), {"id": 1, "result": draw(_RESULT)}]
        stream = b""
        for message in messages:
            data = spelled(draw, {"jsonrpc": "2.0", **message})
            stream += draw(st.sampled_from([b"", b": ping" + end + end, b"event: message" + end]))
            stream += b"".join(b"data: " + line + end for line in data.split(b"\n")) + end
        cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=5)))
        return stream, [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if a < b]

    @given(streams())
    @THROUGH_ONE_GATE
    def holds(cut: tuple[bytes, list[bytes]]) -> None:
        stream, pieces = cut

        def behave(sock: ssl.SSLSocket, request: Request) -> None:
            sock.sendall(STREAM + b"".join(map(chunked, pieces)) + b"0\r\n\r\n")

        world.upstream.behave = behave
        status, _, got = caller.post(CALL, LATEST).answer()
        assert status == 200
        messages = list(read(got))
        assert messages[-1]["id"] == 1
        assert all(map(clean, messages))
        for token in (1, 2):
            assert not FINDS(said(messages, token))
        sent = list(read(stream))
        assert len(messages) == len(sent)
        # Any of it that follows one another may be read as one.
        parts = [sent[i:j] for i in range(len(sent)) for j in range(i + 1, len(sent) + 1)]
        unsuspected = all(map(clean, sent)) and not any(
            FINDS(said(part, token)) for part in parts for token in (1, 2)
        )
        seen[unsuspected] += 1
        if unsuspected:
            # The second half of a line's end that may still have come, where the last is a CR.
            assert got.removesuffix(b"\n" if stream.endswith(b"\r") else b"") == stream

    holds()
    assert min(seen.values()) > 10


def read(stream: bytes) -> Iterator[Any]:
    """The messages of a stream."""
    for event in stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n"):
        lines = [line.removeprefix(b"data: ") for line in event.split(b"\n") if line.startswith(b"data")]
        if lines:
            yield json.loads(b"\n".join(lines))


def said(messages: list[Any], token: int) -> str:
    """All progress of one token, as who reads it reads on."""
    params = [message.get("params", {}) for message in messages]
    return "".join(one["message"] for one in params if one.get("progressToken") == token)


# What costs much.


def result_of(text: str) -> bytes:
    result = {"content": [{"type": "text", "text": text}]}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()


def ask(world: World, caller: Caller, answer: bytes) -> tuple[int, Any, dict[str, Any]]:
    """What the caller gets, and what is on record of it."""
    world.upstream.behave = lambda sock, request: sock.sendall(sized(len(answer)) + answer)
    status, _, got = caller.post(CALL, LATEST).answer()
    world.wait_for(lambda: len(world.records("close")) >= len(world.records("open")))
    return status, json.loads(got), world.records("close")[-1]


def test_an_expression_that_ruins_others_takes_no_longer_than_one_that_does_not(
    world: World, caller: Caller
) -> None:
    """C{(x+x+)+y} over a megabyte without C{y}, and then with one."""
    text = "x" * 1_000_000
    status, got, record = ask(world, caller, result_of(text))
    assert (status, record["outcome"]) == (200, "completed") and got == json.loads(result_of(text))
    _, got, record = ask(world, caller, result_of(text + "y"))
    assert got["result"]["content"] == [{"type": "text", "text": "[slow]"}]
    assert record["masked"] == {"slow": 1}


def test_a_result_of_a_hundred_levels_is_refused(world: World, caller: Caller) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"result":' + b'{"a":' * 100 + b'"kim@example.org"' + b"}" * 100 + b"}"
    status, got, record = ask(world, caller, body)
    assert (status, record["reason"]) == (502, "upstream.message")
    assert got["error"]["data"]["reason"] == "upstream.message"


@pytest.mark.parametrize("plain", [True, False])
def test_a_result_of_twenty_megabytes_is_searched_to_its_end(
    world: World, caller: Caller, plain: bool
) -> None:
    """One that holds nothing passes as it is; the last word of another is masked."""
    last = "nothing" if plain else "kim@example.org"
    words = "The quick brown fox jumps over the lazy dog 42 times. " * 370_000 + last
    assert len(words) > 19_900_000
    status, got, record = ask(world, caller, result_of(words))
    assert (status, record["outcome"]) == (200, "completed")
    text = got["result"]["content"][0]["text"]
    assert text == words if plain else text == words.removesuffix(last) + "[email]"
    assert record.get("masked") == (None if plain else {"email": 1})


@pytest.mark.parametrize("size", [1_000_000, 1_100_000])
def test_one_event_of_a_megabyte_is_masked_or_refused_by_its_size(
    world: World, caller: Caller, size: int
) -> None:
    """C{limits.event_size} is a mebibyte; beyond it the caller is told so, on the stream."""
    text = "kim@example.org " + "x " * (size // 2)
    data = result_of(text)

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(b"data: " + data + b"\n\n") + b"0\r\n\r\n")

    world.upstream.behave = behave
    status, _, got = caller.post(CALL, LATEST).answer()
    record = world.closes(1)[-1]
    assert b"kim@example.org" not in got
    if size < 1 << 20:
        (message,) = read(got)
        assert (status, message["result"]["content"][0]["text"][:8]) == (200, "[email] ")
        assert record["masked"] == {"email": 1}
    else:
        assert record["reason"] == "upstream.event_size"


def test_what_a_rule_blocks_is_withheld_and_the_caller_is_told_why(world: World, caller: Caller) -> None:
    """R-20. The value is nowhere, and the tool's result says that there was one."""
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----"
    status, got, record = ask(world, caller, result_of(key))
    assert status == 200 and got["result"]["isError"] is True
    assert "MIIE" not in json.dumps(got)
    assert (record["outcome"], record["reason"]) == ("refused", "policy.content")
    assert "no-keys" in record["detail"] and "MIIE" not in json.dumps(record)


@pytest.mark.parametrize("content", ["application/json", "text/html"])
def test_what_is_masked_does_not_pass_in_an_error_of_http(world: World, caller: Caller, content: str) -> None:
    """Neither in a JSON-RPC error nor in a page of somebody's proxy."""
    page = b"<p>ask kim@example.org</p>"
    error = {"code": -1, "message": "ask kim@example.org", "data": {"who": ["kim@example.org"]}}
    if content == "application/json":
        page = json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()
    head = f"HTTP/1.1 500 Oops\r\ncontent-type: {content}\r\ncontent-length: {len(page)}\r\n\r\n".encode()
    world.upstream.behave = lambda sock, request: sock.sendall(head + page)
    status, _, got = caller.post(CALL, LATEST).answer()
    assert status >= 200 and b"kim@" not in got
