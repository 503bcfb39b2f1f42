"""The journal of a gate that runs, as tests look at it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcpgate.evidence.reading import ReadingError, Segment, lines, segments
from mcpgate.evidence.record import parse_line
from tests.lines import strange


def records_of(segment: Segment) -> list[Mapping[str, Any]]:
    """
    The records of one segment, each as the reference describes it; a line that is being written at this
    moment is left out.
    """
    found = [parse_line(line) for line in lines(segment)]
    for record in found:
        assert strange(record) == []
    return found


def records_in(directory: Path) -> list[Mapping[str, Any]]:
    """All records of all workers, in order."""
    while True:
        try:
            return [record for segment in segments(directory) for record in records_of(segment)]
        except ReadingError:
            # It was compressed between two looks: it is there under another name.
            if any(segment.path.exists() for segment in segments(directory)):
                continue
            raise


def records_by_worker(directory: Path) -> dict[int, list[Mapping[str, Any]]]:
    """The records of each worker, in order."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    worker = 0
    for record in records_in(directory):
        if record["type"] == "segment":
            worker = record["worker"]
        found.setdefault(worker, []).append(record)
    return found


def text_of(directory: Path) -> str:
    """All that is written there: what must not be in it is searched for here."""
    return "\n".join(json.dumps(record) for record in records_in(directory))
