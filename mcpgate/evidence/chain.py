"""The chain of a segment: where each line stands, and one number that stands for all of them (pure).

Every line ends in its place: C{seq}, counted from 0 in its segment, and C{prev}, the hash of the line before
it, over its bytes as they are written. The hash of a line is that of a leaf in a Merkle tree as RFC 9162
section 2.1.1 has it, so that the chain and the root of a checkpoint rest on the same hashes. The first line
of a segment names the last line of the segment before; the very first names L{NOTHING_BEFORE}.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

#: What stands in C{prev} where there is no line before.
NOTHING_BEFORE = b"0" * 64


def linked(line: bytes, seq: int, prev: bytes) -> bytes:
    """
    A line with its place in the chain.

    @param line: One JSON object and a line feed.
    @param prev: The hash of the line before, in lower-case hexadecimal.
    """
    return b'%b,"seq":%d,"prev":"%b"}\n' % (line[:-2], seq, prev)


def leaf(line: bytes) -> bytes:
    """The hash of a line, its line feed included: 32 bytes (RFC 9162 2.1.1)."""
    return sha256(b"\x00" + line).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (RFC 9162 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """
    A Merkle tree that grows by leaves at its right edge; it keeps what of it can still change.

    One hash for each leaf, on average, and as many kept as its size has binary ones.
    """

    __slots__ = ("size", "_edge")

    def __init__(self) -> None:
        self.size = 0
        # The roots of whole trees, the largest first: one for each binary one of the size.
        self._edge: list[bytes] = []

    def append(self, hash: bytes) -> None:
        """Add a leaf, by its hash."""
        size, edge = self.size, self._edge
        self.size = size + 1
        while size & 1:
            hash = node(edge.pop(), hash)
            size >>= 1
        edge.append(hash)

    def extend(self, hashes: Iterable[bytes]) -> None:
        """Add many leaves at once, level by level, in about half of the time."""
        nodes, size, edge = list(hashes), self.size, self._edge
        self.size += len(nodes)
        grown: list[bytes] = []
        while nodes:
            if size & 1:
                # A whole tree that waits for its neighbour to the right.
                nodes.insert(0, edge.pop())
            if len(nodes) & 1:
                grown.append(nodes.pop())
            size >>= 1
            pairs = iter(nodes)
            nodes = [
                sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)
            ]
        edge += reversed(grown)

    def root(self) -> bytes:
        """The root: of no leaves, the hash of nothing (RFC 9162 2.1.1)."""
        if not self._edge:
            return sha256(b"").digest()
        edge = reversed(self._edge)
        root = next(edge)
        for left in edge:
            root = node(left, root)
        return root

    def root_with(self, hash: bytes) -> bytes:
        """The root that there would be with another leaf."""
        more = Tree()
        more.size, more._edge = self.size, self._edge.copy()
        more.append(hash)
        return more.root()
