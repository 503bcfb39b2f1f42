"""How long certificates are good for (pure)."""

from __future__ import annotations

from datetime import datetime, timedelta


def days_until(not_after: datetime, now: datetime) -> int:
    """Whole days that are left; negative once it is over."""
    return (not_after - now) // timedelta(days=1)
