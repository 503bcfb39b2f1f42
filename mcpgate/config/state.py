"""The state directory that a configuration names, also when nothing else in it can be used.

Whoever has to revoke a token or look at a running gate may have a half-edited file on disk. These
verbs need one path of it, so one path is all that is read; the gate itself never starts from this.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from mcpgate.config.load import read_whole
from mcpgate.config.problem import ConfigError, Problem

# The table [gate], up to the next header. A file that is no TOML elsewhere may still have it whole.
_GATE = re.compile(r"^[ \t]*\[[ \t]*gate[ \t]*\].*?(?=^[ \t]*\[|\Z)", re.MULTILINE | re.DOTALL)


def load_state(path: Path) -> Path:
    """C{gate.state} of a file, whatever else is wrong with it.

    @raise ConfigUnreadable: if the file cannot be read.
    @raise ConfigError: if it does not say where the state directory is.
    """
    source = path.absolute()
    return read_state(read_whole(source), source)


def load_checkpoints(path: Path) -> Path | None:
    """C{evidence.checkpoints} of a file, if it says that and can be read."""
    source = path.absolute()
    try:
        parsed = _parsed(read_whole(source).decode("utf-8", "replace"))
    except ConfigError:
        return None
    match parsed:
        case {"evidence": {"checkpoints": str(place)}} if place and place.isprintable():
            return source.parent / place
    return None


def read_state(text: bytes, source: Path) -> Path:
    """C{gate.state} in the bytes of a file; pure.

    @raise ConfigError: if it is not there.
    """
    # Wrong bytes elsewhere, such as in a comment, are no reason to give up.
    decoded = text.decode("utf-8", "replace")
    gate = _parsed(decoded)
    if gate is None:
        found = _GATE.search(decoded)
        gate = _parsed(found[0]) if found else None
    match gate:
        case {"gate": {"state": str(state)}} if state and state.isprintable():
            return source.parent / state
    raise ConfigError([Problem("gate.state", None, "cannot be found in the file")], source)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return None
