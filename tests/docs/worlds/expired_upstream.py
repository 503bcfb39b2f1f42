"""A gate whose upstream C{files} has a certificate that ended yesterday, as its callers have found out."""

from __future__ import annotations

from datetime import timedelta

from tests.docs import running
from tests.docs.place import Place


def build(place: Place) -> None:
    """Build it."""
    then = place.now - timedelta(days=31)
    running.stage(place, place.ca.server(["files.example.com"], then, timedelta(days=30)))
    running.start(place)
    assert running.call(running.token(place, "ada"), path="plan.txt") == 502
