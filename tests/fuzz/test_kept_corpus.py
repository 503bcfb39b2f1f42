"""What the fuzzer once found is tried again in every run of the tests, without the fuzzer."""

from __future__ import annotations

import pytest

from tests.fuzz import kept
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_every_kept_input_and_every_seed_holds(name: str) -> None:
    """All that a target promises, on all inputs that once led somewhere new."""
    inputs = [b"", *TARGETS[name].seeds(), *kept.read(name)]
    for raw in inputs:
        try:
            TARGETS[name].check(raw)
        except Exception as error:
            # The input is what one needs to see, and pytest would cut it short.
            raise AssertionError(f"{name} does not hold for {raw!r}") from error


def test_every_target_has_a_corpus_and_every_corpus_a_target() -> None:
    """What is kept under another name would never be tried."""
    assert {path.stem for path in kept.KEPT.iterdir()} == set(TARGETS)


def test_the_corpus_stays_small() -> None:
    """It is in every clone, and what it reaches can be reached with little."""
    assert sum(path.stat().st_size for path in kept.KEPT.iterdir()) < 300 * 1024
