"""A gate that runs, looks at its files every second, pins its upstream; a new certificate is in F{new}."""

from __future__ import annotations

from tests.docs import running
from tests.docs.place import Place
from tests.docs.running import CONFIG, GATE


def build(place: Place) -> None:
    """Build it."""
    pair = place.ca.server(["files.example.com"], place.now)
    url = 'url = "https://files.example.com/mcp"\n'
    pinned = CONFIG.replace(url, f'{url}pins = ["{pair.facts.spki_pin}"]\n')
    running.stage(place, pair, config=pinned.replace("[gate]\n", '[gate]\nwatch = "1s"\n'))
    place.pair([GATE, "localhost"], "new/gate.crt", "new/gate.key")
    running.start(place)
    running.call(running.token(place, "ada"), path="plan.txt")
