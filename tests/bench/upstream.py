"""The MCP server behind all peers, as a process, and the numbers that it keeps."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Collection, Sequence
from pathlib import Path

from attrs import frozen

from tests.bench.processes import Child, Children


@frozen
class Upstream:
    """A process of C{upstream.c}, and the numbers that it keeps."""

    child: Child
    port: int
    _counts: mmap.mmap

    @classmethod
    def start(
        cls,
        program: Path,
        pair: tuple[Path, Path],
        *,
        children: Children,
        cpus: Collection[int],
        results: Sequence[Path] = (),
    ) -> Upstream:
        """
        One that shows this chain and key; what it writes is beside them.

        @param results: what it answers to calls that ask for more than the usual.
        """
        chain, key = pair
        counts, log = chain.with_suffix(".counts"), chain.with_suffix(".log")
        command = [str(part) for part in (program, chain, key, counts, *results)]
        child = children.start("upstream", command, log=log, cpus=cpus, speaks=True)
        port = int(child.line(10.0))
        with counts.open("rb") as file:
            return cls(child, port, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))

    def handshakes(self) -> int:
        """How many connections it has accepted so far, of all peers."""
        return int(struct.unpack_from("4Q", self._counts)[0])

    def requests(self) -> int:
        """How many requests it has seen so far."""
        return int(struct.unpack_from("4Q", self._counts)[1])
