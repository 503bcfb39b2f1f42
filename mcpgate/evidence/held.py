"""Checkpoints that somebody else holds, compared with those that are here.

Whoever has taken a host over, with its key, can make another past and sign it; but not change what has left
the host before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from attrs import define, frozen

from mcpgate.evidence.checkpoint import Checkpoint, hash_of, read_checkpoint
from mcpgate.evidence.findings import Finding, Severity, counted
from mcpgate.evidence.note import NoteError, notes_in, read_note
from mcpgate.evidence.places import File, UnreadableError, checkpoints_in
from mcpgate.evidence.sequence import Sequence
from mcpgate.evidence.trusted import Trusted

_Key = TypeVar("_Key", int, str)

#: How a checkpoint begins in a line of a log.
_LOGGED = b'{"checkpoint":'


@frozen
class _Copy:
    source: str
    hash: bytes
    said: Checkpoint


@define
class _Differing:
    """What differs of one worker: the first of it, in words, and how much more there is."""

    words: str
    copy: _Copy
    more: int = 0


class Held:
    """The copies of one gate's checkpoints. C{count}: how many there are that count."""

    def __init__(self, trusted: Trusted, tell: Callable[[Finding], object]) -> None:
        self.count = 0
        self._trusted = trusted
        self._tell = tell
        self._copies: dict[tuple[int, int], list[_Copy]] = {}
        self._differing: dict[int, _Differing] = {}
        self._strangers: dict[str, _Differing] = {}

    def read(self, where: Path) -> None:
        """
        Read copies: files of checkpoints, all those below a directory, or a log with lines of them.

        @raise UnreadableError: There is none.
        """
        before = self.count + len(self._strangers)
        for source, file in checkpoints_in(where):
            for note in _notes_of(file):
                self._take(source, note)
        if self.count + len(self._strangers) == before:
            raise UnreadableError(f"{where}: there is no checkpoint of {self._trusted.gate}")

    def _take(self, source: str, raw: bytes) -> None:
        try:
            note = read_note(raw)
            said = read_checkpoint(note.text)
            if said.gate != self._trusted.gate:
                return
            signer = note.signer(self._trusted.keys)
        except NoteError as error:
            words = f"{source}: has what is no checkpoint ({error}), and does not count."
            self._tell(Finding(Severity.NOTE, "copy_damaged", words, file=source))
            return
        copy = _Copy(source, hash_of(raw), said)
        if signer is None:
            key = f"{note.signatures[0].name}+{note.signatures[0].id.hex()}"
            _count(self._strangers, key, copy, f"signed by {key}")
            return
        self.count += 1
        self._copies.setdefault((said.worker, said.segment), []).append(copy)

    def compare(self, segment: int, sequence: Sequence) -> None:
        """Compare with the checkpoints of a segment that were read."""
        hashes = sequence.hashes
        for copy in self._copies.pop((sequence.worker, segment), ()):
            if copy.hash not in hashes:
                same = any(one.size == copy.said.size for one in hashes.values())
                what = "differs from the one here" if same else "is not here"
                _count(self._differing, copy.said.worker, copy, what)

    def end(self, *, partly: bool) -> None:
        """
        Say what differs, once all segments have been compared.

        @param partly: What is here is a part: copies of segments that are not in it are no matter.
        """
        if not partly:
            for _, copies in sorted(self._copies.items()):
                for copy in copies:
                    _count(self._differing, copy.said.worker, copy, "is not here")
        for _, found in sorted(self._differing.items()):
            self._say_differing(found)
        for key, found in self._strangers.items():
            words = (
                f"{found.copy.source}: has a checkpoint of this gate{_more(found)} signed by the key {key}, "
                "which is neither the one that is trusted nor one that came after it: either the key that is "
                "trusted is not the gate's, or that one is not."
            )
            self._tell(Finding(Severity.TAMPERED, "copy_key", words, file=found.copy.source))

    def _say_differing(self, found: _Differing) -> None:
        said = found.copy.said
        words = (
            f"{found.copy.source}: a checkpoint of worker {said.worker}, of segment {said.segment} with "
            f"{counted(said.size, 'line')}, made {said.time}, {found.words}{_more(found)}: the past was made "
            "anew or taken back, by somebody who could write here."
        )
        self._tell(
            Finding(
                Severity.TAMPERED, "copy_differs", words, said.worker, said.segment, file=found.copy.source
            )
        )


def _count(found: dict[_Key, _Differing], key: _Key, copy: _Copy, words: str) -> None:
    if key in found:
        found[key].more += 1
    else:
        found[key] = _Differing(words, copy)


def _more(found: _Differing) -> str:
    return f" (and {found.more:,} more)" if found.more else ""


def _notes_of(file: File) -> Iterable[bytes]:
    try:
        raw = file.read()
    except OSError as error:
        raise UnreadableError(f"{file.name}: {error.strerror or error}") from error
    if _LOGGED in raw:
        return _logged(raw)
    return (note for _, note in notes_in(raw))


def _logged(raw: bytes) -> Iterator[bytes]:
    for line in raw.split(b"\n"):
        begin = line.find(_LOGGED)
        if begin >= 0:
            try:
                note = json.JSONDecoder().raw_decode(line[begin:].decode())[0]["checkpoint"]
            except (ValueError, KeyError):
                continue
            if isinstance(note, str):
                yield note.encode("utf-8", "replace")
