"""The sequence of one worker's checkpoints: who has signed each, and whether one is missing (pure).

It is read segment by segment, as the journal is: a gate that ran for years has a million of them.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from mcpgate.evidence.checkpoint import FIRST, Checkpoint, hash_of, read_checkpoint
from mcpgate.evidence.findings import Finding, Severity, counted
from mcpgate.evidence.note import Note, NoteError, VerifierKey, notes_in, read_note
from mcpgate.evidence.tails import apart
from mcpgate.evidence.trusted import Trusted

#: Seconds in which a gate notices that its key was replaced: at its next checkpoint, whose time is taken a
#: moment after the key's. The command that replaces it reads the same clock.
AT_ONCE = 60.0


@frozen
class _Place:
    segment: int
    file: str
    line: int


@frozen(eq=False)
class _Piece:
    """What stands where a checkpoint should, as far as it can be read."""

    place: _Place
    hash: bytes
    note: Note | None
    said: Checkpoint | None
    error: str


def _piece(place: _Place, raw: bytes) -> _Piece:
    try:
        note = read_note(raw)
        return _Piece(place, hash_of(raw), note, read_checkpoint(note.text), "")
    except NoteError as error:
        return _Piece(place, hash_of(raw), None, None, str(error))


class Sequence:
    """
    The checkpoints of one worker, from its first segment on.

    @ivar worker: Whose they are.
    @ivar count: How many there are that count.
    """

    def __init__(
        self,
        trusted: Trusted,
        gate: str,
        worker: int,
        tell: Callable[[Finding], object],
        *,
        from_first: bool = True,
    ) -> None:
        """
        @param gate: Whose they are.
        @param tell: Called with what is wrong.
        @param from_first: Whether the first one has to be the first that there was.
        """
        self.count = 0
        self._trusted = trusted
        self._gate = gate
        self.worker = worker
        self._tell = tell
        self._age = 0
        self._known_before = False
        #: The hashes of the checkpoints of the last segment that was read, with what they say.
        self.hashes: dict[bytes, Checkpoint] = {}
        self._previous: bytes | None = FIRST if from_first else None
        self._last: Checkpoint | None = None
        self._last_signer: tuple[_Place, VerifierKey] | None = None
        #: Those by keys that are not known, as long as none of ours has vouched for them.
        self._strangers: list[tuple[_Place, str]] = []
        self._stranger_count = 0
        self._vouched = 0

    def lose(self) -> None:
        """Those of a segment cannot be read: what comes next names what is not known."""
        self.hashes = {}
        self._previous = None

    def read(self, segment: int, file: str, raw: bytes, *, growing: bool) -> list[Checkpoint]:
        """
        The checkpoints of the next segment that has any, by size.

        @param file: The name of the file, for what is wrong.
        @param growing: It may be written at this moment.
        """
        self.hashes = {}
        pieces = [_piece(_Place(segment, file, line), note) for line, note in notes_in(raw)]
        if growing and pieces and not raw.endswith(b"\n\n"):
            # It is written at this moment; or a crash left a part of it, which the gate will cut off.
            torn = pieces.pop()
            self._say("unfinished", Severity.NOTE, torn.place, "ends within a checkpoint that is not whole")
        pieces = self._in_order(self._ours(pieces))
        found = [said for piece in pieces if (said := self._one(piece)) is not None]
        self.count += len(found)
        return found

    def _ours(self, pieces: list[_Piece]) -> list[_Piece]:
        """Those that are about this segment, as far as they are about any."""
        foreign = [one for one in pieces if one.said is not None and not self._about(one)]
        if not foreign:
            return pieces
        said = foreign[0].said
        assert said is not None
        if len(foreign) == len(pieces):
            # The whole file is another one: what comes next names what is not here.
            self._previous = None
        more = f" and {len(foreign) - 1:,} more" if len(foreign) > 1 else ""
        words = f"has a checkpoint{more} of another segment: {said.gate}/{said.worker}/{said.segment}"
        self._say("foreign", Severity.TAMPERED, foreign[0].place, words)
        return [one for one in pieces if one.said is None or self._about(one)]

    def _about(self, piece: _Piece) -> bool:
        said = piece.said
        return said is not None and (said.gate, said.worker, said.segment) == (
            self._gate,
            self.worker,
            piece.place.segment,
        )

    def _in_order(self, pieces: list[_Piece]) -> list[_Piece]:
        """The same in the order in which each names the one before, if there is such an order."""
        previous = self._previous
        for one in pieces:
            if previous is not None and one.said is not None and one.said.previous != previous:
                break
            previous = one.hash
        else:
            return pieces
        after = {one.said.previous: one for one in pieces if one.said is not None}
        previous, ordered = self._previous, []
        while previous is not None and previous in after:
            ordered.append(after.pop(previous))
            previous = ordered[-1].hash
        if len(ordered) != len(pieces):
            return pieces
        self._say("order", Severity.TAMPERED, pieces[0].place, "has its checkpoints in another order")
        return ordered

    def end(self) -> None:
        """Say what is left to be said once there are no more."""
        self._end_by_old_key()
        if self._strangers:
            place, key = self._strangers[0]
            more = f" and {self._stranger_count - 1:,} more" if self._stranger_count > 1 else ""
            self._say(
                "key",
                Severity.TAMPERED,
                place,
                f"has a checkpoint{more} signed by the key {key}, which is neither the one that is trusted "
                "nor one that came after it",
            )
        elif self._vouched:
            words = (
                f"Of worker {self.worker}, {counted(self._vouched, 'checkpoint')} were signed by a key that "
                "came before the one that is trusted; later ones vouch for them, which that one has signed."
            )
            self._tell(Finding(Severity.NOTE, "older_key", words, self.worker))

    def _end_by_old_key(self) -> None:
        """
        The last of them is by a key that had been replaced by then: the gate itself signs with the new one at
        once. Where one by that follows it vouches for those before, whatever the clock said.
        """
        if self._last is None or self._last_signer is None:
            return
        place, signer = self._last_signer
        replaced = self._trusted.replaced(signer)
        if replaced is not None and apart(replaced, self._last.time) > AT_ONCE:
            self._say(
                "old_key",
                Severity.TAMPERED,
                place,
                f"has a checkpoint of {self._last.time} signed by a "
                f"key that had been replaced at {replaced}, and none behind it by the one that signs since",
            )

    def _one(self, piece: _Piece) -> Checkpoint | None:
        place, said = piece.place, piece.said
        previous, self._previous = self._previous, piece.hash
        if said is None or piece.note is None:
            words = f"has no checkpoint, where one should be: {piece.error}"
            self._say("damaged", Severity.TAMPERED, place, words)
            self._previous = None
            return None
        try:
            signer = piece.note.signer(self._trusted.keys)
        except NoteError as error:
            self._say("forged", Severity.TAMPERED, place, f"has a forged checkpoint: {error}")
            # What it says of the one before, and the next of it, says nothing.
            self._previous = None
            return None
        if piece.hash in self.hashes:
            self._say("repeated", Severity.TAMPERED, place, "has a checkpoint a second time")
            self._previous = previous
            return None
        if previous is not None and said.previous != previous:
            if previous == FIRST:
                words = "begins with a checkpoint that names one before it, which is gone"
            else:
                words = f"lacks one or more checkpoints before that of {said.time}"
            self._say("gone", Severity.TAMPERED, place, words)
        elif self._last is not None and not _goes_on(self._last, said):
            words = "has a checkpoint that says less than the one before it"
            self._say("less", Severity.TAMPERED, place, words)
        self._last = said
        self._last_signer = (place, signer) if signer is not None else None
        self.hashes[piece.hash] = said
        if signer is None:
            self._strange(place, f"{piece.note.signatures[0].name}+{piece.note.signatures[0].id.hex()}")
        else:
            self._known(place, signer)
        return said

    def _strange(self, place: _Place, key: str) -> None:
        if not self._strangers:
            self._strangers.append((place, key))
        self._stranger_count += 1

    def _known(self, place: _Place, signer: VerifierKey) -> None:
        if self._strangers and not self._known_before:
            # They all stand before the first that is ours, which names the last of them.
            self._vouched = self._stranger_count
            self._strangers.clear()
            self._stranger_count = 0
        self._known_before = True
        age = self._trusted.age(signer)
        if age < self._age:
            words = "has a checkpoint signed by a key that had been replaced by then"
            self._say("old_key", Severity.TAMPERED, place, words)
        self._age = max(age, self._age)

    def _say(self, kind: str, severity: Severity, place: _Place, words: str) -> None:
        self._tell(
            Finding(
                severity,
                f"checkpoint_{kind}",
                f"{place.file}, line {place.line}: the file {words}.",
                self.worker,
                place.segment,
                file=place.file,
                line=place.line,
            )
        )


def _goes_on(before: Checkpoint, after: Checkpoint) -> bool:
    if before.segment != after.segment:
        return before.segment < after.segment
    return (before.size, before.closed) < (after.size, after.closed) and not before.closed
