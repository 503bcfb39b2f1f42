"""Text that an upstream says bit by bit: what of it may pass, when, and what is masked.

The messages of one progress token, or of one logger, are read one after the other, so what a detector
seeks may be split over them. Whoever says the next bit has not said it yet, so a message whose text ends
in the beginning of something waits for the next one of its kind, and because order stays, everything
behind it on the stream waits too. Nothing waits long: at a limit of time or bytes what is in doubt is
masked, and all pass. What is in no doubt, which is nearly everything, does not wait at all.

 - The beginning of something is what says too much already (C{doubt} in L{mcpgate.policy.sought}): seven
   digits of a card, an e-mail address once its @ is there. What is shorter has passed when the rest comes,
   and the rest is masked.
 - The end of a run (the answer to the request whose progress it was) ends the doubt: nobody will go on.

Pure: events are anything at all, and now is a parameter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from attrs import define, field

from mcpgate.policy.detectors import Detectors
from mcpgate.policy.found import Found, merged
from mcpgate.policy.joints import chains, news_in
from mcpgate.policy.texts import Rest

#: What may wait on one stream. An event is at most a mebibyte and seldom more than a few hundred bytes; 64
#: KiB are the lines of any key, and what a hundred streams hold is less than one of them may buffer.
WAITING_MOST = 64 * 1024
#: What an event takes beside its bytes: of comments of three bytes nobody may make us keep thousands.
EVENT = 256
#: A person does not notice half a second between two lines of a log, and whoever writes a line in pieces
#: writes the next one sooner.
WAIT = 0.5
#: Runs of one stream that are followed at once: a request has one progress token and a server a few loggers.
RUNS_MOST = 32
#: How much of what has passed is remembered, in characters. What may pass of a secret before it is in
#: doubt is shorter, and so is what makes the end of a word.
REMEMBERED = 256
#: Pieces of one run that may be in doubt together. Nobody who means well writes a token in more.
PIECES_MOST = 128

Event = TypeVar("Event")


@define(eq=False)
class Passing(Generic[Event]):
    """
    An event and what was found in its texts.

    @ivar size: in bytes.
    @ivar found: for each text, in order.
    @ivar since: since when it waits, if it does.
    @ivar decided: It waits no more, as it has waited long enough.
    """

    event: Event
    size: int
    found: list[list[Found]] = field(factory=list)
    since: float | None = None
    decided: bool = False
    passed: bool = False


@define(eq=False)
class _Piece(Generic[Event]):
    """A part of a text of a run: whose, where in it, and what was found in it."""

    text: str
    entry: Passing[Event]
    index: int
    offset: int = 0
    found: list[Found] = field(factory=list)

    def after(self, cut: int) -> _Piece[Event]:
        """The rest of it."""
        found = [Found(max(0, start - cut), end - cut, name) for start, end, name in self.found if end > cut]
        return _Piece(self.text[cut:], self.entry, self.index, self.offset + cut, found)

    def mask(self, find: Found) -> None:
        """Something in it does not pass, if it has not yet."""
        if not self.entry.passed:
            start, end, name = find
            found = self.entry.found
            moved = Found(self.offset + start, self.offset + end, name)
            found[self.index] = merged([*found[self.index], moved])


@define(eq=False)
class _Run(Generic[Event]):
    """
    What is remembered of one run.

    @ivar pieces: The end of what was said.
    @ivar doubtful: The end of that, as far as it is in doubt.
    @ivar detector: For which.
    """

    rest: Rest
    pieces: list[_Piece[Event]] = field(factory=list)
    doubtful: list[_Piece[Event]] = field(factory=list)
    detector: str = ""

    def settle(self) -> None:
        """Nothing of it waits any more."""
        for piece in self.doubtful:
            piece.entry.since = None
        self.doubtful = []


class Runs(Generic[Event]):
    """The runs of one stream, and its events that wait."""

    def __init__(self, detectors: Detectors, reach: int = REMEMBERED) -> None:
        """
        @param reach: how much of what has passed is remembered, in characters, where that is not enough.
        """
        self.look_for(detectors, reach)
        self._runs: dict[Hashable, _Run[Event]] = {}
        self._waiting: deque[Passing[Event]] = deque()
        self._size = 0

    def look_for(self, detectors: Detectors, reach: int = REMEMBERED) -> None:
        """Look for this from now on; the names are those of before."""
        self._detectors = detectors
        self._reach = max(REMEMBERED, min(reach, WAITING_MOST))

    @property
    def due(self) -> float | None:
        """When L{late} is to be called, if nothing is heard before; C{None}: nothing waits."""
        # The first of all waits for itself, and the others at least as long for it.
        first = self._waiting[0].since if self._waiting else None
        return None if first is None else first + WAIT

    def hear(
        self, event: Event, size: int, key: Hashable, texts: Sequence[str], now: float
    ) -> list[Passing[Event]]:
        """
        An event came.

        @param key: of the run that it belongs to; C{None}: to none, but it keeps its place.
        @param texts: what it says, in the order in which it is read.
        @return: the events that pass now, in order.
        """
        entry = Passing(event, size)
        self._waiting.append(entry)
        self._size += size + EVENT
        if key is not None:
            entry.found = [self._detectors.find(text) for text in texts]
            self._say(entry, self._run(key), texts, now)
        passing = self._pass()
        if self._size > WAITING_MOST:
            self._decide(list(self._runs.values()))
            passing += self._pass()
        return passing

    def end(self, key: Hashable) -> list[Passing[Event]]:
        """Nobody will go on with a run: what it left in doubt is nothing."""
        run = self._runs.pop(key, None)
        if run is not None:
            run.settle()
        return self._pass()

    def end_all(self) -> list[Passing[Event]]:
        """
        Nobody will go on with any run: what they left in doubt is nothing.

        Who does all the same, behind an answer, is not believed: what was said is remembered.
        """
        for run in self._runs.values():
            run.settle()
        return self._pass()

    def late(self, now: float) -> list[Passing[Event]]:
        """What has waited too long passes, masked as far as it is in doubt."""
        self._decide(
            [
                run
                for run in self._runs.values()
                if any(
                    piece.entry.since is not None and piece.entry.since + WAIT <= now
                    for piece in run.doubtful
                )
            ]
        )
        return self._pass()

    def _run(self, key: Hashable) -> _Run[Event]:
        run = self._runs.pop(key, None)
        if run is None:
            run = _Run(Rest(self._detectors.names))
            if len(self._runs) >= RUNS_MOST:
                # The one that was silent for longest is followed no more, so its doubt cannot end well.
                self._decide([self._runs.pop(next(iter(self._runs)))])
        self._runs[key] = run
        return run

    def _say(self, entry: Passing[Event], run: _Run[Event], texts: Sequence[str], now: float) -> None:
        """Look at new texts together with the end of what was said before."""
        pieces = [*run.pieces]
        pieces += [_Piece(text, entry, index, 0, [*entry.found[index]]) for index, text in enumerate(texts)]
        found = [piece.found for piece in pieces]
        news = []
        for chain in chains([piece.text for piece in pieces]):
            for one in self._detectors.find_joined(chain.pieces):
                news += news_in(chain.parts(one), found)
        for at, part in news:
            pieces[at].mask(part)
            found[at][:] = merged([*found[at], part])
        before = len(run.pieces)
        for index, (text, finds) in enumerate(zip(texts, entry.found, strict=True)):
            run.rest.hear(text, finds, [part for at, part in news if at == before + index])
        self._remember(run, pieces, now)

    def _remember(self, run: _Run[Event], pieces: list[_Piece[Event]], now: float) -> None:
        """The end of what was said may go on, and some of it may be in doubt."""
        since = {id(piece.entry): piece.entry.since for piece in run.doubtful}
        run.settle()
        pieces = _from(pieces, sum(len(piece.text) for piece in pieces) - WAITING_MOST)
        doubt = self._doubt(pieces)
        if doubt is not None:
            start, run.detector = doubt
            run.doubtful = _from(pieces, start)
            for piece in run.doubtful:
                entry = piece.entry
                if not entry.passed and not entry.decided:
                    was = since.get(id(entry))
                    entry.since = now if was is None else was
        length = sum(len(piece.text) for piece in pieces)
        doubtful = sum(len(piece.text) for piece in run.doubtful)
        run.pieces = _from(pieces, length - max(self._reach, doubtful))
        if len(run.pieces) > PIECES_MOST:
            self._decide([run])
            far, near = run.pieces[:-PIECES_MOST], run.pieces[-PIECES_MOST:]
            # What is said in many bits is still remembered, as one.
            run.pieces = [_together(far), *near] if self._reach > REMEMBERED else near

    def _doubt(self, pieces: list[_Piece[Event]]) -> tuple[int, str] | None:
        """
        The longest doubt about the end of the pieces.

        What was found is in no doubt, so its own detector looks at what comes after it only; others may
        have begun before it.
        """
        doubts = self._detectors.doubts([piece.text for piece in pieces])
        size = last = 0
        ends: dict[str, int] = {}
        for piece in pieces:
            for one in piece.found:
                last = ends[one.detector] = size + one.end
            size += len(piece.text)
        if doubts and last:
            doubts = [(start, name) for start, name in doubts if last < size and start >= ends.get(name, 0)]
            after = self._detectors.doubts([piece.text for piece in _from(pieces, last)])
            doubts += [(last + start, name) for start, name in after]
        return min(doubts, default=None)

    def _decide(self, runs: Sequence[_Run[Event]]) -> None:
        """What is in doubt is masked, and waits no longer."""
        for run in runs:
            for piece in run.doubtful:
                if piece.text:
                    piece.mask(Found(0, len(piece.text), run.detector))
                piece.entry.decided = True
            if run.doubtful:
                run.rest.leave_open(run.detector)
            run.settle()

    def _pass(self) -> list[Passing[Event]]:
        passing = []
        while self._waiting and self._waiting[0].since is None:
            entry = self._waiting.popleft()
            entry.passed = True
            self._size -= entry.size + EVENT
            passing.append(entry)
        return passing


def _together(pieces: list[_Piece[Event]]) -> _Piece[Event]:
    """Pieces that have passed, as one, in which nothing is masked any more."""
    found: list[Found] = []
    at = 0
    for piece in pieces:
        found += [Found(start + at, end + at, name) for start, end, name in piece.found]
        at += len(piece.text)
    passed = Passing(pieces[-1].entry.event, 0, passed=True)
    return _Piece("".join(piece.text for piece in pieces), passed, 0, 0, merged(found))


def _from(pieces: list[_Piece[Event]], start: int) -> list[_Piece[Event]]:
    """The pieces from an offset in all of them on."""
    if start <= 0:
        return pieces
    at = 0
    for index, piece in enumerate(pieces):
        if at + len(piece.text) > start:
            return [piece.after(start - at) if start > at else piece, *pieces[index + 1 :]]
        at += len(piece.text)
    return []
