"""How far the lines of a segment are those that were signed (pure).

A tree grows with the lines, and at each checkpoint its root has to be the one that was signed. The leaf of a
line is what the next one says of it: so an edited line, which is told by itself, leaves the root as it was,
and a root that differs all the same says that there is more.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Sequence

from mcpgate.evidence.chain import Tree
from mcpgate.evidence.checkpoint import Checkpoint
from mcpgate.evidence.lineplace import process_of
from mcpgate.evidence.strays import Fault


class Signed:
    """
    A segment so far, and what its checkpoints say of it.

    @ivar size: How many lines it has, by their numbers.
    @ivar good: How many of them are as a checkpoint says.
    @ivar lines: How many lines the file has.
    @ivar last: The hash of the last one in hexadecimal; C{None}: not known.
    @ivar final: The last line.
    @ivar faults: What is wrong.
    """

    def __init__(self, before: bytes | None, marks: Sequence[Checkpoint]) -> None:
        self.size = 0
        self.good = 0
        self.lines = 0
        self.last = before
        self.final: bytes | None = None
        self.faults: list[Fault] = []
        self._marks = list(reversed(marks))
        self._closed = next((mark.size for mark in marks if mark.closed), None)
        self._tree = Tree()
        #: The leaf of the last line, which the next one has to confirm.
        self._pending: bytes | None = None
        #: Whether the tree has all leaves.
        self._whole = True
        #: Lines that were rewritten, while the chain behind them holds; what was signed of the last one.
        self._block: Fault | None = None
        self._signed: bytes | None = None
        #: Who wrote the first line, and so all of them.
        self._process: bytes | None = None

    def _judge(self) -> None:
        """Compare the lines so far with what a checkpoint says of them."""
        size = self.size
        while self._marks and self._marks[-1].size == size:
            self._compare(self._marks.pop())

    def _compare(self, mark: Checkpoint) -> None:
        size = self.size
        if self._whole and self._tree.size == size - 1:
            if self._pending is not None and self._root(self._pending) == mark.root:
                self.good = size
                return
            if self._root(mark.head) == mark.root:
                if not self._taken(size - 1):
                    self._fault("edited", size - 1)
                self._pending, self.last = mark.head, hexlify(mark.head)
                self.good = size
                return
        elif self._pending == mark.head:
            # The tree is not whole any more, but the chain is from where it was broken to here.
            self.good = size
            return
        elif self._pending is None:
            self._pending, self.last = mark.head, hexlify(mark.head)
            self.good = size
            return
        self._rewritten(mark)

    def _root(self, last: bytes) -> bytes:
        return self._tree.root_with(last)

    def _rewritten(self, mark: Checkpoint) -> None:
        """Behind the last root that is right lines are others, and it does not show in the chain."""
        size = self.size
        self._signed = hexlify(mark.head)
        self._whole = False
        if self._block is not None:
            self._block.last = size - 1
            return
        if self._replaced_before():
            self._block = self.faults[-1]
            return
        breaks = ("missing", "rewritten", "replaced")
        broken = [fault.last + 1 for fault in self.faults if fault.kind in breaks and fault.last >= self.good]
        first = max([self.good, *broken])
        within = [one for one in self.faults if one.kind in ("edited", "prev") and one.first >= first]
        self.faults = [fault for fault in self.faults if fault not in within]
        at = self.lines - (size - 1 - first)
        if self._pending == mark.head:
            # From the last break in the chain on they are as they were.
            last = max((fault.last for fault in within), default=size - 1)
            self.good = size
            self.faults.append(Fault("rewritten", first, last, at))
            return
        self._block = Fault("rewritten", first, size - 1, at)
        self.faults.append(self._block)

    # What is wrong.

    def _fault(self, kind: str, seq: int, detail: str = "", *, line: int | None = None) -> None:
        """Say that a line is another one; it belongs to the fault before it if that goes on."""
        if self.faults:
            before = self.faults[-1]
            if before.kind == kind and before.last == seq - 1 and kind in ("edited", "replaced"):
                before.last = seq
                return
        self.faults.append(Fault(kind, seq, seq, self.lines if line is None else line, detail))

    def _replaced_before(self) -> bool:
        """Whether the lines up to here are of another process, which fit each other."""
        fault = self.faults[-1] if self.faults else None
        if fault is None or fault.kind != "replaced" or self.final is None or not self._alien(self.final):
            return False
        self._whole &= fault.last == self.size - 1
        fault.last = self.size - 1
        return True

    def _taken(self, seq: int) -> bool:
        """Whether it was said already that this line is another one."""
        return any(fault.first <= seq <= fault.last and fault.kind != "link" for fault in self.faults[-2:])

    def _alien(self, line: bytes) -> bool:
        process = process_of(line)
        return process is not None and self._process is not None and process != self._process
