"""What tests of running gates share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.running import Loop, World

# No test is about how long it takes: on a busy machine any of them may take a second.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


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
