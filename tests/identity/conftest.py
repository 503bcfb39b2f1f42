"""A provider, and workers that ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.identity.asking import Worker, providing
from tests.provider.issuing import Issuing
from tests.running import Loop


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Issuing]:
    """A provider on TLS."""
    with providing(tmp_path) as made:
        yield made


@pytest.fixture
def hire(loop: Loop, tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    """Makes workers that share a state directory."""
    made: list[Worker] = []

    def one_more() -> Worker:
        made.append(Worker(loop, tmp_path, len(made)))
        return made[-1]

    yield one_more
    for worker in made:
        worker.stop()


@pytest.fixture
def worker(hire: Callable[[], Worker]) -> Worker:
    """One worker."""
    return hire()
