"""What a line says of its place, and of who wrote it, read without reading the rest (pure)."""

from __future__ import annotations

import re

from mcpgate.evidence.record import LINE_MOST

_PLACE = re.compile(rb',"seq":(0|[1-9][0-9]{0,15}),"prev":"([0-9a-f]{64})"\}\n\Z')
#: Ids tell the process that made them.
_PROCESS = re.compile(rb'\{"v":\d+,"type":"[a-z_]+","id":"[a-z]+-([0-9a-f]{22})-[0-9a-f]{8}"')


def process_of(line: bytes) -> bytes | None:
    """Which process has written a line, by its id."""
    found = _PROCESS.match(line)
    return found[1] if found is not None else None


def place_of(line: bytes) -> tuple[int, bytes] | None:
    """The number of a line, and what it names."""
    found = _PLACE.search(line, max(0, len(line) - 128))
    return (int(found[1]), found[2]) if found is not None else None


def broken_how(line: bytes) -> str:
    """Why a line has no place."""
    if len(line) > LINE_MOST:
        return f"it is longer than any line that the gate writes ({LINE_MOST} bytes)"
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return "it is not even UTF-8"
    if not text[:-1].isprintable():
        return "it has bytes that no line has"
    return "it has no place in the chain"
