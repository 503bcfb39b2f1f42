"""Whoever was revoked gets no further byte: streams end, and calls that are under way as well, in all workers
and within seconds. Callers beside it notice nothing."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcpgate.testing import LocalCA, write_pair
from tests.e2e.echo import INITIALIZE, EchoServer, Heard, Talk, legacy
from tests.e2e.lab import GateProcess, Lab
from tests.e2e.streaming import Streams
from tests.provider.issuing import Issuing

#: Seconds that the issue allows.
MOST = 5.0
#: What an answer is waited for that never comes.
LONG = 120.0
#: Which worker accepts is chance; that one of two gets none of so many is out of the question.
CONNECTIONS_MOST = 100


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[GateProcess]:
    """Two workers; what tests do to its tokens is to those of names of their own."""
    lab = Lab(tmp_path_factory.mktemp("gate"), ca)
    with (
        EchoServer(lab, beat=0.2) as server,
        lab.gate(upstream={"port": server.port}, gate={"workers": 2}) as running,
    ):
        yield running


def workers(gate: GateProcess, **facts: Any) -> set[int]:
    """Which workers have begun an exchange with these facts, by their journals."""
    return {
        worker
        for worker, records in gate.by_worker().items()
        for record in records
        if record["type"] == "open" and all(record[key] == value for key, value in facts.items())
    }


async def on_both(gate: GateProcess, begin: Callable[[], Any], **facts: Any) -> list[Any]:
    """Begin something until both workers have some of it."""
    begun: list[Any] = []
    while len(workers(gate, **facts)) < 2:
        assert len(begun) < CONNECTIONS_MOST
        begun.append(await begin())
        async with asyncio.timeout(MOST):
            while len(gate.begun(**facts)) < len(begun):
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
        await on_both(gate, lambda: theirs.open(1), principal="leaver", http="GET")
        streaming = await on_both(gate, lambda: ask(True), principal="leaver", name="echo")
        waiting = await on_both(gate, lambda: ask(False), principal="leaver", name="wait")
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
    streams = Streams(gate, gate.issue("keeper"))

    async def tell() -> None:
        await on_both(gate, lambda: streams.open(1), principal="keeper", http="GET")

    asyncio.run(tell())
    shown = {one["name"] for one in gate.status()["token_uses"]}
    assert "keeper" in shown
    listed = lab.command("token", "list", "--state", lab.state)
    (row,) = [line for line in listed.stdout.splitlines() if "keeper" in line]
    assert row.count("Z") == 3, row


URL = "https://localhost:8443"


@pytest.fixture
def login(lab: Lab) -> Iterator[Issuing]:
    """An issuer of other tokens."""
    files = lab.directory / "login.crt", lab.directory / "login.key"
    write_pair(lab.ca.server(["login.test"], lab.now), *files)
    issuing = Issuing(*files, host="login.test", resource=f"{URL}/mcp")
    yield issuing
    issuing.close()


def test_what_an_issuer_has_given_can_be_revoked_at_the_gate(lab: Lab, login: Issuing) -> None:
    """All that a subject has, or one token by what records call it; and that can be taken back."""
    issuer = {
        "name": "login",
        "issuer": login.minter.issuer,
        "address": f"127.0.0.1:{login.port}",
        "trust": str(lab.ca_file),
    }

    async def tell(gate: GateProcess) -> None:
        ada, bob = (Streams(gate, login.token(sub=name)) for name in ("ada", "bob"))
        for streams in (ada, bob):
            await streams.open(2)
        waits = await (await ada.talk().begin()).open_session()
        arguments = {"mark": "m", "stream": False, "delay": LONG}
        waits.send(legacy("tools/call", 7, name="wait", arguments=arguments))
        async with asyncio.timeout(MOST):
            while not gate.begun(name="wait"):
                await asyncio.sleep(0.02)

        def command(*words: str) -> None:
            assert lab.command("token", *words, "--state", lab.state).returncode == 0

        await asyncio.to_thread(command, "revoke", "--issuer", "login", "--subject", "ada")
        async with asyncio.timeout(MOST):
            await asyncio.gather(*(one.task for one in ada.all if one.task is not None))
            refused = await waits.hear()
        assert refused.status == 401 and b"auth.revoked" in refused.body
        assert not any(one.ended for one in bob.all)
        (proof,) = {one["proof"] for one in gate.begun(principal="login/bob")}
        await asyncio.to_thread(command, "revoke", proof)
        async with asyncio.timeout(MOST):
            await asyncio.gather(*(one.task for one in bob.all if one.task is not None))
        assert (await (await bob.talk().begin()).ask(INITIALIZE)).status == 401
        await asyncio.to_thread(command, "readmit", proof)
        await (await bob.talk().begin()).open_session()

    with (
        EchoServer(lab, beat=0.2) as server,
        lab.gate(
            upstream={"port": server.port},
            listener={"public_url": URL},
            gate={"workers": 2},
            more={"issuer": [issuer]},
        ) as gate,
    ):
        asyncio.run(tell(gate))
        assert len(gate.exchanges(principal="login/ada", reason="auth.revoked")) == 3
