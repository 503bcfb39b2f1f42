"""What a journal needs while nothing happens is done in time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from mcpgate.evidence import upkeep
from mcpgate.evidence.journal import Journal
from mcpgate.evidence.sealing import SealingAside
from mcpgate.evidence.segments import segment_name
from mcpgate.evidence.terms import JournalTerms
from mcpgate.evidence.upkeep import DOUBTED_FOR, RETENTION_APART, STEP_LEAST, TICK, Upkeep
from mcpgate.evidence.witness import Witness
from mcpgate.reasons import Reason
from tests.evidence.chained import told
from tests.waiting import eventually

LINE = b'{"v":2,"type":"test"}\n'


class Reactor(Clock):
    """A clock that is turned by hand, and what other threads want done."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[Callable[[], object]] = []

    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        self.wanted.append(lambda: call(*args))

    def from_threads(self) -> None:
        eventually(lambda: self.wanted, "a thread is done")
        self.wanted.pop(0)()


class Signing:
    """Keeps what it is given."""

    gate = "gate-1"

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def add(self, segment: int, size: int, root: bytes, head: bytes, closed: bool) -> bool:
        self.sizes.append(size)
        return True

    def facts(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


class World:
    """A journal, and the clocks around it."""

    def __init__(self, directory: Path, **terms: Any) -> None:
        self.reactor = Reactor()
        self.step = 0.0
        self.signing = Signing()
        self.journal = Journal(
            directory,
            terms=JournalTerms(**terms),
            seals=SealingAside(self.signing),
            clock=self.wall,
            monotonic=self.reactor.seconds,
        )
        self.witness = Witness(self.journal, self.wall, back=self.reactor.callFromThread)
        self.upkeep = Upkeep(self.reactor, self.witness, self.wall, self.reactor.seconds)
        self.upkeep.start()

    def wall(self) -> float:
        return 1_800_000_000.0 + self.reactor.seconds() + self.step

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.reactor.advance(TICK)

    def types(self) -> list[str]:
        return [record["type"] for record in told(self.journal.directory)]

    def stop(self) -> None:
        self.upkeep.stop()
        self.witness.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, checkpoint_every=10.0)
    yield world
    world.stop()


def test_no_line_waits_longer_for_a_checkpoint_than_was_said(world: World) -> None:
    """And where nothing is new there is none."""
    world.passes(9)
    assert world.signing.sizes == []
    world.passes(1)
    eventually(lambda: world.signing.sizes == [1], "the first line is sealed")
    world.passes(100)
    world.witness.tell(LINE)
    world.passes(9)
    assert world.signing.sizes == [1]
    world.passes(1)
    eventually(lambda: world.signing.sizes == [1, 2], "the next line is sealed")


def test_a_reload_changes_the_terms_of_what_runs(world: World) -> None:
    world.passes(2)
    world.journal.terms = JournalTerms(checkpoint_every=1.0)
    world.passes(TICK)
    eventually(lambda: world.signing.sizes == [1], "it is sealed sooner")


def test_whoever_asks_has_all_that_was_told_sealed(world: World) -> None:
    """What was counted, too."""
    done: list[object] = []
    for _ in range(20):
        world.witness.floods.whole("public", Reason.TLS_HELLO, "a:1", 0.0)
    world.upkeep.seal().addCallback(done.append)
    assert done == []
    while not done:
        world.reactor.from_threads()
    assert world.signing.sizes == [2]
    assert world.types() == ["handshakes"]


def test_a_flood_that_is_over_is_told_of(world: World) -> None:
    for _ in range(20):
        world.witness.floods.whole("public", Reason.TLS_HELLO, "a:1", 0.0)
    world.passes(TICK)
    assert world.types() == ["handshakes"]


