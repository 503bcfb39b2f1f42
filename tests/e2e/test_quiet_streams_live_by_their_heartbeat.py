"""No time limit ends a stream whose heartbeat goes on, however quiet it is; without one it is ended.

The thousand streams of C{make streams} take the five minutes that balancers and proxies like to give up
after, and show what a stream takes of the gate's memory.
"""

import asyncio
import time

import pytest

from tests.e2e.echo import EchoServer
from tests.e2e.footprint import BREATH, MIB, footprint
from tests.e2e.lab import GateProcess, Lab, allow_descriptors
from tests.e2e.streaming import Streams

FEW = 50
QUIET = 1.0
BEAT = 0.2
#: Three times as long as a stream may be quiet.
SECONDS = 3.0

MANY = 1000
MINUTES = 5
#: What the official Python server has between two comments (sse-starlette).
MANY_BEAT = 15.0

#: What one stream may take, in bytes: two connections, each with OpenSSL's structures, and an exchange, which
#: were 61 KiB when this was written.
STREAM_MOST = 100 * 1024


def test_a_few_that_only_their_heartbeat_keeps_alive(lab: Lab) -> None:
    """Each is there after three times the time in which a stream without heartbeats is ended."""
    with (
        EchoServer(lab, beat=BEAT) as server,
        lab.gate(
            upstream=[
                {"port": server.port, "quiet_timeout": f"{QUIET:g}s"},
                {
                    "name": "silent",
                    "url": f"https://localhost:{server.port}/silent",
                    "quiet_timeout": f"{QUIET:g}s",
                },
            ],
            route=[{}, {"path": "/silent", "upstream": "silent"}],
        ) as gate,
    ):
        asyncio.run(few(gate))
        ended = gate.settled(route="silent", http="GET")
        ended += gate.settled(route="silent", method="subscriptions/listen")
        assert [(one["outcome"], one["reason"]) for one in ended] == [("timeout", "upstream.quiet")] * 2
        others = gate.settled(route="weather", http="GET")
        others += gate.settled(route="weather", method="subscriptions/listen")
        assert [one["outcome"] for one in others] == ["completed"] * FEW
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


async def few(gate: GateProcess) -> None:
    """Half a hundred that go on, and one of either era that does not."""
    streams, silent = Streams(gate), Streams(gate)
    await streams.open(FEW)
    begun = time.monotonic()
    async with asyncio.timeout(20):
        await asyncio.gather(*(stream.task for stream in await silent.open(2, "/silent")))
    assert time.monotonic() - begun >= QUIET
    assert [(stream.ended, stream.beats, stream.last) for stream in silent.all] == [("cut", 0, False)] * 2
    # The wait is what is tested.
    await asyncio.sleep(max(0.0, begun + SECONDS - time.monotonic()))
    assert not any(stream.ended for stream in streams.all)
    await streams.tell()
    assert all((stream.ended, stream.last) == ("whole", True) for stream in streams.all)
    # On a busy machine some come late; but that many came, or the stream would not be here.
    assert min(stream.beats for stream in streams.all) >= SECONDS / QUIET


@pytest.mark.streams
def test_a_thousand_for_five_minutes(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    """None is dropped, each hears each comment and the last word, and memory does not grow meanwhile."""
    allow_descriptors(4096)
    with (
        EchoServer(lab, beat=MANY_BEAT) as server,
        lab.gate(upstream={"port": server.port, "connections": MANY + 24}) as gate,
    ):
        memory, streams = asyncio.run(many(gate))
        before, opened, *later = memory
        each = (opened - before) / MANY
        with capsys.disabled():
            rows = zip(("without streams", "all open", "in the middle", "at the end"), memory, strict=True)
            print(f"\n{MANY} streams, {MINUTES} minutes:")
            for what, size in rows:
                print(f"  {what:16} {size / MIB:7.1f} MiB")
            print(f"  {'each stream':16} {each / 1024:7.1f} KiB")
            print(f"  comments heard   {min(one.beats for one in streams.all)} by each", flush=True)
        assert each <= STREAM_MOST
        assert max(later) <= opened * (1 + BREATH), memory
        assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


async def many(gate: GateProcess) -> tuple[list[int], Streams]:
    """What the gate takes without streams, with all of them, in the middle and at the end."""
    streams = Streams(gate)
    # What a first call costs is not a stream's.
    await streams.tell()
    memory = [footprint(gate).memory]
    await streams.open(MANY)
    # Each has had a comment: what it takes to pass one is there.
    await asyncio.sleep(MANY_BEAT)
    memory.append(footprint(gate).memory)
    for _ in range(2):
        await asyncio.sleep(MINUTES * 60 / 2)
        memory.append(footprint(gate).memory)
        assert not any(stream.ended for stream in streams.all)
        (upstream,) = gate.status()["upstreams"]
        assert upstream["connections"]["leased"] == MANY
    await streams.tell()
    assert all((stream.ended, stream.last) == ("whole", True) for stream in streams.all)
    # All of them, but for one that may have been on its way.
    assert min(stream.beats for stream in streams.all) >= MINUTES * 60 // MANY_BEAT - 1
    return memory, streams
