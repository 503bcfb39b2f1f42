"""The corpora of C{tests/vectors}, as seeds."""

from __future__ import annotations

import base64
import json
from pathlib import Path

VECTORS = Path(__file__).resolve().parent.parent / "vectors"


def connections() -> list[bytes]:
    """All that each client sends on its connection."""
    return [
        b"".join(base64.b64decode(segment) for segment in case["segs"])
        .replace(b"@@SPLIT30@@", b"")
        .replace(b"@@FIN@@", b"")
        .replace(b"@@AUTH@@", b"Authorization: Bearer token")
        for case in json.loads((VECTORS / "http.json").read_text())
    ]


def heads() -> list[bytes]:
    """The first head of each connection."""
    return [raw[: raw.find(b"\r\n\r\n") + 4] or raw for raw in connections()]


def bodies() -> list[bytes]:
    """Messages, honest and otherwise."""
    return [base64.b64decode(case["body"]) for case in json.loads((VECTORS / "requests.json").read_text())]
