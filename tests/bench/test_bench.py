"""On which cores the bench runs."""

from __future__ import annotations

import os

import pytest

from tests.bench.bench import cores
from tests.bench.processes import Failed


def test_one_core_is_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer would be measured together with its callers."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    with pytest.raises(Failed, match="two cores"):
        cores()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7, 2, 5})
    assert cores() == (2, {5, 7})
