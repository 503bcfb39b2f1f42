"""A gate whose upstream C{files} has another key than the one that is pinned, as its callers know by now."""

from __future__ import annotations

from tests.docs import running
from tests.docs.place import Place
from tests.docs.running import CONFIG


def build(place: Place) -> None:
    """Build it."""
    before = place.ca.server(["files.example.com"], place.now).facts.spki_pin
    url = 'url = "https://files.example.com/mcp"\n'
    running.stage(place, config=CONFIG.replace(url, f'{url}pins = ["{before}"]\n'))
    running.start(place)
    proof = running.token(place, "ada")
    assert running.call(proof, path="plan.txt") == 502
    place.environment["MCPGATE_TOKEN"] = proof
