"""The files that a configuration includes: found and read when it is, and never between.

An included file that changes changes nothing until the configuration is read again (SIGHUP), like the
configuration itself: a policy that is half written, or one of two files that belong together, must not
come into force because somebody looked at it at that moment.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from glob import escape, glob
from pathlib import Path

from attrs import frozen

# A thousand rules take 200 KiB; both bounds are for a pattern that matches something else.
FILE_MOST = 1 << 20
FILES_MOST = 256
#: All together: twice that, as JSON, still fits a message to a worker.
TOGETHER_MOST = 16 << 20
#: Files that end so have cases for C{mcpgate policy test}, and stand beside the policies that they try.
CASES = ".test.toml"


@frozen
class Included:
    """
    What was included.

    @ivar files: The bytes of each file, by its path as it is shown, in that order.
    @ivar problems: What is wrong with a pattern, by the pattern.
    """

    files: Mapping[str, bytes]
    problems: Mapping[str, str]


def read_included(text: bytes, source: Path) -> Included:
    """
    Read what the bytes of a configuration file include. Whatever else is wrong with them is for
    C{config.load} to say.
    """
    files: dict[str, bytes] = {}
    problems: dict[str, str] = {}
    # The directory's own name is no pattern.
    base = Path(escape(str(source.parent)))
    for pattern in _patterns(text):
        # As a shell has it, but for names that begin with a dot: those are what editors leave.
        found = [path for path in sorted(glob(str(base / pattern))) if not path.endswith(CASES)]
        if not found:
            problems[pattern] = "matches no file"
        for path in found:
            problem = _read(Path(path), _shown(path, source.parent), files)
            if problem is not None:
                problems.setdefault(pattern, problem)
    return Included(dict(sorted(files.items())), problems)


def _patterns(text: bytes) -> list[str]:
    try:
        raw = tomllib.loads(text.decode()).get("include", ())
    except (ValueError, RecursionError):
        return []
    listed = [raw] if isinstance(raw, str) else raw
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []


def _read(path: Path, shown: str, files: dict[str, bytes]) -> str | None:
    """Read one file, or say what is wrong with it."""
    if shown in files:
        return None
    if len(files) >= FILES_MOST:
        return f"matches more than {FILES_MOST} files"
    try:
        if not path.is_file():
            return f"matches {shown}, which is no file"
        with path.open("rb") as file:
            files[shown] = file.read(FILE_MOST + 1)
    except OSError as error:
        return f"matches {shown}, which cannot be read: {error.strerror}"
    if len(files[shown]) > FILE_MOST or sum(map(len, files.values())) > TOGETHER_MOST:
        del files[shown]
        return f"matches {shown}, which is too large for a policy"
    return None


def _shown(path: str, base: Path) -> str:
    """As people know it: from the directory of the configuration file, where it is below that."""
    return str(Path(path).relative_to(base)) if Path(path).is_relative_to(base) else path
