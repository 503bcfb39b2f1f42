"""A stream that stays open for hours is no way around a revocation: it ends when its caller may not open it
any more. Streams of others go on, whatever changes meanwhile."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from mcpgate.ops.control import ask
from tests.e2e.echo import EchoServer
from tests.e2e.lab import GateProcess, Lab
from tests.e2e.streaming import Streams

BEAT = 0.2
FEW = 6


@pytest.fixture(params=[1, 2], ids=lambda count: f"{count} worker(s)")
def gate(lab: Lab, request: pytest.FixtureRequest) -> Iterator[GateProcess]:
    with (
        EchoServer(lab, beat=BEAT) as server,
        lab.gate(upstream={"port": server.port}, gate={"workers": request.param}) as running,
    ):
        yield running


async def ended(streams: Streams) -> list[tuple[bool, str]]:
    """Which of them have ended within ten seconds and how."""
    async with asyncio.timeout(10):
        await asyncio.gather(*(one.task for one in streams.all if one.task is not None))
    return sorted((one.modern, one.ended) for one in streams.all)


async def story(gate: GateProcess, token: str, change: Callable[[], None]) -> tuple[Streams, Streams]:
    """Streams of somebody and of somebody else, and a change that is told to the gate."""
    others, streams = Streams(gate, gate.issue("other")), Streams(gate, token)
    await others.open(FEW)
    await streams.open(FEW)
    await asyncio.to_thread(change)
    return streams, others


def test_a_revoked_tokens_streams_end(gate: GateProcess) -> None:
    """Of both eras, between two events; a new token and a new session key do nothing to anybody."""
    lab = gate.lab

    def revoke() -> None:
        gate.issue("third")
        assert lab.command("session", "rotate", "--state", lab.state).returncode == 0
        assert lab.command("token", "revoke", "leaver", "--state", lab.state).returncode == 0

    async def tell() -> None:
        streams, others = await story(gate, gate.issue("leaver"), revoke)
        assert {how for _, how in await ended(streams)} == {"whole"}
        heard = [one.beats for one in others.all]
        await asyncio.sleep(5 * BEAT)
        assert not any(one.ended for one in others.all)
        assert all(one.beats > before for one, before in zip(others.all, heard, strict=True))

    asyncio.run(tell())
    closed = gate.exchanges(principal="leaver", reason="auth.revoked")
    assert [one["outcome"] for one in closed] == ["refused"] * FEW
    assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


def test_a_token_that_expires_ends_its_streams(gate: GateProcess) -> None:
    """At the gate's next look, without anybody's doing."""
    token = gate.lab.token("short", lifetime=5.0)
    ask(gate.lab.state / "control.sock", "tokens")
    begun = time.monotonic()

    async def tell() -> None:
        streams, others = await story(gate, token, lambda: None)
        assert not any(one.ended for one in streams.all)
        assert {how for _, how in await ended(streams)} == {"whole"}
        assert time.monotonic() - begun >= 4.5
        assert not any(one.ended for one in others.all)

    asyncio.run(tell())
    assert len(gate.exchanges(principal="short", reason="auth.expired")) == FEW


def test_a_session_that_is_over_ends_its_stream(gate: GateProcess) -> None:
    """mcpgate session rotate --now ends all of them; what has no session goes on."""
    lab = gate.lab

    def forget() -> None:
        assert lab.command("session", "rotate", "--now", "--state", lab.state).returncode == 0

    async def tell() -> None:
        streams, _ = await story(gate, gate.issue("any"), forget)
        async with asyncio.timeout(10):
            await asyncio.gather(*(one.task for one in streams.all if one.task and not one.modern))
        assert {one.ended for one in streams.all if not one.modern} == {"whole"}
        assert not any(one.ended for one in streams.all if one.modern)

    asyncio.run(tell())
    assert len(gate.exchanges(principal="any", reason="session.unknown")) == FEW // 2
