"""The walk along a segment: whether its lines are a chain, and what its checkpoints say they are (pure).

Nearly all journals are sound, so most lines take the short way: each is compared with how it has to end,
is hashed, and its hash becomes a leaf of the tree. Where one does not fit, the walk stops and looks ahead, to
tell what was done in one sentence instead of in all its consequences, and goes on behind it:

 - Every line names the hash of the one before. So of an edited line one still knows what it hashed to, and
   with that as its leaf the tree still has the root that was signed, unless more was changed.
 - If a line that fits comes a little later, those before it do not belong there.
 - If the chain holds and a root that was signed differs, lines were rewritten, and chained again.
"""

from __future__ import annotations

from binascii import hexlify, unhexlify
from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from hashlib import sha256
from itertools import chain

from mcpgate.evidence.chain import leaf
from mcpgate.evidence.checkpoint import Checkpoint
from mcpgate.evidence.lineplace import broken_how, place_of, process_of
from mcpgate.evidence.record import LINE_MOST
from mcpgate.evidence.signed import Signed
from mcpgate.evidence.strays import Fault, Stray, settled

#: How far is looked ahead for a line that fits: lines, and bytes. What somebody puts in between is mostly
#: shorter.
AHEAD_MOST = 2048
AHEAD_BYTES = 16 << 20
#: After so many times that a line did not fit there is no such journal to be found any more, and looking far
#: would take for ever.
ODD_MOST = 2000
#: How many lines that do not belong are looked at; behind these nobody looks for one.
STRAYS_MOST = 10_000

#: Where the type of a line begins: they all begin alike.
_KIND = len(b'{"v":2,"type":"')
_OPEN = len(b'{"v":2,"type":"open","id":"')
_CLOSE = len(b'{"v":2,"type":"close","id":"')
#: The beginnings of the types that whoever verifies wants to see.
_NOTICED = frozenset((b"segme", b"expir", b"repai"))


