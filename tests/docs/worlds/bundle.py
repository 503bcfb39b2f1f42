"""Somebody who was given a bundle of the gate of L{tests.docs.worlds.serving}, its key, and the script."""

from __future__ import annotations

import shutil

from tests.docs.place import ROOT, Place
from tests.docs.running import STATE
from tests.docs.worlds import serving


def build(place: Place) -> None:
    """Build it."""
    serving.build(place)
    bundle = place.home / "mcpgate-report.zip"
    place.command("evidence", "report", "--from", "1d", "--profile", "pci-4.2.1", "--out", bundle)
    shutil.copy(STATE / "evidence.pub", place.home / "gate.pub")
    shutil.copy(ROOT / "docs/verify/verify.py", place.home)
