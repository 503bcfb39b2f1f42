"""The manifest of a bundle: whose it is, about what, and which files it has, to be signed (pure).

Two files of a bundle say it. C{SHA256SUMS} has a line for each other file, as C{sha256sum} writes and checks
them. C{manifest} is a signed note (C2SP) of the key that signs checkpoints, with this text::

    NAME/bundle         the gate
    made TIME
    since TIME          the span that its report is about
    until TIME
    profile NAME        of the report
    files COUNT         lines of SHA256SUMS
    sums HEX            SHA-256 of SHA256SUMS
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

NAME, SUMS = "manifest", "SHA256SUMS"
#: Files of a bundle: a segment a day of each of eight workers, with its checkpoints, makes 60,000 in ten
#: years.
FILES_MOST = 200_000

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
_MANIFEST = re.compile(
    rf"([^\n/]{{1,255}})/bundle\nmade ({_TIME})\nsince ({_TIME})\nuntil ({_TIME})\n"
    r"profile ([a-z0-9.-]{1,40})\nfiles (0|[1-9][0-9]{0,6})\nsums ([0-9a-f]{64})\n",
    re.ASCII,
)
_SUM = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_][A-Za-z0-9._/-]{0,199})", re.ASCII)


@frozen
class Manifest:
    """What a bundle says of itself."""

    gate: str
    made: str
    since: str
    until: str
    profile: str
    files: int
    sums: str

    def text(self) -> str:
        """The text that is signed."""
        return (
            f"{self.gate}/bundle\nmade {self.made}\nsince {self.since}\nuntil {self.until}\n"
            f"profile {self.profile}\nfiles {self.files}\nsums {self.sums}\n"
        )


def read_manifest(text: str) -> Manifest:
    """
    A manifest from the text of its note.

    @raise ValueError: It is none.
    """
    found = _MANIFEST.fullmatch(text)
    if found is None:
        raise ValueError("a note, but not the manifest of a bundle")
    gate, made, since, until, profile, files, sums = found.groups()
    return Manifest(gate, made, since, until, profile, int(files), sums)


def sums_text(sums: Mapping[str, str]) -> str:
    """C{SHA256SUMS}. C{sums}: by the names of the files, their hashes."""
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def read_sums(text: str) -> dict[str, str]:
    """
    The hashes of files by their names, which do not lead out of the bundle.

    @raise ValueError: It is not what L{sums_text} writes.
    """
    sums: dict[str, str] = {}
    if not text:
        return sums
    if not text.endswith("\n"):
        raise ValueError(f"{SUMS} ends within a line")
    for number, line in enumerate(text[:-1].split("\n"), 1):
        found = _SUM.fullmatch(line)
        if found is None or not _stays(found[2]) or found[2] in sums or number > FILES_MOST:
            raise ValueError(f"{SUMS} has no file in its line {number}, or one that it had before")
        sums[found[2]] = found[1]
    return sums


def _stays(name: str) -> bool:
    """Whether a name leads to a place within the bundle, and to nothing of these two files."""
    return name not in (NAME, SUMS) and all(part not in ("", ".", "..") for part in name.split("/"))
