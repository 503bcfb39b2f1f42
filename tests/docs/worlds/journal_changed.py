"""A gate that runs, and in whose journal somebody has changed what a call was of."""

from __future__ import annotations

from tests.docs import running
from tests.docs.place import Place


def build(place: Place) -> None:
    """Build it."""
    running.stage(place)
    running.start(place)
    proof = running.token(place, "ada")
    assert running.call(proof, "delete_file", path="plan.txt") == 200
    place.no_gate()
    first = running.STATE / "journal" / "journal-0-00000001.jsonl"
    first.write_bytes(first.read_bytes().replace(b'"delete_file"', b'"read_file"', 1))
    running.start(place)
