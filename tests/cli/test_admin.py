"""The admin process, started as the gate's process does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from twisted.internet.epollreactor import EPollReactor

from mcpgate.cli.admin import NICE, command
from tests.cli.test_worker import Started


@pytest.fixture
def started() -> Iterator[Started]:
    one = Started(command(EPollReactor()))
    yield one
    one.ours.close()
    one.process.wait(30)


def test_it_says_that_it_is_ready_and_ends_with_its_channel(started: Started) -> None:
    """What a terminal sends to all is not for it."""
    assert started.receive() == {"tell": "ready", "with": {}}
    assert os.getpriority(os.PRIO_PROCESS, started.process.pid) == os.getpriority(os.PRIO_PROCESS, 0) + NICE
    for number in (signal.SIGINT, signal.SIGHUP):
        started.process.send_signal(number)
    given = {"version": "0.0", "text": "", "source": ""}
    started.send({"ask": 1, "verb": "adopt", "with": given, "descriptors": 0})
    answer = started.receive()
    assert answer["answer"] == 1 and "restart the gate" in answer["error"]
    started.ours.close()
    assert started.process.wait(30) == 0


def test_it_may_be_ended_alone(started: Started) -> None:
    """By SIGTERM; the gate starts another."""
    started.receive()
    started.process.terminate()
    assert started.process.wait(30) == 0
