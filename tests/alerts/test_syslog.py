"""Alerts as lines of syslog."""

from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path

import attrs
import pytest

from mcpgate.alerts import syslog
from mcpgate.alerts.alert import Severity
from mcpgate.alerts.sender import Message, NotTold
from mcpgate.alerts.syslog import LINE_MOST, Syslog, local_line, remote_line
from tests.alerts.test_alert import ALERT
from tests.running import Loop

MESSAGE = Message(ALERT, "a_1", 2, 0.0)


def test_a_datagram_is_as_rfc_5424_has_it(loop: Loop) -> None:
    """Version, time, host, program, process, what it is about, and the line."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        loop.call(_send, loop, f"127.0.0.1:{receiver.getsockname()[1]}")
        line = receiver.recv(4096).decode()
    found = re.fullmatch(r"<82>1 (\S+Z) (\S+) mcpgate (\d+) pin - (.*)", line)
    assert found is not None, line
    assert int(found[3]) == os.getpid()
    assert found[4] == f"critical: pin: {ALERT.sentence} (2 times) [h_1]"


def test_the_syslog_of_this_machine_gets_it_as_from_libc(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a time that it knows how to read."""
    monkeypatch.setattr(syslog, "LOCAL", str(tmp_path / "log"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(syslog.LOCAL)
        receiver.settimeout(10)
        loop.call(_send, loop, "local")
        line = receiver.recv(4096).decode()
    assert re.match(r"<82>[A-Z][a-z]{2} [ 0-9][0-9] \d\d:\d\d:\d\d mcpgate\[\d+\]: critical: pin: ", line)


def test_where_nobody_listens_it_is_not_told(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again, like what a webhook does not take."""
    monkeypatch.setattr(syslog, "LOCAL", str(tmp_path / "nobody"))
    with pytest.raises(NotTold, match="nobody: No such file"):
        loop.call(_send, loop, "local")


def test_a_line_is_short_and_plain() -> None:
    """Whatever a name holds, and however long it is."""
    long = remote_line(Severity.OVER, "pin", "é\x1b" + "x" * 5000, time.time())
    assert len(long) == LINE_MOST and long.isascii()
    assert long.startswith(b"<85>1 ") and b"\\xe9" in long
    assert local_line(Severity.WARNING, "x", time.localtime()).startswith(b"<84>")


async def _send(loop: Loop, to: str) -> None:
    await Syslog(loop.reactor, to).send(attrs.evolve(MESSAGE))
