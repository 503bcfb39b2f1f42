"""The guards of all upstreams, as configurations come and go."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mcpgate.definitions.guards import Guards, accept_in
from mcpgate.definitions.known import NotKnown
from mcpgate.definitions.store import DIRECTORY, Store

SAFE = {"name": "get_x"}
EVIL = {"name": "get_x", "description": "x"}


def upstreams(target: bytes = b"/mcp", **modes: str) -> Any:
    return {
        name: SimpleNamespace(authority=b"host", target=target, table=SimpleNamespace(definitions=mode))
        for name, mode in modes.items()
    }


@pytest.fixture
def guards(tmp_path: Path) -> Guards:
    guards = Guards(lambda upstream, news: None)
    guards.begin(tmp_path)
    return guards


def test_only_those_that_guard_are_asked_at_calls(guards: Guards) -> None:
    """So a gate where none does has nothing to ask."""
    guards.adopt(upstreams(a="record", b="alert"))
    assert not guards.guarding
    guards.adopt(upstreams(a="record", b="quarantine", c="block"))
    assert sorted(guards.guarding) == ["b", "c"]
    assert guards.of("a") is not None and guards.of("z") is None
    guards.adopt(upstreams(a="record"))
    assert not guards.guarding and guards.of("b") is None


def test_a_guard_stays_while_its_upstream_does(guards: Guards) -> None:
    """With what it knows; one that leads elsewhere has all to learn."""
    guards.adopt(upstreams(a="quarantine"))
    guard = guards.of("a")
    assert guard is not None
    guard.see([SAFE], b"1", None)
    guard.see([EVIL], b"2", None)
    guards.adopt(upstreams(a="quarantine"))
    assert guards.of("a") is guard
    assert guard.judge("tools/call", "get_x") is not None
    guards.adopt(upstreams(b"/other", a="quarantine"))
    assert guard.judge("tools/call", "get_x") is None


def test_what_nobody_has_shown_cannot_be_accepted(guards: Guards, tmp_path: Path) -> None:
    """And nothing is written of it."""
    with pytest.raises(NotKnown, match="has shown no tools"):
        accept_in(Store(tmp_path), "a", None, "anna")
    assert not list((tmp_path / DIRECTORY).glob("*.json"))


def test_a_directory_that_is_in_the_way_does_not_keep_a_gate_from_starting(tmp_path: Path) -> None:
    """What only tells goes on; what guards lets nothing pass once there is something to know."""
    (tmp_path / DIRECTORY).write_text("in the way")
    guards = Guards(lambda upstream, news: None)
    guards.begin(tmp_path)
    guards.adopt(upstreams(a="alert", b="block"))
    telling, guarding = guards.of("a"), guards.of("b")
    assert telling is not None and guarding is not None
    assert telling.see([SAFE], b"1", None).going == set()
    assert guarding.see([SAFE], b"1", None).going == {"get_x"}
    guards.look()
    guards.close()