def test_a_step_of_the_wall_clock_is_told_once(world: World) -> None:
    world.passes(3)
    for step in (3600.0, 3600.0 - STEP_LEAST / 2, -3600.0):
        world.step = step
        world.passes(2)
    records = told(world.journal.directory)
    assert [(record["type"], record["stepped"]) for record in records] == [
        ("clock", 3600.0),
        ("clock", -7200.0 + STEP_LEAST / 2),
    ]


def test_a_journal_that_failed_is_written_again_within_a_second_of_there_being_room(world: World) -> None:
    world.journal.path.unlink()
    blocking = world.journal.directory / segment_name(0, 2)
    blocking.mkdir()
    world.passes(TICK)
    assert world.witness.failure is not None
    blocking.rmdir()
    world.passes(1)
    assert world.witness.failure is None


def test_closed_segments_are_compressed_and_expire_after_the_journal_has_said_so(tmp_path: Path) -> None:
    for at in (0.0, 0.0, 1_799_999_000.0):
        Journal(tmp_path, clock=lambda at=at: at).close()  # type: ignore[misc]
    for number in (1, 2):
        os.utime(tmp_path / segment_name(0, number), (0, 0))
    world = World(tmp_path, keep=9999 * 86400.0)
    world.passes(TICK)
    world.reactor.from_threads()
    eventually(lambda: not list(tmp_path.glob("*-0000000[12].*")), "the old ones are gone")
    expired = [record for record in _records(world.journal.path) if record["type"] == "expired"]
    assert [(one["worker"], one["segment"], one["lines"]) for one in expired] == [(0, 1, 1), (0, 2, 1)]
    assert (tmp_path / (segment_name(0, 3) + ".gz")).exists()
    world.stop()


def test_what_says_that_it_expires_is_on_the_disk_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut between the two would look like somebody who has taken it away."""
    order: list[str] = []
    for at in (0.0, 1_799_999_000.0):
        Journal(tmp_path, clock=lambda at=at: at).close()  # type: ignore[misc]
    os.utime(tmp_path / segment_name(0, 1), (0, 0))
    sync = os.fdatasync
    monkeypatch.setattr(upkeep.os, "fdatasync", lambda fd: (order.append("synced"), sync(fd)))
    monkeypatch.setattr(upkeep, "remove", lambda files: order.append(f"removed {len(list(files))}"))
    world = World(tmp_path, compress=False)
    world.passes(TICK)
    world.reactor.from_threads()
    eventually(lambda: len(order) == 2, "it is removed")
    assert order == ["synced", "removed 1"] and "expired" in world.types()
    world.stop()


def test_while_the_journal_fails_nothing_expires(tmp_path: Path) -> None:
    """It could not say so."""
    Journal(tmp_path, clock=lambda: 0.0).close()
    os.utime(tmp_path / segment_name(0, 1), (0, 0))
    world = World(tmp_path, keep=86400.0)
    world.journal.path.unlink()
    (tmp_path / segment_name(0, 3)).mkdir()
    world.passes(TICK)
    world.reactor.from_threads()
    world.upkeep.stop()
    assert list(tmp_path.glob("*-00000001.*"))
    (tmp_path / segment_name(0, 3)).rmdir()
    world.stop()


def _records(path: Path) -> list[dict[str, Any]]:


    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_clock_that_was_set_forward_removes_nothing_for_a_day(tmp_path: Path) -> None:
    """It may be set back again; what was removed stays removed."""
    Journal(tmp_path, clock=lambda: 1_799_999_000.0).close()
    path = tmp_path / segment_name(0, 1)
    os.utime(path, (1_799_999_000.0, 1_799_999_000.0))
    world = World(tmp_path, keep=1e6, compress=False)
    world.passes(TICK)
    world.reactor.from_threads()
    world.step = 1e9
    world.passes(RETENTION_APART + TICK)
    world.reactor.from_threads()
    assert path.exists() and "expired" not in world.types() and "clock" in world.types()
    world.reactor.advance(DOUBTED_FOR)
    world.reactor.from_threads()
    eventually(lambda: not path.exists(), "it expires after a day")
    world.stop()
