"""Checkpoints: what a signed note says of a segment, and of the key that signs next (pure).

A checkpoint has the form of C2SP (c2sp.org/tlog-checkpoint): what it is about, how many lines there are,
the root of their Merkle tree (RFC 9162 section 2.1.1), and below that lines of our own::

    NAME/W/N            the gate, the worker and the segment
    SIZE                lines of the segment that it seals
    ROOT                base64
    time TIME           when it was signed
    head HEX            hash of the last of these lines
    state open|closed   closed: the segment has no more lines
    previous HEX        SHA-256 of the note before in this worker's sequence; zeros for its first

The root of a segment stays provable when the segment itself is gone; the head says where the chain has
to have been at that moment; what came before it is why none of them can be taken away unseen.

A succession is a note by which a key names the one that signs from then on::

    NAME/succession
    successor VKEY
    time TIME
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from attrs import frozen

from mcpgate.evidence.note import NoteError, VerifierKey, decoded, read_key

#: What the first checkpoint of a worker says of the one before.
FIRST = bytes(32)

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
_CHECKPOINT = re.compile(
    r"(?P<gate>[^\n/]+)/(?P<worker>0|[1-9]\d{0,8})/(?P<segment>[1-9]\d{0,8})\n"
    r"(?P<size>[1-9]\d{0,15})\n"
    r"(?P<root>[A-Za-z0-9+/]{43}=)\n"
    rf"time (?P<time>{_TIME})\n"
    r"head (?P<head>[0-9a-f]{64})\n"
    r"state (?P<state>open|closed)\n"
    r"previous (?P<previous>[0-9a-f]{64})\n",
    re.ASCII,
)
_SUCCESSION = re.compile(
    rf"(?P<gate>[^\n/]+)/succession\nsuccessor (?P<key>[^\n]+)\ntime (?P<time>{_TIME})\n", re.ASCII
)


@frozen
class Checkpoint:
    """What a segment was at one moment."""

    gate: str
    worker: int
    segment: int
    size: int
    root: bytes
    time: str
    head: bytes
    closed: bool
    previous: bytes

    def text(self) -> str:
        """The text of the note that says so."""
        return (
            f"{self.gate}/{self.worker}/{self.segment}\n{self.size}\n"
            f"{b64encode(self.root).decode('ascii')}\ntime {self.time}\nhead {self.head.hex()}\n"
            f"state {'closed' if self.closed else 'open'}\nprevious {self.previous.hex()}\n"
        )


def read_checkpoint(text: str) -> Checkpoint:
    """What a note's text says.

    @raise NoteError: It is not about a checkpoint.
    """
    found = _CHECKPOINT.fullmatch(text)
    if found is None:
        raise NoteError("a note, but not a checkpoint")
    return Checkpoint(
        gate=found["gate"],
        worker=int(found["worker"]),
        segment=int(found["segment"]),
        size=int(found["size"]),
        root=decoded(found["root"]),
        time=found["time"],
        head=bytes.fromhex(found["head"]),
        closed=found["state"] == "closed",
        previous=bytes.fromhex(found["previous"]),
    )


@frozen
class Succession:
    """That another key signs from now on."""

    gate: str
    successor: VerifierKey
    time: str

    def text(self) -> str:
        """The text of the note that says so."""
        return f"{self.gate}/succession\nsuccessor {self.successor}\ntime {self.time}\n"


def read_succession(text: str) -> Succession:
    """What a note's text says.

    @raise NoteError: It is not about a succession.
    """
    found = _SUCCESSION.fullmatch(text)
    if found is None:
        raise NoteError("a note, but not of a succession")
    successor = read_key(found["key"])
    if successor.name != found["gate"]:
        raise NoteError("a succession by a key of another name")
    return Succession(found["gate"], successor, found["time"])


def hash_of(note: bytes) -> bytes:
    """What the next note says of this one."""
    return sha256(note).digest()
