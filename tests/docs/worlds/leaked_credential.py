"""A gate one of whose callers has sent its token in clear."""

from __future__ import annotations

from tests.docs import running
from tests.docs.place import Place


def build(place: Place) -> None:
    """Build it."""
    running.stage(place)
    running.start(place)
    proof = running.token(place, "ci")
    assert running.call(proof, path="plan.txt") == 200
    assert running.call_in_clear(proof) == 400
