"""Which keys count for whoever has one of them: those that it has named, and those that they have (pure).

Only forward: a key says who comes after it, and nothing about who was before. What an older key has signed
before it is vouched for by the sequence of checkpoints itself, as each names the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from mcpgate.evidence.checkpoint import read_succession
from mcpgate.evidence.note import NoteError, VerifierKey, notes_in, read_key, read_note


@frozen
class Trusted:
    """
    A key that somebody trusts, and those that came of it, in their order.

    @ivar since: When each of these was named, by the one before.
    """

    first: VerifierKey
    after: tuple[VerifierKey, ...] = ()
    since: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """All of them, the oldest first."""
        return (self.first, *self.after)

    @property
    def gate(self) -> str:
        """The gate whose keys they are."""
        return self.first.name

    def age(self, key: VerifierKey) -> int:
        """How many of them are older."""
        return self.keys.index(key)

    def replaced(self, key: VerifierKey) -> str | None:
        """When a key has named another one, which signs from then on; C{None}: it has not."""
        age = self.age(key)
        return self.since[age] if age < len(self.since) else None


def follow(trusted: Trusted, successions: Iterable[bytes]) -> Trusted:
    """The same with those keys that it leads to by these notes, in whatever order they come.

    @raise NoteError: One of the notes is none; or the last of the keys has named two.
    """
    named: dict[VerifierKey, list[VerifierKey]] = {}
    read = [(note, read_succession(note.text)) for note in map(read_note, dict.fromkeys(successions))]
    after, since = list(trusted.keys), list(trusted.since)
    times = {said.successor: said.time for _, said in read}
    # Each round finds the successor of the last one, or ends it.
    for _ in range(len(read) + 1):
        last = after[-1]
        for note, said in read:
            if said.gate == last.name and note.signer((last,)) is not None:
                named.setdefault(last, []).append(said.successor)
        successors = set(named.pop(last, ()))
        if len(successors) > 1:
            raise NoteError(f"the key {last} has named two successors: somebody else has it, too")
        fresh = successors.difference(after)
        if not fresh:
            break
        after += fresh
        since += (times[key] for key in fresh)
    return Trusted(after[0], tuple(after[1:]), tuple(since))


def written_keys(keys: Sequence[VerifierKey], successions: Iterable[bytes]) -> bytes:
    """Keys for others to have: one a line, the first one first, and below them the successions."""
    lines = "".join(f"{key}\n" for key in keys).encode()
    return lines + b"\n" + b"".join(note + b"\n" for note in successions)


def read_keys(raw: bytes) -> tuple[VerifierKey, tuple[bytes, ...]]:
    """
    The first key in a file of them, and the successions that it has; none of them proved.

    What stands in the lines between is what they lead to, and need not be taken on trust.

    @raise NoteError: It is not such a file; one key in one line is.
    """
    head, _, below = raw.partition(b"\n\n")
    try:
        first = head.decode("utf-8").split("\n")[0].strip()
    except UnicodeDecodeError:
        raise NoteError("not a file of public keys") from None
    return read_key(first), tuple(note for _, note in notes_in(below))
