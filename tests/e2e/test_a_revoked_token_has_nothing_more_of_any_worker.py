"""Whoever was revoked gets no further byte: streams end, and calls that are under way as well, in all workers
and within seconds. Callers beside it notice nothing."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.echo import EchoServer, Heard, Talk, legacy
from tests.e2e.lab import GateProcess, Lab
from tests.e2e.streaming import Streams

#: Seconds that the issue allows.
MOST = 5.0
#: What an answer is waited for that never comes.
LONG = 120.0
#: Which worker accepts is chance; that one of two gets none of so many is out of the question.
CONNECTIONS_MOST = 100


@pytest.fixture
def gate(lab: Lab) -> Iterator[GateProcess]:
    with (
        EchoServer(lab, beat=0.2) as server,
        lab.gate(upstream={"port": server.port}, gate={"workers": 2}) as running,
    ):
        yield running


def workers(gate: GateProcess, **facts: Any) -> set[str]:
    """Which workers have begun an exchange with these facts of the revoked caller, by their journals."""
    return {
        path.stem
        for path in (gate.lab.state / "journal").glob("*.jsonl")
        for record in gate.records_of(path)
        if record["type"] == "open" and record["principal"] == "leaver"
        if all(record[key] == value for key, value in facts.items())
    }


async def on_both(gate: GateProcess, begin: Callable[[], Any], **facts: Any) -> list[Any]:
    """Begin something until both workers have some of it."""
    begun: list[Any] = []
    while len(workers(gate, **facts)) < 2:
        assert len(begun) < CONNECTIONS_MOST
        begun.append(await begin())
        async with asyncio.timeout(MOST):
            while len(gate.begun(principal="leaver", **facts)) < len(begun):
                await asyncio.sleep(0.02)
    return begun


def test_streams_and_calls_end_in_both_workers(gate: GateProcess) -> None:
    """Streams of both eras, calls that are answered by a stream, and calls that wait for a document."""
    lab, token = gate.lab, gate.issue("leaver")
    theirs, others = Streams(gate, token), Streams(gate, gate.issue("other"))

    async def ask(stream: bool, whose: Streams = theirs) -> Talk:
        talk = await (await whose.talk().begin()).open_session()
        arguments = {"mark": "m", "stream": stream, "delay": LONG}
        talk.send(legacy("tools/call", 7, name="echo" if stream else "wait", arguments=arguments))
        if stream:
            assert (await talk.head())[0] == 200
            assert b"notifications/message" in await talk.piece()
        return talk

    async def ends(talk: Talk) -> bytes:
        pieces = []
        while piece := await talk.piece():
            pieces.append(piece)
        return b"".join(pieces)

    async def tell() -> None:
        await on_both(gate, lambda: theirs.open(1), http="GET")
        streaming = await on_both(gate, lambda: ask(True), name="echo")
        waiting = await on_both(gate, lambda: ask(False), name="wait")
        await others.open(4)
        other = await ask(True, others)
        said = await asyncio.to_thread(lab.command, "token", "revoke", "leaver", "--state", lab.state)
        assert said.returncode == 0
        begin = time.monotonic()
        async with asyncio.timeout(MOST):
            await asyncio.gather(*(one.task for one in theirs.all if one.task is not None))
            last = await asyncio.gather(*map(ends, streaming))
            refused: list[Heard] = await asyncio.gather(*(talk.hear() for talk in waiting))
        assert time.monotonic() - begin < MOST
        assert {one.ended for one in theirs.all} == {"whole"}
        assert all(b'"id":7,"error"' in each and b"auth.revoked" in each for each in last)
        assert {one.status for one in refused} == {401}
        assert all(b'"id":7' in one.body and b"auth.revoked" in one.body for one in refused)
        heard = [one.beats for one in others.all]
        async with asyncio.timeout(MOST):
            while not all(one.beats > before for one, before in zip(others.all, heard, strict=True)):
                await asyncio.sleep(0.05)
        assert not any(one.ended for one in others.all)
        other.leave()

    asyncio.run(tell())
    ended = gate.exchanges(principal="leaver", reason="auth.revoked")
    assert {one["outcome"] for one in ended} == {"refused"}
    assert len(ended) == len([one for one in gate.begun(principal="leaver") if one["http"] == "GET"]) + len(
        gate.begun(principal="leaver", method="tools/call")
    )
    assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


def test_the_last_use_is_what_any_worker_has_seen(gate: GateProcess) -> None:
    """Status has all of them write down what they know; the list reads it."""
    lab = gate.lab
    streams = Streams(gate, gate.issue("leaver"))

    async def tell() -> None:
        await on_both(gate, lambda: streams.open(1), http="GET")

    asyncio.run(tell())
    shown = {one["name"] for one in gate.status()["token_uses"]}
    assert "leaver" in shown
    listed = lab.command("token", "list", "--state", lab.state)
    (row,) = [line for line in listed.stdout.splitlines() if "leaver" in line]
    assert row.count("Z") == 3, row
