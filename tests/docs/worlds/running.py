"""The gate before C{files.example.com} and C{github.example.com}, running, with calls on record."""

from __future__ import annotations

from tests.docs import running
from tests.docs.place import Place


def build(place: Place) -> None:
    """Build it."""
    running.stage(place)
    running.start(place)
    proof = running.token(place, "ada")
    running.call(proof, path="plan.txt")
    running.call(proof, "list_directory", path="/srv")
    place.environment["MCPGATE_TOKEN"] = proof
