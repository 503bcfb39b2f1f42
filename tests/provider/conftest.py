"""Who asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provider.asking import Asker
from tests.running import Loop


@pytest.fixture
def asker(loop: Loop, tmp_path: Path) -> Iterator[Asker]:
    """Somebody with a journal and a readiness set."""
    made = Asker(loop, tmp_path)
    yield made
    made.stop()
