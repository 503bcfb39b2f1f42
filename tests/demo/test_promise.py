"""What the demonstration insists on: seen as soon as it is there, or a sentence that says it is not."""

from __future__ import annotations

import pytest

from mcpgate.demo.promise import DemoFailed, promise, soon


def test_a_kept_promise_is_passed_over_and_a_broken_one_is_told() -> None:
    promise(True, "the sky has fallen")
    with pytest.raises(DemoFailed, match="^the sky has fallen$"):
        promise(False, "the sky has fallen")


def test_what_is_looked_for_is_found_as_soon_as_it_is_there() -> None:
    """Whatever it is: only C{None} means that it is not there yet."""
    looks = iter([None, None, 0])
    assert soon(lambda: next(looks), "nothing came") == 0


def test_what_does_not_come_in_time_is_told() -> None:
    with pytest.raises(DemoFailed, match="^nothing came$"):
        soon(lambda: None, "nothing came", 0.05)
