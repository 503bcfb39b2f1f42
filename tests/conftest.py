"""What tests of running gates share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Loop, World


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """A reactor in a thread, for the whole run."""
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture
def world(loop: Loop, tmp_path: Path) -> Iterator[World]:
    """A gate that is not started yet, with all it needs around it."""
    world = World(loop, tmp_path)
    yield world
    world.stop()
