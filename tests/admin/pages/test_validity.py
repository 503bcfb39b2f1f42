"""How long certificates are good for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mcpgate.admin.pages.validity import days_until
from tests.admin.pages.staged import NOW


@pytest.mark.parametrize(
    ("hours", "days"), [(25, 1), (24, 1), (23.9, 0), (0, 0), (-0.1, -1), (-24, -1), (-25, -2)]
)
def test_days_are_whole_and_what_is_over_is_less_than_none(hours: float, days: int) -> None:
    """A certificate has no day left from its last day on, and is over from the moment at which it ends."""
    assert days_until(NOW + timedelta(hours=hours), NOW) == days
