"""Progress: on a terminal only, and only of what takes long."""

from __future__ import annotations

import io
import sys

import pytest

from mcpgate.cli.progress import SOON, progress


class Terminal(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "seconds", "shown"), [(True, SOON, True), (True, SOON / 2, False), (False, 2 * SOON, False)]
)
def test_it_is_shown_on_a_terminal_once_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, seconds: float, shown: bool
) -> None:
    out = Terminal(terminal)
    monkeypatch.setattr(sys, "stderr", out)
    now = 0.0
    with progress("verifying", clock=lambda: now) as passed:
        passed(10, 100)
        assert out.getvalue() == ""
        now = seconds
        passed(40, 100)
        passed(50, 100)
    assert ("verifying" in out.getvalue()) == shown
    assert ("100%" in out.getvalue()) == shown
