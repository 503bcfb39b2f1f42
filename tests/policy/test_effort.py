"""Looks are counted."""

from __future__ import annotations

from mcpgate.policy.effort import BYTES_PER_LOOK, LOOKS_MOST, Effort


def test_a_look_at_much_is_several() -> None:
    """Until there is nothing left."""
    effort = Effort()
    assert effort.spend(1) and effort.left == LOOKS_MOST - 1
    assert effort.spend(10 * BYTES_PER_LOOK) and effort.left == LOOKS_MOST - 12
    assert Effort(1).spend(0)
    assert not Effort(0).spend(0)
