"""Runs one page; L{tests.docs.machine} starts it as the first process of a machine.

    python -m tests.docs.inside PAGE SCRATCH

It prints what is wrong as JSON, a line each.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from attrs import asdict

from tests.docs.fences import read_page
from tests.docs.machine import settle
from tests.docs.run import run_page


def main(path: Path, scratch: Path) -> None:
    """Run it."""
    page = read_page(path.read_text(encoding="utf-8"))
    settle(scratch)
    notes = scratch / "notes"
    notes.mkdir()
    world = importlib.import_module(f"tests.docs.worlds.{page.world}").build if page.world else None
    for fault in run_page(page, world, notes):
        print(json.dumps(asdict(fault)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
