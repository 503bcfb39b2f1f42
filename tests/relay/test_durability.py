"""Where the terms want the open line on the disk, it is there before the upstream has a byte."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from mcpgate.evidence import commits
from tests.running import World, call
from tests.waiting import PATIENCE, eventually

DURABLE = '[evidence]\ndurability = "fsync"'


class Disk:
    """Syncs when it is told to, and says what was in the file then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.synced = b""
        self.release = threading.Semaphore(0)
        self.broken = False
        monkeypatch.setattr(commits.os, "fdatasync", self.sync)

    def sync(self, descriptor: int) -> None:
        content = Path(os.readlink(f"/proc/self/fd/{descriptor}")).read_bytes()
        self.asked += 1
        assert self.release.acquire(timeout=PATIENCE)
        if self.broken:
            raise OSError(5, "Input/output error")
        self.synced = content


@pytest.fixture
def disk(world: World, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk of a gate that has forwarded one request already."""
    world.start(world.config(more=DURABLE))
    with world.caller() as caller:
        assert caller.post(call("get_first")).answer()[0] == 200
        world.closes(1)
    return Disk(monkeypatch)


def test_no_byte_reaches_the_upstream_before_the_disk_has_the_line(world: World, disk: Disk) -> None:
    """Those of another caller, who came meanwhile, wait for the next time."""
    with world.caller() as one, world.caller() as other:
        before = world.upstream.received
        one.post(call("get_one"))
        eventually(lambda: disk.asked == 1, "the disk is asked")
        other.post(call("get_other"))
        assert (world.upstream.received, disk.asked) == (before, 1)
        disk.release.release()
        assert one.answer()[0] == 200
        assert b"get_one" in disk.synced
        eventually(lambda: disk.asked == 2, "the disk is asked again")
        assert [b"get_other" in request.body for request in world.upstream.requests].count(True) == 0
        disk.release.release(100)
        assert other.answer()[0] == 200
        assert b"get_other" in disk.synced


def test_what_the_disk_does_not_take_is_not_forwarded(world: World, disk: Disk) -> None:
    """And the next one is, in another segment, once it does."""
    disk.release.release(100)
    disk.broken = True
    with world.caller() as caller:
        before = world.upstream.received
        status, said = caller.post(call("get_x")).json()
        assert (status, said["error"]["data"]["reason"]) == (503, "gate.journal")
        assert world.upstream.received == before
        assert "Input/output error" in str(world.status()["journal"]["failure"])
        disk.broken = False
        assert caller.post(call("get_x")).answer()[0] == 200
    assert world.status()["journal"]["failure"] is None
    assert [one["what"] for one in world.records("repair")][-1:] == ["unsynced"]


def test_a_caller_that_leaves_while_the_disk_works_has_nothing_forwarded(world: World, disk: Disk) -> None:
    """Its exchange is on record with its end."""
    before = len(world.upstream.requests)
    with world.caller() as caller:
        caller.post(call("get_x"))
        eventually(lambda: disk.asked == 1, "the disk is asked")
    eventually(lambda: not world.loop.call(lambda: set(world.listening.connections)), "the caller is gone")
    disk.release.release(100)
    eventually(lambda: [one["reason"] for one in world.records("close")] == [None, "client.gone"], "it ended")
    assert len(world.upstream.requests) == before
    with world.caller() as caller:
        assert caller.post(call("get_y")).answer()[0] == 200