class Walk(Signed):
    """
    One segment.

    @ivar first: Its first line.
    @ivar fresh: The first line behind what is as a checkpoint says.
    @ivar torn: It ends within a line.
    @ivar noticed: Lines that say something about segments, each with its number.
    """

    def __init__(
        self,
        before: bytes | None,
        marks: Sequence[Checkpoint],
        opens: MutableMapping[bytes, int],
        base: int = 0,
    ) -> None:
        """
        @param before: What the first line has to name; C{None}: not known.
        @param marks: The checkpoints of this segment, by size.
        @param opens: Exchanges that were opened and not closed, by id; each with C{base} plus its number.
        """
        super().__init__(before, marks)
        self.first: bytes | None = None
        self.fresh: bytes | None = None
        self.torn = False
        self.noticed: list[tuple[int, bytes]] = []
        self._opens = opens
        self._base = base
        self._strays: list[Stray] = []
        self._gaps: list[Fault] = []
        self._ahead: deque[bytes] = deque()
        self._odd = 0

    def through(self, chunks: Iterable[list[bytes]]) -> None:
        """Go through the lines of the segment, which come in pieces, each with its line feed."""
        lines: Iterator[bytes] = chain.from_iterable(chunks)
        while (odd := self._along(lines)) is not None:
            self._around(odd, lines)
        self._end()

    def _next(self, lines: Iterator[bytes]) -> bytes | None:
        return self._ahead.popleft() if self._ahead else next(lines, None)

    def _drained(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """What was looked at already, and then the others."""
        while self._ahead:
            yield self._ahead.popleft()
        yield from lines

    def _look(self, lines: Iterator[bytes]) -> None:
        """Look ahead, as far as that may be."""
        ahead = self._ahead
        self._odd += 1
        most = AHEAD_MOST if self._odd <= ODD_MOST else 1
        size = sum(map(len, ahead))
        while len(ahead) < most and size < AHEAD_BYTES and (line := next(lines, None)) is not None:
            ahead.append(line)
            size += len(line)

    # The short way.

    def _along(self, lines: Iterator[bytes]) -> bytes | None:
        """Go on for as long as lines fit; returns the first that does not."""
        seq, last, pending = self.size, self.last, self._pending
        begin = seq
        append, opens, base, noticed = self._tree.append, self._opens, self._base, self.noticed
        stop = self._marks[-1].size if self._marks else -1
        good = self.good
        line = None
        odd = None
        if self._closed is not None and seq >= self._closed and self.good == seq:
            # A closed segment has no more lines.
            return self._next(lines)
        for line in self._drained(lines) if self._ahead else lines:
            if last is None or not line.endswith(b',"seq":%d,"prev":"%b"}\n' % (seq, last)):
                odd = line
                break
            if pending is not None:
                append(pending)
            hash = sha256(b"\x00" + line)
            pending = hash.digest()
            last = hexlify(pending)
            kind = line[_KIND : _KIND + 5]
            if kind == b'open"':
                opens[line[_OPEN : line.find(b'"', _OPEN)]] = base + seq
            elif kind == b"close":
                opens.pop(line[_CLOSE : line.find(b'"', _CLOSE)], None)
            elif kind in _NOTICED:
                noticed.append((seq, line))
            if seq == good:
                self.fresh = line
                if seq == 0:
                    self.first = line
                    self._process = process_of(line)
            seq += 1
            if seq == stop:
                self.lines += seq - begin
                self.size, self.last, self._pending, self.final = seq, last, pending, line
                self._judge()
                begin, last, pending, good = seq, self.last, self._pending, self.good
                stop = self._marks[-1].size if self._marks else -1
                if seq == self._closed and self.good == seq:
                    return self._next(lines)
        self.lines += seq - begin
        if seq != begin and line is not None and odd is None:
            self.final = line
        self.size, self.last, self._pending = seq, last, pending
        return odd

    # Around what does not fit.

    def _around(self, line: bytes, lines: Iterator[bytes]) -> None:
        """Find out what is wrong with a line, and be behind it then."""
        if not line.endswith(b"\n") and len(line) <= LINE_MOST:
            self.torn = True
            return
        self.lines += 1
        if self._closed is not None and self.size >= self._closed and self.good == self.size:
            return self._behind(self._drained(lines))
        place = place_of(line)
        if self.last is None and place is not None and place[0] == self.size:
            # What was before is not known: it is taken at its word.
            return self._accept(line, place[1])
        self._look(lines)
        if self._intruded(line):
            return
        after = place_of(self._ahead[0]) if self._ahead else None
        in_place = after is not None and after[0] == self.size + 1
        if place is None or (in_place and place[0] != self.size):
            return self._broken(line, after)
        seq, prev = place
        alien = self._alien(line)
        if seq == self.size:
            self._differs(line, prev, after, alien)
        elif seq > self.size and not alien and not (self._closed is not None and seq >= self._closed):
            self._missing(seq, prev)
            self._accept(line, prev)
        else:
            self._stray(line, self.lines)

    def _intruded(self, line: bytes) -> bool:
        """Whether a line that fits comes a little later; those before it do not belong here then."""
        if self.last is None:
            return False
        fits = b',"seq":%d,"prev":"%b"}\n' % (self.size, self.last)
        index = next((index for index, later in enumerate(self._ahead) if later.endswith(fits)), None)
        if index is None:
            return False
        self._stray(line, self.lines)
        for _ in range(index):
            self.lines += 1
            self._stray(self._ahead.popleft(), self.lines)
        return True

    def _behind(self, lines: Iterator[bytes]) -> None:
        """Whatever stands behind the end of a closed segment does not belong there."""
        count = 1 + sum(1 for _ in lines)
        self.faults.append(Fault("added", self.size, self.size + count - 1, self.lines))
        self.lines += count - 1

    def _broken(self, line: bytes, after: tuple[int, bytes] | None) -> None:
        """A line without a place: it stands for the one that belongs here, or for none."""
        if after is not None and after[0] == self.size:
            self._stray(line, self.lines)
            return
        self._fault("edited", self.size, broken_how(line))
        if self._pending is not None:
            self._tree.append(self._pending)
        self._whole &= self._tree.size == self.size
        # What it was, the next one says.
        self._pending, self.last = None, None
        self.size += 1
        if self._marks and self._marks[-1].size == self.size:
            self._judge()

    def _missing(self, seq: int, prev: bytes) -> None:
        gap = Fault("missing", self.size, seq - 1, self.lines)
        self._gaps.append(gap)
        self.faults.append(gap)
        self._block = None
        if self._pending is not None:
            self._tree.append(self._pending)
        self._pending = None
        self._whole &= seq == self.size + 1 and self._tree.size == self.size
        self.size = seq
        while self._marks and self._marks[-1].size < seq:
            self._marks.pop()
        if self._marks and self._marks[-1].size == seq:
            # Of the last of them one knows what it hashed to.
            self._pending = unhexlify(prev)
            self._judge()

    def _differs(self, line: bytes, prev: bytes, after: tuple[int, bytes] | None, alien: bool) -> None:
        """A line with the right number that names another one before."""
        seq = self.size
        if self._block is not None or prev == self._signed:
            # Up to here the rewritten lines go.
            if self._block is not None and prev != self._signed:
                self._block.last = seq - 1
            self._block = None
            self._accept(line, prev)
            return
        if seq == 0:
            if alien or not self._is_segment(line):
                self._fault("edited", 0)
            else:
                self._fault("link", 0)
        elif alien:
            self._fault("replaced", seq)
            self._accept(line, self.last or prev)
            return
        elif self._replaced_before():
            pass
        elif self._taken(seq - 1):
            pass
        elif self.good == seq or self._only_prev(line, after):
            self._fault("prev", seq)
            if self.last is not None:
                # What is before it is as it was.
                self._accept(line, self.last)
                if after is not None and after[0] == self.size:
                    self.last = after[1]
                    self._pending = unhexlify(after[1])
                return
        else:
            self._fault("edited", seq - 1, line=self.lines - 1)
        self._accept(line, prev)

    def _only_prev(self, line: bytes, after: tuple[int, bytes] | None) -> bool:
        """Whether the line would be the right one if it named the one before."""
        if after is None or self.last is None or after[0] != self.size + 1:
            return False
        return hexlify(leaf(line[:-67] + self.last + line[-3:])) == after[1]

    def _is_segment(self, line: bytes) -> bool:
        return line[_KIND : _KIND + 8] == b'segment"'

    def _accept(self, line: bytes, prev: bytes) -> None:
        """Take a line as the next one. C{prev}: what the one before it was, as far as one knows."""
        seq = self.size
        if seq == 0:
            self.first = line
            self._process = process_of(line)
        elif self._tree.size == seq - 1:
            self._tree.append(unhexlify(prev))
        if seq == self.good:
            self.fresh = line
        self._pending = leaf(line)
        self.last, self.final = hexlify(self._pending), line
        kind = line[_KIND : _KIND + 5]
        if kind == b'open"':
            self._opens[line[_OPEN : line.find(b'"', _OPEN)]] = self._base + seq
        elif kind == b"close":
            self._opens.pop(line[_CLOSE : line.find(b'"', _CLOSE)], None)
        elif kind in _NOTICED:
            self.noticed.append((seq, line))
        self.size = seq + 1
        while self._marks and self._marks[-1].size < self.size:
            self._marks.pop()
        if self._marks and self._marks[-1].size == self.size:
            self._judge()

    def settle(self, again: Callable[[], Iterable[list[bytes]]]) -> None:
        """
        Find out about the lines that do not belong where they stand.

        @param again: The lines once more.
        """
        if self._strays:
            self.faults += settled(self._strays, self._gaps, again())
            self._strays.clear()

    def _stray(self, line: bytes, number: int) -> None:
        if len(self._strays) >= STRAYS_MOST:
            return
        place = place_of(line)
        self._strays.append(Stray(number, place[0] if place else None, leaf(line), self._alien(line)))

    # The end.

    def _end(self) -> None:
        self._replaced_before()
        size = self.size
        wanted = max((mark.size for mark in self._marks), default=0)
        if self._block is not None:
            signed = max(wanted, self._closed or 0)
            if signed and signed != size:
                self._block.detail = f"there are {size} lines where {signed} were signed"
            self._block.last = max(wanted, size) - 1
        elif wanted > size:
            self._cut(wanted)
        elif self.torn and self._closed is not None:
            self.faults.append(Fault("added", size, size, self.lines + 1, "a part of a line"))
            self.torn = False

    def _cut(self, wanted: int) -> None:
        """Lines at the end are not there, that a checkpoint knows of."""
        size = self.size
        if self.faults and self.faults[-1].kind == "missing" and self.faults[-1].last == size - 1:
            self.faults[-1].last = wanted - 1
            return
        detail = "the file ends within the first of them" if self.torn else ""
        self.faults.append(Fault("cut", size, wanted - 1, self.lines + 1, detail))
        self.torn = False
