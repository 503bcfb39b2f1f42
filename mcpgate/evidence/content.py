"""Whether a bundle has what its manifest says, and nothing else; and who has signed that.

The chain and the checkpoints judge the journal. This judges the rest: the report, whether something was taken
out or put in, and lines that no checkpoint covers yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import sha256

from mcpgate.evidence.findings import Finding, Severity
from mcpgate.evidence.manifest import NAME, SUMS, read_manifest, read_sums
from mcpgate.evidence.note import NOTE_MOST, NoteError, read_note
from mcpgate.evidence.places import BLOCK, File, Place
from mcpgate.evidence.trusted import Trusted

#: A line has a hash and a name, and there are 200,000 at most.
SUMS_MOST = 64 * 1024 * 1024


def judge_content(
    place: Place, trusted: Trusted, told: Collection[str], tell: Callable[[Finding], object]
) -> None:
    """
    Judge a bundle by its manifest.

    @param told: Names of files of which something was told already: that they differ is no news.
    @param tell: Takes what is found.
    """
    sums = _signed_sums(place, trusted, tell)
    if sums is None:
        return
    for name, wanted in sorted(sums.items()):
        file = place.files.get(name)
        if file is None:
            _tell(tell, "missing", name, f"{name}: the manifest lists it, and it is not there.")
        elif _hash(file) != wanted and name.rpartition("/")[2] not in told:
            _tell(tell, "changed", name, f"{name}: is not the file that the manifest lists.")
    for name in sorted(place.files.keys() - sums.keys() - {NAME, SUMS}):
        _tell(tell, "added", name, f"{name}: is not in the manifest; it was put there by somebody else.")


def _signed_sums(place: Place, trusted: Trusted, tell: Callable[[Finding], object]) -> dict[str, str] | None:
    """What the manifest lists, if it is signed by a key that counts."""
    try:
        note = read_note(_all(place.files[NAME], NOTE_MOST))
        if note.signer(trusted.keys) is None:
            raise NoteError("no key that counts has signed it")
        manifest = read_manifest(note.text)
        if manifest.gate != trusted.gate:
            raise NoteError(f"it is of the gate {manifest.gate}")
    except (ValueError, OSError) as error:
        _tell(tell, "manifest", NAME, f"{NAME}: does not stand for what is in the bundle: {error}.")
        return None
    try:
        if SUMS not in place.files:
            raise ValueError("it is not there")
        raw = _all(place.files[SUMS], SUMS_MOST)
        if sha256(raw).hexdigest() != manifest.sums:
            raise ValueError("it is not the list that the manifest was signed for")
        sums = read_sums(raw.decode("ascii"))
        if len(sums) != manifest.files:
            raise ValueError("it has another number of files than the manifest says")
    except (ValueError, OSError) as error:
        _tell(tell, "manifest", SUMS, f"{SUMS}: {error}.")
        return None
    return sums


def _all(file: File, most: int) -> bytes:
    with file.open() as opened:
        raw = opened.read(most + 1)
    if len(raw) > most:
        raise ValueError(f"it is longer than {most} bytes")
    return raw


def _hash(file: File) -> str | None:
    """C{None}: it cannot be read."""
    digest = sha256()
    try:
        with file.open() as opened:
            while block := opened.read(BLOCK):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()


def _tell(tell: Callable[[Finding], object], kind: str, file: str, words: str) -> None:
    tell(Finding(Severity.TAMPERED, kind, words, file=file))
