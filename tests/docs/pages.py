"""Which pages there are, and running one of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.docs.machine import on_a_machine
from tests.docs.run import Fault

ROOT = Path(__file__).resolve().parents[2]

#: Fragments of the news, and man pages, which are generated and have tests of their own.
_NONE = ("docs/newsfragments/", "docs/man/")


def pages() -> list[str]:
    """All that people read as documentation, from the root of the clone."""
    found = [
        *ROOT.glob("docs/**/*.md"),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    ]
    names = [path.relative_to(ROOT).as_posix() for path in found if path.is_file()]
    return sorted(name for name in names if not name.startswith(_NONE))


def faults(page: str) -> list[Fault]:
    """Run a page on a machine of its own."""
    with TemporaryDirectory(prefix="mcpgate-docs-") as scratch:
        os.chmod(scratch, 0o755)
        done = on_a_machine("tests.docs.inside", str(ROOT / page), scratch)
    found = [Fault(**json.loads(line)) for line in done.stdout.splitlines()]
    if done.returncode:
        found.append(Fault(1, f"the run itself failed:\n{done.stderr}"))
    return found


def told(page: str, found: list[Fault]) -> str:
    """Faults as people read them."""
    return "\n\n".join(f"{page}:{fault.line}: {fault.what}" for fault in found)
