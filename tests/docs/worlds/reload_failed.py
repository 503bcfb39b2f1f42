"""A gate that was told to reload a configuration with a mistake in it."""

from __future__ import annotations

from tests.docs import running
from tests.docs.place import Place


def build(place: Place) -> None:
    """Build it."""
    running.stage(place)
    running.start(place)
    assert place.config is not None
    text = place.config.read_text(encoding="utf-8")
    place.config.write_text(text.replace('on = { route = "github" }', 'on = { rout = "github" }'))
    running.reload(place)
