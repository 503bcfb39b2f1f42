"""The kept corpus: of each target what the fuzzer found worth keeping, an input a line, in base64."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

KEPT = Path(__file__).resolve().parent / "corpus"


def read(name: str) -> list[bytes]:
    """The kept inputs of a target; none of one that is new."""
    path = KEPT / f"{name}.b64"
    return [base64.b64decode(line) for line in path.read_text().split()] if path.exists() else []


def write(name: str, inputs: Iterable[bytes]) -> None:
    """Keep these and no others, in an order of their own, so that a change is a small one."""
    lines = sorted(
        {base64.b64encode(raw).decode() for raw in inputs if raw}, key=lambda line: (len(line), line)
    )
    (KEPT / f"{name}.b64").write_text("".join(f"{line}\n" for line in lines))
