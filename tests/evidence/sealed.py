"""Small states with sealed journals, made by the product's own functions, for tests of what verifies them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from pathlib import Path

from mcpgate.evidence.chain import NOTHING_BEFORE, Tree, leaf, linked
from mcpgate.evidence.keyfile import EvidenceKeys, KeyFile
from mcpgate.evidence.seals import DIRECTORY, Copy, Seals

NOW = 1_800_000_000.0


def process(number: int) -> str:
    """What the ids of a process have in common."""
    return f"{number:022x}"


class Writer:
    """
    A state directory, and what writes one worker's journal into it.

    As the gate does: every start begins a segment, and so does C{rotate}.
    """

    def __init__(
        self, state: Path, worker: int = 0, *, copies: Sequence[Copy] = (), host: str = "gate", run: int = 1
    ) -> None:
        self.state = state
        self.worker = worker
        self.segment = 0
        self.size = 0
        self.run = run + 1000 * worker
        self.made = 0
        state.mkdir(exist_ok=True)
        (state / "journal").mkdir(exist_ok=True)
        self.keys = KeyFile(state, host=lambda: host)
        self.keys.begin(NOW)
        self.seals = Seals(state / DIRECTORY, self.keys, worker, copies, clock=self.time)
        self.prev = NOTHING_BEFORE
        self.tree = Tree()
        self._begin()

    def time(self) -> float:
        """Half a second for each line."""
        return NOW + self.made / 2

    @property
    def gate(self) -> str:
        return self.seals.gate

    @property
    def path(self) -> Path:
        return journal(self.state, self.worker, self.segment)

    def stamp(self) -> str:
        minutes, seconds = divmod(self.made / 2, 60)
        return f"2027-01-15T08:{int(minutes):02d}:{seconds:09.6f}Z"

    def id(self, prefix: str) -> str:
        return f"{prefix}-{process(self.run)}-{self.made:08x}"

    def _begin(self) -> None:
        self.segment += 1
        self.size = 0
        self.tree = Tree()
        place = f'"gate":"{self.gate}","worker":{self.worker},"segment":{self.segment}'
        self.line("segment", f'{place},"mcpgate":"0","openssl":"0"')

    def line(self, type: str, facts: str, id: str | None = None) -> None:
        """Write a line."""
        told = f'{{"v":2,"type":"{type}","id":"{id or self.id("z")}","time":"{self.stamp()}",{facts}}}\n'
        line = linked(told.encode(), self.size, self.prev)
        with self.path.open("ab") as file:
            file.write(line)
        hash = leaf(line)
        self.tree.append(hash)
        self.prev = hash.hex().encode()
        self.size += 1
        self.made += 1

    def exchanges(self, count: int = 1) -> None:
        """So many exchanges, one after the other."""
        for _ in range(count):
            self.close(self.open())

    def open(self) -> str:
        id = self.id("x")
        self.line("open", '"http":"POST"', id)
        return id

    def close(self, id: str) -> None:
        self.line("close", '"outcome":"completed"', id)

    def seal(self, *, closed: bool = False) -> None:
        """A checkpoint of all lines of the segment."""
        head = bytes.fromhex(self.prev.decode())
        assert self.seals.add(self.segment, self.size, self.tree.root(), head, closed)

    def rotate(self) -> None:
        """Close the segment and begin the next one."""
        self.seal(closed=True)
        self._begin()

    def restart(self, *, killed: bool = False) -> None:
        """Another process begins, after the one before has stopped, or was killed."""
        if not killed:
            self.seal(closed=True)
        self.run += 1
        self._begin()

    def stop(self) -> None:
        self.seal(closed=True)
        self.seals.close()

    def expire(self, segment: int) -> None:
        """Say that a segment has expired, and take it away."""
        file = journal(self.state, self.worker, segment)
        tree = Tree()
        for line in file.read_bytes().splitlines(keepends=True):
            tree.append(leaf(line))
        facts = f'"worker":{self.worker},"segment":{segment},"lines":{tree.size},"root":"{tree.root().hex()}"'
        self.line("expired", facts)
        file.unlink()


def journal(state: Path, worker: int = 0, segment: int = 1) -> Path:
    """The file of a segment."""
    return state / "journal" / f"journal-{worker}-{segment:08d}.jsonl"


def checkpoints(state: Path, worker: int = 0, segment: int = 1) -> Path:
    """The file of a segment's checkpoints."""
    return state / DIRECTORY / f"journal-{worker}-{segment:08d}.checkpoints"


def make(state: Path, *, workers: int = 1, copies: Sequence[Copy] = (), host: str = "gate") -> EvidenceKeys:
    """
    A sound state: three segments of each worker, each with 21 lines and checkpoints of 9, 15 and 21.

    The first two are of one process, the third of another.
    """
    keys = None
    for worker in range(workers):
        writer = Writer(state, worker, copies=copies, host=host, run=sum(host.encode()))
        for segment in (1, 2, 3):
            writer.exchanges(4)
            writer.seal()
            writer.exchanges(3)
            writer.seal()
            writer.exchanges(3)
            if segment == 1:
                writer.rotate()
            elif segment == 2:
                writer.restart()
        writer.stop()
        keys = writer.keys.load()
    assert keys is not None
    return keys


def rechained(lines: Sequence[bytes], first: int = 0) -> list[bytes]:
    """The same lines with another chain and other numbers, as somebody makes who knows how."""
    made = list(lines[:first])
    for seq, line in enumerate(lines[first:], first):
        prev = leaf(made[-1]).hex().encode() if made else re.search(rb'"prev":"(\w+)"', line)[1]  # type: ignore[index]
        bare = re.sub(rb',"seq":\d+,"prev":"\w+"\}\n', b"}\n", line)
        made.append(linked(bare, seq, prev))
    return made


def compress(path: Path) -> Path:
    """As retention does it."""
    done = path.with_name(path.name + ".gz")
    done.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
    return done
