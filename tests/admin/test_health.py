"""Readiness in one word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from mcpgate.admin.health import WORDS, unready
from tests.admin.house import STATUS

NOW = datetime(2026, 11, 26, tzinfo=UTC).timestamp()
OVER = {"name": "public", "address": "a:1", "certificates": [{"not_after": "2026-11-26T00:00:00+00:00"}]}


def test_a_gate_that_serves_is_ready() -> None:
    """All is as it should be."""
    assert unready(STATUS, ["public"], NOW) is None


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        (None, "gate"),
        ({"running": False}, "gate"),
        ({**STATUS, "draining": True}, "draining"),
        ({**STATUS, "listeners": []}, "listeners"),
        ({**STATUS, "listeners": [{**STATUS["listeners"][0], "address": ""}]}, "listeners"),
        ({**STATUS, "listeners": [OVER]}, "certificates"),
        ({**STATUS, "journal": {"failure": "no space left on device"}}, "journal"),
    ],
)
def test_what_is_not_ready_says_one_word(facts: Mapping[str, Any] | None, word: str) -> None:
    """Nobody has to log in for it, so it says no more."""
    assert unready(facts, ["public"], NOW) == word
    assert word in WORDS


def test_each_configured_listener_has_to_be_there() -> None:
    """One of two is not enough."""
    assert unready(STATUS, ["public", "internal"], NOW) == "listeners"
