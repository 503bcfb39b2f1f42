"""What a leaky upstream says, case by case, through a running gate: nothing planted reaches the caller.

The cases (C{tests/vectors/leaks.json}) hide secrets behind escapes, in keys, metadata, base64, comments and
ids, with invisible characters, over two texts; and show tools that have changed, or that nobody may see.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import STREAM, Caller, Loop, Request, World, call, chunked, sized, started

CASES = json.loads((Path(__file__).parent.parent / "vectors" / "leaks.json").read_text(encoding="utf-8"))
LATEST = "MCP-Protocol-Version: 2025-11-25"
RULES = """
[[rule]]
name = "masks"
mask = ["aws-key", "ssn"]

[[rule]]
name = "no-keys"
block = ["private-key", "key-mark"]

[[detector]]
name = "key-mark"
regex = "BEGIN PRIVATE KEY"

[[rule]]
name = "tools"
verdict = "allow"
on = { method = "tools/call", name = ["get_weather", "read_file"] }
"""
#: What is planted, as who reads it may put it together again.
PLANTED = ("AKIAIOSFODNN7EXAMPLE", "123-45-6789", "BEGIN PRIVATE KEY")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    loop = Loop()
    try:
        with started(
            loop, tmp_path_factory.mktemp("gate"), upstream='definitions = "quarantine"', more=RULES
        ) as world:
            yield world
    finally:
        loop.stop()


@pytest.fixture
def caller(world: World) -> Iterator[Caller]:
    with world.caller() as caller:
        yield caller


def says(world: World, kind: str, chunks: list[bytes]) -> None:
    """What the upstream says from now on."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        body = b"".join(chunks)
        if kind == "application/json":
            sock.sendall(sized(len(body)) + body)
        else:
            sock.sendall(STREAM + b"".join(map(chunked, chunks)) + b"0\r\n\r\n")

    world.upstream.behave = behave


def flat(got: bytes) -> str:
    """All that is in an answer: decoded, base64 too, invisible characters taken away, texts joined."""
    texts: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for name, one in value.items():
                texts.append(name)
                if name == "blob":
                    texts.append(base64.b64decode(one).decode("utf-8", "replace"))
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)
            texts.append("".join(one.get("text", "") for one in value if isinstance(one, dict)))
        elif isinstance(value, str):
            texts.append(value)

    for line in got.replace(b"\r", b"\n").split(b"\n"):
        texts.append(line.decode("utf-8"))
        data = line.removeprefix(b"data: ")
        if data.startswith(b"{"):
            walk(json.loads(data))
    return "\n".join(texts).replace("\u200b", "")


@pytest.mark.parametrize("pieces", ["as they came", "byte by byte"])
@pytest.mark.parametrize(
    "case", [one for one in CASES if one["id"][0] in "RS"], ids=lambda one: f"{one['id']}: {one['why']}"
)
def test_nothing_planted_reaches_the_caller(
    world: World, caller: Caller, case: dict[str, Any], pieces: str
) -> None:
    chunks = [base64.b64decode(chunk) for chunk in case["chunks"]]
    if pieces != "as they came":
        chunks = [bytes([byte]) for byte in b"".join(chunks)]
    says(world, case["ct"], chunks)
    status, _, got = caller.post(call("get_weather"), LATEST).answer()
    seen = flat(got)
    for planted in PLANTED:
        assert planted not in seen
    # The caller has an answer all the same, or is told that there is none for it.
    assert '"id": 1' in seen or '"id":1' in seen
    if case["expect"] in ("MASKED", "BLOCKED", "REPIN", "COMMENT_DROPPED", "FIELDS_DROPPED"):
        assert status == 200
    if case["expect"] == "BLOCKED":
        assert '"isError":true' in seen and "policy.content" in seen
    if case["expect"] == "COMMENT_DROPPED":
        assert '"text":"ok"' in seen.replace(" ", "")
    if case["expect"] == "FIELDS_DROPPED":
        # No client takes an event of that type for a message, so the caller is told that none came.
        assert "upstream.truncated" in seen
    if case["id"] == "S-08":
        # The list is compared when it is next asked for.
        assert "notifications/tools/list_changed" in seen


def tools(caller: Caller) -> list[dict[str, Any]]:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    status, _, got = caller.post(message, LATEST).answer()
    assert status == 200
    found: list[dict[str, Any]] = json.loads(got)["result"]["tools"]
    return found


@pytest.mark.parametrize(
    "case", [one for one in CASES if one["id"].startswith("L")], ids=lambda one: f"{one['id']}: {one['why']}"
)
def test_a_tool_that_is_not_what_it_was_or_should_not_be_there_is_in_no_list(
    loop: Loop, tmp_path: Path, case: dict[str, Any]
) -> None:
    listed = base64.b64decode(case["chunks"][0])
    (tool,) = json.loads(listed)["result"]["tools"]
    with (
        started(loop, tmp_path, upstream='definitions = "quarantine"', more=RULES) as world,
        world.caller() as caller,
    ):
        if case["expect"] == "PIN_BREACH":
            before = {"name": tool["name"], "description": "as approved", "inputSchema": {"type": "object"}}
            first = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [before]}}
            says(world, "application/json", [json.dumps(first).encode()])
            assert tools(caller) == [before]
        says(world, "application/json", [listed])
        if case["expect"] == "DROP_OR_FLAG":
            assert tools(caller) == [tool]
            found = [one for one in world.records("definition") if one["what"] == "suspicious"]
            assert [one["tool"] for one in found] == [tool["name"]]
            return
        assert tools(caller) == []
        if case["expect"] == "PIN_BREACH":
            world.upstream.requests.clear()
            _, refused = caller.post(call(tool["name"]), LATEST).json()
            assert refused["result"]["isError"] is True and world.upstream.requests == []
            world.wait_for(lambda: "policy.definition" in [one["reason"] for one in world.records("close")])
            assert "changed" in [one["what"] for one in world.records("definition")]
