"""Segments as tests look at them: every line linked to the one before it, or it is a failure."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from mcpgate.evidence.chain import NOTHING_BEFORE, leaf
from mcpgate.evidence.segments import segment_files


def raw_lines(path: Path) -> list[bytes]:
    """The lines of a segment; none of them is torn."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert raw == b"" or raw.endswith(b"\n")
    return raw.splitlines(keepends=True)


def chained(directory: Path, worker: int = 0) -> list[list[dict[str, Any]]]:
    """The records of a worker's segments, which are linked without a hole."""
    prev = NOTHING_BEFORE.decode()
    segments: list[list[dict[str, Any]]] = []
    for file in segment_files(directory):
        if file.worker != worker or (segments and file.number == segments[-1][0]["segment"]):
            # Another's, or one that is there twice: its worker was killed when it had just compressed it.
            continue
        records = []
        for seq, line in enumerate(raw_lines(file.path)):
            record = json.loads(line)
            assert (record["seq"], record["prev"]) == (seq, prev), file.path
            prev = leaf(line).hex()
            records.append(record)
        assert records[0]["type"] == "segment" and records[0]["segment"] == file.number
        segments.append(records)
    return segments


def told(directory: Path, worker: int = 0) -> list[dict[str, Any]]:
    """What a journal was told: its records without what it says of itself."""
    return [record for records in chained(directory, worker) for record in records[1:]]
