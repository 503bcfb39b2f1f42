"""A thread that does one thing after the other, and hangs nobody."""

from __future__ import annotations

import os
import threading
import time

import pytest

from mcpgate.evidence.aside import Aside


def test_things_are_done_in_order_in_another_thread_and_waited_for() -> None:
    done: list[tuple[int, int]] = []
    aside = Aside("test")
    for number in range(100):
        aside.do(lambda number=number: done.append((number, threading.get_ident())))
    assert aside.finish(10)
    assert [number for number, _ in done] == list(range(100))
    assert threading.get_ident() not in {thread for _, thread in done}
    assert aside.finish(10)


def test_it_goes_on_after_what_raises_and_after_it_was_finished() -> None:
    done: list[int] = []
    aside = Aside("test")
    aside.do(lambda: 1 // 0)
    aside.do(lambda: done.append(1))
    assert aside.finish(10)
    aside.do(lambda: done.append(2))
    assert aside.finish(10)
    assert done == [1, 2]


def test_what_hangs_is_not_waited_for_longer_than_was_said() -> None:
    release = threading.Event()
    aside = Aside("test")
    aside.do(lambda: release.wait(30) and None)
    began = time.monotonic()
    assert not aside.finish(0.05)
    assert time.monotonic() - began < 10
    release.set()


def test_others_may_go_first() -> None:
    nice: list[int] = []
    aside = Aside("test", nice=5)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    aside.do(lambda: nice.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))
    assert aside.finish(10)
    assert (nice, os.getpriority(os.PRIO_PROCESS, 0)) == ([5], before)


def test_what_a_sandbox_forbids_keeps_nothing_from_being_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", forbidden)
    done: list[int] = []
    aside = Aside("test", nice=5)
    aside.do(lambda: done.append(1))
    assert aside.finish(10)
    assert done == [1]
