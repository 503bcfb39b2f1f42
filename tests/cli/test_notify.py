"""The way to a service manager: whatever is wrong with it, the gate goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from mcpgate.cli.notify import AGAIN, WAITING_MOST, Notify, address_of, watchdog_of
from tests.cli.notified import listening


@pytest.mark.parametrize("abstract", [False, True])
def test_a_message_arrives_whole(abstract: bool, tmp_path: Path) -> None:
    """At a path, or at an abstract address."""
    address = f"@{tmp_path}" if abstract else str(tmp_path / "notify")
    with listening(address) as manager:
        notify = Notify(Clock(), address)
        notify.tell(b"READY=1\nSTATUS=here")
        assert manager.look() == [{"READY": "1", "STATUS": "here"}]
        notify.close()


def test_a_manager_that_is_busy_gets_the_messages_later_and_in_order(tmp_path: Path) -> None:
    """No more than a few wait, the latest of them."""
    clock = Clock()
    with listening(tmp_path / "notify") as manager:
        notify = Notify(clock, manager.address)
        told = 0
        while not clock.getDelayedCalls():
            told += 1
            notify.tell(b"STATUS=%d" % told)
        for _ in range(WAITING_MOST):
            told += 1
            notify.tell(b"STATUS=%d" % told)
        while clock.getDelayedCalls():
            manager.look()
            clock.advance(AGAIN)
        numbers = [int(message["STATUS"]) for message in manager.look()]
        assert numbers == sorted(numbers) and numbers[-WAITING_MOST:] == [*range(told - 15, told + 1)]
        notify.close()


def test_nothing_is_told_after_the_end(tmp_path: Path) -> None:
    """What waits is dropped."""
    clock = Clock()
    with listening(tmp_path / "notify") as manager:
        notify = Notify(clock, manager.address)
        while not clock.getDelayedCalls():
            notify.tell(b"STATUS=x")
        notify.close()
        assert not clock.getDelayedCalls()


@pytest.mark.parametrize("address", ["/does/not/exist", "@does-not-exist", "/" + "x" * 300, "/a\0b"])
def test_a_manager_that_is_not_there_is_complained_of_once(address: str) -> None:
    """In the log; whoever tells does not notice."""
    said: list[str] = []

    def observe(event: dict[str, object]) -> None:
        if event["log_level"] is LogLevel.warn:
            said.append(str(event["log_format"]))

    globalLogPublisher.addObserver(observe)  # type: ignore[arg-type]
    try:
        notify = Notify(Clock(), address)
        notify.tell(b"READY=1")
        notify.tell(b"STOPPING=1")
        notify.close()
    finally:
        globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type]
    assert len(said) == 1 and "cannot be told" in said[0]


@pytest.mark.parametrize(
    ("value", "address"),
    [("/run/notify", "/run/notify"), ("@here", "@here"), *((no, None) for no in ("vsock:2:1", "", "@", "x"))],
)
def test_an_address_is_a_path_or_an_abstract_one(value: str, address: str | None) -> None:
    """It is taken out of the environment, whatever it is."""
    environ = {"NOTIFY_SOCKET": value}
    assert address_of(environ) == address and environ == {}


@pytest.mark.parametrize(
    ("microseconds", "whose", "seconds"),
    [
        ("30000000", "7", 30.0),
        ("500000", "", 0.5),
        ("30000000", "8", None),
        ("", "", None),
        ("0", "", None),
        ("-1", "", None),
        ("x", "7", None),
    ],
)
def test_a_watchdog_is_ours_or_none(microseconds: str, whose: str, seconds: float | None) -> None:
    """One of our parent's does not look at us."""
    environ = {"WATCHDOG_USEC": microseconds, "WATCHDOG_PID": whose}
    assert watchdog_of(environ, 7) == seconds and environ == {}
