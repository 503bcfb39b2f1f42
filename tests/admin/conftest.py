"""A dashboard that is not started yet, with all it needs around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.admin.house import House
from tests.running import Loop


@pytest.fixture
def house(loop: Loop, tmp_path: Path) -> Iterator[House]:
    """Ended with the test."""
    house = House(loop, tmp_path)
    yield house
    house.stop()
